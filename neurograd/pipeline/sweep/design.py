"""The points of a sweep: a grid over values of spec keys, or a random design over their ranges."""

from __future__ import annotations

import itertools
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neurograd.errors import NeurogradError
from neurograd.keys.units import NUMBER_PATTERN, UNIT_PATTERN, show

MAX_POINTS = 10_000
MAX_TEXT_LENGTH = 100_000

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_END = rf"({NUMBER_PATTERN})\s*({UNIT_PATTERN}|%)?"
_RANGE = re.compile(rf"\s*{_END}\s*:\s*{_END}\s*(?::\s*(?:([0-9]{{1,6}})\s*(log)?|(log))\s*)?")
_LIKE_RANGE = re.compile(r"\s*[+-]?\.?[0-9][^:'\"\[{]*:")
_OPEN, _CLOSE = "[{", "]}"

RANGE_ALLOWED = (
    "LOW:HIGH:COUNT (linear) or LOW:HIGH:COUNTlog, with one unit, such as '1 %:10 %:5', "
    "and LOW:HIGH with --random"
)


@dataclass(frozen=True)
class Range:
    """Values from low to high, ends included.

    Attributes:
        low: Number of the low end, in ``unit``.
        high: Number of the high end, above ``low``.
        unit: Unit word of both ends, empty without one.
        count: How many values a grid takes, None where only a random design is meant.
        log: Whether values are even on a logarithmic scale.
        whole: Whether only whole numbers are meant.
    """

    low: float
    high: float
    unit: str = ""
    count: int | None = None
    log: bool = False
    whole: bool = False

    def at(self, fraction: float) -> str:
        """The value at a place from 0 (low) to 1 (high), as a user would write it."""
        if fraction in (0.0, 1.0):
            number = self.high if fraction else self.low
        elif self.log:
            number = self.low * (self.high / self.low) ** fraction
        else:
            number = self.low + (self.high - self.low) * fraction
        if self.whole:
            text = f"{round(number)}"
        else:
            # What is written is what runs; six digits are finer than any device is known.
            inside = fraction not in (0.0, 1.0)
            number = float(f"{number:.6g}") if inside else number
            text = f"{min(max(number, self.low), self.high) + 0.0:.15g}"
        return f"{text} {self.unit}".strip()

    def drawn(self, fraction: float) -> str:
        """The value of a random design at a place in [0, 1).

        Each whole number has a part of [0, 1) of its own, the ends like all others.
        """
        if not self.whole:
            return self.at(fraction)
        if self.log:
            low, high = self.low - 0.5, self.high + 0.5
            number = round(low * (high / low) ** fraction)
        else:
            number = math.floor(self.low + (self.high - self.low + 1.0) * fraction)
        # The last digit of a sum may be that of a number beyond an end.
        kept = min(max(number, round(self.low)), round(self.high))
        return f"{kept} {self.unit}".strip()

    @property
    def ends(self) -> tuple[str, str]:
        """Low and high end as a user would write them."""
        return self.at(0.0), self.at(1.0)

    def values(self) -> tuple[str, ...]:
        """The values of a grid, without those that whole numbers make equal."""
        count = self.count or 0
        return tuple(dict.fromkeys(self.at(k / (count - 1)) for k in range(count)))


@dataclass(frozen=True)
class Axis:
    """One key of a sweep.

    Attributes:
        key: Dotted key of the spec.
        values: The values of a list, as the user wrote them; empty for a range.
        range: The range, None for a list.
    """

    key: str
    values: tuple[str, ...] = ()
    range: Range | None = None


@dataclass(frozen=True)
class Design:
    """All points of a sweep, in the order of the table.

    Attributes:
        keys: The swept keys.
        points: The values of each point as texts, one for each key.
        grid: Whether the points are all combinations of the keys' values, the last key fastest.
        remarks: What a user has to know of how the points came about, one sentence each.
    """

    keys: tuple[str, ...]
    points: tuple[tuple[str, ...], ...]
    grid: bool
    remarks: tuple[str, ...] = ()


def parse_axis(text: str) -> Axis:
    """Read ``KEY=V1,V2,...``, ``KEY=LOW:HIGH:COUNT`` or ``KEY=LOW:HIGH:COUNTlog``.

    Commas inside brackets, braces and quotes belong to a value.

    Raises:
        NeurogradError: With one line that says what is allowed.
    """
    key, equals, rest = text.partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key) or len(text) > MAX_TEXT_LENGTH:
        raise NeurogradError(
            f"--over: {show(text)} is not allowed; allowed: a.dotted.key=V1,V2,... or "
            "a.dotted.key=LOW:HIGH:COUNT"
        )
    values = _split(rest)
    if any(not value for value in values):
        raise NeurogradError(f"--over {key}: a value is empty; allowed: V1,V2,...")
    if any(_LIKE_RANGE.match(value) for value in values):
        if len(values) > 1:
            raise NeurogradError(f"--over {key}: allowed: one range, or a list of values, not both")
        return Axis(key, range=_parse_range(key, values[0]))
    repeated = [value for k, value in enumerate(values) if value in values[:k]]
    if repeated:
        raise NeurogradError(f"--over {key}: {show(repeated[0])} is given twice; allowed: once")
    return Axis(key, tuple(values))


