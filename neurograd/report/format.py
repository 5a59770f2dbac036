"""Numbers as the table and the page show them."""

from __future__ import annotations

from typing import Any

from neurograd import words
from neurograd.words import MISSING, Number, interval, number, percent_interval, yes_no

__all__ = ["MISSING", "bias", "bias_ratio", "descends", "interval", "number", "percent"]
__all__ += ["percent_interval", "yes_no"]


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
    return words.percent(value, decimals=1)


def descends(descent: dict[str, Any]) -> str:
    """Whether the expected step lowers the loss, as far as the interval of the margin tells."""
    low, high = descent["exact_margin_ci"]
    if low is None or high is None:
        return MISSING
    return "yes" if high < 0 else "no" if low > 0 else "unclear"
