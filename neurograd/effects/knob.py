"""A number of a spec that can be turned: which way harms, and how far it may go.

Shape parameters without a harmless end (an exponential step's A, a and b) are no knobs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurograd import words

DIGITS = 3
"""Significant digits of every value that is tried: what is printed is what was computed."""

Settings = Callable[[float], dict[str, Any]]
CENTURY = 86400.0 * 36525
"""Seconds; the longest time that is tried."""

_SECONDS = ((86400.0 * 365.25, "years"), (86400.0, "days"), (3600.0, "h"), (60.0, "min"))


@dataclass(frozen=True)
class Knob:
    """One number of a spec.

    Attributes:
        key: The dotted key that holds it.
        label: What a sentence calls it.
        now: Its value, None where nothing limits it (ideal), which lies beyond ``high``.
        harmful: 1 where larger values are expected to harm, -1 where smaller ones are.
        low: Smallest value that may be tried.
        high: Largest value that may be tried.
        settings: The keys of the spec that a value stands for, with their values.
        unit: ``%`` for fractions, ``s`` for times, ``bits``, or empty.
        whole: Whether it takes whole numbers only.
        scale: ``log``, ``linear`` (bits, each of which is a factor of two already), or ``signed``
            (even steps through a range that begins below 0).
        either: Whether harm on both sides is plausible, so that both are searched.
        first: First value that is tried where it is 0 now.
        bare: Whether the spec takes its values without their unit only.
    """

    key: str
    label: str
    now: float | None
    harmful: int
    low: float
    high: float
    settings: Settings
    unit: str = ""
    whole: bool = False
    scale: str = "log"
    either: bool = False
    first: float = 0.0
    bare: bool = False

    @property
    def signed(self) -> bool:
        """Whether it runs through a range that begins below 0, in even steps."""
        return self.scale == "signed"

    def rounded(self, value: float) -> float:
        """The nearest value that is tried, within what is allowed."""
        if self.whole:
            near: float = round(value)
        elif self.signed:
            # To a part of the range: near 0 there is no digit that means anything.
            near = round(value, DIGITS - math.floor(math.log10(self.high - self.low))) + 0.0
        else:
            near = float(f"{value:.{DIGITS}g}")
        return min(max(near, self.low), self.high)

    def show(self, value: float | None) -> str:
        """A value with its unit, as a sentence has it."""
        return shown(value, self.unit, whole=self.whole)

    def typed(self, value: float) -> str:
        """A value of one of its keys, as the spec takes it."""
        return shown(value, "" if self.bare else self.unit, whole=self.whole)


def shown(value: float | None, unit: str, *, whole: bool = False) -> str:
    """A value of a number with its unit, as a sentence has it; 'ideal' where there is none.

    Args:
        value: The value.
        unit: As that of a ``Knob``.
        whole: Whether it is a whole number.
    """
    if value is None:
        return "ideal"
    if unit == "%":
        return words.percent(value, significant=DIGITS)
    if unit == "s":
        return _duration(value)
    text = str(round(value)) if whole else words.number(value)
    return _counted(text, unit)


def _duration(seconds: float) -> str:
    for size, word in _SECONDS:
        if seconds >= size:
            return _counted(words.number(seconds / size), word)
    return f"{words.number(seconds)} s"


def _counted(count: str, unit: str) -> str:
    """A number with its unit, which is one of them or several; a unit may be empty."""
    return f"{count} {unit.removesuffix('s') if count == '1' else unit}".strip()


def one_key(key: str, *, whole: bool = False) -> Settings:
    """Settings of a knob that is one key."""
    return lambda value: {key: round(value) if whole else value}


def fraction(key: str, label: str, now: float, high: float = 1.0) -> Knob:
    """A part of something that is best at 0."""
    return Knob(key, label, now, 1, 0.0, high, one_key(key), "%", first=min(0.005, high))


def spread(key: str, label: str, now: float, high: float = 5.0, first: float = 0.05) -> Knob:
    """A relative deviation that is best at 0."""
    return Knob(key, label, now, 1, 0.0, high, one_key(key), "%", first=first, bare=True)


def pair(key: str, label: str, ends: tuple[float, float], high: float, **options: Any) -> Knob:
    """Two numbers, for potentiation and depression, that are scaled together."""
    size = max(abs(ends[0]), abs(ends[1]))
    parts = (1.0, 1.0) if size == 0 else (ends[0] / size, ends[1] / size)

    def settings(value: float) -> dict[str, Any]:
        named = zip(("potentiation", "depression"), parts, strict=True)
        return {f"{key}.{name}": part * value for name, part in named}

    return Knob(key, label, size, 1, 0.0, high, settings, **options)


def bits(key: str, label: str, now: int | None, low: int, high: int) -> Knob:
    """A resolution, whose unit step is a factor of two already."""
    settings = one_key(key, whole=True)
    return Knob(
        key, label, now, -1, low, high, settings, "bits", whole=True, scale="linear", bare=True
    )
