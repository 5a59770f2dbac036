"""Habits of instruments, spreadsheets and people, each of which once was read as something else."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.fit.reading import read_measurements

UP = np.round(10 + 40 * (1 - np.exp(-np.arange(30) / 10)), 4)
DOWN = np.round(UP[-1] - 39.6 * (1 - np.exp(-np.arange(1, 30) / 10)), 4)


def read(tmp_path, lines, name="table.csv"):
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    return read_measurements(tmp_path / name)


def check(found, scale=1.0, up=UP[:29], down=DOWN):
    first, second = found.runs
    assert (first.direction, second.direction) == ("potentiation", "depression")
    np.testing.assert_allclose(first.conductance, scale * up, rtol=1e-9)
    np.testing.assert_allclose(second.conductance, scale * down, rtol=1e-9)


def pairs(text="{k},{u},{d}", up=UP, down=DOWN):
    return [text.format(k=k, u=u, d=d) for k, (u, d) in enumerate(zip(up, down, strict=False))]


def test_a_spreadsheet_s_commas_and_an_empty_last_column(tmp_path):
    above = ["Keithley 4200,,,", "V_read,0.1,V,", ",,,", "Pulse,I_LTP (uA),I_LTD (uA),Remark"]
    found = read(tmp_path, above + pairs("{k},{u},{d},"))
    check(found, 1e-6 / 0.1)
    assert "read voltage 0.1 V, from the line 'V_read 0.1 V'" in found.understood


def test_settings_above_numbers_are_no_heads(tmp_path):
    found = read(tmp_path, ["Instrument,4200A", "", *pairs()])
    check(found)
    assert "columns without heads" in " ".join(found.understood)


def test_spreads_beside_values_are_no_values(tmp_path):
    heads = "pulse,potentiation,sigma_potentiation,depression,std depression,temperature"
    found = read(tmp_path, [heads, *pairs("{k},{u},0.1,{d},0.2,2{k}")])
    check(found)
    said = "not used: sigma_potentiation, std depression, temperature"
    assert said in found.understood


def test_a_column_of_decimal_commas_is_one_column(tmp_path):
    lines = [f"{each:.4f}".replace(".", ",") for each in (*UP, *DOWN)]
    check(read(tmp_path, lines), up=UP)
    counts = ["n,LTP,LTD", *(f"{k},{100 + k},{200 - k}" for k in range(9))]
    assert len(read(tmp_path, counts).runs[0].conductance) == 9


@pytest.mark.parametrize("labels", [("P", "D"), ("LTP", "LTD"), ("set", "reset"), ("1", "-1")])
def test_directions_by_label(tmp_path, labels):
    lines = ["pulse,type,G [nS]"]
    for label, values in zip(labels, (UP, DOWN), strict=True):
        lines += [f"{k},{label},{g}" for k, g in enumerate(values)]
    found = read(tmp_path, lines)
    check(found, 1e-9, up=UP)
    assert found.runs[1].start is None  # the count begins at 0: the state is read again


def test_a_count_from_1_goes_on_from_the_other_direction(tmp_path):
    lines = ["pulse,G (uS)"] + [f"{k + 1},{g}" for each in (UP, DOWN) for k, g in enumerate(each)]
    found = read(tmp_path, lines)
    check(found, 1e-6, up=UP)
    assert found.runs[1].start == found.runs[0].conductance[-1]


def test_pulses_counted_on_through_both_columns(tmp_path):
    lines = ["pulse,potentiation,depression"] + [f"{k},{g}," for k, g in enumerate(UP)]
    check(read(tmp_path, lines + [f"{k + 30},,{g}" for k, g in enumerate(DOWN)]), up=UP)


def test_currents_at_a_negative_voltage(tmp_path):
    found = read(tmp_path, ["V_read: -100 mV", "n;I LTP (uA);I LTD (uA)", *pairs("{k};-{u};-{d}")])
    check(found, 1e-6 / 0.1)


def test_a_constant_voltage_beside_currents_is_that_of_the_reads(tmp_path):
    lines = ["Time (s),V (V),I (A)"]
    lines += [f"{k * 1e-3},0.1,{g * 1e-7:.9e}" for k, g in enumerate((*UP, *DOWN))]
    check(read(tmp_path, lines), 1e-6, up=UP)


def test_heads_with_commas_in_quotes(tmp_path):
    heads = '"Pulse, number","Conductance, LTP (uS)","Conductance, LTD (uS)"'
    check(read(tmp_path, [heads, *pairs()]), 1e-6)


def test_repeated_heads_begin_a_cycle(tmp_path):
    lines = ["LTP (uS),LTD (uS)", *pairs("{u},{d}")]
    found = read(tmp_path, [*lines, "", *lines, "", *lines])
    assert [(run.direction, run.cycle) for run in found.runs] == [
        (name, k) for name in ("potentiation", "depression") for k in range(3)
    ]


def test_rise_and_fall_tell_where_names_do_not(tmp_path):
    found = read(tmp_path, ["n,G_a,G_b", *pairs()])
    check(found)
    assert "directions from rise and fall" in found.understood
