"""Measured pulse curves: conductance after a number of identical pulses, rising and falling.

The table has the columns ``pulse``, ``potentiation`` and ``depression``. A device follows the
curve from where it stands (``MeasuredCurve``), as in ``pulse_response.py``. Conductances may have
any unit: only their place in the window between the smallest and the largest one counts.

Either direction has a pulse number of its own, ``n/p`` where its curve takes n pulses from where
it leaves its first value to where it reaches its last, over a part p of the window. Controllers
take the window for that many pulses, as for ``levels``: a column that ends in blank cells, or that
repeats its last value to the end of the table, is as long as it moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.write.measured_table import MIN_ROWS, read_table

PULSE_COLUMNS = ("pulse", "potentiation", "depression")
"""Columns of a table of pulse curves."""


@dataclass(frozen=True)
class MeasuredCurve:
    """One direction's measured response, with the ``step`` of ``PulseResponse``.

    Linear between the measured points, and at rest behind the last one. Below the first point a
    device moves as it does there.

    Attributes:
        times: Pulses over those that would pass the whole window, rising from 0, shape ``(P,)``.
        positions: Fraction of the window passed in this direction, rising, shape ``(P,)``.
    """

    times: Tensor
    positions: Tensor

    def step(self, position: Tensor, pulses: Tensor) -> Tensor:
        """Distance moved, in fractions of the window.

        Args:
            position: Fraction of the window already passed in this direction, any shape.
            pulses: Number of pulses over the direction's ``levels`` (ν), same shape.
        """
        start = interpolate(self.positions, self.times, position)
        end = interpolate(self.times, self.positions, start + pulses)
        return end - interpolate(self.times, self.positions, start)

    def to(
        self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> MeasuredCurve:
        """The same curve in another type or on another device."""
        return MeasuredCurve(
            self.times.to(dtype=dtype, device=device), self.positions.to(dtype=dtype, device=device)
        )


@dataclass(frozen=True)
class PulseCurves:
    """A measured device: the two directions of its pulse response.

    Attributes:
        conductance_min: Smallest conductance of the table, in its own unit.
        conductance_max: Largest one.
        levels: Pulses over the whole window up and down, at the average step that was measured.
        windows: Smallest and largest conductance up and down, in the table's own unit.
        potentiation: Response to pulses that raise the conductance.
        depression: Response to pulses that lower it.
    """

    conductance_min: float
    conductance_max: float
    levels: tuple[float, float]
    windows: tuple[tuple[float, float], tuple[float, float]]
    potentiation: MeasuredCurve
    depression: MeasuredCurve

    @property
    def covered(self) -> tuple[float, float]:
        """Part of the window that potentiation and depression pass."""
        width = self.conductance_max - self.conductance_min
        up, down = ((high - low) / width for low, high in self.windows)
        return up, down


def interpolate(x: Tensor, y: Tensor, at: Tensor) -> Tensor:
    """Values at ``at`` of the line through the points ``(x, y)``, constant beyond its ends.

    Args:
        x: Rising, shape ``(P,)``, P from 1.
        y: Values at x, shape ``(P,)``.
        at: Where to interpolate, any shape.
    """
    if x.numel() == 1:
        return y.expand_as(at)
    after = torch.searchsorted(x, at.contiguous(), right=True).clamp(1, x.numel() - 1)
    before = after - 1
    part = ((at - x[before]) / (x[after] - x[before])).clamp(0.0, 1.0)
    return torch.lerp(y[before], y[after], part)


def parse_pulse_curve(text: str) -> PulseCurves:
    """Read a table of conductance against pulse number.

    Args:
        text: The table with columns ``pulse`` (whole numbers, rising), ``potentiation`` (never
            falling) and ``depression`` (never rising), 3 rows or more; other columns are ignored.
            The shorter direction's cells are empty behind its last value.

    Raises:
        ValueError: If the table is not of this form; one line that names line and column.
    """
    rows = read_table(text, PULSE_COLUMNS, blank=PULSE_COLUMNS[1:])
    _refuse_reversed(rows)
    previous: list[float] | None = None
    for line, row in rows:
        _check_pulse_row(line, row, previous)
        previous = row
    values = torch.tensor([row for _, row in rows], dtype=torch.float64)
    low, high = float(values[:, 1:].nan_to_num(math.inf).min()), _largest(values[:, 1:])
    curves = []
    for name, column in zip(PULSE_COLUMNS[1:], (1, 2), strict=True):
        there = values[:, column].isfinite()
        pulse, conductance = values[there, 0], values[there, column]
        _check_change(name, pulse, conductance)
        passed = (conductance - low if column == 1 else high - conductance) / (high - low)
        window = (float(conductance.min()), float(conductance.max()))
        curves.append((window, *_moving(pulse, passed)))
    (up_window, up_levels, up), (down_window, down_levels, down) = curves
    return PulseCurves(low, high, (up_levels, down_levels), (up_window, down_window), up, down)


def _largest(values: Tensor) -> float:
    return float(values.nan_to_num(-math.inf).max())


def _check_change(name: str, pulse: Tensor, conductance: Tensor) -> None:
    if len(conductance) < MIN_ROWS:
        raise ValueError(
            f"column {name} has {len(conductance)} values; allowed: {MIN_ROWS} or more"
        )
    if conductance[0] == conductance[-1]:
        first = float(conductance[0])
        raise ValueError(f"column {name} is {first:g} in all rows; allowed: a change")
    moves = torch.nonzero(conductance.diff()).squeeze(1)
    if float(pulse[moves[-1] + 1] - pulse[moves[0]]) < 2:
        raise ValueError(f"column {name} changes in one pulse only; allowed: over 2 or more")


def _moving(pulse: Tensor, positions: Tensor) -> tuple[float, MeasuredCurve]:
    """Pulses over the whole window, and the curve with every run of equal positions as one point.

    Tables repeat a value where the meter did not resolve the change. The state cannot tell where
    in a run a device is, and it would never leave one that is longer than a train of pulses: the
    run's middle stands for it; at the curve's ends, where it leaves or reaches the end.
    """
    values, counts = torch.unique_consecutive(positions, return_counts=True)
    last = counts.cumsum(0) - 1
    first = last - counts + 1
    middle = 0.5 * (pulse[first] + pulse[last])
    middle[0], middle[-1] = pulse[last[0]], pulse[first[-1]]
    number = float((middle[-1] - middle[0]) / (values[-1] - values[0]))
    # A window that is passed whole takes a whole number, whatever its ends lost in rounding.
    number = round(number) if abs(number - round(number)) < 1e-9 * number else number
    return number, MeasuredCurve((middle - middle[0]) / number, values)


def _refuse_reversed(rows: list[tuple[int, list[float]]]) -> None:
    """Names a column that was measured, or written, from its end to its beginning."""
    for place, name, sign in ((1, "potentiation", 1.0), (2, "depression", -1.0)):
        column = [sign * row[place] for _, row in rows if math.isfinite(row[place])]
        if len(column) > 1 and column == sorted(column, reverse=True) and column[0] > column[-1]:
            way, first = ("falls", "smallest") if place == 1 else ("rises", "largest")
            raise ValueError(
                f"column {name} {way} from {abs(column[0]):g} to {abs(column[-1]):g}; allowed: "
                f"from the {first} conductance on, in the order of the pulses: turn the column "
                "around"
            )


def _check_pulse_row(line: int, row: list[float], previous: list[float] | None) -> None:
    pulse, up, down = row
    if pulse != int(pulse) or pulse < 0:
        raise ValueError(f"line {line}, column pulse is {pulse:g}; allowed: whole numbers from 0")
    if previous is None:
        return
    for name, value, before, fits, allowed in (
        ("pulse", pulse, previous[0], pulse > previous[0], "above"),
        ("potentiation", up, previous[1], not up < previous[1], "not below"),
        ("depression", down, previous[2], not down > previous[2], "not above"),
    ):
        if name != "pulse" and math.isnan(before) and not math.isnan(value):
            raise ValueError(
                f"line {line}, column {name} is {value:.9g} below an empty cell; allowed: empty "
                "cells behind a column's last value only"
            )
        if not fits:
            raise ValueError(
                f"line {line}, column {name} is {value:.9g}; "
                f"allowed: {allowed} {before:.9g}, the one before"
            )
