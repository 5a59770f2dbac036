"""What a temperature changes: thermal noise, and lifetimes of an activation energy."""

from __future__ import annotations

import math

import pytest

from device_models import ThermalNoise
from neurograd.effects.registry import active_in, hints_of, knobs_of
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import validate_spec

TASK = {
    "name": "teacher_student", "train_samples": 10, "test_samples": 5, "inputs": 4, "outputs": 2,
}  # fmt: skip
READ = {
    "conductance": {"min": "1 uS", "max": "100 uS"},
    "read": {"voltage": "200 mV", "bandwidth": "1 MHz"},
}


def chip_of(device):
    spec = validate_spec({"device": device, "network": {"hidden": [3]}, "task": TASK})
    return build_chip(spec, build_problem(spec)), spec


def test_thermal_noise_grows_with_the_temperature():
    parts = []
    for more in ({}, {"temperature": "300 K"}, {"temperature": "126.85 °C"}, {"temperature": 600}):
        chip, _ = chip_of({**READ, **more})
        (read,) = chip.reads
        assert isinstance(read, ThermalNoise)
        assert read.cells.smallest == pytest.approx(0.01)
        parts.append(read.part)
    noise = 4 * 1.380649e-23 * 300 * 1e6 / (0.2**2 * 1e-4)
    assert parts == pytest.approx([noise, noise, noise * 400 / 300, noise * 2])


def test_thermal_noise_is_an_effect_with_knobs():
    _, spec = chip_of({**READ, "temperature": 350})
    (effect,) = active_in(spec, 10)
    assert effect.remedy(spec).words == "lower device.read.bandwidth or raise device.read.voltage"
    keys = [knob.key for knob in knobs_of(spec, 10)]
    assert {"device.read.bandwidth", "device.read.voltage", "device.temperature"} <= set(keys)


@pytest.mark.parametrize(
    ("given", "said"), [(85, True), ("85 K", True), ("85 °C", False), (300, False), (4, False)]
)
def test_kelvin_that_read_like_degrees_celsius_are_hinted_at(given, said):
    _, spec = chip_of({**READ, "temperature": given})
    hints = [each for each in hints_of(spec, 10) if "bare number is in kelvin" in each]
    assert [each.startswith("device.temperature is 85 K: if 85 °C is meant") for each in hints] == (
        [True] * said
    )


def test_a_lifetime_follows_the_law_of_arrhenius():
    """0.6 eV: from 300 K to 310 K the lifetime falls to 0.473 of it."""
    leakage = {"lifetime": 1e5, "activation_energy": 0.6}
    lifetimes = []
    for more in ({}, {"temperature": 310}, {"temperature": 290}):
        chip, _ = chip_of({"conductance": {"mapping": "reference"}, "leakage": leakage, **more})
        lifetimes.append(float(chip.writes[-1].lifetime.max()))
    slope = 0.6 / 8.617333262e-5
    assert lifetimes[0] == pytest.approx(1e5)
    assert lifetimes[1] / 1e5 == pytest.approx(math.exp(slope * (1 / 310 - 1 / 300)))
    assert lifetimes[1] / 1e5 == pytest.approx(0.473, abs=1e-3)
    assert lifetimes[2] > 2e5


def test_a_lifetime_below_one_update_is_refused():
    hot = {"temperature": 900, "leakage": {"lifetime": 100, "activation_energy": 1.0}}
    with pytest.raises(NeurogradError, match=r"at 900 K .* updates; allowed: 1 or more"):
        chip_of(hot)
