"""Linear responses of writes, against their closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Chip,
    Crossbar,
    Leakage,
    MemristorWrite,
    Minibatch,
    ReadNoise,
    linear_response,
)
from device_models.write.conductance_states import ConductanceStates
from device_models.write.crossbar import draw_crossbar
from device_models.write.fixed_point_grid import FixedPointGrid
from device_models.write.rounding import Rounding
from device_models.write.update_rounding import UpdateRounding
from neurograd.forecast.gradient_estimates import EstimateSpread, GradientEstimates
from neurograd.forecast.write_response import WriteResponse
from neurograd.seeding import generator_for
from tests.neurograd.cases import regression


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
    write = ConductanceStates(MemristorWrite(crossbar, levels=None), low, high, 0 * low, 21)
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


def _curve_writes(size: int, levels: int, rounding: Rounding) -> tuple[MemristorWrite]:
    """Soft bounds and noisy pulses."""
    crossbar = draw_crossbar(size, generator=generator_for(0, "crossbar"))
    curve = linear_response(1.0, levels)
    return (MemristorWrite(crossbar, curve, curve, (levels, levels), 1e-3, rounding),)


def test_gain_of_a_small_change_of_all_increments_counts_how_many_go_up():
    """In soft bounds at half of the window a step up is a third of one down."""
    (write,) = _curve_writes(9, 600, "stochastic")
    w = torch.full((9,), 0.5).double()
    response = WriteResponse(Chip(Backprop(), 0.1, (), (write,)))
    line = response.measured(w, torch.full_like(w, 1e-3))
    assert (line.down_gain / line.up_gain).tolist() == pytest.approx([3.0] * 9, rel=0.02)
    increments = 1e-3 * torch.randn(7, 9, generator=generator_for(0), dtype=w.dtype)
    change = 1e-3 * float(increments.abs().min())
    before, after = (line.moments(each).mean for each in (increments, increments + change))
    found = line.gain_of(increments)
    assert found.tolist() == pytest.approx(((after - before).mean(0) / change).tolist(), rel=1e-6)
    assert found.unique().numel() > 1


@pytest.mark.parametrize(
    ("rounding", "levels", "step_size"),
    [(None, 0, 0.05), ("stochastic", 600, 0.01), ("nearest", 60, 0.05)],
    ids=["no write", "linear write", "curved write"],
)
def test_updates_behind_one_read_have_the_variance_of_their_sum(rounding, levels, step_size):
    """Of 64 single samples each, over 64; most of it is what they have together.

    By reads that are drawn, and all samples behind each: on squared error the gradient of a sample
    is linear in what is read. Within three standard errors of the mean over forecasts, and 5 %.
    """
    problem = regression([nn.Linear(4, 3)], 4, 3, samples=20)
    w, samples, updates, noise = 0.5 * problem.initial_weights, 20, 64, 0.3
    writes = () if rounding is None else _curve_writes(len(w), levels, rounding)
    rule = Minibatch(Backprop(), 1, order="shuffled")
    chip = Chip(rule, step_size, (ReadNoise(noise),), writes)

    def single(at):
        return torch.stack([problem.gradient(at, each) for each in torch.arange(samples).split(1)])

    here = single(w)
    hessians = torch.stack([single(w + unit) - here for unit in torch.eye(len(w)).double()], -1)
    reads = noise * torch.randn(300, len(w), generator=generator_for(1), dtype=w.dtype)
    gradients = here + torch.einsum("sij,rj->rsi", hessians, reads)
    realized = chip.write_stack(w, -step_size * gradients.flatten(0, 1))
    means = realized.mean.view_as(gradients)
    alone = float(realized.variance.mean(0).sum() + means.var(1, unbiased=False).mean(0).sum())
    together = updates * float(means.mean(1).var(0).sum())
    assert together > 2.0 * alone

    def forecast(index):
        generator = generator_for(2, index)
        estimates = GradientEstimates(problem, chip, updates)
        response = WriteResponse(chip)
        mean = estimates.refresh_statistics(w, generator)
        response.linearize(w, mean, estimates.spread)
        assert (response.line is not None) == (rounding == "stochastic")
        found = response.noise(w, mean, estimates.spread)
        return float(found.own_variance.sum() + found.deviations.square().mean(0).sum())

    found = torch.tensor([forecast(index) for index in range(40)]).double()
    miss = float(found.mean()) / (alone + together) - 1.0
    error = float(found.std()) / 40**0.5 / (alone + together)
    assert error < 0.1
    assert abs(miss) < 3.0 * error + 0.05
