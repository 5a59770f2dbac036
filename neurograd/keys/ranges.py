"""Numbers that are not known exactly: how a spec writes them, and what is known of each.

Two forms stand in place of a number. ``{typ: 5 %, min: 3 %, max: 8 %}``: it lies from ``min`` to
``max`` and is most likely ``typ`` (the mode of a triangular distribution: JCGM 101:2008, 6.4.5;
Johnson, The Statistician 46, 1997). ``'5 % ± 1 %'``: a normal distribution whose standard
deviation stands behind the ± (JCGM 100:2008, 7.2.2), cut at three of them, and where its key takes
nothing beyond; that of a whole number at whole ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from neurograd.errors import SpecError
from neurograd.keys.fields import (
    TEXT_NUMBER,
    FieldType,
    Json,
    Line,
    Number,
    SpecModel,
    Whole,
    spec_problem,
)
from neurograd.keys.range_forms import ALLOWED, CUT, SECTIONS, Normal, Written
from neurograd.keys.range_schema import Bounds
from neurograd.keys.units import parse_number, show


@dataclass(frozen=True)
class _Real(FieldType):
    """A finite number, read as one; its own key says what it may be."""

    def read(self, value: Any) -> float:
        """Reads a number or its text, whole where it is."""
        number = parse_number(value)
        if number is None:
            raise spec_problem(f"{show(value)} is not a number; allowed: {self.allowed}")
        return value if isinstance(value, int) else number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "a number in the unit of the key itself, without a unit word"

    def json(self) -> Json:
        """A number or its text."""
        return {"anyOf": [{"type": "number"}, TEXT_NUMBER]}


@dataclass(frozen=True)
class _Interval(FieldType):
    """Both ends of an interval."""

    def read(self, value: Any) -> tuple[float, float]:
        """Reads a pair of numbers."""
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise spec_problem(f"{show(value)} is no interval; allowed: {self.allowed}")
        low, high = (_Real().read(end) for end in value)
        return low, high

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "a list of two numbers in the unit of the key itself, the smaller one first"

    def json(self) -> Json:
        """A pair of numbers."""
        end = _Real().json()
        return {"type": "array", "prefixItems": [end, end], "minItems": 2, "maxItems": 2}


@dataclass(frozen=True)
class _Lines(FieldType):
    """Names, a line each."""

    def read(self, value: Any) -> tuple[str, ...]:
        """Reads a list of texts."""
        if not isinstance(value, list | tuple):
            raise spec_problem(f"{show(value)} is not a list; allowed: {self.allowed}")
        return tuple(Line(100).read(each) for each in value)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "a list of names"

    def json(self) -> Json:
        """A list of strings."""
        return {"type": "array", "items": Line(100).json()}


class NumberRange(SpecModel):
    """What is known of one number; its key has the typical value."""

    min: Annotated[float, _Real()] = Field(description="Smallest value.")
    max: Annotated[float, _Real()] = Field(description="Largest value.")
    std: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Standard deviation of a normal distribution around the typical value, cut at "
        "min and max. Default: null, a triangular one with its top there.",
    )
    interval: Annotated[tuple[float, float], _Interval()] | None = Field(
        None,
        description="In place of std, both ends of an interval at 95 % that lies unevenly about "
        "the typical value, the median of a skewed distribution (Tukey's g), cut at min and max; "
        "of device.conductance.levels that distribution is of steps, 1/levels. "
        "Default: null, none.",
    )


Pair = tuple[str, str, float]
"""The keys of two numbers and the correlation of their normal scores."""


@dataclass(frozen=True)
class _Pairs(FieldType):
    """Pairs of numbers that vary together."""

    def read(self, value: Any) -> tuple[Pair, ...]:
        """Reads a list of triples."""
        if not isinstance(value, list | tuple):
            raise spec_problem(f"{show(value)} is not a list; allowed: {self.allowed}")
        return tuple(self._pair(each) for each in value)

    def _pair(self, value: Any) -> Pair:
        shape = isinstance(value, list | tuple) and len(value) == 3
        if not shape or not all(isinstance(key, str) for key in value[:2]):
            raise spec_problem(f"{show(value)} is no pair; allowed: {self.allowed}")
        return value[0], value[1], Number(-1, 1).read(value[2])

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "a list of [KEY, KEY, a number from -1 to 1]"

    def json(self) -> Json:
        """A list of triples."""
        kinds = [{"type": "string"}, {"type": "string"}, Number(-1, 1).json()]
        pair: Json = {"type": "array", "prefixItems": kinds, "minItems": 3, "maxItems": 3}
        return {"type": "array", "items": pair}


class Ranges(SpecModel):
    """Numbers that are not known exactly, over which a check forecasts."""

    draws: Annotated[int, Whole(4, 10_000)] = Field(
        32, description="Draws of all numbers together that are forecast, 4 to 10000. Default: 32."
    )
    numbers: dict[str, NumberRange] = Field(
        {},
        description="What is known of each number, by its key. Default: {}, what the keys of "
        f"device and deployment themselves have in place of a number: {ALLOWED}.",
    )
    data: Annotated[str, Line(4096)] | None = Field(
        None,
        description="Measured data that leave the numbers open, for reports to name; written by "
        "neurograd fit --ranges and with device.measured_as. Default: null, none.",
    )
    correlations: Annotated[tuple[Pair, ...], _Pairs()] = Field(
        (),
        description="Pairs of these numbers that vary together, each with the correlation of their "
        "normal scores. Default: [], none.",
    )
    other_curves: Annotated[tuple[str, ...], _Lines()] = Field(
        (),
        description="Curves that data allow as well and that no draw is of, for reports to name; "
        "written by neurograd fit --ranges and with device.measured_as. Default: [], none.",
    )


def _error(key: str, problem: str) -> SpecError:
    return SpecError("spec", key, problem)


def written_again(ranges: Mapping[str, NumberRange]) -> tuple[Written, ...]:
    """Ranges that are read already, to be held against their keys once more."""
    return tuple(
        Written(key, each.min, each.max, std=each.std, interval=each.interval)
        for key, each in ranges.items()
    )


Read = Callable[[str, Any], Any]
"""What a key holds with another value, given what that is to its range and how it is written."""


def read_range(
    written: Written, typical: Any, read: Read, own: Callable[[], Bounds]
) -> NumberRange:
    """What is known of one number, in the unit of its key.

    Args:
        written: What the spec says.
        typical: What the key holds with the typical value.
        read: What it holds with another value; raises SpecError where that is not allowed.
        own: The key's own bounds, at which a normal distribution is cut.

    Raises:
        SpecError: If numbers of its section have no ranges, or the ends are not allowed or not on
            both sides of the typical value.
    """
    key, now = written.key, _number(typical)
    if key.partition(".")[0] not in SECTIONS:
        problem = f"has no ranges; allowed: numbers of {' and '.join(SECTIONS)}"
        raise _error(f"ranges.numbers.{key}", problem)
    if now is None:
        raise _error(key, "holds no number of its own; allowed: a range in place of one number")
    if written.normal is not None:
        return _cut_normal(written, written.normal, now, read, own)
    low = _number_at(key, read("the min", written.low))
    high = _number_at(key, read("the max", written.high))
    low, high = (high, low) if written.is_resistance else (low, high)
    _check_order(key, low, now, high)
    _check_interval(written, low, now, high)
    return NumberRange(min=low, max=high, std=written.std, interval=written.interval)


def _cut_normal(
    written: Written, normal: Normal, now: float, read: Read, own: Callable[[], Bounds]
) -> NumberRange:
    """A normal distribution, cut; of whole numbers at whole ones."""
    key, whole = written.key, isinstance(now, int)
    if written.is_resistance:
        problem = "a resistance, read as its inverse, has no ±; allowed: {typ, min, max}"
        raise _error(key, problem)

    def at(count: float) -> float:
        what = f"{abs(count):g} standard deviations {'below' if count < 0 else 'above'} the typ"
        return _number_at(key, read(what, normal.inward(count) if whole else normal.at(count)))

    def end(count: float) -> tuple[float, bool]:
        """An end, and whether it is the key's own bound."""
        try:
            return at(count), False
        except SpecError:
            bound = own()[count > 0]
            if bound is not None:
                with suppress(SpecError):
                    return _number_at(key, read("the bound", bound)), True
            raise

    (low, low_cut), (high, high_cut) = end(-CUT), end(CUT)
    _check_order(key, low, now, high)
    if whole:
        std = float(normal.std)
    elif not (low_cut and high_cut):
        std = (now - low) / CUT if high_cut else (high - now) / CUT
    else:
        std = _deviation(key, now, at)
    return NumberRange(min=low, max=high, std=std)


