"""Thermal noise against Johnson's law by hand."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models import ThermalNoise, WeightCells
from device_models.read.thermal_noise import thermal_part
from neurograd.seeding import generator_for


def test_the_noise_of_a_resistor_by_hand():
    """10 kΩ at 300 K over 1 MHz: 1.287 nA rms, of 20 µA at 0.2 V."""
    part = thermal_part(300.0, 1e6, 0.2, 1e-4)
    assert 0.2 * 1e-4 * math.sqrt(part) == pytest.approx(1.2871e-9, rel=1e-4)
    assert thermal_part(600.0, 1e6, 0.2, 1e-4) == pytest.approx(2.0 * part)
    assert thermal_part(300.0, 1e6, 0.4, 1e-4) == pytest.approx(0.25 * part)


def test_both_cells_of_a_pair_and_a_reference_are_noisy():
    """Variance over that of G_max: the sum of both conductances over G_max."""
    w = torch.tensor([0.0, 1.0, -0.5], dtype=torch.float64)
    pair = ThermalNoise(0.01, WeightCells(1.0, 0.2)).moments(w)
    torch.testing.assert_close(pair.mean, w)
    sums = torch.tensor([0.4, 1.2, 0.8], dtype=torch.float64)
    torch.testing.assert_close(pair.variance, 0.01 * sums / 0.8**2)
    beside = ThermalNoise(0.01, WeightCells(2.0, 0.0, 0.5)).moments(w)
    sums = torch.tensor([1.0, 1.5, 0.75], dtype=torch.float64)
    torch.testing.assert_close(beside.variance, 0.01 * 4.0 * sums)


def test_reads_have_that_variance():
    """Of 2,000 weights at 99 %."""
    read, w = ThermalNoise(0.01, WeightCells(1.0, 0.2)), torch.full((2000,), 0.7).double()
    found = (read.read(w, generator_for(0)) - w).square() / read.moments(w).variance
    low, high = (stats.chi2.ppf(p, 2000) for p in (0.005, 0.995))
    assert low < float(found.sum()) < high


def test_nothing_is_drawn_without_noise():
    w, generator = torch.ones(3), generator_for(0)
    state = generator.get_state()
    assert ThermalNoise(0.0).read(w, generator).equal(w)
    assert ThermalNoise(0.0).deterministic
    assert generator.get_state().equal(state)


def test_what_is_no_quantity_is_refused():
    with pytest.raises(ValueError, match="part is -1; allowed: 0 or more"):
        ThermalNoise(-1.0)
    for place, name in enumerate(("temperature", "bandwidth", "voltage", "largest")):
        values = [1.0] * 4
        values[place] = 0.0
        with pytest.raises(ValueError, match=f"{name} is 0; allowed: above 0"):
            thermal_part(*values)
