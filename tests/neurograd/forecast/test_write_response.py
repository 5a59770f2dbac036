"""Linear responses of writes, against their closed forms."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    Crossbar,
    Leakage,
    MemristorWrite,
)
from device_models.write.conductance_states import ConductanceStates
from device_models.write.crossbar import draw_crossbar
from device_models.write.fixed_point_grid import FixedPointGrid
from device_models.write.update_rounding import UpdateRounding
from neurograd.forecast.gradient_estimates import EstimateSpread
from neurograd.forecast.write_response import WriteResponse
from neurograd.seeding import generator_for


@pytest.mark.parametrize(
    ("rounding", "size", "linear"), [("stochastic", 0.005, True), ("nearest", 0.5, False)]
)
def test_a_linear_response_is_recognised_and_exact(rounding, size, linear):
    crossbar: Crossbar = draw_crossbar(40, generator=generator_for(0, "crossbar"))
    write = MemristorWrite(crossbar, levels=(40, 40), cycle_to_cycle=0.03, rounding=rounding)
    chip = Chip(Backprop(), 0.1, (), (write,))
    w = torch.linspace(-0.8, 0.8, 40, dtype=torch.float64)
    estimate = size * torch.linspace(-0.8, 1.2, 40, dtype=torch.float64)
    response = WriteResponse(chip)
    response.linearize(w, estimate)
    assert response._is_linear is linear
    for factor in (1.0, 0.4):
        found = response.mean(w, factor * estimate)
        noise = response.noise(w, factor * estimate)
        exact = write.moments(w, -0.1 * factor * estimate)
        assert found.tolist() == pytest.approx(exact.mean.tolist(), rel=0.01, abs=1e-9)
        assert float(noise.own_variance.sum()) == pytest.approx(exact.total_variance, rel=0.01)
        assert noise.deviations is None


def test_a_line_is_looked_at_again_where_increments_get_smaller():
    """Truncation is a line for 40 steps of its grid, and a dead zone below one."""
    grid = FixedPointGrid(12, 1.0)
    chip = Chip(Backprop(), 1.0, (), (UpdateRounding(grid, "truncate"),))
    w = torch.zeros(30, dtype=torch.float64)
    size = grid.step * torch.linspace(0.9, 1.1, 30, dtype=torch.float64)
    response = WriteResponse(chip)
    response.prepare(w, 100.0 * size, random=False)
    assert response.line is not None
    response.prepare(w, 80.0 * size, random=False)  # not looked at: a line as before
    assert response.line is not None
    response.prepare(w, 3.3 * size, random=False)
    assert response.line is None
    assert response.mean(w, -0.5 * size).tolist() == [0.0] * 30


@pytest.mark.parametrize(("rounding", "linear"), [("truncate", False), ("stochastic", True)])
def test_a_dead_zone_for_small_increments_is_no_line(rounding, linear):
    """Half and double of a typical increment of 25 steps keep to the line, a tenth does not."""
    grid = FixedPointGrid(12, 1.0)
    chip = Chip(Backprop(), 1.0, (), (UpdateRounding(grid, rounding),))
    w = torch.zeros(30, dtype=torch.float64)
    response = WriteResponse(chip)
    size = torch.full_like(w, 25.0 * grid.step)
    response.prepare(w, size, random=True)
    near = [response._keeps_line(w, k * size, 0.05) for k in (0.5, 2.0)]
    assert near == [True, True]
    assert (response.line is not None) is linear


def test_what_a_sample_of_updates_is_off_by_goes_through_its_own_slope():
    """A leak keeps 0.9 of every increment: the mean is exact, however far the sample's is off."""
    chip = Chip(Backprop(), 0.1, (), (Leakage(10.0),))
    w = torch.linspace(-0.8, 0.8, 5, dtype=torch.float64)
    estimate = torch.linspace(-1.0, 1.0, 5, dtype=torch.float64)
    deviations = 1.0 + torch.randn(20, 5, generator=generator_for(0), dtype=torch.float64)
    response = WriteResponse(chip)
    response._is_linear = False
    found = response.mean(w, estimate, EstimateSpread(deviations, deviations.square().mean(0)))
    assert found.tolist() == pytest.approx((-0.1 * 0.9 * estimate - 0.1 * w).tolist())


def test_paths_between_states_have_the_noise_of_chips_that_stand_at_them():
    """Halfway between states a write would land on either, whatever it is asked for.

    From a state, an increment of p spacings has the variance p(1 − p) of theirs.
    """
    crossbar = draw_crossbar(40, weight_range=1.0, generator=generator_for(0, "crossbar"))
    low, high = torch.full((40,), -1.0).double(), torch.full((40,), 1.0).double()
    write = ConductanceStates(MemristorWrite(crossbar, levels=None), low, high, 21)
    chip = Chip(Backprop(), 1.0, (), (write,))
    spacing, part = 0.05, 0.02
    w = chip.program(torch.linspace(-0.8, 0.8, 40, dtype=torch.float64)) + 0.5 * spacing
    asked = torch.full_like(w, part * spacing)
    response = WriteResponse(chip)
    response.linearize(w, -asked)
    variance = part * (1.0 - part) * spacing**2
    assert response.noise(w, -asked).own_variance.tolist() == pytest.approx([variance] * 40)
    assert response.mean(w, -asked).tolist() == pytest.approx(asked.tolist())
    assert response.stack(w, asked[None]).variance[0].tolist() == pytest.approx([variance] * 40)
    last = torch.full_like(w, 0.99)  # in the last half of a spacing before the end
    response = WriteResponse(chip)
    assert response.stack(last, 0.2 * asked[None]).mean[0].tolist() == pytest.approx([2e-4] * 40)
