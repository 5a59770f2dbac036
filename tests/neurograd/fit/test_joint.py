"""What a fit leaves open, as the ranges of a spec."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from neurograd.errors import DataError
from neurograd.fit.device_block import below_zero
from neurograd.fit.device_fit import fit_device
from neurograd.fit.joint import joint_ranges
from neurograd.fit.reading import read_measurements
from neurograd.keys.ranges import correlation_matrix
from neurograd.spec import validate_spec
from tests.neurograd.command_line import refused, run_command

NOISE = "device.write.cycle_to_cycle.potentiation"
STEPS = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Readings of a straight device with noise of 1.5 % of the window a pulse and 0.5 % a read."""
    rng = np.random.default_rng(1)
    moves = 1 / STEPS + 0.015 * rng.standard_normal((2, STEPS))
    ways = np.concatenate([np.zeros((2, 1)), moves.cumsum(1)], axis=1)
    reads = 1 + 9 * (np.array([[0.0], [1.0]]) + np.array([[1.0], [-1.0]]) * ways)
    reads += 9 * 0.005 * rng.standard_normal(reads.shape)
    lines = [f"{k},{up:.4f},{down:.4f}" for k, (up, down) in enumerate(reads.T)]
    path = tmp_path_factory.mktemp("fit") / "device.csv"
    head = "pulse,potentiation (uS),depression (uS)"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def found(data):
    return fit_device(read_measurements(data), "nonlinear")


def test_the_ranges_are_those_of_the_intervals(found):
    """Both ends of each, at most as far as the key allows."""
    numbers = joint_ranges(found)["numbers"]
    for key, known in numbers.items():
        number = found.number(key.removeprefix("device."))
        assert known["min"] <= number.value <= known["max"]
        assert known["interval"] == pytest.approx([number.low, number.high], rel=1e-3)
        assert known["min"] <= number.low < number.high < known["max"]
    assert numbers[NOISE]["min"] <= 0.015 <= numbers[NOISE]["max"]
    assert isinstance(numbers["device.conductance.levels.potentiation"]["max"], int)


def test_an_end_that_is_not_reached_leaves_the_deviation_of_the_other(found):
    """The upper half of an interval at 95 % is 1.96 standard deviations."""
    key = "write.cycle_to_cycle.potentiation"
    numbers = [
        replace(each, value=0.01, low=0.0, high=0.03) if each.key == key else each
        for each in found.numbers
    ]
    known = joint_ranges(replace(found, numbers=tuple(numbers)))["numbers"][f"device.{key}"]
    assert known == {"min": 0.0, "max": pytest.approx(0.04061, rel=1e-3), "std": 0.0102}


def test_levels_are_cut_by_their_steps(found):
    """125 (75 to 375): steps of 0.0080 (0.0027 to 0.0133), which may be none at three scores."""
    key = "conductance.levels.depression"
    numbers = [
        replace(each, value=125.2, low=75.0, high=375.0) if each.key == key else each
        for each in found.numbers
    ]
    known = joint_ranges(replace(found, numbers=tuple(numbers)))["numbers"][f"device.{key}"]
    assert known["interval"] == [75.0, 375.0]
    assert known["min"] == 61
    assert known["max"] == 1_000_000


def test_correlations_have_the_sign_of_the_data(found):
    """Scatter is read noise or noise of pulses, so that one is larger where the other is smaller.

    The label of depression falls with its bend, which the one of potentiation rises with.
    """
    pairs = {frozenset(pair[:2]): pair[2] for pair in joint_ranges(found)["correlations"]}
    assert pairs[frozenset(("device.read.noise", NOISE))] < -0.1
    levels, label = "device.conductance.levels", "device.write.nonlinearity"
    up, down = (
        pairs[frozenset((f"{levels}.{way}", f"{label}.{way}"))]
        for way in ("potentiation", "depression")
    )
    assert up * down < 0


def test_the_command_writes_a_spec_with_them(data, tmp_path, capsys):
    target = tmp_path / "device.yaml"
    options = ("--model", "nonlinear", "--ranges", "--yaml", target)
    assert run_command(capsys, "fit", data, *options)[0] == 0
    keys = yaml.safe_load(target.read_text(encoding="utf-8"))
    spec = validate_spec(keys)
    assert NOISE in spec.ranges.numbers
    assert np.linalg.eigvalsh(correlation_matrix(spec.ranges)).min() > 0


@pytest.mark.parametrize("high", [np.inf, 2e6])
def test_a_number_without_a_bound_is_not_taken_as_known(found, high):
    """As 50 pulses leave the levels of a noisy device: 40, from 19 to 3.5e7 or without an end."""
    key = "conductance.levels.depression"
    numbers = [replace(each, high=high) if each.key == key else each for each in found.numbers]
    with pytest.raises(DataError, match=f"the data set no bound to {key}; allowed: no ranges"):
        joint_ranges(replace(found, numbers=tuple(numbers)))


