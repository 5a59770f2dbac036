"""The horizontal axis of one number of a spec, in the units that a designer reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from neurograd.effects.knob import CENTURY, shown

MOST_TICKS = 4
_SLOT = 0.16
"""Place of 0 on a logarithmic axis, or of 'ideal', beside all others, as a part of their width."""
_DAY = 86400.0
_TIMES = (
    *(1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0),
    *(_DAY, 10 * _DAY, 100 * _DAY, 365.25 * _DAY, 3652.5 * _DAY, CENTURY),
)
"""Seconds that have a short name."""


@dataclass(frozen=True)
class NumberAxis:
    """Where the values of a number are drawn.

    Values above 0 are on a logarithmic scale, bits and what may be negative on an even one; 0 on a
    logarithmic scale and a value that is ideal have a place of their own beside all others.

    Attributes:
        unit: Unit of the number, as that of a ``Knob``.
        even: Whether the scale is an even one.
        low: Place of the smallest value that has one on the scale.
        high: Place of the largest one.
        zero: Place of 0; None where it is on the scale or not drawn.
        ideal: Place of 'ideal'; None where it is not drawn.
    """

    unit: str
    even: bool
    low: float
    high: float
    zero: float | None
    ideal: float | None

    @classmethod
    def of(cls, values: Sequence[float | None], unit: str, *, ideal_below: bool) -> NumberAxis:
        """The axis that holds some values.

        Args:
            values: None for ideal.
            unit: Unit of the number.
            ideal_below: Whether 'ideal' lies below all others.
        """
        known = [value for value in values if value is not None]
        even = unit == "bits" or any(value < 0 for value in known)
        places = [v if even else math.log10(v) for v in known if even or v > 0] or [0.0]
        low, high = min(places), max(places)
        gap = _SLOT * max(high - low, 0.3)
        zero = low - gap if not even and 0 in known else None
        ideal = None
        if None in values:
            ideal = (low if zero is None else zero) - gap if ideal_below else high + gap
        return cls(unit, even, low, high, zero, ideal)

    def place(self, value: float | None) -> float:
        """Where a value is drawn; it is one of those that the axis was made for."""
        if value is None or value == 0:
            slot = self.ideal if value is None else self.zero
            if slot is not None:
                return slot
        return float(value or 0) if self.even else math.log10(value or 1)

    def beside(self, value: float | None) -> bool:
        """Whether a value has a place that is not on the scale."""
        return value is None or (value == 0 and self.zero is not None)

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the axis, with some room."""
        slots = [slot for slot in (self.zero, self.ideal) if slot is not None]
        low, high = min([self.low, *slots]), max([self.high, *slots])
        # What may be negative is of any size; bits and decades are not.
        small = max(abs(low), abs(high)) if self.even and self.unit != "bits" else 1.0
        room = 0.06 * max(high - low, 0.3 * (small or 1.0))
        return low - room, high + room

    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels: a few round values, and those that stand beside the scale."""
        low, high = self.ends
        clear = 0.17 * (high - low)
        slots = [(self.zero, "0"), (self.ideal, "ideal")]
        found = [(place, label) for place, label in slots if place is not None]
        for value in self._round_values():
            place = value if self.even else math.log10(value)
            if all(abs(place - other) > clear for other, _ in found):
                found.append((place, self._label(value)))
        return sorted(found)

    def apply(self, axes: Axes) -> None:
        """Set ends and ticks of an axis."""
        axes.set_xlim(self.ends)
        places, labels = zip(*self.ticks(), strict=True)
        axes.set_xticks(places, labels)

    def _label(self, value: float) -> str:
        plain = not self.unit and 1e-3 <= abs(value) < 1e6
        return f"{value:g}" if plain else shown(value, self.unit)

    def _round_values(self) -> list[float]:
        """A few round values on the scale; its ends where there are none."""
        if self.unit == "bits":
            steps = max(1, math.ceil((self.high - self.low) / MOST_TICKS))
            return [float(v) for v in range(math.ceil(self.low), math.floor(self.high) + 1, steps)]
        if self.even:
            step = self._even_step()
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            return [step * k for k in range(first, last + 1)]
        choices = [_TIMES] if self.unit == "s" else [_decades(m) for m in ((1,), (1, 3), (1, 2, 5))]
        for candidates in choices:
            found = [v for v in candidates if self.low - 1e-9 <= math.log10(v) <= self.high + 1e-9]
            if len(found) >= 3:
                return found[:: math.ceil(len(found) / MOST_TICKS)]
        return [float(f"{10**place:.2g}") for place in (self.low, self.high)]

    def _even_step(self) -> float:
        """Between ticks of an even scale: 1, 2 or 5 times a power of ten."""
        least = max(self.high - self.low, 1e-9) / MOST_TICKS
        decade = 10.0 ** math.floor(math.log10(least))
        return next(m * decade for m in (1.0, 2.0, 5.0, 10.0) if m * decade >= 0.999 * least)


def _decades(mantissas: Sequence[int]) -> list[float]:
    return [float(f"{mantissa}e{power}") for power in range(-12, 13) for mantissa in mantissas]
