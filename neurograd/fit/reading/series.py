"""From one column of values to stretches of one direction: restarts, turning points, trends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_READINGS = 3
"""Fewest readings of a run."""

_TURN = 0.3
"""Part of the whole range that a trace moves back before a turning point counts as one."""

_EVEN = 1.01
"""Largest step of an axis over its smallest, of steps that are equal."""

_NEAR = 3
"""Most rows that a value of an axis is from its place where the axis nearly rises."""


@dataclass(frozen=True)
class Series:
    """Readings in a row.

    Attributes:
        rows: Row of the table of every reading, shape ``(P,)``.
        values: The readings, shape ``(P,)``.
        axis: Pulse number or time of every reading, None without one, shape ``(P,)``.
    """

    rows: NDArray[np.int64]
    values: Array
    axis: Array | None

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int | None) -> Series:
        """The readings from ``start`` to before ``stop``."""
        axis = None if self.axis is None else self.axis[start:stop]
        return Series(self.rows[start:stop], self.values[start:stop], axis)

    def chosen(self, which: NDArray[np.bool_]) -> Series:
        """Some of the readings, shape ``(P,)``."""
        axis = None if self.axis is None else self.axis[which]
        return Series(self.rows[which], self.values[which], axis)

    def turned(self) -> Series:
        """The values from the end to the beginning, along the same axis."""
        return Series(self.rows[::-1], self.values[::-1], self.axis)


def series_of(values: list[float], axis: list[float] | None) -> Series:
    """A column without the blank cells at its ends, and without those between where it has an axis.

    Raises:
        ValueError: If it has no values.
    """
    column = np.asarray(values, dtype=np.float64)
    there = np.flatnonzero(np.isfinite(column))
    if len(there) == 0:
        raise ValueError("has no values; allowed: numbers")
    places = None if axis is None else np.asarray(axis, dtype=np.float64)
    if places is not None and np.isnan(places[there]).any():
        places = None  # an axis that ends before its values do
    return Series(there.astype(np.int64), column[there], None if places is None else places[there])


def ordered(series: Series) -> tuple[Series, str]:
    """Readings in the order of their axis, and what was done to them in words.

    An axis that goes back is followed where it counts, where all of it falls, where only neighbours
    are out of order, and where stretches of it are. Where it rises time and again over common
    values, each rise is a cycle, whose readings stand in order already.

    Raises:
        ValueError: If an axis goes up and down otherwise, as what is none does.
    """
    axis = series.axis
    if axis is None or len(axis) < 2 or (np.diff(axis) > 0).all():
        return series, ""
    if len(np.unique(axis)) < len(axis):
        return series, ""
    falls = bool((np.diff(axis) < 0).all())
    if not falls and not _counts(axis) and not _nearly_rises(axis):
        rises = np.split(axis, np.flatnonzero(np.diff(axis) < 0) + 1)
        if min(map(len, rises)) < MIN_READINGS:
            raise ValueError(
                "has an axis that goes up and down, which orders no readings; allowed: an axis "
                "that rises or counts, or none"
            )
        if not _apart(rises):
            return series, ""
    order = np.argsort(axis, kind="stable")
    done = "from the last row to the first" if falls else "sorted by the axis"
    return Series(series.rows[order], series.values[order], axis[order]), done


def _counts(axis: Array) -> bool:
    """Whether different values are whole and of no sign, or in equal steps once sorted."""
    steps = np.diff(np.sort(axis))
    whole = bool((axis == np.floor(axis)).all() and axis.min() >= 0)
    return whole or bool(steps.max() < _EVEN * steps.min())


def _nearly_rises(axis: Array) -> bool:
    """Whether no value stands more than a few rows from its place."""
    places = np.argsort(np.argsort(axis))
    away = int(np.abs(places - np.arange(len(axis))).max())
    return away <= min(_NEAR, len(axis) // 8)


def _apart(rises: list[Array]) -> bool:
    """Whether stretches that rise have no values between those of another one."""
    in_order = sorted(rises, key=lambda rise: float(rise[0]))
    return all(one[-1] < other[0] for one, other in pairwise(in_order))


def restarts(series: Series, breaks: tuple[int, ...]) -> list[int]:
    """Where a new stretch begins: the axis starts anew, or, without one, lines stand between."""
    if series.axis is not None:
        return [int(k) + 1 for k in np.flatnonzero(np.diff(series.axis) <= 0)]
    return [
        k
        for k in range(1, len(series))
        if any(series.rows[k - 1] < b <= series.rows[k] for b in breaks)
    ]


def changes(labels: list[object]) -> list[int]:
    """Where a label differs from the one before."""
    return [k for k in range(1, len(labels)) if labels[k] != labels[k - 1]]


def split(series: Series, at: list[int]) -> list[Series]:
    """The stretches between the given places."""
    ends = [0, *sorted(set(at)), len(series)]
    return [series.part(a, b) for a, b in pairwise(ends) if b > a]


def trend(values: Array) -> float:
    """Rise from the first to the last third, in its own standard errors; infinite without noise.

    The scatter is that of second differences, which a smooth curve leaves near 0.
    """
    third = max(1, len(values) // 3)
    rise = float(values[-third:].mean() - values[:third].mean())
    if rise == 0.0:
        return 0.0
    steps = np.diff(values)
    if len(values) < 5 or (np.sign(steps[steps != 0]) == np.sign(rise)).all():
        return math.copysign(math.inf, rise)
    scatter = float(np.sqrt(np.mean(np.diff(values, 2) ** 2) / 6.0))
    return (
        rise / (scatter * math.sqrt(2.0 / third)) if scatter > 0 else math.copysign(math.inf, rise)
    )


def turning_points(values: Array) -> list[int]:
    """Readings at which a trace turns round: extremes that it leaves by part of its range.

    Args:
        values: The readings, shape ``(P,)``.
    """
    low, high = np.quantile(values, [0.01, 0.99])
    least = _TURN * float(high - low)
    if least == 0.0:
        return []
    found: list[int] = []
    top = bottom = 0
    way = 0
    for k, value in enumerate(values):
        top = k if value > values[top] else top
        bottom = k if value < values[bottom] else bottom
        if way >= 0 and values[top] - value > least:
            found += [top] if way > 0 or top > 0 else []
            way, bottom = -1, k
            bottom = top + int(np.argmin(values[top : k + 1]))
        elif way <= 0 and value - values[bottom] > least:
            found += [bottom] if way < 0 or bottom > 0 else []
            way = 1
            top = bottom + int(np.argmax(values[bottom : k + 1]))
    return found


def padded_from(values: Array) -> int | None:
    """Where a column only repeats its last value to fill up its table; None where it does not.

    A curve that saturates comes to rest in ever smaller steps. One that is filled up stops short:
    its last step is of the usual size.
    """
    moves = np.flatnonzero(np.diff(values))
    if len(moves) == 0:
        return None
    end = int(moves[-1]) + 1
    repeats = len(values) - 1 - end
    steps = np.abs(np.diff(values[: end + 1]))
    return end + 1 if repeats >= MIN_READINGS and steps[-1] >= 0.25 * steps.mean() else None
