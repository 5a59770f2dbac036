"""Pairs of devices that are only ever raised."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from device_models import (
    ExponentialStep,
    NominalDevice,
    OneSidedPair,
    draw_devices,
)
from neurograd.seeding import generator_for

BONFERRONI = 4.3
"""Normal quantile of 99 % over some hundred weights."""


def one(write, w, pulses):
    """Weight after a number of pulses up (or down, negative) without noise."""
    w = torch.tensor([float(w)], dtype=torch.float64)
    asked = torch.tensor([float(pulses) * write.dw_min], dtype=torch.float64)
    return float(w + write.write(w, asked, generator_for(0)))


PCM = ExponentialStep(amplitude=(-27.235, -2.235), gamma=(2.5, 2.5), a=-1.0, b=0.0)


def pair(step=PCM, rounding="nearest", size=1) -> OneSidedPair:
    nominal = NominalDevice(dw_min=0.01, w_max=2.0, w_min=0.0)
    plus, minus = (draw_devices(nominal, size, generator_for(k)) for k in (0, 1))
    return OneSidedPair(step, plus, minus, 0.01, rounding=rounding)


def test_a_pair_is_raised_on_either_side():
    """The device of the other sign starts from 0, where the step is largest."""

    def step_at(g):
        return 0.01 * (1 + 27.235 * math.exp(2.5 * 2 * -1.0 * g / 2.0))

    write = pair()
    assert one(write, 0.5, 1) == pytest.approx(0.5 + step_at(0.5))
    assert one(write, 0.5, -1) == pytest.approx(0.5 - step_at(0.0))
    assert one(write, -0.5, -1) == pytest.approx(-0.5 - step_at(0.5))
    assert one(write, -0.5, 1) == pytest.approx(-0.5 + step_at(0.0))
    assert step_at(0.0) > 2 * step_at(0.5)
    assert one(write, 1.9, 40) == 2.0


def test_pair_samples_agree_with_the_closed_form():
    """Mean of every weight at 99 % (Bonferroni), total variance at 99 %."""
    write = pair(replace(PCM, noise=0.3), "stochastic", 30)
    w = torch.linspace(-1.0, 1.0, 30).double()
    increment = torch.linspace(-0.009, 0.009, 30).double().roll(7)
    exact = write.moments(w, increment)
    draws = torch.stack([write.write(w, increment, generator_for(2, k)) for k in range(4000)])
    error = (exact.variance / 4000).sqrt()
    assert bool(((draws.mean(0) - exact.mean).abs() <= BONFERRONI * error + 1e-12).all())
    scatter = (draws - exact.mean).square().sum(1)
    assert abs(float(scatter.mean()) - exact.total_variance) < 2.6 * float(
        scatter.std()
    ) / math.sqrt(4000)
    assert not write.deterministic
    assert pair().deterministic