def _deviation(key: str, now: float, at: Callable[[float], float]) -> float:
    """A standard deviation in the key's unit, where three of them reach beyond both bounds."""
    for count in (1.0, -1.0, 0.1, -0.1, 0.01, -0.01):
        with suppress(SpecError):
            return (at(count) - now) / count
    raise _error(key, f"holds little of what its ± says; allowed: {ALLOWED}")


def _number_at(key: str, value: Any) -> float:
    found = _number(value)
    if found is None:
        raise _error(key, "holds no number at an end; allowed: a range in place of one number")
    return found


def _check_order(key: str, low: float, now: float, high: float) -> None:
    if not low <= now <= high or low == high:
        words = f"min {low:g}, typ {now:g} and max {high:g} are no range"
        raise _error(key, f"{words}; allowed: min <= typ <= max, and min below max")


def _check_interval(written: Written, low: float, now: float, high: float) -> None:
    """Raise SpecError where an interval is given that is none of the number."""
    if written.interval is None:
        return
    key = f"ranges.numbers.{written.key}.interval"
    if written.std is not None:
        raise _error(key, "is given beside std; allowed: one of them")
    begin, end = written.interval
    if not low <= begin < now < end <= high:
        words = f"{begin:g} to {end:g} is no interval of {now:g}"
        allowed = f"ends on both sides of it, from the min, {low:g}, to the max, {high:g}"
        raise _error(key, f"{words}; allowed: {allowed}")


