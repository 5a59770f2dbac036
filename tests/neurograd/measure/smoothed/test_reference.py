"""Bias, gain and cosine against the gradient of an enumerated smoothed loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from experiments.support.enumeration import exact_smoothed_gradient
from neurograd.measure.estimate import Estimate
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.measure.smoothed.reference import SmoothedBudget, measure_reference
from neurograd.seeding import generator_for
from tests.neurograd.measure.enumerable import STD, holds, tiny_network


def test_measured_bias_is_the_exact_one(monkeypatch):
    """b, gain and cosine of surrogate gradients against enumeration, intervals at 99 %.

    A surrogate changes the gradient and no loss, so that the losses of one are those of all.
    """
    losses, real = {}, SmoothedLoss._losses

    def remembered(smoothed, purpose, draw, noise, *factors):
        key = (noise.numpy().tobytes(), factors)
        if key not in losses:
            losses[key] = real(smoothed, purpose, draw, noise, *factors)
        return losses[key]

    monkeypatch.setattr(SmoothedLoss, "_losses", remembered)
    for surrogate in ("fast_sigmoid", "atan", "triangular"):
        problem = tiny_network(surrogate)
        assert torch.equal(problem.initial_weights, tiny_network().initial_weights)
        _hold_bias(problem)


def _hold_bias(problem):
    w = problem.initial_weights
    exact = exact_smoothed_gradient(problem, w, STD)
    update = -problem.gradient(w)
    moments = measure_moments(lambda generator: update, torch.zeros_like(w), 2, 0)
    smoothed = SmoothedLoss(problem, w, STD, seed=0)
    reference = measure_reference(smoothed, moments, SmoothedBudget(2, 800, 4000, 0))
    bias = float((update + exact).norm()) / math.sqrt(w.numel())
    assert reference.b_ci[0] <= bias <= reference.b_ci[1]
    assert reference.b_ci[0] > 0.5 * bias, "the interval says something"
    gain = -float(update @ exact / exact.square().sum())
    assert reference.gain_ci[0] <= gain <= reference.gain_ci[1]
    cosine = -float(update @ exact / (update.norm() * exact.norm()))
    assert reference.cosine_ci[0] <= cosine <= reference.cosine_ci[1]
    assert holds(reference.grad_square, float(exact.square().sum()))


@dataclass(frozen=True)
class ExactLoss:
    """A smoothed loss whose slopes and lengths are exact, or have a known error.

    Attributes:
        gradient: ∇L_s.
        error: Standard error of a slope.
        generator: Of the errors.
    """

    gradient: Tensor
    error: float
    generator: torch.Generator
    std: float = STD

    def slope(self, direction, draws, *, progress=None):
        """⟨direction, ∇L_s⟩."""
        miss = self.error * float(torch.randn((), generator=self.generator, dtype=torch.float64))
        return Estimate(float(direction @ self.gradient) + miss, self.error, 1e6)

    def residual_square(self, control, draws, *, progress=None):
        """‖∇L_s − control‖²."""
        return Estimate.exact(float((self.gradient - control).square().sum()))


def noisy_references(count, error=0.0, draws=20, noise=0.6):
    """Exact gradient and mean update, and references of mean updates with noise in them.

    The noise of the mean has ``noise`` times the gradient's squared length.
    """
    problem = tiny_network()
    w = problem.initial_weights
    gradient = exact_smoothed_gradient(problem, w, STD)
    mean = -0.8 * gradient
    mean[::3] += 0.3 * float(gradient.norm()) / math.sqrt(len(w) / 3)
    std = math.sqrt(noise * draws * float(gradient.square().sum()) / len(w))
    loss = ExactLoss(gradient, error, generator_for(1, "slopes"))
    found = []
    for seed in range(count):
        moments = measure_moments(
            lambda g: mean + std * torch.randn(len(w), generator=g, dtype=w.dtype),
            torch.zeros_like(w),
            draws,
            seed,
        )
        found.append(measure_reference(loss, moments, SmoothedBudget(draws, 2, 2, 0)))
    return gradient, mean, found


def test_noise_of_the_mean_update_is_not_in_the_gradients_length():
    """With exact slopes the decomposition is geometry: ‖g‖² to the last digits, whatever m̂."""
    gradient, _, found = noisy_references(5)
    for reference in found:
        assert reference.grad_square.value == pytest.approx(float(gradient.square().sum()))
        assert reference.grad_square.error == 0


@pytest.fixture(scope="module")
def many():
    """Gradient, mean update, and the references of 400 noisy mean updates."""
    return noisy_references(400)


def test_gain_and_lengths_are_right_in_the_mean(many):
    """Over 400 noisy mean updates, at 99.9 % each; the noise of the mean alone is 0.6 of ‖g‖²."""
    gradient, mean, found = many
    square = float(gradient.square().sum())
    gain = -float(mean @ gradient) / square
    assert holds(Estimate.mean_of([r.gain for r in found]), gain)
    length = Estimate.mean_of([r.mean_square.value for r in found])
    assert holds(length, float(mean.square().sum()))
    assert length.error < 0.05 * square, "the test can see the noise of the mean"


def test_intervals_with_noise_in_the_mean_update_hold_the_truth(many):
    """At 99 %: of 400 intervals of gain, cosine and b at least 384 (fewer: once in 10⁵ runs)."""
    gradient, mean, found = many
    norm, length = float(gradient.norm()), float(mean.norm())
    gain = -float(mean @ gradient) / norm**2
    cosine = gain * norm / length
    b = float((mean + gradient).norm()) / math.sqrt(len(mean))
    assert sum(r.gain_ci[0] <= gain <= r.gain_ci[1] for r in found) >= 384
    turned = [r for r in found if math.isfinite(r.cosine)]
    assert len(turned) > 100
    assert sum(r.cosine_ci[0] <= cosine <= r.cosine_ci[1] for r in turned) >= 0.96 * len(turned)
    assert sum(r.b_ci[0] <= b <= r.b_ci[1] for r in found) >= 384


def test_the_slopes_error_is_what_the_noise_of_the_mean_update_makes_of_it():
    """Along the control from the groups, beside it from ‖g‖² − ‖c‖²; each with groups − 1."""
    problem = tiny_network()
    gradient = exact_smoothed_gradient(problem, problem.initial_weights, STD)
    size, draws, std = len(gradient), 60, 0.3
    update = 6.0 * torch.roll(-gradient, 1)
    moments = measure_moments(
        lambda g: update + std * torch.randn(size, generator=g, dtype=gradient.dtype),
        torch.zeros_like(gradient),
        draws,
        0,
    )
    loss = ExactLoss(gradient, 0.0, generator_for(0))
    found = measure_reference(loss, moments, SmoothedBudget(draws, 2, 2, 0))
    slope, square = found.slope, float(gradient.square().sum())
    mean, groups = moments.mean, len(moments.group_deviations)
    control = mean * float(mean @ gradient / (mean @ mean))
    along = (moments.group_deviations @ control).square().sum() / (groups * (groups - 1))
    rest = gradient.square().sum() - control.square().sum()
    beside = rest * moments.total_variance / (size * draws)
    assert min(float(along), float(beside)) > 0.01 * max(float(along), float(beside))
    assert slope.value == pytest.approx(float(mean @ gradient))
    assert slope.error**2 == pytest.approx(float(along + beside), rel=1e-6)
    welch = (along + beside) ** 2 / (along**2 + beside**2) * (groups - 1)
    assert slope.degrees == pytest.approx(float(welch), rel=1e-6)
    length = float(mean.square().sum()) - moments.total_variance / draws
    assert found.mean_square.value == pytest.approx(length)
    assert found.grad_square.value == pytest.approx(square)
    assert found.gain == pytest.approx(-slope.value / square)
    assert found.b_ci[0] > 0
    assert found.b**2 * size == pytest.approx(length + 2.0 * slope.value + square)


def test_the_error_of_a_slope_is_not_in_the_gradients_length():
    """E[Ŝ²] = S² + Var, and the control moves with Ŝ; at 99.9 % over 300 slopes with errors.

    Without the correction ‖g‖² would be too large by twice the variance over ‖m̂‖².
    """
    gradient = noisy_references(0)[0]
    square = float(gradient.square().sum())
    _, mean, found = noisy_references(300, error=0.5 * square, noise=0.05)
    length = Estimate.mean_of([r.grad_square.value for r in found])
    assert holds(length, square)
    too_much = 2.0 * (0.5 * square) ** 2 / (float(mean.square().sum()) + 0.05 * square)
    assert length.error < 0.2 * too_much, "the test can see the correction"
