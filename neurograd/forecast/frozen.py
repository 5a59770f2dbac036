"""Predicted excess loss of a training through a chip, from measured moments and curvature.

Many steps around a minimum: in the Hessian's eigenbasis mean and variance follow a linear
recursion with a closed form (Ghosh et al., ICLR 2023, Corollary A.2 in spirit). The noise enters as
white noise that has the measured ``Tr(HΣ)``, the bias as its part across the gradient, spread
evenly over the eigenvectors. The Hessian is frozen, and directions of negative curvature are left
out: around an interpolating minimum this over-predicts at large noise, where the curvature falls as
the weights grow. The range over the measured points says how far the answer depends on where the
Hessian is frozen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurograd.measure.curvature import Spectrum
from neurograd.measure.intervals import Interval
from neurograd.measure.point import PointMeasurement
from neurograd.theory import many_steps


@dataclass(frozen=True)
class PointSummary:
    """What the prediction needs of one measured point.

    Attributes:
        spectrum: The Hessian's spectrum.
        trace: Its trace.
        covariance_trace: Tr(HΣ).
        bias_square: Squared length of the bias across the gradient, in gradient units.
    """

    spectrum: Spectrum
    trace: float
    covariance_trace: float
    bias_square: float


def summarize_point(measured: PointMeasurement) -> PointSummary:
    """What the many-steps theory needs of a measured point."""
    return PointSummary(
        spectrum=measured.spectrum,
        trace=measured.trace.value,
        covariance_trace=measured.covariance.value,
        bias_square=measured.moments.bias_orthogonal**2,
    )


def frozen_excess_loss(point: PointSummary, step_size: float, steps: int) -> float:
    """Excess loss after ``steps`` steps with one point's Hessian and moments.

    Args:
        point: Spectrum and moments.
        step_size: Δt.
        steps: Number of steps T.
    """
    rising = point.spectrum.eigenvalues > 0
    eigenvalues = point.spectrum.eigenvalues[rising]
    weights = point.spectrum.weights[rising]
    size = float(point.spectrum.weights.sum())
    if point.trace <= 0 or len(eigenvalues) == 0:
        return math.nan
    result = many_steps(
        eigenvalues,
        step_size,
        steps,
        max(0.0, point.covariance_trace) / point.trace,
        bias_components=np.full(len(eigenvalues), math.sqrt(point.bias_square / size)),
        weights=weights,
    )
    return float(result.excess_loss)


def predict_excess_loss(
    points: Sequence[PointSummary], step_size: float, steps: int
) -> tuple[float, Interval]:
    """Excess loss frozen at the last point, and its range over the points of the last half.

    Args:
        points: In the order of the training.
        step_size: Δt.
        steps: Number of steps T.
    """
    late = points[len(points) // 2 :]
    values = [frozen_excess_loss(point, step_size, steps) for point in late]
    return values[-1], (min(values), max(values))