def value_at(keys: Mapping[str, Any], key: str) -> Any:
    """What a spec in canonical form has at a dotted key, None where nothing."""
    found: Any = keys
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def typical_values(keys: Mapping[str, Any], ranges: Ranges) -> dict[str, float]:
    """The typical value of each number, by its key; whole where the key has whole numbers.

    Args:
        keys: The spec in canonical form, which has the ranges.
        ranges: What is known of its numbers.
    """
    found = {key: _number(value_at(keys, key)) for key in ranges.numbers}
    return {key: value for key, value in found.items() if value is not None}


def _number(value: Any) -> float | None:
    """The number that a key holds; that of both directions where it is one; else None."""
    if isinstance(value, Mapping):
        found = [_number(each) for each in value.values()]
        return found[0] if found and found.count(found[0]) == len(found) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


# -- The section -----------------------------------------------------------------------------------


def ranges_of(given: Ranges | None, numbers: Mapping[str, NumberRange]) -> Ranges:
    """The section with what is known of all numbers.

    Args:
        given: The section as it was given, None where only numbers have ranges.
        numbers: What is known of each number, by its key.

    Raises:
        SpecError: If correlations are not of two of the numbers each, or two of the same pair, or
            not of any distribution.
    """
    found = Ranges() if given is None else given
    for place, (one, other, _) in enumerate(found.correlations):
        key = f"ranges.correlations[{place}]"
        unknown = [name for name in (one, other) if name not in numbers]
        if unknown or one == other:
            words = f"{show(unknown[0])} has no range" if unknown else "both keys are the same"
            raise _error(key, f"{words}; allowed: two of {', '.join(numbers)}")
        if any({one, other} == {*pair[:2]} for pair in found.correlations[:place]):
            words = f"{show(one)} and {show(other)} have a correlation already"
            raise _error(key, f"{words}; allowed: one of each pair")
    found = found.model_copy(update={"numbers": dict(numbers)})
    if found.correlations and np.linalg.eigvalsh(correlation_matrix(found)).min() <= 0:
        problem = "belong to no distribution (a matrix with an eigenvalue of 0 or below); allowed: "
        raise _error("ranges.correlations", f"{problem}smaller ones")
    return found


def correlation_matrix(ranges: Ranges) -> NDArray[np.float64]:
    """Correlations of the normal scores of all numbers, in their order, shape ``(d, d)``."""
    places = {key: place for place, key in enumerate(ranges.numbers)}
    found = np.eye(len(places))
    for one, other, value in ranges.correlations:
        ends = [places[one], places[other]]
        found[ends, ends[::-1]] = value
    return found


def without_numbers(given: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any] | None:
    """The section, as it is written, with some numbers only; None where none are left."""
    pairs = given.get("correlations") or ()
    left = [each for each in pairs if {*each[:2]} <= {*kept}]
    return {**given, "numbers": dict(kept), "correlations": left} if kept else None
