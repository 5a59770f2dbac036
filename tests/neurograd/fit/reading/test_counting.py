"""Pulses between readings: lines of other devices, of pulses and of other things are none."""

from __future__ import annotations

import re

import numpy as np
import pytest

from neurograd.fit.reading import read_measurements

UP = np.linspace(4, 60, 15)
DOWN = UP[::-1]


def read(tmp_path, lines, choices=None):
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    return read_measurements(tmp_path / "table.csv", choices)


def counts(found):
    return [None if run.pulses is None else run.pulses.tolist() for run in found.runs]


def interleaved(axis, lost=()):
    """Two devices in turn; LTP of the second is lost at some readings."""
    lines, line = [f"{axis},device,LTP (uS),LTD (uS)".removeprefix("none,")], 0
    for k, (u, d) in enumerate(zip(UP, DOWN, strict=True)):
        for name in ("D1", "D2"):
            at = {"time (s)": f"{0.1 * k:g},", "pulse": f"{k},", "index": f"{line},", "none": ""}
            value = "" if name == "D2" and k in lost else f"{u}"
            lines.append(f"{at[axis]}{name},{value},{d}")
            line += 1
    return lines


@pytest.mark.parametrize("axis", ["time (s)", "none", "index", "pulse"])
def test_lines_of_another_device_are_no_pulses(tmp_path, axis):
    found = read(tmp_path, interleaved(axis))
    assert [run.device for run in found.runs] == [0, 1, 0, 1]
    assert counts(found) == [None] * 4
    for run in found.runs:
        values = UP if run.direction == "potentiation" else DOWN
        np.testing.assert_allclose(run.conductance, 1e-6 * values)
    lost = counts(read(tmp_path, interleaved(axis, lost=(3,))))
    assert lost == [None, [0, 1, 2, *range(4, 15)], None, None]


def log(pulses=1, axis="time (s)", heads="V (V),G (uS)", noise=0.0, first_read=False, up=1.0):
    """One device: lines of pulses without a reading, then a line of a read at 0.1 V."""
    generator = np.random.default_rng(1)
    lines, k = [f"{axis},{heads}".removeprefix("none,")], 0

    def add(text):
        nonlocal k
        lines.append(("" if axis == "none" else f"{k},") + text)
        k += 1

    if first_read:
        add("0.1,3")
    for volts, values in ((up, UP), (-1.3 * up, DOWN[1:])):
        for value in values:
            for _ in range(pulses):
                add(f"{volts:g},")
            add(f"0.1,{value + noise * generator.standard_normal():.6f}")
    return lines


@pytest.mark.parametrize("axis", ["time (s)", "index", "none"])
@pytest.mark.parametrize("first_read", [True, False])
@pytest.mark.parametrize("up", [1.0, -0.9])
def test_a_line_for_the_pulse_and_one_for_the_read_are_one_pulse(tmp_path, axis, first_read, up):
    found = read(tmp_path, log(axis=axis, first_read=first_read, up=up))
    assert counts(found) == [None, None]
    assert [run.direction for run in found.runs] == ["potentiation", "depression"]
    assert [len(run.conductance) for run in found.runs] == [15 + first_read, 14]
    assert found.runs[1].start == found.runs[0].conductance[-1]
    blanks = "blank cells between values: lines of the pulses, by their voltage"
    assert any(blanks in note for note in found.notes)


def test_several_pulses_before_a_read_are_counted(tmp_path):
    up, down = counts(read(tmp_path, log(pulses=3)))
    assert up == list(range(0, 45, 3))
    assert down == list(range(0, 42, 3))


def test_the_pulses_of_a_log_tell_directions_that_noise_hides(tmp_path):
    found = read(tmp_path, log(noise=8.0))
    assert [len(run.conductance) for run in found.runs] == [15, 14]
    assert "directions from the sign of V (V), every reading behind the pulse of a line before" in (
        found.understood
    )


def test_a_hole_among_pulses_of_rising_voltage_is_one_more_pulse(tmp_path):
    """Each line has its pulse and its reading; the strongest pulse has lost its reading."""
    lines = ["time (s),V_pulse (V),LTP (uS)"]
    lines += [f"{k},{2.0 if k == 7 else 1 + 0.01 * k},{'' if k == 7 else k}" for k in range(12)]
    assert counts(read(tmp_path, lines)) == [[*range(7), *range(8, 12)]]


