"""What is relative stays relative, and what is on different scales is not put together."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.reading import read_measurements

UP = np.linspace(0.1, 1.0, 10)


def read(tmp_path, heads, choices=None, scale=(1.0, 1.0)):
    rows = [f"{k},{scale[0] * UP[k]:g},{scale[1] * UP[-1 - k]:g}" for k in range(10)]
    (tmp_path / "table.csv").write_text("\n".join([heads, *rows]) + "\n")
    return read_measurements(tmp_path / "table.csv", choices)


@pytest.mark.parametrize(
    "heads",
    [
        "pulse,G_LTP (a.u.),G_LTD (a.u.)", "pulse,G_LTP (a. u.),G_LTD (a. u.)",
        "pulse,LTP conductance (norm),LTD conductance (norm)",
        "pulse,Conductance LTP (%),Conductance LTD (%)", "pulse,G_LTP [arb],G_LTD [arb]",
        "pulse,Conductance LTP / unitless,Conductance LTD / unitless", "pulse,G LTP (norm),G LTD",
    ],
)  # fmt: skip
def test_relative_units_make_no_siemens(tmp_path, heads):
    found = read(tmp_path, heads)
    assert found.unit == "relative"
    np.testing.assert_allclose(found.runs[0].conductance, UP)
    assert any("relative to each other" in note for note in found.notes)


def test_relative_currents_are_not_made_siemens_by_a_read_voltage(tmp_path):
    found = read(tmp_path, "pulse,I_LTP (a.u.),I_LTD (a.u.)", "read_voltage=0.2 V")
    assert found.unit == "relative"


def test_a_read_voltage_counts_by_its_size(tmp_path):
    """Currents are turned by their own sign, not by that of the voltage once more."""
    found = [
        read(tmp_path, "pulse,I_LTP (uA),I_LTD (uA)", f"read_voltage={sign}0.2 V")
        for sign in ("", "-")
    ]
    for run, other in zip(found[0].runs, found[1].runs, strict=True):
        np.testing.assert_array_equal(run.conductance, other.conductance)


@pytest.mark.parametrize(
    ("heads", "choices"),
    [
        ("pulse,LTP (uS),LTD", None),
        ("pulse,LTP (uS),LTD (a.u.)", None),
        ("pulse,LTP (%),LTD (norm)", None),
        ("pulse,LTP,LTD (10^-6 S)", "potentiation=LTP:uS,depression=3"),
        ("pulse,I LTP (uA),I LTD", None),
    ],
)
def test_columns_of_which_some_have_a_unit_are_refused(tmp_path, heads, choices):
    with pytest.raises(DataError, match=r"LTP.* is in .* and .*LTD.*; allowed: units of one kind"):
        read(tmp_path, heads, choices)


@pytest.mark.parametrize(
    ("heads", "scale", "message"),
    [
        (
            "pulse,LTP (S),LTD (S)",
            60.0,
            r"line 2, column LTP \(S\) is 6, a conductance of 6 S; allowed: .* 1 S",
        ),
        ("pulse,LTP (S),LTD (S)", -60.0, r"line 2, column LTP \(S\) is -6, a conductance of -6 S"),
        ("pulse,R_set (ohm),R_reset (ohm)", 1e-2, r"line 2, column R_set \(ohm\) is .* S; allowed"),
        (
            "pulse,LTP (A),LTD (A)",
            3.0,
            r"line 2, column LTP \(A\) is 0.3, a conductance of 1.5 S; allowed",
        ),
    ],
)
def test_no_device_has_more_than_a_siemens(tmp_path, heads, scale, message):
    """'S' in a head is often meant to be uS; numbers without a unit may be of any size."""
    choices = "read_voltage=0.2 V" if "(A)" in heads else None
    with pytest.raises(DataError, match=message):
        read(tmp_path, heads, choices, (scale, scale))
    assert read(tmp_path, "pulse,LTP,LTD", scale=(60.0, 60.0)).unit == "relative"


def test_no_jump_starts_at_more_than_a_siemens(tmp_path):
    heads, scale = "conductance (S),delta_up (S),delta_down (S)", 1.0
    rows = [f"{scale * k},0.1,-0.1" for k in range(9)]
    (tmp_path / "table.csv").write_text("\n".join([heads, *rows]) + "\n")
    with pytest.raises(
        DataError, match=r"line 4, column conductance \(S\) is 2, a conductance of 2 S; allowed"
    ):
        read_measurements(tmp_path / "table.csv")


def test_units_of_one_kind_may_differ(tmp_path):
    found = read(tmp_path, "pulse,LTP (uS),LTD (nS)", scale=(1.0, 1e3))
    np.testing.assert_allclose(found.runs[0].conductance, found.runs[1].conductance[::-1])
    assert found.unit == "S"


@pytest.mark.parametrize(
    ("heads", "advised"),
    [
        ("pulse,R_LTD,R_LTP", "'R_LTD (ohm)'"),
        ("pulse,LTD R (KΩ),LTP R (KΩ)", "'LTD R (ohm)'"),
        ("pulse,I_LTP,I_LTD", "'I_LTP (A)'"),
        ("pulse,LTP (a.u.),LTD (a.u.)", "'LTP (uS)'"),
    ],
)
def test_the_unit_that_is_advised_is_one_of_the_quantity(tmp_path, heads, advised):
    (note,) = read(tmp_path, heads).notes
    assert f"a unit in the heads, {advised} would make them siemens" in note


def jumps(tmp_path, heads, choices=None):
    rows = [f"{1 + k},{0.1},{-0.1}" for k in range(9)]
    (tmp_path / "jumps.csv").write_text("\n".join([heads, *rows]) + "\n")
    return read_measurements(tmp_path / "jumps.csv", choices)


@pytest.mark.parametrize(
    ("heads", "unit"),
    [
        ("G (uS),delta_up (nS),delta_down (nS)", "S"),
        ("G (%),delta_up (%),delta_down (%)", "relative"),
        ("conductance (a.u.),delta_up,delta_down", "relative"),
    ],
)
def test_jumps_are_on_the_scale_of_their_conductances(tmp_path, heads, unit):
    assert jumps(tmp_path, heads).unit == unit


def test_jumps_of_currents_are_relative(tmp_path):
    choices = "conductance=I (uA),delta_up=2:uA,delta_down=3:uA"
    assert jumps(tmp_path, "I (uA),a,b", choices).unit == "relative"


@pytest.mark.parametrize(
    ("heads", "choices", "message"),
    [
        ("G (uS),delta_up (%),delta_down (%)", None, r"G .uS. is in uS and delta_up .%. is in %"),
        ("G (%),delta_up,delta_down", None, "delta_up has no unit that is known"),
        ("G (uS),delta_up (nS),delta_down (ohm)", None, r"delta_down .ohm. is in ohm; allowed"),
        ("R,a,b", "conductance=1:ohm,delta_up=2:ohm,delta_down=3:ohm", "R is a resistance; allow"),
    ],
)
def test_jumps_on_another_scale_are_refused(tmp_path, heads, choices, message):
    with pytest.raises(DataError, match=message):
        jumps(tmp_path, heads, choices)
