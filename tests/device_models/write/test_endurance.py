"""Worn devices against the failure law, and what they do to writes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models.chip import Chip
from device_models.protocols import WritePath
from device_models.rules.backprop import Backprop
from device_models.write.crossbar import draw_crossbar
from device_models.write.endurance import WornDevices, draw_worn
from device_models.write.memristor_write import MemristorWrite
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network

SIZE = 20_000


@pytest.mark.parametrize("age", [1e4, 3e5, 1e6, 2e6, 1e8])
@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_worn_part_is_the_law_of_failure(age, spread):
    """Binomial, at 99 %."""
    worn = int(draw_worn(SIZE, 1e6, spread, age, generator_for(0, "worn")).sum())
    p = float(stats.norm.cdf(math.log(age / 1e6) / spread))
    low, high = stats.binom.ppf([0.005, 0.995], SIZE, p)
    assert low <= worn <= high


def test_what_is_worn_stays_worn():
    before = torch.zeros(SIZE, dtype=torch.bool)
    for age in (0.0, 1e4, 1e5, 1e6, 3e6, 1e8, math.inf):
        worn = draw_worn(SIZE, 1e6, 1.0, age, generator_for(0))
        assert bool((worn | ~before).all())
        before = worn
    assert bool(before.all())
    assert not bool(draw_worn(SIZE, 1e6, 1.0, 0.0, generator_for(0)).any())


def test_without_spread_all_fail_at_once():
    assert not bool(draw_worn(9, 100.0, 0.0, 99.0, generator_for(0)).any())
    assert bool(draw_worn(9, 100.0, 0.0, 101.0, generator_for(0)).all())


def _worn_write(size, **options):
    inner = MemristorWrite(draw_crossbar(size, generator=generator_for(0)), **options)
    worn = torch.arange(size) % 3 == 0
    return WornDevices(inner, worn, torch.linspace(-0.9, 0.9, size, dtype=torch.float64))


def test_worn_synapses_hold_their_weight_and_others_are_written():
    write = _worn_write(30, levels=(40, 40), cycle_to_cycle=0.05)
    assert isinstance(write, WritePath)
    assert not write.deterministic
    w = write.program(torch.linspace(-2, 2, 30, dtype=torch.float64))
    assert w[write.worn].equal(write.held[write.worn])
    assert w[~write.worn].equal(
        torch.linspace(-2, 2, 30, dtype=torch.float64)[~write.worn].clamp(-1, 1)
    )
    increment = torch.full_like(w, -0.1)
    realized = write.write(w, increment, generator_for(1))
    inner = write.inner.write(w, increment, generator_for(1))
    assert not realized[write.worn].any()
    assert realized[~write.worn].equal(inner[~write.worn])


def test_moments_follow_the_inner_path():
    write = _worn_write(30, levels=(40, 40), cycle_to_cycle=0.05)
    w = write.program(torch.linspace(-0.5, 0.5, 30, dtype=torch.float64))
    increment = torch.full_like(w, 0.07)
    moments = write.moments(w, increment)
    inner = write.inner.moments(w, increment)
    assert not moments.mean[write.worn].any()
    assert not moments.variance[write.worn].any()
    assert moments.mean[~write.worn].equal(inner.mean[~write.worn])
    assert moments.variance[~write.worn].equal(inner.variance[~write.worn])
    assert _worn_write(30).deterministic


def test_a_chip_with_worn_synapses_descends_along_the_others():
    problem = relu_network()
    write = _worn_write(problem.num_parameters)
    chip = Chip(Backprop(), 0.01, writes=(write,))
    w = chip.program(problem.initial_weights)
    expected = torch.where(write.worn, 0.0, -problem.gradient(w))
    inside = w.abs() < 0.9
    torch.testing.assert_close(
        chip.closed_form(problem, w).mean[inside], expected[inside], rtol=1e-9, atol=1e-12
    )


def test_moments_are_unknown_where_the_inner_ones_are():
    class Unknown:
        deterministic = False

        def program(self, w):
            return w

        def write(self, w, increment, generator):
            return increment

        def moments(self, w, increment):
            return None

    mask, zero = torch.tensor([True]), torch.zeros(1)
    assert WornDevices(Unknown(), mask, zero).moments(zero, zero) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 1.0), "cycles is 0; allowed: above 0"),
        ((1e6, -1.0, 1.0), "spread is -1; allowed: 0 or more"),
        ((1e6, 1.0, -5.0), "age is -5; allowed: 0 or more"),
        ((1e6, 1.0, math.nan), "age is nan; allowed: 0 or more"),
    ],
)
def test_refuses_impossible_lifetimes(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_worn(5, *arguments, generator_for(0))


def test_refuses_masks_that_do_not_fit():
    inner = MemristorWrite(draw_crossbar(3, generator=generator_for(0)))
    with pytest.raises(ValueError, match=r"allowed: torch\.bool"):
        WornDevices(inner, torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match="the shape of worn"):
        WornDevices(inner, torch.zeros(3, dtype=torch.bool), torch.zeros(2))
