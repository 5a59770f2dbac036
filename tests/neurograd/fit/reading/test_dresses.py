"""The same measurement in any dress is read as the same runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurograd.fit.reading import read_measurements
from tests.neurograd.fit.reading.dresses import Dress, curves, dresses


def read(tmp_path_factory, content, columns=None):
    path = tmp_path_factory.mktemp("data") / "table.csv"
    path.write_bytes(content)
    return read_measurements(path, columns)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    dress=dresses(),
    up=st.integers(8, 40),
    down=st.integers(8, 40),
    cycles=st.integers(1, 3),
    noise=st.sampled_from([0.0, 0.01, 0.03]),
)
def test_any_dress_gives_the_same_runs(tmp_path_factory, dress, up, down, cycles, noise):
    if dress.layout == "own axes":
        cycles = 1
    # Without an axis, nothing but a blank line tells where a cycle ends.
    assume(not (dress.layout == "one after another" and dress.axis == "none" and cycles > 1))
    # Unequal columns of several cycles in one column would leave blanks between cycles.
    assume("Current" not in dress.names[0] or dress.unit.endswith("A"))
    true = curves(up, down, cycles, noise, seed=up + 100 * down)
    assume(all(each.min() > 1e-6 for pair in true for each in pair))
    found = read(tmp_path_factory, dress.file(true))
    assert found.unit == "S"
    runs = {(run.direction, run.cycle): run for run in found.runs}
    assert len(runs) == len(found.runs) == 2 * cycles
    for k, (rise, fall) in enumerate(true):
        for direction, values in (("potentiation", rise), ("depression", fall)):
            run = runs[direction, k]
            np.testing.assert_allclose(run.conductance, values, rtol=2e-8)
            assert run.pulses is None
            assert run.device == 0


def _trace(cycles, before):
    """Readings of a device that is pulsed up and down in turn, and the voltage of every line."""
    readings, volts = [4e-6], []
    for rise, fall in cycles:
        for sign, values in ((1.1, rise), (-1.3, fall)):
            readings += list(values[1:])
            volts += [sign] * (len(values) - 1)
    # The reading comes before the pulse of its line, or behind it.
    pairs = (
        zip(readings[:-1], volts, strict=True) if before else zip(readings[1:], volts, strict=True)
    )
    return list(pairs), readings


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_trace_is_cut_where_its_voltage_turns(tmp_path_factory, before, polarity, noise):
    true = curves(30, 25, 3, noise, seed=5)
    pairs, readings = _trace(true, before)
    lines = ["V_read (V),0.2", "", "Index,V_pulse (V),I_read (A)"]
    lines += [f"{k},{polarity * v:g},{0.2 * g:.9e}" for k, (g, v) in enumerate(pairs)]
    found = read(tmp_path_factory, "\n".join(lines).encode())
    assert found.unit == "S"
    assert [(r.direction, r.cycle) for r in found.runs] == [
        (name, k) for k in range(3) for name in ("potentiation", "depression")
    ]
    read_back = [value for run in found.runs for value in run.conductance]
    np.testing.assert_allclose(read_back, readings[:-1] if before else readings[1:], rtol=2e-8)
    # Every run but the first goes on from the reading that ended the one before.
    for earlier, later in zip(found.runs[:-1], found.runs[1:], strict=True):
        assert later.start == earlier.conductance[-1]
    assert len(found.runs[1].conductance) == 24
    assert len(found.runs[0].conductance) == (30 if before else 29)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_trace_without_anything_else_is_cut_at_its_turns(tmp_path_factory, noise):
    true = curves(30, 25, 2, noise, seed=7)
    _, readings = _trace(true, True)
    found = read(tmp_path_factory, "\n".join(f"{g:.9e}" for g in readings).encode())
    assert [run.direction for run in found.runs] == ["potentiation", "depression"] * 2
    assert found.unit == "relative"
    if noise == 0:
        assert [len(run.conductance) for run in found.runs] == [30, 24, 29, 24]
    assert sum(len(run.conductance) for run in found.runs) == len(readings)
    assert "directions from the turning points of the trace" in " ".join(found.understood)


def test_columns_without_heads_tell_by_rise_and_fall(tmp_path_factory):
    """Read noise of 0.15 beside steps of 0.0045, as a meter gives it."""
    generator = np.random.default_rng(3)
    rise = np.linspace(-0.8, 1.2, 450) + 0.15 * generator.standard_normal(450)
    fall = np.linspace(0.8, -1.2, 450) + 0.15 * generator.standard_normal(450)
    for rows, heads in (
        (zip(rise, fall, strict=True), ("column 1", "column 2")),
        (zip(range(450), fall, rise, strict=True), ("column 3", "column 2")),
    ):
        text = "\n".join(",".join(f"{each:.6g}" for each in row) for row in rows)
        found = read(tmp_path_factory, text.encode())
        up, down = sorted(found.runs, key=lambda run: run.direction != "potentiation")
        np.testing.assert_allclose(up.conductance, rise, rtol=1e-5)
        np.testing.assert_allclose(down.conductance, fall, rtol=1e-5)
        said = " ".join(found.understood)
        assert f"{heads[0]} rises" in said
        assert f"{heads[1]} falls" in said


def test_every_column_choice_gives_what_the_heads_would(tmp_path_factory):
    true = curves(20, 20, 1, 0.0, seed=1)
    plain = Dress(unit="uS", names=("a", "b"))
    chosen = read(tmp_path_factory, plain.file(true), "potentiation=a (uS),depression=b (uS)")
    bare = plain.file(true).replace(b" (uS)", b"")
    units = read(tmp_path_factory, bare, "potentiation=a:uS, depression=3:uS, pulse=1")
    turned = Dress(unit="uS", names=("a", "b"))
    backwards = read(
        tmp_path_factory,
        turned.file([(true[0][0], true[0][1][::-1])]),
        "potentiation=a (uS),depression=b (uS):reversed",
    )
    for found in (chosen, units, backwards):
        assert found.unit == "S"
        for run, values in zip(found.runs, true[0], strict=True):
            np.testing.assert_allclose(run.conductance, values, rtol=2e-8)


def test_pulses_that_are_not_read_are_counted(tmp_path_factory):
    rows = [(0, 1, 9), (10, 4, 6), (20, 6, 3), (40, 9, 1)]
    text = "pulse,potentiation,depression\n" + "\n".join(",".join(map(str, r)) for r in rows)
    for run in read(tmp_path_factory, text.encode()).runs:
        np.testing.assert_array_equal(run.pulses, [0, 10, 20, 40])
    holes = "LTP,LTD\n1,9\n2,8\n,7\n4,6\n5,5\n"
    up, down = read(tmp_path_factory, holes.encode()).runs
    np.testing.assert_array_equal(up.pulses, [0, 1, 3, 4])
    assert down.pulses is None


def test_the_file_of_the_other_direction_is_found(tmp_path):
    """CrossSim's measurements: a column a ramp, currents, one file a direction."""
    true = curves(20, 30, 4, 0.005, seed=2)
    for place, name in enumerate(("set.csv", "reset.csv")):
        heads = ",".join(f"rmp{k + 1}" for k in range(4))
        rows = zip(*(cycle[place] for cycle in true), strict=True)
        lines = [",".join(f"{0.1 * each:.9e}" for each in row) for row in rows]
        (tmp_path / name).write_text("\n".join([heads, *lines]))
    one, other = (read_measurements(tmp_path / name) for name in ("set.csv", "reset.csv"))
    assert {r.direction for r in one.runs} == {"potentiation", "depression"}
    assert len(one.runs) == len(other.runs) == 8
    for found in (one, other):
        for run in found.runs:
            values = 0.1 * true[run.cycle][run.direction == "depression"]
            np.testing.assert_allclose(run.conductance, values, rtol=2e-8)
    with_voltage = read_measurements(tmp_path / "set.csv", "read_voltage=0.1 V")
    assert with_voltage.unit == "relative"  # no unit says that these are amperes


