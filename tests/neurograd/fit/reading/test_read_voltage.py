"""The read voltage that divides currents: where it may stand, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.fit.reading import read_measurements

UP = np.linspace(4e-6, 60e-6, 9)
DOWN = UP[::-1] - 1e-6


def columns(above, volts=0.1):
    rows = [
        f"{k},{u * volts:.9e},{d * volts:.9e}"
        for k, (u, d) in enumerate(zip(UP, DOWN, strict=True))
    ]
    return "\n".join([above, "", "pulse,I_LTP (A),I_LTD (A)", *rows])


def trace(heads, up, down, above="", volts=0.1):
    """Readings behind pulses, each line of the text ``up`` or ``down`` about its pulse."""
    lines = [f"{k},{(up if k < 9 else down)},{g * volts:.9e}" for k, g in enumerate((*UP, *DOWN))]
    return "\n".join([*([above] if above else []), heads, *lines])


def read(tmp_path, text, choices=None):
    (tmp_path / "table.csv").write_text(text + "\n")
    return read_measurements(tmp_path / "table.csv", choices)


def divided(found):
    return found.unit == "S" and np.allclose(found.runs[0].conductance, UP, rtol=1e-6)


@pytest.mark.parametrize(
    "line",
    [
        "Read voltage (mV): 100", "Read voltage(mV): 100", "Vread (mV) = 100", "V_read [mV]: 100",
        "Read voltage / mV: 100", "Read voltage,mV,100", "# Read Voltage, mV, 100",
        "# read voltage (mV): 100", "Read voltage in mV: 100", "V read (uV),1e5", "Vread = 100 mV",
        "Read voltage: .1 V", "Read voltage: 0.1", "V_read,0.1,V", "V_read (V),0.1,T,298",
        "Read voltage (V): 100 mV", "Read voltage: 0.1 (V)", "# Vread=100 mV, 2026",
        "read bias -0.1 V", "Read voltage is set to 0.1 Volt", "V_read: 1e-1 V.",
    ],
)  # fmt: skip
def test_a_line_above_the_table_sets_it_in_its_own_unit(tmp_path, line):
    found = read(tmp_path, columns(line))
    assert divided(found)
    assert any("read voltage 0.1 V, from the line" in each for each in found.understood)


@pytest.mark.parametrize(
    "line",
    [
        "Read voltage (V),100m", "Read voltage delay 5 s, 0.1 V", "Read voltage delay,5,s",
        "Read voltage ramp: 0.1 V/s", "Vread = 0.1.2", "# Vread = 1,234.5", "Read voltage: 0.1 MV",
        "Read voltage width (V): 5", "V_read: 0.1 T: 298", "# Read voltage: 1,000 mV",
    ],
)  # fmt: skip
def test_a_line_that_does_not_say_it_clearly_is_named_and_not_used(tmp_path, line):
    found = read(tmp_path, columns(line))
    assert found.unit == "relative"
    assert any(each.startswith("no read voltage from the line") for each in found.understood)
    assert "--columns read_voltage=0.2 V would make them siemens" in " ".join(found.notes)


def test_a_voltage_that_no_read_has_is_a_unit_missed(tmp_path):
    found = read(tmp_path, columns("V_read: 100"))
    assert found.unit == "relative"
    (said,) = [each for each in found.understood if "no read voltage" in each]
    assert said.endswith("100 V is above 10 V, which --columns 'read_voltage=100 V' takes")
    assert divided(read(tmp_path, columns("V_read: 100"), "read_voltage=100 mV"))
    bare = columns("").replace("(A)\n", "(A),Vread\n").replace("-06\n", "-06,100\n")
    assert read(tmp_path, bare.replace("-07\n", "-07,100\n")).unit == "relative"


def test_lines_that_differ_set_none(tmp_path):
    found = read(tmp_path, columns("V_read: 0.1 V\nRead voltage (mV): 200"))
    assert found.unit == "relative"
    assert any("which differ" in each for each in found.understood)
    assert divided(read(tmp_path, columns("V_read: 0.1 V\nRead voltage (mV): 100")))


@pytest.mark.parametrize("head", ["V_pulse (V)", "Amplitude (V)", "V (V)", "Vprog (mV)", "V_set"])
@pytest.mark.parametrize("above", ["Read voltage: 0.1 V", ""])
def test_pulses_are_no_reads(tmp_path, head, above):
    """What the file states comes before any voltage that stands beside pulses."""
    found = read(tmp_path, trace(f"pulse,{head},I (A)", 1.2, -1.2, above))
    assert divided(found) if above else found.unit == "relative"
    np.testing.assert_allclose(found.runs[0].conductance, UP * (1 if above else 0.1), rtol=1e-6)


@pytest.mark.parametrize("head", ["V_pulse (V)", "Amplitude (V)", "V_LTP (V)", "Vset (V)"])
def test_pulses_of_one_sign_are_no_reads(tmp_path, head):
    rows = [f"{k},1.2,{0.1 * g:.9e}" for k, g in enumerate(UP)]
    found = read(tmp_path, "\n".join([f"pulse,{head},I LTP (A)", *rows]))
    assert found.unit == "relative"


def test_a_voltage_that_is_named_as_the_pulses_is_none_of_reads(tmp_path):
    text = trace("t,V (V),I (A)", 0.1, 0.1)
    assert divided(read(tmp_path, text))
    assert read(tmp_path, text, "voltage=V (V)").unit == "relative"


def test_a_column_of_the_reads_comes_before_the_lines(tmp_path):
    found = read(tmp_path, trace("n,V_read (mV),I (A)", 100, -100, above="V_read: 0.3 V"))
    assert divided(found)
    assert "read voltage 0.1 V, from column V_read (mV)" in found.understood
