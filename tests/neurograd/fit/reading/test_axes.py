"""Which columns order the readings, and which only seem to."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.reading import read_measurements

UP = np.round(1 + 0.1 * np.arange(40), 3)
TURNED = np.concatenate([UP, UP[::-1]])
WANDER = 300 + 0.05 * np.random.default_rng(0).standard_normal(80)


def read(tmp_path, head, rows, columns=None):
    lines = [",".join(f"{each:.12g}" for each in row) for row in rows]
    (tmp_path / "table.csv").write_text("\n".join([head, *lines]) + "\n")
    return read_measurements(tmp_path / "table.csv", columns)


def check(found, up=UP, down=UP[::-1], unit=1e-6):
    first, second = found.runs
    assert (first.direction, second.direction) == ("potentiation", "depression")
    np.testing.assert_allclose(first.conductance, unit * up)
    np.testing.assert_allclose(second.conductance, unit * down)


@pytest.mark.parametrize("head", ["T (K)", "t [\u00b0C]", "T (degC)", "T/K", "T_K", "t (nm)"])
def test_t_in_a_unit_that_is_no_time_orders_nothing(tmp_path, head):
    found = read(tmp_path, f"{head},LTP (uS),LTD (uS)", zip(WANDER, UP, UP[::-1], strict=False))
    check(found)
    assert f"not used: {head}" in found.understood


@pytest.mark.parametrize("head", ["t", "t (ms)", "time (a.u.)", "Time", "t (1)"])
def test_a_time_orders_readings(tmp_path, head):
    times = np.arange(40) ** 1.5
    found = read(
        tmp_path,
        f"{head},LTP (uS),LTD (uS)",
        list(zip(times, UP, UP[::-1], strict=True))[::-1],
    )
    check(found)
    assert "column LTP (uS) was read from the last row to the first" in found.notes


def test_an_axis_that_wanders_is_refused(tmp_path):
    rows = list(zip(WANDER, TURNED, strict=True))
    with pytest.raises(DataError, match=r"G .uS. has an axis that goes up and down, which"):
        read(tmp_path, "time,G (uS)", rows)
    with pytest.raises(DataError, match=r"allowed: an axis that rises or counts, or none$"):
        read(tmp_path, "T (K),G (uS)", rows, "trace=G (uS),time=T (K)")


def test_an_axis_out_of_order_is_sorted_where_it_counts_or_nearly_rises(tmp_path):
    shuffled = np.random.default_rng(1).permutation(80)
    rows = np.stack([np.arange(80), TURNED], 1)
    check(read(tmp_path, "pulse,G (uS)", rows[shuffled]))
    check(read(tmp_path, "time (s),G (uS)", (rows * [0.25, 1])[shuffled]))
    uneven = rows.copy()
    uneven[:, 0] = np.arange(80) ** 1.1
    check(read(tmp_path, "time (s),G (uS)", uneven[[1, 0, 3, 2, *range(4, 80)]]))
    check(read(tmp_path, "time (s),G (uS)", uneven[[*range(40, 80), *range(40)]]))


def test_cycles_whose_times_are_not_the_same_are_cycles(tmp_path):
    """Clocks tell no two cycles the same times; sorted, the cycles would lie in each other."""
    times = np.concatenate([np.arange(40) ** 1.1 + shift for shift in (0, 0.003, 0.007)])
    found = read(tmp_path, "t (s),LTP (uS)", zip(times, np.tile(UP, 3), strict=True))
    assert [run.cycle for run in found.runs] == [0, 1, 2]
    np.testing.assert_allclose([run.conductance for run in found.runs], [1e-6 * UP] * 3)


@pytest.mark.parametrize(
    "head",
    ["Pulse width (us)", "width (us)", "Pulse duration", "Delay (ms)", "Period (s)", "t", "pulse"],
)
def test_a_column_of_one_value_is_no_axis(tmp_path, head):
    found = read(
        tmp_path,
        f"{head},LTP (uS),LTD (uS)",
        [(10, *row) for row in zip(UP, UP[::-1], strict=True)],
    )
    check(found)
    assert f"not used: {head}" in found.understood


@pytest.mark.parametrize("head", ["Pulse width (us)", "Pulse interval (ms)", "rise time (ns)"])
def test_times_of_single_pulses_are_no_axis(tmp_path, head):
    check(read(tmp_path, f"{head},LTP (uS),LTD (uS)", zip(UP[::-1] + 1, UP, UP[::-1], strict=True)))


@pytest.mark.parametrize("head", ["Time (S)", "t (mS)", "Elapsed time (S)"])
def test_seconds_with_a_capital_are_times(tmp_path, head):
    found = read(tmp_path, f"{head},Conductance (uS)", enumerate(TURNED))
    check(found)


@pytest.mark.parametrize("head", ["Time (A)", "Pulse (S)", "step (ohm)", "Pulse index (uS)"])
def test_an_axis_in_the_unit_of_readings_is_refused(tmp_path, head):
    with pytest.raises(DataError, match="and the name of an axis; allowed: a time in s, a count"):
        read(tmp_path, f"{head},G (uS)", enumerate(TURNED))


@pytest.mark.parametrize("head", ["#{k} (uS)", "T{k} (uS)", "Pulse response {k} (uS)"])
def test_numbered_columns_in_siemens_are_readings(tmp_path, head):
    heads = ",".join(head.format(k=k) for k in (1, 2))
    check(read(tmp_path, f"n,{heads}", zip(np.arange(40), UP, UP[::-1], strict=True)))


@pytest.mark.parametrize(
    "heads",
    [
        "log10 G LTP (S),log10 G LTD (S)",
        "log R LTP (ohm),log R LTD (ohm)",
        "log10(LTP),log10(LTD)",
        "lnG_up,lnG_down",
        "log10 G 1 (S),log10 G 2 (S)",
    ],
)
def test_logarithms_are_not_read_as_values(tmp_path, heads):
    first = heads.split(",")[0]
    rows = [
        (k, *np.log10([1e-6 * up, 1e-6 * down]))
        for k, (up, down) in enumerate(zip(UP, UP, strict=True))
    ]
    with pytest.raises(DataError, match="is a logarithm; allowed: the values themselves") as caught:
        read(tmp_path, f"pulse,{heads}", rows)
    assert first in str(caught.value)
    with pytest.raises(DataError, match="is a logarithm; allowed: the values themselves"):
        read(tmp_path, f"pulse,{heads}", rows, f"potentiation={first}")


def test_logarithms_beside_values_are_not_used(tmp_path):
    heads = "pulse,LTP (uS),log10 LTP,LTD (uS),log10 LTD"
    rows = [
        (k, up, np.log10(up), down, np.log10(down))
        for k, (up, down) in enumerate(zip(UP, UP[::-1], strict=True))
    ]
    found = read(tmp_path, heads, rows)
    check(found)
    assert "not used: log10 LTP, log10 LTD" in found.understood


@pytest.mark.parametrize("labels", [("1.0", "-1.0"), ("+1", "-1"), ("1,0", "0,0"), ("1", "0")])
def test_directions_may_be_numbers(tmp_path, labels):
    lines, mark = ["direction;G (uS)"], "," if "," in labels[0] else "."
    for label, values in zip(labels, (UP, UP[::-1]), strict=True):
        lines += [f"{label};{g}".replace(".", mark) for g in values]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    check(read_measurements(tmp_path / "table.csv"))
