"""Which forecasts draw every update for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, Minibatch, ReadNoise
from neurograd.forecast.chip_end import (
    forecast_chip,
    path_passes,
    takes_every_update,
    update_passes,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for

SAMPLES, STEPS = 4000, 6


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Many samples and few weights: a batch of them is next to nothing."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Linear(60, 4)
    nn.init.xavier_uniform_(network.weight, generator=generator)
    inputs = torch.randn(SAMPLES, 60, generator=generator)
    return Problem(network, nn.CrossEntropyLoss(), inputs, torch.arange(SAMPLES) % 4)


def _chip(batch: int = 10) -> Chip:
    return Chip(Minibatch(Backprop(), batch), 0.1, reads=(ReadNoise(0.05),))


def test_short_trainings_in_small_batches_are_taken_update_by_update(problem: Problem) -> None:
    chip = _chip()
    assert takes_every_update(problem, chip, STEPS)
    found = forecast_chip(problem, chip, STEPS, seed=3, index=2)
    w = chip.program(problem.initial_weights)
    for step in range(STEPS):
        generator = generator_for(3, "forecast", 2, step)
        w = w + 0.1 * chip.sample_update(problem, w, generator)
    torch.testing.assert_close(found.weights, w, rtol=0, atol=1e-14)
    assert found.gradients == STEPS


def test_paths_are_followed_where_they_cost_less(problem: Problem) -> None:
    """Long trainings, large batches, and gradients of all samples."""
    chip = _chip()
    crossing = (path_passes(problem, 1) / update_passes(problem, chip)) ** 2
    assert takes_every_update(problem, chip, int(0.9 * crossing))
    assert not takes_every_update(problem, chip, int(1.1 * crossing) + 1)
    assert not takes_every_update(problem, _chip(batch=SAMPLES), STEPS)
    assert not takes_every_update(problem, replace(chip, rule=Backprop()), STEPS)
