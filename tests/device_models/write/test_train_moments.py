"""Moments behind trains of pulses: the compiled loop against the plain recursion."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models import LinearStep, NominalDevice, draw_devices
from device_models.write import fused_pulses, train_moments
from device_models.write.pulsed_step import ExponentialStep, PowerStep
from device_models.write.pulsed_write import PulsedWrite, signed_step, train_ends
from device_models.write.train_moments import after_train
from neurograd.seeding import generator_for
from tests.device_models.write.looped_steps import LOOPED

SIZE = 300


def _request(dtype, dw_min, soft):
    nominal = NominalDevice(
        dw_min=dw_min, dw_min_dtod=0.3, w_max_dtod=0.2, w_min_dtod=0.2, soft_bounds=soft
    )
    devices = draw_devices(nominal, SIZE, generator_for(0, "devices"), dtype)
    # The ends themselves, too: there a distribution is cut.
    start = devices.clip(torch.linspace(-1.5, 1.5, SIZE, dtype=dtype))
    up = torch.arange(SIZE) % 3 > 0
    pulses = torch.logspace(-0.5, 6, SIZE, dtype=dtype).floor()[torch.arange(SIZE) * 7 % SIZE]
    pulses[::50] = math.inf
    return devices, start, up, pulses, torch.linspace(0.0, 1.0, SIZE, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("step", LOOPED, ids=repr)
def test_the_compiled_loop_has_the_plain_moments(step, soft, dtype):
    """No pulse to infinitely many; in 32 bits a block may have a pulse more or less."""
    devices, start, up, pulses, part = _request(dtype, 0.003, soft)
    found = fused_pulses.ends_fused(step, devices, start, up, pulses, part)
    low, high = (each.expand_as(start) for each in (devices.low, devices.high))
    expected = after_train(signed_step(step, devices, up), start, low, high, pulses, part)
    assert found is not None
    tolerance = 1e-9 if dtype == torch.float64 else 2e-3
    for ours, plain in zip(found, expected, strict=True):
        assert not ours.mean.equal(start)
        torch.testing.assert_close(ours.mean, plain.mean, rtol=0.0, atol=tolerance)
        # Deviations of a state that is cut at a bound know half of their digits.
        torch.testing.assert_close(
            ours.variance.sqrt(), plain.variance.sqrt(), rtol=0.0, atol=10 * tolerance
        )


def test_other_steps_have_no_compiled_loop(monkeypatch):
    class Own(LinearStep):
        """Any other."""

    arguments = _request(torch.float64, 0.003, soft=False)
    assert fused_pulses.ends_fused(Own(0.3), *arguments) is None
    assert fused_pulses.ends_fused(LinearStep(0.3), *arguments) is not None
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: False)
    assert fused_pulses.ends_fused(LinearStep(0.3), *arguments) is None
    assert float(train_ends(LinearStep(0.3), *arguments)[0].variance.max()) > 0


@pytest.mark.parametrize("step", [LinearStep(1.0), ExponentialStep(0.5)])
def test_moments_of_trains_do_not_depend_on_how_many_nodes_a_call_takes(step, monkeypatch):
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: False)
    nominal = NominalDevice(dw_min=0.05)
    devices = draw_devices(nominal, 40, generator_for(0, "devices"))
    write = PulsedWrite(step, devices, nominal.dw_min)
    w = torch.linspace(-0.3, 0.3, 40, dtype=torch.float64)
    asked = torch.linspace(-0.6, 0.6, 40, dtype=torch.float64)
    together = write.train_moments(w, asked)
    monkeypatch.setattr(train_moments, "MOST_AT_ALL_NODES", 0)
    singly = write.train_moments(w, asked)
    torch.testing.assert_close(together.mean, singly.mean, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(together.variance, singly.variance, rtol=1e-10, atol=1e-15)
    assert bool((together.variance[:15] > 0).all())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_trains_of_pulses_that_are_small_beside_the_window_go_on_to_their_end(
    noise, compiled, monkeypatch
):
    """A pulse moves a device by 1e-10 of its window; a million of them by a ten thousandth."""
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: compiled)
    nominal = NominalDevice(dw_min=2e-8, w_max=100.0, w_min=-100.0)
    devices = draw_devices(nominal, 2, generator_for(0, "devices"))
    write = PulsedWrite(LinearStep(noise), devices, nominal.dw_min)
    asked = torch.tensor([0.02, -1.0], dtype=torch.float64)
    moments = write.train_moments(torch.zeros_like(asked), asked)
    pulses = asked.abs() / nominal.dw_min
    torch.testing.assert_close(moments.mean, asked, rtol=1e-6, atol=0.0)
    expected = (noise * nominal.dw_min) ** 2 * pulses
    torch.testing.assert_close(moments.variance, expected, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_trains_go_on_where_steps_are_small_near_a_bound(compiled, monkeypatch):
    """Steps ``Δr⁴`` of the room r: ``r⁻³`` grows by 3Δ over the window with every pulse."""
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: compiled)
    nominal = NominalDevice(dw_min=1e-4)
    devices = draw_devices(nominal, 1, generator_for(0, "devices"))
    start, up = torch.tensor([0.98], dtype=torch.float64), torch.tensor([True])
    pulses = torch.tensor([1.6e5], dtype=torch.float64)
    end = train_ends(PowerStep(exponent=4.0), devices, start, up, pulses, torch.ones_like(start))[0]
    room = (0.01**-3 + 3 * nominal.dw_min / 2 * pulses) ** (-1 / 3)
    torch.testing.assert_close(end.mean - start, 0.02 - 2 * room, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_pulses_that_aim_far_beyond_the_window_end_at_its_bound(noise, compiled, monkeypatch):
    """Steps of 1e20 and of infinitely many windows."""
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: compiled)
    devices = draw_devices(NominalDevice(dw_min=0.1), 2, generator_for(0, "devices"))
    step = ExponentialStep(noise, amplitude=(-1.0, -1.0), gamma=(50.0, 50.0), a=100.0, b=0.0)
    start = torch.tensor([0.01, 0.9], dtype=torch.float64)
    up, one = torch.tensor([True, True]), torch.ones_like(start)
    ends = train_ends(step, devices, start, up, one, 0.5 * one)
    # From 0.01 noise of 10²⁰ windows goes to either bound, from 0.9 steps are infinite.
    chance = stats.norm.sf(1 / noise) if noise else 0.0
    for end, part in zip(ends, (1.0, 0.5), strict=True):
        if part == 1:
            torch.testing.assert_close(end.mean, one - 2 * chance * torch.tensor([1.0, 0.0]))
        assert bool((end.mean > 0.5).all() & (end.mean <= 1).all() & (end.variance < 0.2).all())
