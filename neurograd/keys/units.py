"""Quantities with units: '59 uS', '16.9 kΩ', '5 %', '1 h' become floats in SI units.

The text is held against a strict pattern (one number, one unit word) before pint sees the unit
word, so no expression is ever evaluated. Every function raises `ValueError` with a one-line
message that says what is allowed; the caller adds the file and the key.
"""

from __future__ import annotations

import math
import numbers
import re
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

MAX_TEXT = 60
"""Longest quantity that is read, and longest value that a message repeats."""

NUMBER_PATTERN = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A decimal number, as a regular expression that Python and JSON Schema both read."""

UNIT_PATTERN = "[A-Za-z\u00b5\u03bc\u03a9\u2126]+"
"""One unit word without powers or products; both code points of micro and of ohm."""

CONDUCTANCE_ALLOWED = (
    "a conductance such as '59 uS', '3.5 nS' or '1e-6 S', or a resistance such as "
    "'16.9 kΩ' or '26 Mohm', from 0 to 1 S"
)
FRACTION_ALLOWED = "a percentage such as '5 %' or a number from 0 to 1"
DURATION_ALLOWED = "a time such as '1 h', '20 s', '5 min' or '10 years'"

_NUMBER = re.compile(NUMBER_PATTERN)
_QUANTITY = re.compile(rf"({NUMBER_PATTERN})\s*({UNIT_PATTERN}|%)?")
_OHM = re.compile(r"[Oo]hms?$")
_HERTZ = re.compile(r"[A-Za-z\u00b5\u03bc]*([Hh]ertz|Hz)")

_PREFIXES = {
    "": 1.0,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "\u00b5": 1e-6,
    "\u03bc": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}
_SYMBOLS = {
    "S": "siemens",
    "ohm": "ohm",
    "\u03a9": "ohm",
    "\u2126": "ohm",
    "s": "second",
    "V": "volt",
}
_TIMES = {"min": 60.0, "h": 3600.0, "d": 86400.0, "y": 31557600.0}
_COMMON = {
    **{
        prefix + symbol: (target, factor)
        for symbol, target in _SYMBOLS.items()
        for prefix, factor in _PREFIXES.items()
    },
    **{unit: ("second", factor) for unit, factor in _TIMES.items()},
}
"""What pint says of the units that nearly every spec has: to import it and read its file of
definitions takes a third of a second."""


def show(value: Any) -> str:
    """Repeats a value for an error message, as YAML would spell it.

    Args:
        value: Any value that a user gave.

    Returns:
        One line of at most about `MAX_TEXT` characters.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        value = value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
        return repr(value)
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # an int with too many digits for a decimal text
        return f"a huge {type(value).__name__}"
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def parse_number(value: Any) -> float | None:
    """Reads a finite number; '1e-3', which YAML 1.1 takes for text, counts as one.

    Args:
        value: A number or its text. A boolean is not a number.

    Returns:
        The number, or None when it is not a finite number.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if len(text) > MAX_TEXT or not _NUMBER.fullmatch(text):
            return None
    elif not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def parse_conductance(value: Any) -> float:
    """Reads a conductance, or a resistance as its inverse.

    Args:
        value: Text such as '59 uS' or '16.9 kΩ'; a bare number is in siemens.

    Returns:
        The conductance in siemens, from 0 to 1.

    Raises:
        ValueError: With a one-line message that names the allowed units.
    """
    number, unit = _split(value, CONDUCTANCE_ALLOWED)
    if unit is None:
        siemens = number
    elif (factor := _factor(unit, "siemens")) is not None:
        siemens = _scale(number, factor)
    elif (factor := _factor(unit, "ohm")) is not None and number * factor > 0:
        siemens = 1 / _scale(number, factor)
    elif factor is not None:
        raise ValueError(f"{show(value)} is not a positive resistance; {_allow_conductance()}")
    else:
        raise ValueError(_wrong_unit(value, unit, CONDUCTANCE_ALLOWED))
    if not 0 <= siemens <= 1:
        bare = unit is None and number > 1
        hint = f" (a bare number is in siemens; write '{number:g} uS')" if bare else ""
        raise ValueError(f"{show(value)} is out of range{hint}; {_allow_conductance()}")
    return siemens


def parse_fraction(value: Any) -> float:
    """Reads a fraction: '5 %' is 0.05, and a bare number is already a fraction.

    Args:
        value: Text such as '5 %', or a number from 0 to 1.

    Returns:
        The fraction, from 0 to 1.

    Raises:
        ValueError: With a one-line message; for a bare 5 it says to write '5 %'.
    """
    number, unit = _split(value, FRACTION_ALLOWED)
    if unit not in (None, "%", "percent"):
        raise ValueError(_wrong_unit(value, unit, FRACTION_ALLOWED))
    fraction = number if unit is None else number / 100
    if not 0 <= fraction <= 1:
        bare = unit is None and 1 < number <= 100
        hint = f"; write '{number:g} %' if you mean percent" if bare else ""
        raise ValueError(f"{show(value)} is out of range{hint}; allowed: {FRACTION_ALLOWED}")
    return fraction


def parse_duration(value: Any) -> float:
    """Reads a time.

    Args:
        value: Text such as '1 h'; a bare number is in seconds.

    Returns:
        The time in seconds, at least 0.

    Raises:
        ValueError: With a one-line message that names the allowed units.
    """
    number, unit = _split(value, DURATION_ALLOWED)
    factor = 1.0 if unit is None else _factor(unit, "second")
    if factor is None:
        raise ValueError(_wrong_unit(value, unit, DURATION_ALLOWED))
    seconds = _scale(number, factor)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{show(value)} is out of range; allowed: {DURATION_ALLOWED}")
    return seconds


def parse_quantity(value: Any, target: str, allowed: str) -> float:
    """Reads a number with a unit of one kind.

    Args:
        value: Text such as '200 mV'; a bare number is in ``target``.
        target: The unit that is given back, such as 'volt'.
        allowed: What is allowed, in words.

    Returns:
        The quantity in ``target``, finite and above 0.

    Raises:
        ValueError: With a one-line message that says what is allowed.
    """
    number, unit = _split(value, allowed)
    factor = 1.0 if unit is None else _factor(unit, target)
    if factor is None:
        raise ValueError(_wrong_unit(value, unit, allowed))
    quantity = _scale(number, factor)
    if not 0 < quantity < math.inf:
        raise ValueError(f"{show(value)} is out of range; allowed: {allowed}")
    return quantity


def unit_factor(unit: str, target: str) -> float | None:
    """What one ``unit`` is in ``target`` units, such as 1e-6 for ``uS`` in ``siemens``.

    Returns:
        The factor, or None when the word is no unit or measures something else.
    """
    return _factor(unit, target) if re.fullmatch(UNIT_PATTERN, unit) else None


def _split(value: Any, allowed: str) -> tuple[float, str | None]:
    """Splits a quantity into its finite number and its unit word, if it has one."""
    unit: str | None = None
    number = parse_number(value)
    if number is None and isinstance(value, str) and len(value) <= MAX_TEXT:
        match = _QUANTITY.fullmatch(value.strip())
        if match:
            number, unit = parse_number(match[1]), match[2]
    if number is None:
        raise ValueError(f"{show(value)} cannot be read; allowed: {allowed}")
    return number, unit


def _scale(number: float, factor: float) -> float:
    """Multiplies as decimals, so that 3.8 uS is 3.8e-06 S and not 3.7999999999999996e-06 S."""
    return float(Decimal(repr(number)) * Decimal(repr(factor)))


def _wrong_unit(value: Any, unit: str | None, allowed: str) -> str:
    return f"{show(value)} has the unit {show(unit)}, which is not allowed; allowed: {allowed}"


def _allow_conductance() -> str:
    return f"allowed: {CONDUCTANCE_ALLOWED}"


@cache
def _registry() -> Any:
    """The one unit registry; pint is imported here because it is slow to import."""
    import pint  # noqa: PLC0415

    return pint.UnitRegistry()


@lru_cache(maxsize=256)
def _factor(unit: str, target: str) -> float | None:
    """What one `unit` is in `target` units, or None when it measures something else."""
    if unit == "%":
        return None
    if unit in _COMMON and target in _SYMBOLS.values():
        kind, factor = _COMMON[unit]
        return factor if kind == target else None
    return _by_pint(unit, target)


def _by_pint(unit: str, target: str) -> float | None:
    import pint  # noqa: PLC0415

    registry = _registry()
    if target == "second" and unit == "y":  # pint knows yr and a, and not the shortest
        unit = "year"
    if target == "hertz" and not _HERTZ.fullmatch(unit):
        return None  # pint turns all that a second has several of into hertz: rpm (by radians), Bq
    word = _OHM.sub("ohm", unit.replace("\u2126", "ohm"))  # pint knows only U+03A9
    try:
        quantity = registry.Quantity(1.0, registry.parse_units(word))
        return float(quantity.to(target).magnitude)
    except (pint.errors.PintError, ArithmeticError, AttributeError, TypeError, ValueError):
        return None
