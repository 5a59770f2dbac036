"""Jumps in rows that follow each other are runs, and others are none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.device_fit import fit_device
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.reading import read_devices, read_measurements

READ, PULSE = 0.02, 0.005


def ways(rng, cycles, steps=100):
    """Readings of a straight device of the window 0 to 1, up and down in turn."""
    for _ in range(cycles):
        for sign, start in ((1, 0.0), (-1, 1.0)):
            moves = sign * (1 / steps + PULSE * rng.standard_normal(steps))
            way = start + np.append(0.0, moves.cumsum())
            yield sign, way + READ * rng.standard_normal(steps + 1)


def rows_of(found):
    """Rows of a table of jumps, in the digits of one."""
    return [
        f"{before:.5f},{after - before:.5f}," if sign > 0 else f"{before:.5f},,{after - before:.5f}"
        for sign, way in found
        for before, after in pairwise(way)
    ]


def read(tmp_path, rows, head="conductance,delta_up,delta_down", name="jumps.csv"):
    (tmp_path / name).write_text("\n".join([head, *rows]) + "\n")
    return read_measurements(tmp_path / name)


def test_rows_that_follow_each_other_are_runs_in_which_read_noise_is_told(tmp_path):
    found = list(ways(np.random.default_rng(0), 3))
    measured = read(tmp_path, rows_of(found))
    assert "runs of pulses, 3 of potentiation and 3 of depression" in " ".join(measured.understood)
    assert [len(each.change) for each in measured.jumps] == [300, 300]
    ups = [run for run in measured.runs if run.direction == DIRECTIONS[0]]
    assert [run.cycle for run in ups] == [0, 1, 2]
    for run, (_, way) in zip(ups, found[::2], strict=True):
        np.testing.assert_allclose(run.conductance, way, atol=2e-5)
    fit = fit_device(measured, "constant")
    # Four standard errors of each, by the intervals; jumps by themselves have a noise of 0.029.
    assert fit.number("read.noise").value == pytest.approx(READ, rel=0.13)
    for direction in DIRECTIONS:
        noise = fit.number(f"write.cycle_to_cycle.{direction}")
        assert noise.value == pytest.approx(PULSE, rel=0.6)
    assert "read.noise" not in {each.key for each in fit.unknown}


def test_jumps_by_themselves_are_no_runs_and_their_read_noise_is_not_known(tmp_path):
    rows = rows_of(ways(np.random.default_rng(1), 4))
    np.random.default_rng(2).shuffle(rows)
    measured = read(tmp_path, rows)
    assert measured.runs == ()
    fit = fit_device(measured)
    unknown = {each.key: each.why for each in fit.unknown}
    assert (
        "mean steps near the ends of the window are off by about as much" in unknown["read.noise"]
    )
    ends = [line for line in fit.lines() if line.startswith("conductance.m")]
    assert ["before a pulse)" in line for line in ends] == [True, True]
    assert not any("as measured" in line for line in fit.lines())


def test_a_table_of_states_that_lie_a_step_apart_is_none_of_runs(tmp_path):
    """Rows have both directions: no device takes two pulses at once."""
    rows = [f"{1 + 0.1 * k:.2f},0.1,-0.1" for k in range(20)]
    assert read(tmp_path, rows).runs == ()


def test_devices_of_rows_are_told_apart_and_short_pieces_are_no_runs(tmp_path):
    rows = rows_of(ways(np.random.default_rng(3), 2, 20))
    named = [f"{row},{'ab'[k // 40]}" for k, row in enumerate(rows)]
    head = "conductance,delta_up,delta_down,device"
    runs = read(tmp_path, named, head).runs
    assert [(run.device, run.cycle) for run in runs if run.direction == DIRECTIONS[0]] == [
        (0, 0), (1, 0),
    ]  # fmt: skip
    pieces = [row for k, row in enumerate(rows) if k % 6]
    assert read(tmp_path, pieces).runs == ()


def test_runs_of_jumps_stand_beside_other_files(tmp_path):
    rows = rows_of(ways(np.random.default_rng(4), 1, 20))
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for path, own in zip(paths, (rows, rows, rows[::-1]), strict=True):
        read(tmp_path, own, name=path.name)
    assert [run.device for run in read_devices(paths[:2], None).runs] == [0, 0, 1, 1]
    with pytest.raises(DataError, match=r"c.csv is a table of single pulses; allowed: such a file"):
        read_devices(paths, None)
