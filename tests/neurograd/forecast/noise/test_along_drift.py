"""Noise of batches along the drift of a step, against the many-steps theory and trainings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from device_models import Backprop, Chip
from neurograd.forecast.noise.along_drift import BatchesAlongDrift
from neurograd.forecast.noise.diffusion import Draw
from neurograd.forecast.noise.shuffled_epochs import EpochPart
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.runge_kutta_legendre import legendre_step
from neurograd.forecast.small_batches.estimates.of_chip import update_estimates
from neurograd.forecast.small_batches.path import SmallBatchPath
from neurograd.forecast.write_response import WriteResponse
from neurograd.pipeline.build import build_clean_chip, build_problem
from neurograd.spec import validate_spec
from neurograd.training.loop import train

LENGTH, STEP_SIZE, STAGES = 12, 0.1, 3


class _NoEstimates:
    spread = None


@pytest.mark.parametrize("curvature", [0.0, 0.5, 2.0, 9.0])
@pytest.mark.parametrize("seen", [0.0, 0.4])
def test_what_a_step_leaves_of_the_noise_of_batches_in_a_known_mode(curvature, seen):
    """F(z) of theory; what the drift has of the noise, G(z)² of it, is not put there again."""
    direction = torch.full((5,), 5.0**-0.5, dtype=torch.float64)
    modes = StiffModes()
    modes.observe(direction, -curvature * direction)
    chip = Chip(Backprop(), STEP_SIZE)
    diffusion = BatchesAlongDrift(_NoEstimates(), WriteResponse(chip), modes, STEP_SIZE)
    w = torch.zeros_like(direction)
    draws = Draw(None, direction), Draw(None, direction)
    assert diffusion.take(*draws, w + 1.0) == pytest.approx(5.0**-0.5)
    part = EpochPart(LENGTH, 0.0, 1.0, 0.0).beside(seen)
    assert diffusion.apply_noise_before_drift(w, LENGTH, STAGES, part) is w
    noise = diffusion.along_drift(LENGTH, STAGES, part)

    def drift(y):
        return noise - curvature * y

    span = LENGTH * STEP_SIZE
    end = legendre_step(drift, w, drift(w), span, STAGES, lambda *_: None)
    # The stages themselves may meet more curvature, which the even part did not go by.
    modes.observe(direction, -20.0 * direction)
    after = diffusion.apply_noise_after_drift(w, LENGTH, 2 * STAGES, part)
    found = float(end.square().sum() + after.square().sum())
    z = span * curvature
    whole = -math.expm1(-2.0 * z) / (2.0 * z) if z else 1.0
    held = (-math.expm1(-z) / z) ** 2 if z else 1.0
    assert found == pytest.approx(LENGTH * (whole - seen * held), rel=1e-6)


def test_what_comes_after_a_step_has_the_size_that_noise_has_there():
    """In stiff modes, where it is that of the last updates."""
    direction = torch.full((5,), 5.0**-0.5, dtype=torch.float64)
    modes = StiffModes()
    modes.observe(direction, -20.0 * direction)
    diffusion = BatchesAlongDrift(
        _NoEstimates(), WriteResponse(Chip(Backprop(), STEP_SIZE)), modes, STEP_SIZE
    )
    w, part = torch.zeros_like(direction), EpochPart(LENGTH, 1.0, 1.0, 0.0)

    def after(grown):
        diffusion.take(Draw(None, direction), Draw(None, direction), w + 1.0)
        if grown is not None:
            diffusion.grown = lambda: grown
        assert float(torch.as_tensor(diffusion.along_drift(LENGTH, STAGES, part)).norm()) == 0.0
        return float(diffusion.apply_noise_after_drift(w, LENGTH, STAGES, part).norm())

    z = LENGTH * STEP_SIZE * 20.0
    assert after(None) == pytest.approx(math.sqrt(LENGTH * (1.0 - 2.0 / z) / (2.0 * z)), rel=1e-3)
    assert after(0.3) == pytest.approx(0.3 * after(None))
    # Those of a step are not those of the next.
    assert after(None) == pytest.approx(after(1.0))


def test_single_updates_have_their_batch_after_their_drift():
    diffusion = BatchesAlongDrift(
        _NoEstimates(), WriteResponse(Chip(Backprop(), STEP_SIZE)), StiffModes(), STEP_SIZE
    )
    w, noise = torch.zeros(3), torch.ones(3)
    diffusion.take(Draw(None, noise), Draw(None, -noise), w + 1.0)
    part = EpochPart(1, 0.0, 1.0, 0.0)
    assert diffusion.along_drift(1, 1, part) == 0.0
    assert torch.equal(diffusion.apply_noise_after_drift(w, 1, 1, part), noise)


def test_long_steps_in_small_batches_are_not_thrown_off():
    """Losses along four paths over those of four trainings: Student's t of logarithms at 99 %.

    With the noise of a step's batches thrown at its beginning losses are 1.6 times those of
    training here.
    """
    spec = validate_spec(
        {
            "network": {"hidden": [128, 128]},
            "task": {"name": "digits"},
            "learning_rule": {"batch_size": 10},
            "training": {"step_size": 0.05, "steps": 3000},
            "measure": {"precision": "float32"},
        }
    )
    problem = build_problem(spec)
    chip = build_clean_chip(spec, problem)
    estimates = update_estimates(problem, chip)
    apart = []
    for k in range(4):
        path, done, losses = SmallBatchPath(problem, chip, estimates, k, k, None), 0, {}
        while done < 1200:
            done += path.advance(done, 3000)
            if done > 300:
                losses[done] = problem.loss(path.w)
        trained = train(problem, chip, done, k, chip_index=k, curve_points=2, snapshots=[*losses])
        real = [problem.loss(trained.snapshots[place]) for place in losses]
        apart.append(float(np.mean(np.log([*losses.values()]) - np.log(real))))
    assert stats.ttest_1samp(apart, 0.0).pvalue > 0.01