def test_lines_between_over_time_are_no_pulses_where_they_are_regular(tmp_path):
    def table(lost=(), axis="time (s)"):
        lines = [f"{axis},LTP (uS)"]
        for k in range(12):
            lines += [f"{2 * k},{'' if k in lost else k}", f"{2 * k + 1},"]
        return read(tmp_path, lines)

    assert counts(table()) == [None]
    assert "one line in 2 has a value" in " ".join(table().notes)
    assert counts(table(lost=(5,))) == [[0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]]
    assert counts(table(axis="pulse")) == [list(range(0, 24, 2))]
    assert "pulses without one" in " ".join(table(axis="pulse").notes)


def test_a_reading_that_is_lost_over_time_is_a_pulse(tmp_path):
    lines = ["time (s),LTP (uS)", *(f"{k},{'' if k == 4 else k}" for k in range(9))]
    assert counts(read(tmp_path, lines)) == [[0, 1, 2, 3, 5, 6, 7, 8]]


def at_rest(rests, *, first, devices):
    """A reading in every line: a larger one under each pulse, and some at 0 V behind it."""
    texts = [(0.0, 2.0)] * first
    for volts, values in ((2.0, UP), (-2.0, DOWN[1:])):
        for value in values:
            texts += [(volts, 5.0 * value), *[(0.0, value + 0.5)] * (rests - 1), (0.0, value)]
    rows = [(device, *text) for text in texts for device in range(devices)]
    lines = [f"{k},D{device},{volts:g},{value:g}" for k, (device, volts, value) in enumerate(rows)]
    return ["Time (ms),device,Vgate (V),Ids (nA)", *lines]


@pytest.mark.parametrize("rests", [1, 2, 5])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("devices", [1, 2])
def test_lines_at_rest_are_no_pulses_and_hold_the_readings(tmp_path, rests, first, devices):
    found = read(tmp_path, at_rest(rests, first=first, devices=devices))
    assert counts(found) == [None] * 2 * devices
    for run in found.runs:
        values = np.append(2.0, UP) if first else UP
        values = values if run.direction == "potentiation" else DOWN[1:]
        np.testing.assert_allclose(run.conductance, 1e-9 * values)
        assert run.start == (None if run.direction == "potentiation" else pytest.approx(60e-9))
    taken, every = devices * (29 + first), devices * (29 * (1 + rests) + first)
    said = f"lines at 0 V are no pulses: of {every} readings of column Ids .nA. the {taken} are tak"
    assert any(re.match(said, line) for line in found.understood)
    assert not any("blank" in note for note in found.notes)


def test_pulses_in_a_row_before_a_rest_are_counted(tmp_path):
    """Of 0 V behind two thirds of all pulses: each line at a voltage is one."""
    lines, k = ["pulse voltage (V),G (uS)"], 0
    for volts, values in ((1, UP), (-1, DOWN[1:])):
        for value in values:
            for pulse in range(1 + (k % 2)):
                lines.append(f"{volts},{value if pulse == k % 2 else value - 1}")
            lines.append(f"0,{value}")
            k += 1
    found = read(tmp_path, lines)
    up = found.runs[0]
    np.testing.assert_allclose(up.conductance[:3], 1e-6 * np.array([UP[0], UP[1] - 1, UP[1]]))
    assert up.pulses is None


def test_one_reading_at_rest_at_either_end_changes_nothing(tmp_path):
    """A last reading without a pulse, or a first one, is in a log of a pulse a line."""
    lines = ["V_pulse (V),G (uS)", *(f"1,{value}" for value in UP)]
    lines += [f"-1,{value}" for value in DOWN[1:]]
    plain, rested = read(tmp_path, lines), read(tmp_path, [*lines, "0,3.5"])
    assert len(rested.runs[1].conductance) == len(plain.runs[1].conductance) + 1
    assert not any("0 V" in line for line in rested.understood)


def test_times_in_unequal_steps_count_no_pulses(tmp_path):
    note = "unequal steps, and neither pulse numbers nor voltages: each reading counts as one pulse"
    values = [*UP, *DOWN[1:]]

    def noted(times, *, volts=False):
        heads = "Time (s),G (uS)" + ",V (V)" * volts
        rows = [f"{times[k]},{value}" + ",1" * volts for k, value in enumerate(values)]
        return any(note in each for each in read(tmp_path, [heads, *rows]).notes)

    even = 0.1 * np.arange(29.0)
    assert noted(1.3 ** np.arange(29.0))
    assert not noted(1.3 ** np.arange(29.0), volts=True)
    assert not noted(even)
    assert not noted(even + 0.03 * np.random.default_rng(0).uniform(size=29))
    assert not noted(np.append(even[:15], 60.0 + even[15:])), "one pause"