def test_devices_are_told_apart(tmp_path_factory):
    lines = ["device,pulse,LTP (uS),LTD (uS)"]
    for k in range(5):
        for name, shift in (("A1", 0.0), ("B2", 0.5)):
            lines.append(f"{name},{k},{1 + k + shift},{9 - k + shift}")
    found = read(tmp_path_factory, "\n".join(lines).encode())
    assert [(r.device, r.direction) for r in found.runs] == [
        (0, "potentiation"), (1, "potentiation"), (0, "depression"), (1, "depression"),
    ]  # fmt: skip
    np.testing.assert_allclose(found.runs[1].conductance, 1e-6 * np.arange(1.5, 6))
    side = "pulse,Device 1 LTP,Device 1 LTD,Device 2 LTP,Device 2 LTD\n" + "\n".join(
        f"{k},{1 + k},{9 - k},{2 + k},{8 - k}" for k in range(5)
    )
    devices = [(r.device, r.direction) for r in read(tmp_path_factory, side.encode()).runs]
    assert sorted(devices) == sorted((r.device, r.direction) for r in found.runs)


def test_noise_is_read_as_it_is(tmp_path_factory):
    """No reading is smoothed, moved or dropped."""
    true = curves(40, 40, 1, 0.05, seed=11)
    found = read(tmp_path_factory, Dress(unit="nS").file(true))
    assert (np.diff(found.runs[0].conductance) < 0).any()
    np.testing.assert_allclose(found.runs[0].conductance, true[0][0], rtol=2e-8)
    assert dataclasses.replace(found, runs=()).jumps == ()
