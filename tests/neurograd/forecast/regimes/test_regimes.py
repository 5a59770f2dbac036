"""Noise of single writes, as it is measured and as it is known, and what follows of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip
from device_models.protocols import ElementMoments
from neurograd.forecast.chip_end import forecast_chip, path_and_regime, way_of
from neurograd.forecast.regimes.large_writes import LARGEST_NOISE, LARGEST_STEP, write_noise
from neurograd.problem import Problem

RMS, WEIGHTS = 0.2, 8000
LENGTH = RMS * WEIGHTS**0.5


@dataclass(frozen=True)
class _Writes:
    """What is asked for, and noise on it."""

    size: float
    chance: float | None = None
    """That a weight makes a step of ``size`` up or down; normal noise when None."""
    deterministic = False

    def program(self, w):
        return w

    def moments(self, w, increment):
        variance = self.size**2 * (1.0 if self.chance is None else self.chance)
        return ElementMoments(increment, torch.full_like(increment, variance))

    def write(self, w, increment, generator):
        normal = torch.randn(w.shape, generator=generator, dtype=w.dtype)
        if self.chance is None:
            return increment + self.size * normal
        hit = torch.rand(w.shape, generator=generator, dtype=w.dtype) < self.chance
        return increment + self.size * hit * normal.sign()


@pytest.fixture(scope="module")
def problem() -> Problem:
    """8,000 weights: moments of four writes are known to a few percent."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Linear(800, 10, bias=False)
    nn.init.normal_(network.weight, std=RMS, generator=generator)
    inputs = torch.randn(20, 800, generator=generator)
    return Problem(network, nn.CrossEntropyLoss(), inputs, torch.arange(20) % 10)


def _chip(size: float, chance: float | None = None) -> Chip:
    return Chip(Backprop(), 0.1, writes=(_Writes(size, chance),))


def test_normal_noise_has_a_length_and_no_steps(problem: Problem) -> None:
    found = write_noise(problem, _chip(0.3 * RMS))
    assert found.length == pytest.approx(0.3, rel=0.05)
    assert found.step == 0.0


@pytest.mark.parametrize("chance", [0.01, 0.1])
def test_the_size_of_rare_steps_is_known(problem: Problem, chance: float) -> None:
    """The ratio of the fourth cumulant to the variance, δ²(1 − 3p) for both signs."""
    found = write_noise(problem, _chip(0.8 * RMS, chance))
    step = 0.8 * (1.0 - 3.0 * chance) ** 0.5 / WEIGHTS**0.5
    assert found.step == pytest.approx(step, rel=0.15)
    assert found.length == pytest.approx(0.8 * chance**0.5, rel=0.15)


@pytest.mark.parametrize(
    ("chip", "name", "limit"),
    [
        (_chip(1.2 * LARGEST_NOISE * RMS), "large_noise", LARGEST_NOISE),
        (_chip(0.8 * LARGEST_NOISE * RMS), None, None),
        (_chip(1.3 * LARGEST_STEP * LENGTH, 1e-3), "coarse_steps", LARGEST_STEP),
        (_chip(0.6 * LARGEST_STEP * LENGTH, 1e-3), None, None),
    ],
)
def test_large_writes_are_taken_update_by_update(problem: Problem, chip, name, limit) -> None:
    path, regime = path_and_regime(problem, chip, 100)
    taken = forecast_chip(problem, chip, 100, seed=0).gradients
    assert (taken == 100) is (name is not None)
    if name is None:
        assert (way_of(problem, chip, 100), regime) == ("whole_set", None)
        return
    assert (path, way_of(problem, chip, 100)) == ("whole_set", "every_update")
    assert (regime.name, regime.limit) == (name, limit)
    assert regime.number > limit
