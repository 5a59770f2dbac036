"""A number that is not known exactly as a spec writes it, before its key has read it.

``{typ, min, max}`` and ``'5 % ± 1 %'`` in place of a number; what they mean is told in ``ranges``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from neurograd.errors import SpecError
from neurograd.keys.units import MAX_TEXT, NUMBER_PATTERN, UNIT_PATTERN, parse_number, show

SECTIONS = ("device", "deployment")
"""Sections of a spec whose numbers may have a range."""

ALLOWED = "{typ: 5 %, min: 3 %, max: 8 %} or '5 % ± 1 %', one standard deviation behind the ±"

CUT = 3
"""Standard deviations of a normal distribution at which it is cut."""

_QUANTITY = rf"({NUMBER_PATTERN})\s*({UNIT_PATTERN}|%|°C)?"
_SIGN = r"(?:±|\+/-|\+-)"
PLUS_MINUS = rf"{_QUANTITY}\s*{_SIGN}\s*{_QUANTITY}"
"""A number and its standard deviation, as a regular expression."""

ENDS = ("typ", "min", "max")
"""Keys of a range as a mapping."""

_BEGINS = re.compile(rf"\s*{_QUANTITY}\s*{_SIGN}(?!.*\.[A-Za-z])")
"""What begins as a range does, and is no name of a file."""

_PERCENT = ("%", "percent")
_PLUS_MINUS = re.compile(PLUS_MINUS)
_OHM = re.compile("[Oo]hm|[\u03a9\u2126]")


@dataclass(frozen=True)
class Normal:
    """A number with a standard deviation, as they are written.

    Attributes:
        middle: The number.
        std: The standard deviation.
        unit: Unit of both, empty where there is none.
    """

    middle: Decimal
    std: Decimal
    unit: str

    def at(self, count: float) -> str:
        """The value some standard deviations above the number, as a spec would write it."""
        number = self.middle + Decimal(repr(count)) * self.std
        return f"{number:f} {self.unit}".strip()

    def inward(self, count: float) -> str:
        """The same, rounded to a whole number towards the middle."""
        number = self.middle + Decimal(repr(count)) * self.std
        way = ROUND_CEILING if count < 0 else ROUND_FLOOR
        return f"{number.to_integral_value(way):f} {self.unit}".strip()


@dataclass(frozen=True)
class Written:
    """What a spec says of one number, before its ends are read as the key reads numbers.

    Attributes:
        key: Its dotted key.
        low: Its lower end as it is written.
        high: Its upper end.
        normal: The normal distribution that they are cut from, None where it is another one.
        std: Its standard deviation where that was read already, else None.
        interval: Its interval where that was read already, else None.
    """

    key: str
    low: Any
    high: Any
    normal: Normal | None = None
    std: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def is_resistance(self) -> bool:
        """Whether an end is written as a resistance, which is read as its inverse."""
        return any(isinstance(end, str) and _OHM.search(end) for end in (self.low, self.high))


def taken(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[Written, ...]]:
    """A spec as it is written, with the typical value in place of each range, and the ranges.

    Raises:
        SpecError: For a range that cannot be read, and for one in a single layer; its source is
            for the caller to name.
    """
    found: list[Written] = []
    typical = dict(data)
    for name in SECTIONS:
        if isinstance(data.get(name), Mapping):
            typical[name] = _taken(data[name], name, found)
    in_layers: list[Written] = []
    if isinstance(data.get("layers"), Mapping):
        _taken(data["layers"], "layers", in_layers)
    if in_layers:
        problem = "has a range, and numbers of single layers have none; allowed: one number"
        raise _error(in_layers[0].key, problem)
    return (typical if found else data), tuple(found)


def _error(key: str, problem: str) -> SpecError:
    return SpecError("spec", key, problem)


def _taken(section: Mapping[str, Any], place: str, found: list[Written]) -> dict[str, Any]:
    typical: dict[str, Any] = {}
    for name, value in section.items():
        key = f"{place}.{name}"
        if isinstance(value, Mapping) and not _is_range(str(name), value):
            typical[name] = _taken(value, key, found)
            continue
        read = _of_mapping if isinstance(value, Mapping) else _of_text
        range_ = read(key, value)
        typical[name] = value if range_ is None else range_[0]
        found += [] if range_ is None else [range_[1]]
    return typical


def _is_range(name: str, value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a range; a section of the spec has min and max as well."""
    return "typ" in value or (name != "conductance" and bool(value) and {*value} <= {*ENDS})


def _of_mapping(key: str, value: Any) -> tuple[Any, Written]:
    if {*value} != {*ENDS}:
        raise _error(key, f"{show(dict(value))} is no range; allowed: {ALLOWED}")
    return value["typ"], Written(key, value["min"], value["max"])


def _of_text(key: str, value: Any) -> tuple[Any, Written] | None:
    if not isinstance(value, str) or not _BEGINS.match(value):
        return None
    normal = Normal(*_read_text(key, value))
    return normal.at(0), Written(key, normal.at(-CUT), normal.at(CUT), normal=normal)


def _read_text(key: str, value: str) -> tuple[Decimal, Decimal, str]:
    """The number, its standard deviation and the unit of both, empty where there is none."""
    match = _PLUS_MINUS.fullmatch(value.strip()) if len(value) <= MAX_TEXT else None
    middle, std = (None, None) if match is None else (_decimal(match[1]), _decimal(match[3]))
    if match is None or middle is None or std is None:
        raise _error(key, f"{show(value)} is no range; allowed: {ALLOWED}")
    unit = match[2] or match[4] or ""
    if unit != (match[4] or unit):
        raise _error(key, f"{show(value)} has two units; allowed: one on both sides of the ±")
    if std <= 0:
        raise _error(key, f"{show(value)} has no width; allowed: a number above 0 behind the ±")
    bare = [number for number, own in ((middle, match[2]), (std, match[4])) if own is None]
    if unit in _PERCENT and any(0 < abs(number) < 1 for number in bare):
        # 0.05 beside a percentage may as well be the fraction that it is alone, 5 %.
        forms = " or ".join(_both_in(unit, match, factor) for factor in (1, 100))
        raise _error(key, f"{show(value)} may be read in two ways; allowed: {forms}")
    return middle, std, unit


def _decimal(text: str) -> Decimal | None:
    """A number with the digits that it is written with; None where it is too large or small."""
    exact, number = Decimal(text), parse_number(text)
    if number is None or (number == 0) != (exact == 0):
        return None
    return exact if number else Decimal(0)


def _both_in(unit: str, match: re.Match[str], factor: int) -> str:
    """A range with its unit on both sides, what stands without one multiplied by a factor."""
    sides = (
        f"{float(number) * (1 if own else factor):.12g} {unit}"
        for number, own in ((match[1], match[2]), (match[3], match[4]))
    )
    return f"'{' ± '.join(sides)}'"
