"""What writes by whole pulses share: requests, and moments of one pulse at most."""

from __future__ import annotations

import pytest
import torch

from device_models.protocols import ElementMoments, PulseWise
from device_models.write.whole_pulses import (
    WholePulseWrite,
    changes,
    pulsed_by_chance,
)
from neurograd.seeding import generator_for


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


class Steps(WholePulseWrite):
    """Pulses of exactly 0.1 up or down."""

    deterministic = False

    def __init__(self, rounding):
        self.rounding = rounding

    def program(self, w):
        return w

    def write(self, w, increment, generator):
        raise NotImplementedError

    def _requested(self, increment):
        return increment.abs() / 0.1

    def _one_pulse(self, w, increment, chance, part):
        moved = ElementMoments(w + 0.1 * part * increment.sign(), 0.01 * part)
        return pulsed_by_chance(w, moved, chance, 1.0)

    def _after_pulses(self, w, increment, pulses, part):
        ends = (
            ElementMoments(w + 0.1 * increment.sign() * n, 0.01 * n)
            for n in (pulses, pulses + part)
        )
        return changes(w, tuple(ends), 1.0)


def test_one_pulse_by_hand():
    w = _tensor(0.0, 0.5, 0.0)
    moments = Steps("stochastic").moments(w, _tensor(0.025, -0.075, 0.0))
    torch.testing.assert_close(moments.mean, _tensor(0.025, -0.075, 0.0))
    # A pulse with probability 1/4 or 3/4: 0.01·p·(1 − p), and its own 0.01 as often as it comes.
    torch.testing.assert_close(moments.variance, _tensor(0.004375, 0.009375, 0.0))
    nearest = Steps("nearest").moments(w, _tensor(0.04, -0.06, 0.1))
    torch.testing.assert_close(nearest.mean, _tensor(0.0, -0.1, 0.1))
    torch.testing.assert_close(nearest.variance, _tensor(0.0, 0.01, 0.01))


def test_without_rounding_pulses_are_divided():
    """A quarter of a pulse has a quarter of its mean and of its variance."""
    w, increment = _tensor(0.0, 0.5, 0.0), _tensor(0.025, -0.075, 0.1)
    moments = Steps("none").moments(w, increment)
    torch.testing.assert_close(moments.mean, increment)
    torch.testing.assert_close(moments.variance, 0.1 * increment.abs())
    train = Steps("none").train_moments(w, 10.0 * increment)
    torch.testing.assert_close(train.mean, 10.0 * increment)
    torch.testing.assert_close(train.variance, increment.abs())


@pytest.mark.parametrize(
    ("rounding", "largest"), [("stochastic", 0.1), ("nearest", 0.149), ("truncate", 0.199)]
)
def test_moments_are_refused_where_two_pulses_may_come(rounding, largest):
    steps, w = Steps(rounding), torch.zeros(2, dtype=torch.float64)
    assert steps.moments(w, _tensor(0.01, -largest)) is not None
    assert steps.moments(w, _tensor(0.01, -largest - 0.01)) is None


@pytest.mark.parametrize("rounding", ["stochastic", "nearest", "truncate"])
def test_trains_realize_the_request(rounding):
    steps = Steps(rounding)
    assert isinstance(steps, PulseWise)
    increment = torch.rand(50, generator=generator_for(0), dtype=torch.float64) - 0.5
    moments = steps.train_moments(torch.zeros_like(increment), increment)
    pulses = increment.abs() / 0.1
    whole = {"stochastic": pulses, "nearest": pulses.round(), "truncate": pulses.trunc()}[rounding]
    part = pulses - pulses.floor() if rounding == "stochastic" else torch.zeros_like(pulses)
    torch.testing.assert_close(moments.mean, 0.1 * increment.sign() * whole)
    torch.testing.assert_close(moments.variance, 0.01 * (part * (1 - part) + whole))


def test_changes_are_scaled():
    moments = pulsed_by_chance(
        _tensor(1.0), ElementMoments(_tensor(1.5), _tensor(0.04)), _tensor(1.0), 3.0
    )
    torch.testing.assert_close(moments.mean, _tensor(1.5))
    torch.testing.assert_close(moments.variance, _tensor(0.36))
