"""1/f noise of reads against its closed form."""

from __future__ import annotations

import math

import pytest
import torch

from device_models.read.one_over_f import OneOverFNoise
from device_models.read.programmed_devices import ProgrammedDevices
from device_models.write.weight_cells import WeightCells

DRAWS = 40_000


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_published_size():
    """Q = 0.0088/x^0.65, at most 0.2, times the root of the logarithm of the time."""
    hour = math.sqrt(math.log((3600 + 250e-9) / 500e-9))
    part = OneOverFNoise(3600.0).part(torch.tensor([1.0, 0.25, 0.0], dtype=torch.float64))
    assert part.tolist() == pytest.approx([0.0088 * hour, 0.0088 / 0.25**0.65 * hour, 0.2 * hour])
    later = OneOverFNoise(3.15e7).part(torch.ones(1, dtype=torch.float64))
    assert float(later) > float(part[0]), "it grows with the time since programming"


@pytest.mark.parametrize("place", [1.0, 0.1, 0.004])
def test_samples_have_the_moments(place):
    """Mean and variance of reads, at 99.9 % each; small conductances are cut at 0."""
    noise = OneOverFNoise(1e5)
    programmed = torch.full((DRAWS,), place, dtype=torch.float64)
    now = 0.7 * programmed
    found = noise.read(programmed, now, _generator())
    moments = noise.moments(programmed[:1], now[:1])
    mean, variance = float(moments.mean), float(moments.variance)
    assert abs(float(found.mean()) - mean) < 3.3 * math.sqrt(variance / DRAWS)
    spread = float((found - mean).square().std()) / math.sqrt(DRAWS)
    assert abs(float((found - mean).square().mean()) - variance) < 3.3 * spread
    assert float(found.min()) >= 0
    assert (float(found.min()) == 0) == (place < 0.01), "a device conducts no less than nothing"


def test_both_devices_of_a_pair_have_noise_and_a_reference_has_none():
    plus, minus = torch.full((DRAWS,), 0.6), torch.full((DRAWS,), 0.4)
    noise, beyond = OneOverFNoise(3600.0), torch.zeros(DRAWS)
    part = noise.part(torch.tensor([0.6, 0.4], dtype=torch.float64))
    for cells, expected in (
        (WeightCells(), (0.6 * part[0]) ** 2 + (0.4 * part[1]) ** 2),
        (WeightCells(reference=0.4), (0.6 * part[0]) ** 2),
    ):
        devices = ProgrammedDevices(plus, minus, cells, beyond)
        weights = devices.noisy_weights(None, noise, _generator(1))
        slope = float(cells.weights(torch.tensor(1.0), torch.tensor(0.0))) - float(
            cells.weights(torch.tensor(0.0), torch.tensor(0.0))
        )
        ratio = float(weights.double().var()) / (slope**2 * float(expected))
        assert ratio == pytest.approx(1.0, abs=3.3 * math.sqrt(2.0 / DRAWS))


def test_a_time_before_the_first_read_is_refused():
    with pytest.raises(ValueError, match="s or more"):
        OneOverFNoise(0.0)
