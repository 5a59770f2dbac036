"""Programming once: how far devices end up from what they are meant to hold."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models import WeightCells
from device_models.write.programming import (
    PUBLISHED,
    DeviceError,
    WeightError,
    programmed,
)
from neurograd.seeding import generator_for

DRAWS = 20_000
PAIR, REFERENCE = WeightCells(2.0, 0.1), WeightCells(4.0, 0.1, 0.5)


def free(w):
    return w


def std_interval(samples):
    """The interval of a standard deviation of normal samples at 99.9 %."""
    n, low, high = len(samples), *stats.chi2.ppf([0.9995, 0.0005], len(samples) - 1)
    return [float(samples.std()) * math.sqrt((n - 1) / each) for each in (low, high)]


def weights_of(cells, w, error, hold=free, seed=0):
    at = torch.full((DRAWS,), w, dtype=torch.float64)
    plus, minus = programmed(cells, at, error, hold, generator_for(seed, "test"))
    return cells.weights(plus, minus), plus, minus


@pytest.mark.parametrize("cells", [PAIR, REFERENCE])
def test_without_an_error_devices_hold_what_they_are_meant_to(cells):
    w = torch.linspace(-2, 2, 9).double()
    for error in (None, WeightError(0.0), DeviceError.proportional(0.0)):
        found = programmed(cells, w, error, free, generator_for(0))
        torch.testing.assert_close(cells.weights(*found), w)


@pytest.mark.parametrize("cells", [PAIR, REFERENCE])
def test_the_error_of_a_weight_is_a_part_of_the_range_of_weights(cells):
    """Mean and spread at 99.9 %, by draws with a fixed seed: the range is 4 for both."""
    found, _, _ = weights_of(cells, 0.3, WeightError(0.02))
    low, high = std_interval(found)
    assert low < 0.02 * 4.0 < high
    assert abs(float(found.mean()) - 0.3) < 3.29 * 0.08 / math.sqrt(DRAWS)


def test_an_error_in_proportion_to_the_conductance():
    """Of a pair each device errs by itself, the one at the bottom of its window too."""
    found, plus, minus = weights_of(PAIR, 1.0, DeviceError.proportional(0.05))
    for cell, g in ((plus, 0.1 + 0.9 * 0.5), (minus, 0.1)):
        low, high = std_interval(cell)
        assert low < 0.05 * g < high
        assert abs(float(cell.mean()) - g) < 3.29 * 0.05 * g / math.sqrt(DRAWS)
    low, high = std_interval(found)
    assert low < 2.0 / 0.9 * 0.05 * math.hypot(0.55, 0.1) < high


def test_a_fixed_reference_has_no_error():
    _, plus, minus = weights_of(REFERENCE, 1.0, DeviceError.proportional(0.05))
    assert plus.unique().numel() == DRAWS
    assert minus.unique().numel() == 1


@pytest.mark.parametrize(
    ("name", "largest", "at", "microsiemens"),
    [
        # By hand from the published polynomials, at half and at all of the largest conductance.
        ("pcm_nandakumar_2019", 25.0, 0.5, 0.26348 + 1.9650 / 2 - 1.1731 / 4),
        ("pcm_nandakumar_2019", 25.0, 1.0, 1.05538),
        ("reram_wan_2022", 40.0, 0.5, 0.348 + 8.015 - 43.853 / 4 + 45.393 / 8 - 16.815 / 16),
        ("reram_wan_2022", 40.0, 1.0, 1.103),
        ("reram_wan_2022_1d", 40.0, 1.0, 2.651),
        ("reram_wan_2022_2d", 40.0, 1.0, 2.677),
        ("reram_wan_2022_2d", 40.0, 0.0, 0.782),
    ],
)
def test_published_errors(name, largest, at, microsiemens):
    std = PUBLISHED[name].error.std(torch.tensor(at, dtype=torch.float64))
    assert float(std) * largest == pytest.approx(microsiemens, rel=1e-9)


def test_a_published_error_is_drawn_with_its_spread():
    cells = WeightCells(1.0)
    _, plus, _ = weights_of(cells, 0.5, PUBLISHED["pcm_nandakumar_2019"].error)
    low, high = std_interval(plus)
    assert low < 0.952705 / 25 < high


def test_no_conductance_is_below_0():
    _, plus, minus = weights_of(WeightCells(1.0), 0.0, DeviceError((0.1,)))
    assert float(plus.min()) == float(minus.min()) == 0.0
    assert abs(float((plus == 0).double().mean()) - 0.5) < 3.29 * 0.5 / math.sqrt(DRAWS)


def test_no_weight_leaves_what_its_synapse_can_hold():
    """A stuck device stays, one in its window does not pass it, and others keep both cells."""

    def hold(w):
        held = w.clamp(-2, 2)
        held[0] = 0.7
        return held

    found, plus, minus = weights_of(PAIR, 1.9, DeviceError((0.2,)), hold)
    assert float(found[0]) == pytest.approx(0.7)
    assert float(found.max()) <= 2.0 + 1e-12
    inside = (found < 1.99) & (torch.arange(DRAWS) > 0)
    assert bool((minus[inside] != 0.1).any()), "the other cell of a pair errs as well"
    assert bool((plus[1:] > 0.1).all())


def test_what_is_not_allowed():
    with pytest.raises(ValueError, match="0 or more"):
        WeightError(-0.1)
    with pytest.raises(ValueError, match="one or more"):
        DeviceError(())
