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
