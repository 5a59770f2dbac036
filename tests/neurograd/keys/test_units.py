"""Quantities with units."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograd.keys import units
from neurograd.keys.units import (
    parse_conductance,
    parse_duration,
    parse_fraction,
    parse_number,
    parse_quantity,
    show,
)


@pytest.mark.parametrize(
    ("text", "siemens"),
    [
        ("59 uS", 59e-6),
        ("3.8 uS", 3.8e-6),
        ("3.8uS", 3.8e-6),
        (" 3.8  uS ", 3.8e-6),
        ("3.8 \u00b5S", 3.8e-6),  # micro sign
        ("3.8 \u03bcS", 3.8e-6),  # Greek letter mu
        ("38.46 nS", 38.46e-9),
        ("1e-1 mS", 1e-4),
        (".5 S", 0.5),
        ("0.5 siemens", 0.5),
        ("16.9 k\u03a9", 1 / 16900),  # Greek letter omega
        ("16.9 k\u2126", 1 / 16900),  # ohm sign
        ("16.9 kohm", 1 / 16900),
        ("16.9 kOhm", 1 / 16900),
        ("26 Mohms", 1 / 26e6),
        ("100 ohm", 0.01),
        ("100 \u2126", 0.01),
        (5.9e-5, 5.9e-5),
        ("5.9e-5", 5.9e-5),
        (0, 0.0),
        (1, 1.0),
    ],
)
def test_conductance(text, siemens):
    assert parse_conductance(text) == pytest.approx(siemens, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "hertz"),
    [("100 MHz", 1e8), ("1 kHz", 1e3), ("5 hertz", 5.0), ("2 gigahertz", 2e9), (7, 7.0)],
)
def test_hertz(text, hertz):
    assert parse_quantity(text, "hertz", "a frequency") == pytest.approx(hertz, rel=1e-15)


@pytest.mark.parametrize("text", ["100 rpm", "100 Bq", "100 cps", "1 rps", "3 radHz", "100 V"])
def test_what_has_the_dimension_of_hertz_and_is_none_is_refused(text):
    """A turn a minute is 1/60 Hz, and 0.105 by its radians."""
    with pytest.raises(ValueError, match="not allowed; allowed: a frequency"):
        parse_quantity(text, "hertz", "a frequency")


def test_conductance_keeps_the_digits_that_were_written():
    assert parse_conductance("3.8 uS") == 3.8e-6
    assert parse_conductance("0.3 nS") == 0.3e-9


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (59, ["out of range", "write '59 uS'"]),
        ("59", ["out of range", "write '59 uS'"]),
        (-1e-6, ["out of range"]),
        ("-3 uS", ["out of range", "0 to 1 S"]),
        ("1 mΩ", ["out of range"]),  # not megaohm
        ("2 S", ["out of range"]),
        ("0 ohm", ["not a positive resistance"]),
        ("-5 kohm", ["not a positive resistance"]),
        ("5 us", ["'us'", "uS", "kΩ"]),
        ("5 %", ["'%'", "uS"]),
        ("5 h", ["'h'", "uS"]),
        ("5 parsnip", ["'parsnip'", "uS"]),
        ("5 lambda", ["'lambda'", "uS"]),
        ("5 degC", ["'degC'", "uS"]),
        ("5 uS/m", ["cannot be read"]),
        ("5 uS*2", ["cannot be read"]),
        ("1/kohm", ["cannot be read"]),
        ("3,8 uS", ["cannot be read"]),
        ("uS", ["cannot be read"]),
        ("", ["cannot be read"]),
        ("nan S", ["cannot be read"]),
        ("inf", ["cannot be read"]),
        ("1e999 S", ["cannot be read"]),
        ("__import__('os')", ["cannot be read"]),
        (True, ["true", "cannot be read"]),
        (None, ["null", "cannot be read"]),
        ([1], ["[1]", "cannot be read"]),
        (float("nan"), ["cannot be read"]),
        (10**400, ["cannot be read"]),
        (1 << 20000, ["a huge int cannot be read"]),
    ],
    ids=show,
)
def test_conductance_refuses(value, words):
    with pytest.raises(ValueError, match="allowed: ") as caught:
        parse_conductance(value)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["9**9**9 S", "9" * 10**6 + " S", "1 " + "S" * 10**6], ids=show)
def test_nothing_is_evaluated(text, monkeypatch):
    """Refused by the pattern: no unit is looked up, and no number is made of a million digits."""
    for name in ("_factor", "_scale"):
        monkeypatch.setattr(units, name, lambda *given: pytest.fail(f"asked for {given}"))
    with pytest.raises(ValueError, match="cannot be read"):
        parse_conductance(text)


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        ("5 %", 0.05),
        ("5%", 0.05),
        ("3.5 %", 0.035),
        ("5 percent", 0.05),
        ("0 %", 0.0),
        ("100 %", 1.0),
        (0.05, 0.05),
        ("0.05", 0.05),
        ("1e-3", 1e-3),
        (0, 0.0),
        (1, 1.0),
    ],
)
def test_fraction(value, fraction):
    assert parse_fraction(value) == fraction


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, ["out of range", "write '5 %'"]),
        ("5", ["out of range", "write '5 %'"]),
        (1.5, ["write '1.5 %'"]),
        ("105 %", ["out of range", "'5 %'"]),
        ("-1 %", ["out of range"]),
        (-0.1, ["out of range"]),
        (300, ["out of range"]),
        ("5 uS", ["'uS'", "'5 %'"]),
        ("five", ["cannot be read"]),
        (True, ["cannot be read"]),
        (None, ["cannot be read"]),
        ({}, ["cannot be read"]),
    ],
)
def test_fraction_refuses(value, words):
    with pytest.raises(ValueError, match="allowed: ") as caught:
        parse_fraction(value)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_fraction_has_no_percent_hint_where_it_would_not_help():
    with pytest.raises(ValueError, match="out of range") as caught:
        parse_fraction(300)
    assert "300 %" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"), [("1 h", 3600), ("20 s", 20), ("5 min", 300), ("20 ms", 0.02), (7, 7)]
)
def test_duration(value, seconds):
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", ["1 m", "-1 s", "1 uS", "1 %", True, "soon", "1e308 years"])
def test_duration_refuses(value):
    with pytest.raises(ValueError, match="allowed: a time such as '1 h'"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [("1e-3", 1e-3), ("+.5", 0.5), (3, 3.0), (True, None), ("0x10", None), ("1_0", None)],
)
def test_number(value, number):
    assert parse_number(value) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ("a\nb", r"'a\nb'"),
        ("\x1b[31m", r"'\x1b[31m'"),
        (0.1, "0.1"),
        (1 << 20000, "a huge int"),
    ],
    ids=["null", "true", "false", "newline", "escape", "float", "huge int"],
)
def test_show(value, text):
    assert show(value) == text


def test_show_cuts_long_values():
    assert len(show("x" * 1000)) < 70
    assert len(show(list(range(1000)))) < 70


@settings(deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"[0-9]{1,3}\s?[A-Za-zµΩ%]{1,12}"), st.floats()))
def test_only_value_error_escapes(value):
    for parse in (parse_conductance, parse_fraction, parse_duration):
        try:
            message = f"{parse(value)} is read"
        except ValueError as error:
            message = str(error)
        assert len(message.splitlines()) == 1


def test_import_is_light():
    code = "import sys, neurograd.spec; print({'torch', 'pint'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("target", ["siemens", "ohm", "second", "volt", "kelvin"])
def test_units_that_need_no_pint_are_pints(target):
    for unit in units._COMMON:
        assert units._factor(unit, target) == units._by_pint(unit, target), unit


def test_a_preset_is_read_without_pint():
    code = (
        "import sys, neurograd.spec as s; s.validate_spec({'device': {'preset': 'alox-hfo2'}}); "
        "print('pint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
