"""Several devices: each fitted for itself, and what a spec is told of the spread between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from device_models import LinearStep, NominalDevice, draw_devices
from neurograd.fit import Measurements, Run
from neurograd.fit.device_block import unknown_of
from neurograd.fit.device_fit import DeviceFit, fit_device
from neurograd.fit.devices import Devices
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.model_fit import fit_model
from neurograd.fit.models.trains import line_up
from neurograd.fit.numbers import SPREADS
from neurograd.spec import validate_spec

SMALL = {"task": {"name": "digits"}, "training": {"step_size": 0.1, "steps": 2}}
READ, KICK = 0.01, 0.006


def straight(sizes: list[float], seed: int, steps: int = 24) -> Measurements:
    """Constant devices from 1 uS on, with windows of 10 uS times their sizes."""
    rng = np.random.default_rng(seed)
    runs = []
    for device, size in enumerate(sizes):
        for direction in DIRECTIONS:
            moves = size / steps + KICK * rng.standard_normal(steps)
            way = np.append(0.0, moves.cumsum())
            way = way if direction == DIRECTIONS[0] else size - way
            reads = way + READ * rng.standard_normal(steps + 1)
            runs.append(Run(direction, 1e-6 * (1.0 + 10.0 * reads), device=device))
    return Measurements(tuple(runs), "S", (), ())


SIZES = [0.75, 0.95, 1.05, 1.25]


@pytest.fixture(scope="module")
def spread_out() -> DeviceFit:
    return fit_device(straight(SIZES, seed=3))


def test_the_spread_of_windows_is_that_of_the_devices(spread_out):
    """Windows are told within 1 %, so the estimate is the devices' own standard deviation."""
    spread = spread_out.number("write.device_to_device")
    own = np.std(np.log(SIZES), ddof=1)
    assert spread.value == pytest.approx(np.sqrt(np.expm1(own**2)), rel=0.1)
    # Four devices of normal numbers: 0.57 to 3.73 times their standard deviation at 95 %.
    assert spread.low == pytest.approx(np.sqrt(np.expm1((0.57 * own) ** 2)), rel=0.1)
    assert spread.high == pytest.approx(np.sqrt(np.expm1((3.73 * own) ** 2)), rel=0.1)
    assert len(spread_out.fits) == len(SIZES)
    assert not [each for each in spread_out.unknown if "device" in each.key]
    spec = validate_spec({"device": spread_out.device_block(), **SMALL})
    assert spec.device.write.device_to_device == pytest.approx(spread.value, rel=0.01)


def test_the_noises_of_all_devices_are_one(spread_out):
    """The truth lies in both 95 % intervals at this seed, which one device's spread would leave."""
    for key, truth in (("read.noise", READ), ("write.cycle_to_cycle.potentiation", KICK)):
        found = spread_out.number(key)
        assert found.low < truth < found.high < 2.0 * truth
    assert not any("differ in their noise" in line for line in spread_out.notes)


def test_the_mean_device_is_as_uncertain_as_devices_differ(spread_out):
    high = spread_out.number("conductance.max")
    half = 1e-5 * np.std(SIZES, ddof=1) / np.sqrt(len(SIZES)) * 3.18
    assert high.value == pytest.approx(1.1e-5, rel=0.02)
    assert high.high - high.value == pytest.approx(half, rel=0.15)


def test_devices_that_are_alike_are_not_told_from_none():
    fit = fit_device(straight([1.0] * 2, seed=5))
    spread = fit.number("write.device_to_device")
    assert spread.low == 0.0
    assert 0.1 < spread.high < 2.0
    assert any("not told from 0 by 2 devices: it is at most" in line for line in fit.lines())


def unknown(runs: Sequence[Run], unit: str, *keys: str) -> dict[str, str]:
    return {each.key: each.why for each in unknown_of(line_up(runs), unit, keys)}


def test_why_a_spread_is_not_known():
    """Of one device, and of two of which each was measured in one direction."""
    up, down = straight([1.0], seed=0).runs
    for runs, words in (
        ((up, down), "one device tells nothing"),
        ((up, replace(down, device=1)), "same directions"),
    ):
        assert words in unknown(runs, "S")["write.device_to_device"]
    assert unknown((up, down, *straight([1.0] * 2, 1).runs[2:]), "S", SPREADS[0]) == {}


def test_readings_that_are_normalised_device_by_device_have_no_windows():
    measured = straight([0.8, 1.2], seed=7)
    runs = []
    for device in range(2):
        own = [run for run in measured.runs if run.device == device]
        every = np.concatenate([run.conductance for run in own])
        low, width = every.min(), np.ptp(every)
        runs += [replace(run, conductance=(run.conductance - low) / width) for run in own]
    found = unknown(runs, "relative", "pulsed.w_max_dtod", "pulsed.dw_min_dtod")
    assert "normalised device by device" in found["pulsed.w_max_dtod"]
    assert "pulsed.dw_min_dtod" not in found
    assert "pulsed.w_max_dtod" not in unknown(measured.runs, "relative", "pulsed.w_max_dtod")


def test_spreads_of_pulsed_devices_are_those_that_a_chip_draws():
    """Devices as ``device_models`` draws them, with next to no noise: each spread is their own."""
    nominal = NominalDevice(
        dw_min=0.06, dw_min_dtod=0.12, up_down=0.1, up_down_dtod=0.08, w_max_dtod=0.1,
        w_min_dtod=0.15, gamma=(0.3, 0.45), gamma_dtod=0.1,
    )  # fmt: skip
    devices = draw_devices(nominal, 5, torch.Generator().manual_seed(4))
    step, rng = LinearStep(0.02, multiplicative=True), np.random.default_rng(0)
    runs = []
    for direction in DIRECTIONS:
        up = direction == DIRECTIONS[0]
        h = (devices.low if up else devices.high).clone()
        states = [h]
        for _ in range(30):
            mean, deviation = step.moments(h, torch.full((5,), up), devices)
            noise = deviation * torch.from_numpy(rng.standard_normal(5))
            h = h + (1.0 if up else -1.0) * (mean + noise)
            states.append(h)
        reads = torch.stack(states).numpy()
        reads = 3.0 + reads + 5e-4 * rng.standard_normal(reads.shape)
        runs += [Run(direction, reads[:, device], device) for device in range(5)]
    trains = line_up(runs)
    fits = [fit_model(CURVES[-1], own) for own in trains.by_device()]
    found = {number.key: number for number in Devices.of(fits, trains).spreads()}
    # Weights are from -1 to 1 of the mean window of these devices.
    half = 0.5 * float((devices.high - devices.low).mean())
    zero = 0.5 * float((devices.high + devices.low).mean())
    up, down = ((step.moments(torch.full((5,), zero), torch.full((5,), way), devices)[0] / half)
                for way in (True, False))  # fmt: skip
    size = 0.5 * (up + down)
    rise = -devices.slope_up * devices.step_up / up * half
    fall = devices.slope_down * devices.step_down / down * half
    truth = {
        "w_max": devices.high.std() / half,
        "w_min": devices.low.std() / half,
        "dw_min": size.std() / size.mean(),
        "up_down": (0.5 * (up - down) / size.mean()).std(),
        "gamma": torch.stack([rise, fall]).var(dim=1).mean().sqrt(),
    }
    for key, value in truth.items():
        number = found[f"pulsed.{key}_dtod"]
        assert number.value == pytest.approx(float(value), rel=0.08)
        assert number.low < number.value < number.high
