"""Closed-form moments of writes of several pulses and effects, against samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    FixedPointGrid,
    Leakage,
    LinearStep,
    PulsedWrite,
    UpdateRounding,
)
from device_models.write.pulsed_devices import NominalDevice, draw_devices
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_requests_of_several_pulses_by_hand(dtype):
    """A request of 0.4, 1 and 3.6 pulses of 0.1 down, from 0.9, where 0 is the end."""
    devices = draw_devices(NominalDevice(dw_min=0.1, w_min=0.0), 3, generator_for(0), dtype)
    pulses = torch.tensor([0.4, 1.0, 3.6], dtype=dtype)
    w = torch.tensor([0.9, 0.9, 0.35], dtype=dtype)
    write = PulsedWrite(LinearStep(), devices, 0.1)
    moments = write.train_moments(w, -0.1 * pulses)
    # 3 pulses with chance 0.4 realize 0.3, 4 pulses the 0.35 that there is.
    assert moments.mean.tolist() == pytest.approx([-0.04, -0.1, -0.33], abs=1e-6)
    assert moments.variance.tolist() == pytest.approx([0.0024, 0.0, 0.0006], abs=1e-6)
    for mode, whole in (("nearest", [0.0, -0.1, -0.35]), ("truncate", [0.0, -0.1, -0.3])):
        found = replace(write, rounding=mode).train_moments(w, -0.1 * pulses)
        assert found.mean.tolist() == pytest.approx(whole, abs=1e-6)
        assert not found.variance.any()


@pytest.mark.parametrize("preset", ["reram-sb", "pcm", "idealized", "alox-hfo2", "capacitor"])
def test_write_moments_of_many_pulses_and_effects_against_samples(preset):
    """Mean of all weights and total variance of 300 writes, in 99.9 % intervals."""
    spec = validate_spec(
        {
            "device": {"preset": preset},
            "network": {"hidden": [4]},
            "task": {"name": "digits", "train_samples": 50},
        }
    )
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    w = chip.program(0.3 * problem.initial_weights)
    increment = torch.full_like(w, 0.01)
    moments = chip.write_moments(w, increment)
    draws = torch.stack(
        [-chip.step_size * -chip.write(w, -increment / chip.step_size, generator_for(0, k))
         for k in range(300)]
    )  # fmt: skip
    mean, spread = draws.mean(0), draws.var(0)
    error = float((spread / len(draws)).sum().sqrt()) / len(w)
    assert float(mean.mean()) == pytest.approx(
        float(moments.mean.mean()), rel=1e-9, abs=3.3 * error
    )
    squares = (draws - moments.mean).square().sum(1)
    error = float(squares.std()) / len(draws) ** 0.5
    assert float(squares.mean()) == pytest.approx(moments.total_variance, rel=1e-9, abs=3.3 * error)
    assert error < 0.03 * moments.total_variance
    assert moments.total_variance > 0


def test_a_random_increment_goes_through_a_chain():
    """Stochastic rounding before a leak: mean and variance in closed form."""
    w = torch.tensor([0.1, -0.4], dtype=torch.float64)
    grid = FixedPointGrid(6)
    chip = Chip(Backprop(), 0.1, (), (UpdateRounding(grid), Leakage(50.0)))
    increment = torch.tensor([0.25, 0.5], dtype=torch.float64) * grid.step
    moments = chip.write_moments(w, increment)
    p = torch.tensor([0.25, 0.5], dtype=torch.float64)
    kept = 1 - 1 / 50.0
    assert moments.mean.tolist() == pytest.approx((kept * increment - w / 50.0).tolist())
    assert moments.variance.tolist() == pytest.approx(
        (kept**2 * grid.step**2 * p * (1 - p)).tolist()
    )
