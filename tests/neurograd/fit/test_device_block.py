"""Numbers of a fit as keys of a spec, and runs that a fit refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from device_models import draw_devices
from neurograd.effects.pulsed_device import nominal_device, pulsed_step
from neurograd.errors import DataError
from neurograd.fit import Run
from neurograd.fit.device_block import block_of, check_noises
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.trains import line_up
from neurograd.fit.numbers import Number
from neurograd.spec import validate_spec

WINDOW = (
    ("conductance.min", 4e-6, "S"),
    ("conductance.max", 5.6e-5, "S"),
    ("read.noise", 0.02, ""),
)
LEVELS = (("conductance.levels", 40.0, 64.3), ("write.cycle_to_cycle", 0.01, 0.02))
STEPS = (("pulsed.dw_min", 0.04, 0.05), ("pulsed.dw_min_std", 0.3, 0.4))


def numbers(*pairs: tuple[str, float, float]) -> list[Number]:
    found = [Number(key, value, value, value, unit) for key, value, unit in WINDOW]
    for key, *values in pairs:
        for name, value in zip(DIRECTIONS, values, strict=True):
            found.append(Number(f"{key}.{name}", value, value, value))
    return found


@pytest.mark.parametrize(
    ("curve", "pairs"),
    [
        ("constant", LEVELS),
        ("soft bounds", LEVELS),
        ("nonlinear", (*LEVELS, ("write.nonlinearity", 2.0, -3.0))),
        ("linear, relative noise", (*STEPS, ("pulsed.gamma", 0.4, -0.5))),
    ],
)
def test_a_block_is_a_device_of_a_spec(curve, pairs):
    block = block_of(curve, numbers(*pairs), None)
    training = {"step_size": 0.1, "steps": 2}
    spec = validate_spec({"device": block, "task": {"name": "digits"}, "training": training})
    assert spec.device.read.noise == pytest.approx(0.02)
    assert spec.device.conductance.max == pytest.approx(5.6e-5)
    if pairs[0] is LEVELS[0]:
        assert spec.device.conductance.levels.depression == 64
        noise = spec.device.write.cycle_to_cycle
        assert (noise.potentiation, noise.depression) == (0.01, 0.02)
        assert spec.device.write.device_to_device == 0
        assert "device_to_device" not in block["write"]
    else:
        pulsed = spec.device.pulsed
        assert pulsed.dw_min * (1 + pulsed.up_down) == pytest.approx(0.04, rel=1e-3)
        assert pulsed.dw_min * (1 - pulsed.up_down) == pytest.approx(0.05, rel=1e-3)


def test_a_step_that_grows_does_so_in_the_fitted_device():
    """From a slope below 0 on: the chip's own devices take it as the fit's curve does."""
    block = block_of("linear, relative noise", numbers(*STEPS, ("pulsed.gamma", 0.4, -0.5)), None)
    spec = validate_spec({"device": block, "task": {"name": "digits"}})
    drawn = draw_devices(nominal_device(spec.device.pulsed), 1, torch.Generator())
    states = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    for up, expected in ((True, [0.056, 0.04, 0.024]), (False, [0.075, 0.05, 0.025])):
        step = pulsed_step(spec.device.pulsed, noisy=False)
        found, _ = step.moments(states, torch.full((3,), up), drawn)
        assert found.tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("key", ["read.noise", "write.cycle_to_cycle.depression"])
def test_noise_is_at_most_the_window(key):
    def number(value):
        return [Number("conductance.max", 5.0, 4.0, 6.0), Number(key, value, 0.5, 9.0)]

    check_noises(number(1.0))
    with pytest.raises(DataError, match=rf"{key} is 335 % of the window that readings pass.*allow"):
        check_noises(number(3.35))


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        ((("pulsed.gamma", 1.0, 0.0),), 5.0),
        ((("pulsed.exponent", 1.0, 2.0),), 10.0),
        ((("pulsed.gamma", 2.0, 2.0), ("pulsed.amplitude", 0.5, 0.5)), 10.0 / (1 - 0.5 / np.e)),
    ],
)
def test_noise_of_a_step_is_at_most_the_window(shape, most):
    """Where the step is largest, of a mean step of a tenth of the window (weights -1 to 1)."""

    def given(part):
        noise = ("pulsed.dw_min_std", part * most, 0.1)
        return numbers(("pulsed.dw_min", 0.2, 0.2), noise, *shape)

    check_noises(given(0.999))
    with pytest.raises(DataError, match=r"dw_min_std.potentiation is 100.1 % of the window"):
        check_noises(given(1.001))


def test_too_little_is_refused():
    for readings, words in (
        (np.arange(5.0), "has 5 readings before it comes to rest; allowed: 8 or more"),
        (np.full(20, 3.0), "allowed: 8 or more"),
    ):
        with pytest.raises(DataError, match=words):
            line_up([Run("potentiation", readings)])


def test_a_padded_column_is_as_long_as_it_moves():
    down = np.append(np.linspace(10.0, 1.0, 17), np.full(48, 1.0))
    trains = line_up([Run("potentiation", np.linspace(1.0, 10.0, 65)), Run("depression", down)])
    assert trains.pulses().tolist() == [64, 16]