@pytest.mark.parametrize(
    ("way", "end"), [("potentiation", {"high": 9.0}), ("depression", {"low": -9.0})]
)
def test_a_bend_without_an_end_is_not_taken_as_known(found, way, end):
    """The label of an infinite bend is 9, and −9 of depression, which the key allows."""
    key = f"write.nonlinearity.{way}"
    numbers = [replace(each, **end) if each.key == key else each for each in found.numbers]
    with pytest.raises(DataError, match=f"the data set no bound to {key}; allowed: no ranges"):
        joint_ranges(replace(found, numbers=tuple(numbers)))


def test_conductances_without_a_unit_have_bounds(found):
    numbers = [
        replace(each, unit="relative", value=5.0, low=4.0, high=6.0)
        if each.key == "conductance.max"
        else each
        for each in found.numbers
    ]
    section = joint_ranges(replace(found, numbers=tuple(numbers)))
    assert "device.conductance.max" not in section["numbers"]


def test_levels_that_a_rival_leaves_open_have_a_range_without_correlations(data):
    """Of pulses that pass the window whole they are known, but not under the curve's rival."""
    whole = fit_device(read_measurements(data), "constant")
    chosen = next(each for each in whole.tried if each.name == "constant over the window")
    key = "conductance.levels.potentiation"
    numbers = [
        replace(each, value=60.0, low=51.0, high=75.0, given=False) if each.key == key else each
        for each in whole.numbers
    ]
    section = joint_ranges(replace(whole, fits=chosen.fits, numbers=tuple(numbers)))
    known = section["numbers"][f"device.{key}"]
    assert known["interval"] == [51.0, 75.0]
    assert known["min"] < 51
    assert known["max"] > 75
    pairs = {each for pair in section["correlations"] for each in pair[:2]}
    assert pairs == {*section["numbers"]} - {f"device.{key}", f"device.{key[:-12]}depression"}


def test_curves_that_no_draw_is_of_are_named(found):
    assert "other_curves" not in joint_ranges(found)
    section = joint_ranges(replace(found, other_forms=("power",)))
    assert section["other_curves"] == ["power"]


@pytest.mark.parametrize(
    ("value", "low", "high", "known"),
    [
        (-8e-7, -9e-7, -7e-7, None),
        (-1e-7, -3e-7, 2e-7, {"min": 0.0, "max": 3.061e-7, "std": 1.02e-7}),
    ],
)
def test_a_smallest_conductance_below_0_is_0(found, value, low, high, known):
    """An offset of the meter: the spec has 0, and no range where 0 lies above the interval."""
    key = "conductance.min"
    numbers = [
        replace(each, value=value, low=low, high=high) if each.key == key else each
        for each in found.numbers
    ]
    fit = replace(found, numbers=tuple(numbers))
    section = joint_ranges(fit)
    assert section["numbers"].get(f"device.{key}") == known
    spec = validate_spec({"device": fit.device_block(), "ranges": section})
    assert spec.device.conductance.min == 0.0
    (note,) = below_zero(fit.numbers)
    assert "an offset of the meter" in note
    assert below_zero(found.numbers) == ()


def test_devices_of_other_curves_are_refused(data):
    with pytest.raises(DataError, match="ranges are for one device with a curve of write"):
        joint_ranges(fit_device(read_measurements(data), "linear"))


def test_numbers_that_are_all_known_leave_no_ranges(found, data, monkeypatch, capsys):
    numbers = [replace(each, low=each.value, high=each.value) for each in found.numbers]
    known = replace(found, numbers=tuple(numbers))
    assert joint_ranges(known) == {"numbers": {}, "correlations": []}
    monkeypatch.setattr("neurograd.fit.device_fit.fit_device", lambda *_: known)
    error = refused(capsys, "fit", data, "--ranges")
    assert "all numbers are known to 1%; allowed: no ranges" in error
    keys = {"device": {"measured": str(data), "measured_as": "nonlinear"}}
    spec = validate_spec(keys)
    assert spec.ranges is None
    idle = validate_spec({**keys, "ranges": {"draws": 8}})
    assert idle == spec.read_from(spec.written, idle.remarks)
    assert idle.remarks[-1].endswith("leaves nothing open: ranges.draws acts on none")
    keys["device"]["read"] = {"noise": {"typ": "1 %", "min": "0 %", "max": "2 %"}}
    assert {*validate_spec({**keys, "ranges": {"draws": 8}}).ranges.numbers} == {
        "device.read.noise"
    }
    assert spec.device.write.cycle_to_cycle.potentiation > 0
