"""One curve a direction from all runs of a measured device, and the scatter about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurograd.fit.measurements import Direction, Measurements, Run

SCATTER = 1e-4
"""Part of the window beyond which readings that lie beside their curve are noise, not rounding."""


@dataclass(frozen=True)
class AverageCurve:
    """What a number of pulses does in one direction, averaged over runs and made monotone.

    Attributes:
        pulses: Pulses from the first reading of a run on, rising, shape ``(P,)``.
        conductance: Mean of the readings behind them, never against the direction, shape ``(P,)``:
            that of isotonic regression (Barlow et al. 1972) where they go back.
        scatter: Root of the mean square of the readings' distance from it, in their unit; of
            several devices the largest one from a device's own curve.
    """

    pulses: NDArray[np.float64]
    conductance: NDArray[np.float64]
    scatter: float


def average_curve(measured: Measurements, direction: Direction) -> AverageCurve:
    """The curve of a direction; every run counts from its first reading on.

    Raises:
        ValueError: One line, if there is no run of this direction.
    """
    runs = [run for run in measured.runs if run.direction == direction]
    if not runs:
        allowed = "runs of both directions, or measured_as: fit"
        raise ValueError(f"there is no {direction}; allowed: {allowed}")
    rises = direction == "potentiation"
    every = _average([_from_start(run) for run in runs], rises=rises)
    devices = {run.device for run in runs}
    if len(devices) == 1:
        return every
    own = [[_from_start(run) for run in runs if run.device == device] for device in devices]
    return replace(every, scatter=max(_average(each, rises=rises).scatter for each in own))


def _average(
    runs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], *, rises: bool
) -> AverageCurve:
    """The curve of some runs, each its pulse numbers and readings."""
    pulses = np.concatenate([places for places, _ in runs])
    readings = np.concatenate([values for _, values in runs])
    places, which, times = np.unique(pulses, return_inverse=True, return_counts=True)
    mean = np.bincount(which, readings) / times if len(runs) > 1 else readings
    steps = np.diff(mean) if rises else -np.diff(mean)
    if (steps < 0).any():
        from sklearn.isotonic import isotonic_regression  # noqa: PLC0415  (slow to import)

        mean = isotonic_regression(mean, sample_weight=times, increasing=rises)
    scatter = float(np.sqrt(np.mean((readings - mean[which]) ** 2)))
    return AverageCurve(places.astype(np.float64), np.ascontiguousarray(mean), scatter)


def scatter(curves: Sequence[AverageCurve]) -> float:
    """Largest scatter of the curves, as a part of their window; 0 where it is rounding."""
    values = np.concatenate([curve.conductance for curve in curves])
    part = max(curve.scatter for curve in curves) / float(np.ptp(values))
    return part if part > SCATTER else 0.0


def _from_start(run: Run) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pulse numbers from 0 and readings of a run, the one before its first pulse included."""
    counted = np.arange(len(run.conductance)) if run.pulses is None else run.pulses
    if run.start is None:
        return counted.astype(np.float64), run.conductance
    return np.append(0.0, counted + 1.0), np.append(run.start, run.conductance)
