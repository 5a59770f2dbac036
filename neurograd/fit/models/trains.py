"""Runs of pulses side by side, as the likelihood takes them: one scale, blanks where none is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurograd.errors import DataError
from neurograd.fit.measurements import DIRECTIONS, Direction, Run

Array = NDArray[np.float64]

MIN_READINGS = 8
"""Fewest readings of a run that a fit takes: a curve and two kinds of noise are told from them."""

MOST_CELLS = 2_000_000
"""Most pulses times runs of one fit."""


@dataclass(frozen=True)
class Trains:
    """Runs of equal scale, each from its first reading on.

    Attributes:
        values: Readings in units of the scale, shape ``(P, R)``; NaN where a pulse was not read
            and behind a run's end.
        up: Which runs are potentiation, shape ``(R,)``.
        device: Index of each run's device, from 0 without gaps, shape ``(R,)``.
        origin: Conductance that stands at 0.
        scale: Conductance that 1 stands for.
    """

    values: Array
    up: NDArray[np.bool_]
    device: NDArray[np.int64]
    origin: float
    scale: float

    @property
    def devices(self) -> int:
        """Number of devices."""
        return int(self.device.max()) + 1

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that were measured."""
        there = (bool(self.up.any()), not bool(self.up.all()))
        return tuple(name for name, measured in zip(DIRECTIONS, there, strict=True) if measured)

    def of(self, direction: Direction) -> NDArray[np.bool_]:
        """Which runs are of a direction, shape ``(R,)``."""
        return self.up if direction == "potentiation" else ~self.up

    def picked(self, runs: NDArray[np.bool_] | NDArray[np.int64]) -> Trains:
        """Some of the runs; their devices are numbered anew."""
        _, device = np.unique(self.device[runs], return_inverse=True)
        return replace(
            self,
            values=self.values[:, runs],
            up=self.up[runs],
            device=device,
        )

    def by_device(self) -> tuple[Trains, ...]:
        """Each device for itself; all as one where a direction of some was not measured."""
        if self.devices == 1:
            return (self,)
        each = tuple(self.picked(self.device == device) for device in range(self.devices))
        return each if len({own.directions for own in each}) == 1 else (self,)

    def pulses(self) -> NDArray[np.int64]:
        """Pulses from the first to the last reading of every run, shape ``(R,)``."""
        there = np.isfinite(self.values)
        length: NDArray[np.int64] = len(there) - there[::-1].argmax(axis=0)
        return length - 1


def line_up(runs: Sequence[Run]) -> Trains:
    """Put runs side by side, on a scale in which their readings go from about 0 to about 1.

    Args:
        runs: One or more, each with ``MIN_READINGS`` readings or more.

    Raises:
        DataError: If there is no run, one is too short, or no reading differs from another.
    """
    if not runs:
        raise DataError("there is no run of pulses to fit; allowed: one or more")
    columns = [_column(run) for run in runs]
    rows = max(len(column) for column in columns)
    if rows * len(runs) > MOST_CELLS:
        raise DataError(
            f"{len(runs)} runs of up to {rows} pulses are too many to fit; "
            f"allowed: {MOST_CELLS} pulses in all"
        )
    values = np.full((rows, len(runs)), np.nan)
    for place, column in enumerate(columns):
        values[: len(column), place] = column
    low, high = (float(q) for q in np.nanquantile(values, (0.02, 0.98)))
    if not high > low:
        raise DataError(f"all readings are {low:g}; allowed: a device that pulses move")
    up = np.array([run.direction == "potentiation" for run in runs])
    _, device = np.unique([run.device for run in runs], return_inverse=True)
    return Trains((values - low) / (high - low), up, device, low, high - low)


def _column(run: Run) -> Array:
    """Readings at whole numbers of pulses, NaN in between, without a padded end."""
    readings = np.asarray(run.conductance, dtype=float)
    places = np.arange(len(readings)) if run.pulses is None else np.asarray(run.pulses)
    if run.start is not None:
        readings, places = np.append(run.start, readings), np.append(0, places + 1)
    kept = _moving(readings)
    readings, places = readings[:kept], places[:kept] - places[0]
    if np.isfinite(readings).sum() < MIN_READINGS:
        raise DataError(
            f"a run of {run.direction} has {int(np.isfinite(readings).sum())} readings before it "
            f"comes to rest; allowed: {MIN_READINGS} or more"
        )
    if not np.isfinite(readings[0]):
        raise DataError(
            f"the first reading of a run of {run.direction} is missing; allowed: blanks after it"
        )
    if int(places[-1]) >= MOST_CELLS:
        raise DataError(f"a run of {places[-1]} pulses is too long; allowed: {MOST_CELLS}")
    column = np.full(int(places[-1]) + 1, np.nan)
    column[places] = readings
    return column


def _moving(readings: Array) -> int:
    """Readings up to the first of the equal ones at the end, where there are three or more.

    Tables repeat a last value to be as long as their other column: no device reads the same so
    often, and none tells what a pulse does there.
    """
    changes = np.flatnonzero(np.diff(readings) != 0)
    last = int(changes[-1]) + 2 if len(changes) else 1
    return last if len(readings) - last >= 2 else len(readings)
