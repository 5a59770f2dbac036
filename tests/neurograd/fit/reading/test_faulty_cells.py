"""Cells that hold no number: refused in columns that are used, blank in others, heads kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.reading import read_measurements

UP = [5.0, 8.0, 10.0, 11.5, 12.5, 13.0]


def _read(tmp_path, heads, rows, columns=None, above=""):
    lines = [heads, *(",".join(map(str, row)) for row in rows)]
    path = tmp_path / "table.csv"
    path.write_text(above + "\n".join(lines) + "\n")
    return read_measurements(path, columns)


def _ltp_ltd(first, *, at=0):
    """Rows of pulse, LTP, LTD and a ratio, one of them another one."""
    rows = [[k, up, 18.0 - up, round(up / (18.0 - up), 3)] for k, up in enumerate(UP)]
    rows[at] = first
    return rows


@pytest.mark.parametrize("heads", ["pulse,LTP (uS),LTD (uS),on/off", "# pulse,LTP (uS),LTD (uS),r"])
@pytest.mark.parametrize("fault", ["#DIV/0!", "inf", "1e31", "n.a.", "OVLD"])
@pytest.mark.parametrize("at", [0, 3])
def test_a_fault_in_a_column_that_is_not_used_is_blank(tmp_path, heads, fault, at):
    whole = _ltp_ltd([at, UP[at], 18.0 - UP[at], 1.0], at=at)
    faulty = _ltp_ltd([at, UP[at], 18.0 - UP[at], fault], at=at)
    expected, found = (_read(tmp_path, heads, rows) for rows in (whole, faulty))
    assert found.unit == "S"
    assert found.understood == expected.understood
    for own, other in zip(found.runs, expected.runs, strict=True):
        assert own.direction == other.direction
        np.testing.assert_array_equal(own.conductance, other.conductance)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([0, "OVLD", 13.0, 1], r"line 2, column LTP \(uS\) is 'OVLD'; allowed: a number"),
        ([0, "OVLD", "OVLD", 1], r"line 2, column LTP \(uS\) is 'OVLD'"),
        ([0, 5.0, 1e31, 1], r"line 2, column LTD \(uS\) is '1e.31'; allowed: .*up to 1e.30"),
        (["start", 5.0, 13.0, 1], "line 2, column pulse is 'start'"),
    ],
)
def test_a_fault_in_the_first_row_is_refused_under_its_head(tmp_path, first, message):
    with pytest.raises(DataError, match=message):
        _read(tmp_path, "pulse,LTP (uS),LTD (uS),on/off", _ltp_ltd(first))


def test_faults_in_several_first_rows_are_named_by_the_first(tmp_path):
    rows = [[0, "OVLD", 9.0], [1, "OVLD", 8.0], *([k, k, 9.0 - k] for k in range(2, 8))]
    with pytest.raises(DataError, match=r"line 2, column LTP \(uS\) is 'OVLD'"):
        _read(tmp_path, "pulse,LTP (uS),LTD (uS)", rows)


def test_a_fault_in_the_first_cell_is_under_heads_that_are_all_known(tmp_path):
    rows = [["OVLD", 13.0], *([up, 18.0 - up] for up in UP[1:])]
    with pytest.raises(DataError, match=r"line 2, column LTP \(uS\) is 'OVLD'"):
        _read(tmp_path, "LTP (uS),LTD (uS)", rows)


def test_a_change_without_a_number_is_refused_or_left_out_with_the_column_that_is_named(tmp_path):
    trace = [*UP, *UP[::-1]]
    change = ["#DIV/0!", *(round(b / a, 3) for a, b in pairwise(trace))]
    heads, rows = (
        "pulse,G (uS),change of G over the last (ratio)",
        list(zip(range(len(trace)), trace, change, strict=True)),
    )
    with pytest.raises(DataError, match=r"line 2, column change of G .* is '#DIV/0!'"):
        _read(tmp_path, heads, rows)
    found = _read(tmp_path, heads, rows, "trace=G (uS)")
    assert {run.direction for run in found.runs} == {"potentiation", "depression"}
    assert found.runs[0].conductance[0] == pytest.approx(5e-6)


@pytest.mark.parametrize("up", [1.0, 4e29])
def test_a_column_of_numbers_that_are_mostly_too_large_is_not_dropped(tmp_path, up):
    rows = [[k, up * (k + 1), f"{2e30 - k * 1.5e29:.3g}"] for k in range(8)]
    with pytest.raises(DataError, match=r"line 2, column LTD is '2e.30'; allowed: .*up to 1e.30"):
        _read(tmp_path, "pulse,LTP,LTD", rows)


@pytest.mark.parametrize(
    "above",
    [
        "Test,PulseIV\nPoints,6\n",  # settings, and no heads
        "Instrument,Keithley 4200\nDate,2023-05-01\nPoints,6\nRange,1e-3\n",
        "Compliance (A),auto\nPoints,6\n",
    ],
)
def test_rows_of_settings_are_no_rows_of_the_table(tmp_path, above):
    lines = [f"{k},{up}" for k, up in enumerate([*UP, *UP[::-1]])]
    found = _read(tmp_path, lines[0], [line.split(",") for line in lines[1:]], above=above)
    assert found.unit == "relative"
    assert [len(run.conductance) for run in found.runs] == [6, 6]


@pytest.mark.parametrize("last", ["mean,9.1,8.9,1", "sum,9.1,8.9,#REF!"])
def test_what_stands_behind_the_table_is_still_refused(tmp_path, last):
    rows = [*_ltp_ltd([0, 5.0, 13.0, 1]), last.split(",")]
    with pytest.raises(DataError, match=r"line 8, column .* is '(mean|sum)'"):
        _read(tmp_path, "x,LTP (uS),LTD (uS),on/off", rows)


def test_without_heads_no_fault_is_left_out(tmp_path):
    rows = _ltp_ltd([3, UP[3], 18.0 - UP[3], "OVLD"], at=3)
    with pytest.raises(DataError, match="line 4, column 4 is 'OVLD'"):
        _read(tmp_path, "0,5,13,1", rows[1:])


def test_a_number_with_another_decimal_mark_is_refused_wherever_it_stands(tmp_path):
    rows = _ltp_ltd([3, UP[3], 18.0 - UP[3], '"0,5"'], at=3)
    with pytest.raises(DataError, match="line 5, column on/off is '0,5'"):
        _read(tmp_path, "pulse,LTP (uS),LTD (uS),on/off", rows)
