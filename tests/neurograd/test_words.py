"""The one formatter of numbers and fractions."""

from __future__ import annotations

import math

import pytest

from neurograd import words


def test_numbers_and_intervals():
    assert words.number(None) == words.number(math.inf) == words.number(math.nan) == words.MISSING
    assert words.number(0.000012345) == "1.23e-5"
    assert words.number(1234.5) == "1.23e3"
    assert words.number(0.123456, 2) == "0.12"
    assert words.interval((0.5, math.inf)) == "0.5 to –"
    assert words.interval(None) == words.MISSING


@pytest.mark.parametrize(
    ("value", "sentence", "column", "setting"),
    [
        (0.0313, "3.1 %", "3.1 %", "3.13 %"),
        (0.9961, "99.6 %", "99.6 %", "99.6 %"),
        (0.9996, "100 %", "100.0 %", "100 %"),
        (12.345, "1234 %", "1234.5 %", "1230 %"),
        (-0.0001, "0.0 %", "0.0 %", "-0.01 %"),
        (-1.2, "-120 %", "-120.0 %", "-120 %"),
        (None, "–", "–", "–"),
        (math.inf, "–", "–", "–"),
    ],
)
def test_percentages_of_sentences_columns_and_settings(value, sentence, column, setting):
    assert words.percent(value) == sentence
    assert words.percent(value, decimals=1) == column
    assert words.percent(value, significant=3) == setting


def test_what_has_no_percentage_has_words():
    assert words.percent(None, missing="unbounded") == "unbounded"
    assert words.percent(0.5, unit="") == "50.0"
    assert words.percent_interval((-0.01, math.inf)) == "-1.0 to – %"
    assert words.percent_interval((0.01, 0.02), unit="") == "1.0 to 2.0"
    assert words.percent_interval(None) == words.MISSING
    assert words.confidence(0.95) == "95 %"
    assert words.confidence(0.999) == "99.9 %"  # never rounded up to 100 %


def test_what_rounding_leaves_of_0_is_0():
    assert words.number(-4.44e-16, scale=1.0) == "0"
    assert words.number(-4.44e-16) == "-4.44e-16"
    assert words.number(1e-13, scale=1.0) == "1e-13"
    assert words.number(-4.44e-16, scale=1e-3) == "-4.44e-16"
    assert words.number(1e-16, scale=math.inf) == words.number(1e-16, scale=None) == "1e-16"
    assert words.interval((-1e-17, 0.5), scale=1.0) == "0 to 0.5"


@pytest.mark.parametrize(
    ("value", "ends", "percentage", "figure"),
    [
        (0.031, (0.024, 0.038), "3.1 % (2.4 to 3.8 at 95 %)", "0.031 (0.024 to 0.038 at 95 %)"),
        (
            -0.01,
            (-0.02, math.inf),
            "-1.0 % (-2.0 or more at 95 %)",
            "-0.01 (-0.02 or more at 95 %)",
        ),
        (0.5, (None, 0.6), "50.0 % (up to 60.0 at 95 %)", "0.5 (up to 0.6 at 95 %)"),
        (0.5, (-math.inf, math.inf), "50.0 % (unbounded at 95 %)", "0.5 (unbounded at 95 %)"),
        (0.5, None, "50.0 % (unbounded at 95 %)", "0.5 (unbounded at 95 %)"),
        (math.inf, (math.inf, math.inf), "none", "none"),
        (None, (0.0, 1.0), "none", "none"),
    ],
)
def test_a_number_and_its_interval_never_part(value, ends, percentage, figure):
    assert words.ranged_percent(value, ends, 0.95, missing="none") == percentage
    assert words.ranged_number(value, ends, 0.95, missing="none") == figure


def test_ends_of_fractions_in_sentences():
    assert words.percent_ends((0.024, 0.038)) == "2.4 to 3.8 %"
    assert words.percent_ends((0.024, math.inf)) == "2.4 % or more"
    assert words.percent_ends((None, 0.038)) == "up to 3.8 %"
    assert words.percent_ends((-math.inf, None)) == "unbounded"


def test_things_are_counted():
    assert [words.counted(n, "chip") for n in (0, 1, 3)] == ["0 chips", "1 chip", "3 chips"]
    assert words.counted(None, "step") == f"{words.MISSING} steps"


def test_lists_and_truth_values():
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b"], "or") == "a or b"
    assert [words.yes_no(v) for v in (True, False, None)] == ["yes", "no", words.MISSING]
    assert words.capital("stuck devices") == "Stuck devices"
