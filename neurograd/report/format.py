"""Numbers as the table and the page show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Number = float | int | None
MISSING = "–"


def number(value: Number, digits: int = 3) -> str:
    """A number with a few significant digits; a dash where there is none."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def interval(ends: Sequence[Number] | None, digits: int = 3) -> str:
    """An interval as 'low to high'."""
    if ends is None:
        return MISSING
    return f"{number(ends[0], digits)} to {number(ends[1], digits)}"


def bias(moments: dict[str, Any]) -> str:
    """The bias, or its upper bound where none was detected."""
    low, high = moments["b_ci"]
    if low == 0:
        return "0" if high == 0 else f"< {number(high)}"
    return number(moments["b"])


def bias_ratio(descent: dict[str, Any]) -> str:
    """The bias ratio r, or its upper bound where no bias was detected."""
    low, high = descent["bias_ratio_ci"]
    if low == 0:
        return "0" if high == 0 else f"< {number(high)}"
    return number(descent["bias_ratio"])


def percent(value: Number) -> str:
    """A fraction as a percentage with one decimal."""
    return MISSING if value is None else f"{100 * value:.1f} %"


def percent_interval(ends: Sequence[Number] | None) -> str:
    """An interval of fractions in percent."""
    if ends is None:
        return MISSING
    low, high = (MISSING if end is None else f"{100 * end:.1f}" for end in ends)
    return f"{low} to {high} %"


def yes_no(value: bool | None) -> str:
    """A word for a truth value."""
    return MISSING if value is None else "yes" if value else "no"


def descends(descent: dict[str, Any]) -> str:
    """Whether the expected step lowers the loss, as far as the interval of the margin tells."""
    low, high = descent["exact_margin_ci"]
    if low is None or high is None:
        return MISSING
    return "yes" if high < 0 else "no" if low > 0 else "unclear"
