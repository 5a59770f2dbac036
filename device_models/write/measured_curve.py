"""Measured pulse curves: conductance after a number of identical pulses, rising and falling.

A device follows the curve from where it stands (``MeasuredCurve``), as in ``pulse_response.py``.
Conductances may have any unit: only their place in the window between the smallest and the largest
one counts.

Either direction has a pulse number of its own, ``n/p`` where its curve takes n pulses from where
it leaves its first value to where it reaches its last, over a part p of the window. Controllers
take the window for that many pulses, as for ``levels``: a curve that ends in equal values is as
long as it moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DIRECTIONS = ("potentiation", "depression")
"""Pulses that raise the conductance, and pulses that lower it."""

MIN_READINGS = 3
"""Fewest values of a direction."""


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
        conductance_min: Smallest conductance, in the unit that was given.
        conductance_max: Largest one.
        levels: Pulses over the whole window up and down, at the average step that was measured.
        windows: Smallest and largest conductance up and down, in the same unit.
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


def pulse_curves(
    potentiation: tuple[Tensor, Tensor], depression: tuple[Tensor, Tensor]
) -> PulseCurves:
    """A device from its conductances behind numbers of pulses.

    Args:
        potentiation: Pulse numbers (whole, rising) and conductances (never falling), both of shape
            ``(P,)``, P from 3.
        depression: The same of the other direction, conductances never rising; P may differ.

    Raises:
        ValueError: If a direction is not of this form; one line that names it.
    """
    for name, (pulse, conductance) in zip(DIRECTIONS, (potentiation, depression), strict=True):
        _check_direction(name, pulse, conductance)
    both = torch.cat([potentiation[1], depression[1]])
    low, high = float(both.min()), float(both.max())
    curves = []
    for name, (pulse, conductance) in zip(DIRECTIONS, (potentiation, depression), strict=True):
        rises = name == "potentiation"
        passed = (conductance - low if rises else high - conductance) / (high - low)
        window = (float(conductance.min()), float(conductance.max()))
        curves.append((window, *_moving(pulse, passed)))
    (up_window, up_levels, up), (down_window, down_levels, down) = curves
    return PulseCurves(low, high, (up_levels, down_levels), (up_window, down_window), up, down)


def _check_direction(name: str, pulse: Tensor, conductance: Tensor) -> None:
    if len(conductance) < MIN_READINGS:
        raise ValueError(f"{name} has {len(conductance)} values; allowed: {MIN_READINGS} or more")
    if bool((pulse.diff() <= 0).any()) or not bool((pulse == pulse.round()).all()):
        raise ValueError(f"pulse numbers of {name} are not whole and rising; allowed: such")
    steps = conductance.diff() if name == "potentiation" else -conductance.diff()
    if bool((steps < 0).any()):
        at = int((steps < 0).nonzero()[0]) + 1
        way = "below" if name == "potentiation" else "above"
        raise ValueError(
            f"{name} is {float(conductance[at]):.9g}; allowed: not {way} "
            f"{float(conductance[at - 1]):.9g}, the one before"
        )
    moves = torch.nonzero(steps).squeeze(1)
    if len(moves) == 0:
        raise ValueError(f"{name} is {float(conductance[0]):g} throughout; allowed: a change")
    if float(pulse[moves[-1] + 1] - pulse[moves[0]]) < 2:
        raise ValueError(f"{name} changes in one pulse only; allowed: over 2 or more")


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
