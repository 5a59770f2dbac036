"""Steps of single pulses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from device_models import (
    ExponentialStep,
    LinearStep,
    NominalDevice,
    PowerStep,
    PulsedWrite,
    draw_devices,
)
from neurograd.seeding import generator_for


def write_of(step, rounding="nearest", size=1, seed=0, **options) -> PulsedWrite:
    nominal = NominalDevice(**options)
    drawn = draw_devices(nominal, size, generator_for(seed))
    return PulsedWrite(step, drawn, nominal.dw_min, rounding=rounding)


def one(write, w, pulses):
    """Weight after a number of pulses up (or down, negative) without noise."""
    w = torch.tensor([float(w)], dtype=torch.float64)
    asked = torch.tensor([float(pulses) * write.dw_min], dtype=torch.float64)
    return float(w + write.write(w, asked, generator_for(0)))


def test_constant_step():
    write = write_of(LinearStep(), dw_min=0.01, up_down=0.2)
    assert one(write, 0.3, 1) == pytest.approx(0.3 + 0.012)
    assert one(write, 0.3, -1) == pytest.approx(0.3 - 0.008)


def test_linear_step():
    write = write_of(LinearStep(), dw_min=0.01, gamma=(0.1, 0.5), w_max=1.2, w_min=-0.8)
    assert one(write, 0.3, 1) == pytest.approx(0.3 + 0.01 * (1 - 0.1 / 1.2 * 0.3))
    assert one(write, 0.3, -1) == pytest.approx(0.3 - 0.01 * (1 + 0.5 / 0.8 * 0.3))
    assert one(write, -0.8, -1) == -0.8


def test_soft_bounds_stop_at_the_bounds():
    write = write_of(LinearStep(), dw_min=0.1, soft_bounds=True, w_max=1.25, w_min=-0.75)
    assert one(write, 0.5, 1) == pytest.approx(0.5 + 0.1 * (1 - 0.5 / 1.25))
    assert one(write, 0.5, -1) == pytest.approx(0.5 - 0.1 * (1 + 0.5 / 0.75))
    assert one(write, 1.25, 1) == 1.25
    assert one(write, 0.0, 500) == pytest.approx(1.25)


def test_exponential_step():
    step = ExponentialStep(amplitude=(-1.2, -0.08), gamma=(5.0, 4.0), a=-0.5, b=-0.4)
    write = write_of(step, dw_min=0.01)
    z = 2 * -0.5 * 0.3 / 2 - 0.4
    assert one(write, 0.3, 1) == pytest.approx(0.3 + 0.01 * (1 + 1.2 * math.exp(5 * z)))
    assert one(write, 0.3, -1) == pytest.approx(0.3 - 0.01 * (1 + 0.08 * math.exp(-4 * z)))
    blocked = write_of(ExponentialStep(amplitude=(1e9, 1e9)), dw_min=0.01)
    assert one(blocked, 0.3, 1) == 0.3, "a step is never negative"


def test_power_step():
    write = write_of(PowerStep(exponent=2.0), dw_min=0.01, w_max=1.0, w_min=-1.0)
    assert one(write, 0.2, 1) == pytest.approx(0.2 + 0.01 * 0.4**2)
    assert one(write, 0.2, -1) == pytest.approx(0.2 - 0.01 * 0.6**2)


def test_power_step_beyond_a_bound_is_that_at_the_bound():
    """Rounding can leave a state there; the power of a negative room is not a number."""
    devices = write_of(PowerStep(), dw_min=0.01, w_max=1.0, w_min=-1.0).devices
    step, up = PowerStep(0.3, exponent=1.5), torch.tensor([True, False, True, False])
    beyond, at = (
        step.moments(torch.tensor([h, h, -h, -h], dtype=torch.float64), up, devices)
        for h in (1.0 + 1e-9, 1.0)
    )
    torch.testing.assert_close(beyond, at, rtol=0, atol=1e-15)
    torch.testing.assert_close(at[0], 0.01 * torch.tensor([0.0, 1.0, 1.0, 0.0]).double())


def test_noise_of_three_terms():
    """σ(mean + offset + slope·|h|), phase-change memory's (Nandakumar et al., 2020)."""
    step = ExponentialStep(0.6, noise_offset=0.042, noise_slope=0.108)
    write = write_of(step, size=1, dw_min=0.01)
    h, up = torch.tensor([-0.4]).double(), torch.tensor([True])
    mean, std = step.moments(h, up, write.devices)
    plain = replace(step, noise_offset=0.0, noise_slope=0.0).moments(h, up, write.devices)
    assert mean.equal(plain[0])
    assert float(std) == pytest.approx(0.6 * (float(mean) + 0.042 + 0.108 * 0.4))
