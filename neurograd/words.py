"""Numbers, fractions and lists in plain text: one way for tables, page, sentences and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Number = float | int | None
MISSING = "–"
_WHOLE_FROM = 99.5
"""Percentages from here on are said without a decimal, which would not mean anything."""


def number(value: Number, digits: int = 3) -> str:
    """A number with a few significant digits; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def interval(ends: Sequence[Number] | None, digits: int = 3) -> str:
    """An interval as 'low to high'; a dash for an end that is unbounded or not known."""
    if ends is None:
        return MISSING
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def percent(
    value: Number,
    *,
    decimals: int | None = None,
    significant: int | None = None,
    unit: str = " %",
    missing: str = MISSING,
) -> str:
    """A fraction in percent, such as '3.1 %' for 0.031.

    Args:
        value: The fraction; None and what is not finite have no percentage.
        decimals: Decimals of a column, the same in every row. When None, a sentence's: one, and
            none from 99.5 % on.
        significant: Significant digits instead, for values that a user typed.
        unit: What follows the digits.
        missing: What is said where there is no number.
    """
    if value is None or not math.isfinite(value):
        return missing
    parts = 100 * value
    if significant is not None:
        parts = float(f"{parts:.{significant}g}")
        text = f"{parts:.0f}" if abs(parts) >= 100 else number(parts, significant)
        return f"{text}{unit}"
    if decimals is None:
        decimals = 0 if abs(parts) >= _WHOLE_FROM else 1
    text = f"{parts:.{decimals}f}"
    return f"{text.removeprefix('-') if float(text) == 0 else text}{unit}"


def percent_interval(ends: Sequence[Number] | None, *, unit: str = " %") -> str:
    """An interval of fractions in percent, in a column's digits."""
    if ends is None:
        return MISSING
    low, high = (percent(end, decimals=1, unit="") for end in ends)
    return f"{low} to {high}{unit}"


def confidence(value: float) -> str:
    """A confidence as sentences and tables have it, such as '95%'."""
    return percent(value, decimals=0, unit="%")


def yes_no(value: bool | None) -> str:
    """A word for a truth value."""
    return MISSING if value is None else "yes" if value else "no"


def listed(words: Iterable[str], last: str = "and") -> str:
    """'a, b and c'."""
    *rest, end = words
    return f"{', '.join(rest)} {last} {end}" if rest else end


def capital(sentence: str) -> str:
    """A sentence with its first letter capital."""
    return sentence[:1].upper() + sentence[1:]
