"""Writes of random increments, and of several pulses: predicted moments against sampled writes.

Every case writes many copies of three states at once. The family of all comparisons of this file,
a mean and a variance for each case and state, holds at a confidence of 99 % (Bonferroni). A mean
that is off by 2 % of the root mean square of what is realized, or a variance that is off by 5 %, is
found: margins are at most half of that. Seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from scipy import stats

from device_models import (
    Backprop,
    Chip,
    FixedPointGrid,
    JumpTable,
    Leakage,
    LinearStep,
    MemristorWrite,
    OneSidedPair,
    PowerStep,
    PulsedWrite,
    UpdateRounding,
    draw_crossbar,
    draw_devices,
    jump_table_write,
    linear_response,
)
from device_models.write.pulsed_devices import NominalDevice
from neurograd.seeding import generator_for

STATES = torch.tensor([-0.6, 0.1, 0.5], dtype=torch.float64)
DRAWS = 250_000


def _soft_bounds(rounding="stochastic", levels=400, noise=0.0):
    curve = linear_response(1.0, levels)
    crossbar = draw_crossbar(1, generator=generator_for(0, "crossbar"))
    return MemristorWrite(crossbar, curve, curve, (levels, levels), noise, rounding)


def _pulsed(step, *, gamma=0.7, dw_min=0.01, make=PulsedWrite, **kwargs):
    nominal = NominalDevice(dw_min=dw_min, up_down=0.1, gamma=(gamma, gamma), **kwargs)
    devices = draw_devices(nominal, 1, generator_for(0, "devices"))
    both = (devices, devices) if make is OneSidedPair else (devices,)
    return make(step, *both, dw_min)


def _jumps():
    columns = ([0.0, 0.5, 1.0], [0.03, 0.02, 0.01], [0.01] * 3, [-0.01, -0.02, -0.03], [0.01] * 3)
    return jump_table_write(
        JumpTable(0.0, 1.0, *(torch.tensor(c, dtype=torch.float64) for c in columns))
    )


@dataclass(frozen=True)
class Case:
    """A chain of effects and the normal increment, or the constant one, that it gets."""

    writes: Callable[[], tuple]
    mean: float
    std: float = 0.0
    draws: int = DRAWS


GRID = FixedPointGrid(8)

CASES = {
    "soft bounds, normal": Case(lambda: (_soft_bounds(),), 0.0005, 0.002),
    "soft bounds, many levels at once": Case(lambda: (_soft_bounds(noise=0.01),), 0.1, 0.3),
    "bits before soft bounds": Case(lambda: (UpdateRounding(GRID), _soft_bounds()), 0.0015),
    "bits before soft bounds, normal": Case(
        lambda: (UpdateRounding(GRID), _soft_bounds()), 0.001, 0.004
    ),
    "nearest bits before soft bounds": Case(
        lambda: (UpdateRounding(GRID, "nearest"), _soft_bounds()), 0.001, 0.006
    ),
    "truncated bits before soft bounds": Case(
        lambda: (UpdateRounding(GRID, "truncate"), _soft_bounds()), -0.004, 0.016
    ),
    "wide increments through bits": Case(
        lambda: (UpdateRounding(FixedPointGrid(10)), _soft_bounds()), 0.002, 0.03
    ),
    "noise before a leak": Case(lambda: (_soft_bounds(noise=0.02), Leakage(30.0)), 0.01, 0.01),
    "bits, soft bounds, leak": Case(
        lambda: (UpdateRounding(GRID), _soft_bounds(noise=0.02), Leakage(30.0)), 0.006
    ),
    "twelve pulses with noise": Case(lambda: (_pulsed(LinearStep(0.3)),), 0.124, 0.0, 60_000),
    "noise that grows with the step": Case(
        lambda: (_pulsed(LinearStep(1.0, multiplicative=True)),), -0.083, 0.0, 60_000
    ),
    "power steps": Case(lambda: (_pulsed(PowerStep(0.3, 1.5)),), 0.156, 0.0, 60_000),
    "hundreds of pulses": Case(
        lambda: (_pulsed(LinearStep(1.0), dw_min=0.002, soft_bounds=True),), 0.4505, 0.0, 60_000
    ),
    "divided pulses": Case(
        lambda: (replace(_pulsed(LinearStep(0.3)), rounding="none"),), 0.124, 0.0, 60_000
    ),
    "several pulses, normal": Case(lambda: (_pulsed(LinearStep(0.3)),), 0.01, 0.05),
    "one-sided pair": Case(
        lambda: (_pulsed(LinearStep(0.3), make=OneSidedPair),), 0.064, 0.0, 60_000
    ),
    "one-sided pair, normal": Case(
        lambda: (_pulsed(LinearStep(0.3), make=OneSidedPair),), 0.0, 0.03
    ),
    "jump table": Case(lambda: (_jumps(),), -0.21, 0.0, 60_000),
}

QUANTILE = float(stats.norm.isf(0.01 / (2 * 2 * len(CASES) * len(STATES))))


@pytest.mark.parametrize("name", CASES)
def test_predicted_moments_are_those_of_sampled_writes(name):
    case = CASES[name]
    chip = Chip(Backprop(), 0.1, (), case.writes())
    w = STATES.repeat(case.draws)
    normal = torch.randn(w.shape, generator=generator_for(0, name), dtype=w.dtype)
    increment = case.mean + case.std * normal
    realized = 0.1 * chip.write(w, increment / -0.1, generator_for(1, name))
    full = torch.full_like(STATES, case.mean)
    variance = torch.full_like(STATES, case.std**2) if case.std else None
    moments = chip.write_moments(STATES, full, variance)
    for k, drawn in enumerate(realized.view(case.draws, len(STATES)).T):
        margin = QUANTILE * float(drawn.std()) / case.draws**0.5
        assert margin < 0.01 * float(drawn.square().mean().sqrt())
        assert abs(float(drawn.mean() - moments.mean[k])) < margin
        squares = (drawn - drawn.mean()).square()
        spread = QUANTILE * float(squares.std()) / case.draws**0.5
        assert spread < 0.025 * float(squares.mean())
        assert abs(float(squares.mean() - moments.variance[k])) < spread


def test_rounded_bits_before_soft_bounds_keep_the_sign():
    """8 bits, 3 % of a step requested: a weight of 0.5 gets half of it, and is not pushed down."""
    chip = Chip(Backprop(), 0.1, (), (UpdateRounding(GRID), _soft_bounds()))
    increment = torch.full_like(STATES, 0.03 * GRID.step)
    assert chip.write_moments(STATES, increment).mean.tolist() == pytest.approx(
        (increment * (1.0 - STATES)).tolist(), rel=0.02
    )


@pytest.mark.parametrize("model", ["crossbar", "pulsed"])
def test_many_pulses_saturate(model):
    """+1 requested at 0.5 on soft bounds: 0.5·(1 − 0.99^100) = 0.317, not 0.5."""
    effect = (
        _soft_bounds(levels=200)
        if model == "crossbar"
        else PulsedWrite(
            LinearStep(),
            draw_devices(NominalDevice(dw_min=0.01, soft_bounds=True), 1, generator_for(0)),
            0.01,
        )
    )
    w, one = torch.tensor([0.5], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    found = Chip(Backprop(), 0.1, (), (effect,)).write_moments(w, one)
    assert float(found.mean) == pytest.approx(0.5 * (1.0 - 0.99**100), rel=1e-6)
    assert float(found.variance) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("rounding", ["nearest", "truncate", "stochastic"])
def test_an_average_over_single_updates_is_exact_for_what_was_averaged(rounding):
    """Increments that are mostly next to nothing: no normal distribution has their moments.

    Writes of increments that are drawn from the sample itself, so that its own error is none.
    """
    sample = 0.03 * torch.randn(400, generator=generator_for(0, "x"), dtype=torch.float64) ** 3
    chip = Chip(Backprop(), 0.1, (), (_soft_bounds(rounding, levels=40, noise=0.01),))
    found = chip.average_write(STATES, sample[:, None].expand(-1, len(STATES)))
    w = STATES.repeat(DRAWS)
    place = torch.randint(len(sample), w.shape, generator=generator_for(0, "place"))
    realized = 0.1 * chip.write(w, sample[place] / -0.1, generator_for(0, "write"))
    for k, drawn in enumerate(realized.view(DRAWS, len(STATES)).T):
        margin = QUANTILE * float(drawn.std()) / DRAWS**0.5
        assert abs(float(drawn.mean() - found.mean[k])) < margin
        squares = (drawn - drawn.mean()).square()
        spread = QUANTILE * float(squares.std()) / DRAWS**0.5
        own = (len(sample) - 1) / len(sample) * found.variance[k]
        assert abs(float(squares.mean() - own)) < spread + 0.003 * float(own)
    assert float(found.mean_error.max()) < 0.1 * float(sample.std())


def test_a_sample_needs_two_increments():
    chip = Chip(Backprop(), 0.1, (), (_soft_bounds(),))
    with pytest.raises(ValueError, match="a sample has 1 increments; allowed: 2 or more"):
        chip.average_write(STATES, STATES[None])


@pytest.mark.parametrize("stacked", [True, False])
def test_chunks_and_stacks_of_increments_make_no_difference(stacked, monkeypatch):
    """Moments of many increments at once, of one after the other, and in chunks of two."""
    effects = (
        (UpdateRounding(GRID), _soft_bounds(noise=0.02), Leakage(30.0))
        if stacked
        else (_pulsed(LinearStep(0.3)), Leakage(30.0))
    )
    chip = Chip(Backprop(), 0.1, (), effects)
    increments = 0.03 * torch.randn(7, 3, generator=generator_for(0, "x"), dtype=torch.float64)
    each = chip.write_stack(STATES, increments)
    for k, x in enumerate(increments):
        alone = chip.write_moments(STATES, x)
        torch.testing.assert_close(each.mean[k], alone.mean)
        torch.testing.assert_close(each.variance[k], alone.variance)
    whole = chip.average_write(STATES, increments)
    monkeypatch.setattr("device_models.moments._CHUNK_ELEMENTS", 6)
    chunks = chip.average_write(STATES, increments)
    torch.testing.assert_close(whole.mean, each.mean.mean(0))
    torch.testing.assert_close(whole.variance, each.mean.var(0) + each.variance.mean(0))
    for name, value in vars(chunks).items():
        torch.testing.assert_close(value, vars(whole)[name])
