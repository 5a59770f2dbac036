"""Numbers, fractions and lists in plain text: one way for tables, page, sentences and figures."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

Number = float | int | None
MISSING = "–"
_WHOLE_FROM = 99.95
"""Percentages from here on, which round to 100.0, are said without a decimal."""
_TYPED = 6
"""Significant digits of what a user typed; those beyond are a computer's."""
_MORE = 6
"""Decimals that are added at most where a percentage looks like a limit."""
ROUNDING = 64 * sys.float_info.epsilon
"""What sums of float64 leave of a number that is 0, relative to what they are sums of."""


def number(value: Number, digits: int = 3, *, scale: Number = None) -> str:
    """A number with a few significant digits; a dash where there is none.

    Args:
        value: The number.
        digits: Significant digits.
        scale: Size of what the number is a sum or difference of. What is within the rounding error
            of that (``ROUNDING``) is 0; None where no rounding error is known.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    known = 0.0 if scale is None or not math.isfinite(scale) else ROUNDING * abs(scale)
    if abs(value) <= known:
        return "0"
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def interval(ends: Sequence[Number] | None, digits: int = 3, *, scale: Number = None) -> str:
    """An interval as 'low to high'; a dash for an end that is unbounded or not known.

    Args:
        ends: Its ends, None where there is none.
        digits: Significant digits.
        scale: As for ``number``.
    """
    if ends is None:
        return MISSING
    return f"{number(ends[0], digits, scale=scale)} to {number(ends[1], digits, scale=scale)}"


def percent(
    value: Number,
    *,
    decimals: int | None = None,
    significant: int | None = None,
    unit: str = " %",
    missing: str = MISSING,
    beside: Number = None,
) -> str:
    """A fraction in percent, such as '3.1 %' for 0.031.

    Args:
        value: The fraction; None and what is not finite have no percentage.
        decimals: Decimals of a column, the same in every row. When None, a sentence's: one, and
            none from what rounds to 100.0 % on.
        significant: Significant digits instead, for values that a user typed.
        unit: What follows the digits.
        missing: What is said where there is no number.
        beside: A limit that the fraction is held against and that is said as ``typed_percent`` has
            it: a sentence has as many decimals as that has, and as many more as tell on which side
            of it the fraction is.
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
        decimals = decimals if beside is None else _telling(value, beside, decimals)
    text = f"{parts:.{decimals}f}"
    return f"{text.removeprefix('-') if float(text) == 0 else text}{unit}"


def typed_percent(value: float, *, unit: str = " %") -> str:
    """A fraction that a user typed, such as what targets allow, as it was typed: '0.04 %'."""
    return percent(value, significant=_TYPED, unit=unit)


def _telling(value: float, limit: float, least: int) -> int:
    """Decimals of a percentage that stands on its own side of a limit: as many as that, or more."""
    typed = typed_percent(limit, unit="")
    said_limit, least = float(typed), max(least, _decimals(typed))
    for decimals in range(least, least + _MORE):
        said = float(f"{100 * value:.{decimals}f}")
        if (said > said_limit, said < said_limit) == (value > limit, value < limit):
            return decimals
    return least


def _decimals(text: str) -> int:
    """Digits behind the point; 0 of what is written with an exponent."""
    return 0 if "e" in text else len(text.partition(".")[2])


def percent_interval(ends: Sequence[Number] | None, *, unit: str = " %") -> str:
    """An interval of fractions in percent, in a column's digits."""
    if ends is None:
        return MISSING
    low, high = (percent(end, decimals=1, unit="") for end in ends)
    return f"{low} to {high}{unit}"


def confidence(value: float) -> str:
    """A confidence as sentences and tables have it, such as '95 %' or '99.9 %'."""
    return f"{100 * value:.6g} %"


def ranged_percent(
    value: Number, ends: Sequence[Number] | None, level: float, *, missing: str = MISSING
) -> str:
    """A fraction with its interval and the interval's confidence: '3.1 % (2.4 to 3.8 at 95 %)'.

    This and ``ranged_number`` are how a sentence says a number that has an interval, so that the
    two never part.

    Args:
        value: The fraction; None and what is not finite have neither percentage nor interval.
        ends: Its interval; None or infinite for an end without bound.
        level: Confidence of the interval.
        missing: What is said where there is no number.
    """
    if value is None or not math.isfinite(value):
        return missing
    shown = [percent(end, unit="") if _known(end) else None for end in ends or (None, None)]
    return f"{percent(value)} ({_between(shown)} at {confidence(level)})"


def ranged_number(
    value: Number,
    ends: Sequence[Number] | None,
    level: float,
    *,
    scale: Number = None,
    missing: str = MISSING,
) -> str:
    """A number with its interval and the interval's confidence: '0.013 (0.003 to 0.022 at 99 %)'.

    Args:
        value: The number.
        ends: Its interval; None or infinite for an end without bound.
        level: Confidence of the interval.
        scale: As for ``number``.
        missing: What is said where there is no number.
    """
    if value is None or not math.isfinite(value):
        return missing
    shown = [number(end, scale=scale) if _known(end) else None for end in ends or (None, None)]
    return f"{number(value, scale=scale)} ({_between(shown)} at {confidence(level)})"


def percent_ends(ends: Sequence[Number], *, beside: Sequence[Number] = (None, None)) -> str:
    """Two ends of fractions as a sentence has them: '2.4 to 3.8 %', '2.4 % or more', 'unbounded'.

    Args:
        ends: None or infinite for an end without bound.
        beside: What each end is held against, as for ``percent``.
    """
    low, high = (end if _known(end) else None for end in ends)
    if low is not None and high is not None:
        return f"{percent(low, unit='', beside=beside[0])} to {percent(high, beside=beside[1])}"
    pairs = zip((low, high), beside, strict=True)
    return _between([None if end is None else percent(end, beside=by) for end, by in pairs])


def _known(end: Number) -> bool:
    return end is not None and math.isfinite(end)


def _between(shown: Sequence[str | None]) -> str:
    low, high = shown
    if low is None:
        return "unbounded" if high is None else f"up to {high}"
    return f"{low} or more" if high is None else f"{low} to {high}"


def counted(count: int | None, noun: str) -> str:
    """A number of things: '1 chip', '3 chips'."""
    return f"{MISSING if count is None else count} {noun}{'' if count == 1 else 's'}"


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


_UNITS = ((31557600.0, "year"), (86400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


def duration(seconds: float) -> str:
    """A length of time in the largest unit that it is one or more of: '1 day', '90 s'.

    Args:
        seconds: 0 or more.
    """
    for size, unit in _UNITS:
        if seconds >= size:
            count = number(seconds / size)
            return f"{count} {unit}{'' if count == '1' else 's'}"
    return f"{number(seconds)} s"


def after_programming(seconds: float) -> str:
    """When a programmed network is read: '1 day after programming'.

    Args:
        seconds: 0 or more.
    """
    return f"{duration(seconds)} after programming" if seconds > 0 else "right after programming"
