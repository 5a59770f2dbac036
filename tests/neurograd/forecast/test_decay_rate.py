"""The largest decay rate of linear dynamics, which is known."""

from __future__ import annotations

import pytest
import torch

from neurograd.forecast.decay_rate import LargestDecayRate
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.step_length import REFRESH_INTERVAL

RATES = torch.tensor([9.0, 1.0, 0.5, 0.1], dtype=torch.float64)


def _drift(w):
    return -RATES * w


def _measured(rate, times=1):
    w = torch.ones(4, dtype=torch.float64)
    for k in range(times):
        rate.measure(_drift, w, _drift(w), _drift(w), 10 * k, 8)
    return rate.value


def test_power_iterations_find_it_from_below():
    modes = StiffModes()
    rate = LargestDecayRate(modes)
    first = _measured(rate)
    assert 8.0 < first <= 9.0 + 1e-9
    assert _measured(rate, 5) == pytest.approx(9.0, rel=1e-9)
    # Every pair that was measured is a sample of the stiff modes.
    assert float(modes.ritz_pairs()[0].max()) == pytest.approx(9.0, rel=1e-6)


def test_it_falls_slowly_where_curvature_falls():
    rate = LargestDecayRate(StiffModes())
    before = _measured(rate, 6)
    w = torch.ones(4, dtype=torch.float64)
    rate.measure(lambda y: -0.1 * y, w, -0.1 * w, w, 60, 8)
    assert 0.5 * before < rate.value < before


def test_pairs_of_stages_raise_it_and_do_not_lower_it():
    rate = LargestDecayRate(StiffModes())
    _measured(rate)
    change = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    before = rate.value
    rate.observe(change, -0.2 * change)
    assert rate.value == before
    rate.observe(change, -20.0 * change)
    assert rate.value == pytest.approx(20.0)
    rate.observe(0.0 * change, change)
    assert rate.value == pytest.approx(20.0)


def test_it_is_stale_for_longer_steps_and_after_a_while():
    rate = LargestDecayRate(StiffModes())
    assert rate.is_stale(0, 300, 1)
    w = torch.ones(4, dtype=torch.float64)
    rate.measure(_drift, w, _drift(w), _drift(w), 100, 8)
    assert not rate.is_stale(101, 300, 15)
    assert rate.is_stale(101, 300, 16)
    assert not rate.is_stale(109, 300, 8)
    assert rate.is_stale(110, 300, 8)
    assert not rate.is_stale(300, 300, REFRESH_INTERVAL)