def check_axes(axes: Sequence[Axis]) -> None:
    """Refuse axes that do not go together.

    Raises:
        NeurogradError: If there is none, or a key is there twice or inside another one.
    """
    if not axes:
        raise NeurogradError("--over: is missing; allowed: --over KEY=V1,V2,..., repeatable")
    keys = [axis.key for axis in axes]
    for k, key in enumerate(keys):
        if key in keys[:k]:
            raise NeurogradError(f"--over {key}: is given twice; allowed: once, with all values")
        for other in keys:
            if key.startswith(f"{other}."):
                raise NeurogradError(
                    f"--over {key}: lies inside {other}, which is swept too; allowed: one of them"
                )


def make_grid(axes: Sequence[Axis]) -> Design:
    """All combinations of the axes' values, the last axis fastest.

    Raises:
        NeurogradError: If there are too many, or a range has no count.
    """
    check_axes(axes)
    sets = []
    for axis in axes:
        if axis.range is not None and axis.range.count is None:
            raise NeurogradError(
                f"--over {axis.key}: a grid needs the range's COUNT; allowed: {RANGE_ALLOWED}"
            )
        sets.append(axis.values if axis.range is None else axis.range.values())
    size = math.prod(len(values) for values in sets)
    if size > MAX_POINTS:
        raise NeurogradError(
            f"--over: {size} points are too many; allowed: {MAX_POINTS} at most, "
            "or --random COUNT of them"
        )
    keys, points = tuple(axis.key for axis in axes), tuple(itertools.product(*sets))
    return Design(keys, points, grid=True, remarks=tuple(_fewer_values(axes)))


def _fewer_values(axes: Sequence[Axis]) -> Iterator[str]:
    """Which ranges have fewer values than were asked for."""
    for axis in axes:
        asked, found = axis.range, () if axis.range is None else axis.range.values()
        if asked is not None and asked.count is not None and len(found) < asked.count:
            kind = "whole numbers" if asked.whole else "numbers of six digits"
            yield (
                f"{axis.key}: the range gives {len(found)} different {kind} in place of the "
                f"{asked.count} values asked for."
            )


def make_random(axes: Sequence[Axis], count: int, seed: int) -> Design:
    """A random design: a Latin hypercube over ranges and lists, the same for the same seed.

    Of every axis each of ``count`` equal parts is hit once, so a range is covered evenly and the
    values of a list come equally often, give or take one (McKay, Beckman and Conover,
    Technometrics 21, 1979).

    Raises:
        NeurogradError: If the count is out of range.
    """
    check_axes(axes)
    if not 1 <= count <= MAX_POINTS:
        raise NeurogradError(f"--random: {count} is out of range; allowed: 1 to {MAX_POINTS}")
    from scipy.stats import qmc  # noqa: PLC0415  (slow to import)

    generator = np.random.default_rng([seed, zlib.crc32(b"sweep")])
    places = qmc.LatinHypercube(d=len(axes), seed=generator).random(count)
    readers = [_reader(axis) for axis in axes]
    points = tuple(
        tuple(read(float(u)) for read, u in zip(readers, row, strict=True)) for row in places
    )
    return Design(tuple(axis.key for axis in axes), points, grid=False)


def _reader(axis: Axis) -> Callable[[float], str]:
    """From a place in [0, 1) to a value."""
    if axis.range is not None:
        return axis.range.drawn
    values = axis.values
    return lambda place: values[min(int(place * len(values)), len(values) - 1)]


def _parse_range(key: str, text: str) -> Range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise NeurogradError(f"--over {key}: {show(text)} is not a range; allowed: {RANGE_ALLOWED}")
    low, low_unit, high, high_unit, count, *logs = match.groups()
    found = Range(
        low=float(low),
        high=float(high),
        unit=high_unit or "",
        count=None if count is None else int(count),
        log=any(logs),
    )
    problem = None
    if (low_unit or "") != found.unit:
        problem = f"{show(text)} has two units; allowed: the same unit at both ends"
    elif not (math.isfinite(found.high) and found.low < found.high):
        problem = f"{show(text)} does not rise; allowed: LOW below HIGH"
    elif found.log and found.low <= 0:
        problem = f"{show(text)} is logarithmic from {low}; allowed: LOW above 0"
    elif found.count is not None and not 2 <= found.count <= MAX_POINTS:
        problem = f"COUNT {count} is out of range; allowed: 2 to {MAX_POINTS}"
    if problem:
        raise NeurogradError(f"--over {key}: {problem}")
    return found


def _split(text: str) -> list[str]:
    """The values between commas that are not inside brackets, braces or quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
        elif letter == "," and depth <= 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]
