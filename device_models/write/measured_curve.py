"""Measured pulse curves: conductance after a number of identical pulses, rising and falling.

The table has the columns ``pulse``, ``potentiation`` and ``depression``. A device follows the
curve from where it stands (``MeasuredCurve``), as in ``pulse_response.py``. Conductances may have
any unit: only their place in the window between the smallest and the largest one counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.write.measured_table import read_table

PULSE_COLUMNS = ("pulse", "potentiation", "depression")
"""Columns of a table of pulse curves."""


@dataclass(frozen=True)
class MeasuredCurve:
    """One direction's measured response, with the ``step`` of ``PulseResponse``.

    Linear between the measured points, and at rest behind the last one. Below the first point a
    device moves as it does there.

    Attributes:
        times: Pulses over the measured number of pulses, rising within 0 to 1, shape ``(P,)``.
        positions: Fraction of the window passed in this direction, rising, shape ``(P,)``.
    """

    times: Tensor
    positions: Tensor

    def step(self, position: Tensor, pulses: Tensor) -> Tensor:
        """Distance moved, in fractions of the window.

        Args:
            position: Fraction of the window already passed in this direction, any shape.
            pulses: Number of pulses over the number of levels (ν), same shape.
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
        levels: Pulses measured up and down.
        potentiation: Response to pulses that raise the conductance.
        depression: Response to pulses that lower it.
    """

    conductance_min: float
    conductance_max: float
    levels: tuple[int, int]
    potentiation: MeasuredCurve
    depression: MeasuredCurve


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

    Raises:
        ValueError: If the table is not of this form; one line that names line and column.
    """
    rows = read_table(text, PULSE_COLUMNS)
    previous: list[float] | None = None
    for line, row in rows:
        _check_pulse_row(line, row, previous)
        previous = row
    values = torch.tensor([row for _, row in rows], dtype=torch.float64)
    pulse, up, down = values.unbind(1)
    low, high = float(values[:, 1:].min()), float(values[:, 1:].max())
    for name, column in (("potentiation", up), ("depression", down)):
        if column[0] == column[-1]:
            raise ValueError(
                f"column {name} is {float(column[0]):g} in all rows; allowed: a change"
            )
    times = (pulse - pulse[0]) / (pulse[-1] - pulse[0])
    width = high - low
    levels = int(pulse[-1] - pulse[0])
    return PulseCurves(
        low,
        high,
        (levels, levels),
        _without_plateaus(times, (up - low) / width),
        _without_plateaus(times, (high - down) / width),
    )


def _without_plateaus(times: Tensor, positions: Tensor) -> MeasuredCurve:
    """The curve with every run of equal positions as one point.

    Tables repeat a value where the meter did not resolve the change. The state cannot tell where
    in a run a device is, and it would never leave one that is longer than a train of pulses: the
    run's middle stands for it; at the curve's ends, where it leaves or reaches the end.
    """
    values, counts = torch.unique_consecutive(positions, return_counts=True)
    last = counts.cumsum(0) - 1
    first = last - counts + 1
    middle = 0.5 * (times[first] + times[last])
    middle[0], middle[-1] = times[last[0]], times[first[-1]]
    return MeasuredCurve(middle, values)


def _check_pulse_row(line: int, row: list[float], previous: list[float] | None) -> None:
    pulse, up, down = row
    if pulse != int(pulse) or pulse < 0:
        raise ValueError(f"line {line}, column pulse is {pulse:g}; allowed: whole numbers from 0")
    if previous is None:
        return
    for name, value, before, fits, allowed in (
        ("pulse", pulse, previous[0], pulse > previous[0], "above"),
        ("potentiation", up, previous[1], up >= previous[1], "not below"),
        ("depression", down, previous[2], down <= previous[2], "not above"),
    ):
        if not fits:
            raise ValueError(
                f"line {line}, column {name} is {value:.9g}; "
                f"allowed: {allowed} {before:.9g}, the one before"
            )
