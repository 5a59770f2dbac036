"""The noise of many updates, against the many-steps theory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre

from device_models import (
    Backprop,
    Chip,
)
from neurograd.forecast.gradient_estimates import EstimateSpread, GradientEstimates
from neurograd.forecast.noise.diffusion import Diffusion
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.write_response import WriteResponse
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network


def test_noise_is_split_by_the_curvature_that_it_met():
    """One direction of noise: what comes before a step and after it leaves F(z) of theory."""
    curvature, step_size, length, stages = 2.0, 0.1, 12, 3
    problem = relu_network()
    estimates = GradientEstimates(problem, Chip(Backprop(), step_size))
    direction = torch.ones(problem.num_parameters, dtype=torch.float64)
    estimates.spread = EstimateSpread(direction.unsqueeze(0), direction.square())
    w = torch.zeros_like(direction)
    response = WriteResponse(Chip(Backprop(), step_size))
    diffusion = Diffusion(estimates, response, StiffModes(), step_size)
    assert diffusion.draw_noise(w + 1.0, w, generator_for(0, "noise")) > 0

    def part_before():
        """Variance before the step, in units of one update's."""
        ends = [
            diffusion.apply_noise_before_drift(w, n, stages).square().sum() for n in (1, length)
        ]
        return float(ends[1] / ends[0])

    assert part_before() == pytest.approx(0.5 * length)
    for _ in range(40):
        diffusion.observe_curvature(direction, -curvature * direction)
    z = length * step_size * curvature
    kept = eval_legendre(stages, 1.0 - 2.0 * z / (stages * stages + stages)) ** 2
    after = 1.0 - part_before() / length
    assert 0.05 < after < 0.45
    exact = (1.0 - np.exp(-2.0 * z)) / (2.0 * z)
    assert (1.0 - after) * kept + after == pytest.approx(exact, rel=1e-6)
    assert not diffusion.apply_noise_after_drift(w, length, stages).equal(w)
    assert diffusion.apply_noise_after_drift(w, 1, stages).equal(w)


def test_noise_along_known_modes_is_split_by_their_own_curvature():
    """A stiff one, one that is not, and none: what they leave is F(z) of theory, each its own.

    The stiff one gets nothing before the step, which would only be damped.
    """
    step_size, length, stages = 0.1, 12, 3
    curvatures = torch.tensor([5.0, 0.6], dtype=torch.float64)
    problem = relu_network()
    size = problem.num_parameters
    generator = generator_for(0, "modes")
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]
    modes = StiffModes()
    for curvature, direction in zip(curvatures, basis.T, strict=False):
        modes.observe(direction, -curvature * direction)
    estimates = GradientEstimates(problem, Chip(Backprop(), step_size))
    noise = basis[:, :3] @ torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    estimates.spread = EstimateSpread(noise.unsqueeze(0), noise.square())
    w = torch.zeros_like(noise)
    response = WriteResponse(Chip(Backprop(), step_size))
    diffusion = Diffusion(estimates, response, modes, step_size)
    diffusion.draw_noise(w, w, generator_for(0, "noise"))
    one = [(basis.T @ each.whole)[:3] for each in diffusion._draws]
    before, after = (
        ((basis.T @ apply(w, length, stages))[:3] / of_one).square() / length
        for apply, of_one in zip(
            (diffusion.apply_noise_before_drift, diffusion.apply_noise_after_drift),
            one,
            strict=True,
        )
    )
    z = length * step_size * curvatures.numpy()
    kept = eval_legendre(stages, 1.0 - 2.0 * z / (stages * stages + stages)) ** 2
    left = before.numpy() * np.append(kept, 1.0) + after.numpy()
    exact = (1.0 - np.exp(-2.0 * z)) / (2.0 * z)
    assert left.tolist() == pytest.approx([*exact, 1.0], rel=1e-6)
    assert float(before[0]) == pytest.approx(0.0, abs=1e-12)
    assert float(before[1]) > 0.5
    assert float(before[2]) == pytest.approx(0.5)
