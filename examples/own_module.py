"""Measure your own module with your own estimator of the gradient: no YAML.

The estimator here drops a random half of the gradient's entries and doubles the rest (no bias, much
variance), and its write circuit has a dead zone (a bias). Run: python examples/own_module.py
"""

from __future__ import annotations

import torch
from torch import nn

import neurograd
from neurograd import theory

STEP_SIZE = 0.05
DEAD_ZONE = 5e-2


def make_problem() -> neurograd.Problem:
    """Two interleaved arcs, and a small tanh network of your own."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.pi * torch.rand(400, generator=generator, dtype=torch.float64)
    label = torch.randint(2, (400,), generator=generator)
    side = 1.0 - 2.0 * label
    points = torch.stack([side * angle.cos() + label, side * angle.sin() + 0.5 * label], dim=1)
    points += 0.1 * torch.randn(points.shape, generator=generator, dtype=torch.float64)

    class TwoLayer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(2, 32)
            self.output = nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.output(torch.tanh(self.hidden(x)))

    torch.manual_seed(0)
    return neurograd.Problem(TwoLayer(), nn.CrossEntropyLoss(), points, label)


def main() -> None:
    """Predict and measure what one step of the estimator costs."""
    problem = make_problem()
    w = problem.initial_weights
    gradient = problem.gradient(w)

    def sample_update(generator: torch.Generator) -> torch.Tensor:
        kept = torch.rand(gradient.shape, generator=generator, dtype=torch.float64) < 0.5
        estimate = 2.0 * gradient * kept
        return -torch.where(estimate.abs() < DEAD_ZONE, 0.0, estimate)

    moments = neurograd.measure_moments(sample_update, gradient, draws=4000, seed=0)
    print(f"N = {problem.num_parameters}, |g| = {moments.grad_norm:.4f}")
    print(f"b = {moments.b:.3g}, 99 % interval {moments.b_ci[0]:.3g} to {moments.b_ci[1]:.3g}")
    print(f"total variance = {moments.total_variance:.3g}, gain = {moments.gain:.3f}")

    trace = neurograd.hessian_trace(problem, w, seed=0)
    covariance = neurograd.covariance_trace(
        problem, w, moments, sample_update, diagonal=None, draws=200, seed=0
    )
    predicted = neurograd.predict_loss_change(
        problem.hessian_product(w), moments, STEP_SIZE, trace.value, covariance
    )
    measured = neurograd.measure_loss_change(
        problem, w, sample_update, STEP_SIZE, moments, draws=1000, seed=0
    )
    low, high = measured.ci
    print(f"predicted cost of one step: {predicted.total:.4g} (Lemma 2.1)")
    print(
        f"measured cost of one step:  {measured.value:.4g}, 99 % interval {low:.4g} to {high:.4g}"
    )

    spectrum = neurograd.measure_spectrum(problem, w, seed=0)
    ratio = theory.bias_ratio(moments.b, moments.num_parameters, moments.grad_norm)
    bound = theory.bias_ratio_threshold(spectrum.lambda_max, STEP_SIZE, "safe")
    print(
        f"bias ratio r = {ratio:.3f}; without noise descent is sure up to {bound:.3f} (Theorem 3.2)"
    )
    # This update has noise as well, so that its exact margin has to tell.
    print("the expected step goes down" if predicted.exact_margin < 0 else "it goes up")


if __name__ == "__main__":
    main()
