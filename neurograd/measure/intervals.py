"""Confidence intervals from a small number of groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

Interval = tuple[float, float]

CONFIDENCE = 0.99
"""Confidence of every interval of a measurement, unless its name says otherwise."""


def t_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """Two-sided quantile of Student's t; infinite for no degrees of freedom."""
    if degrees <= 0:
        return math.inf
    return float(stdtrit(degrees, 0.5 + 0.5 * confidence))


def interval(
    center: float, error: float, degrees: float, confidence: float = CONFIDENCE
) -> Interval:
    """Symmetric t interval; a point when the standard error is exactly 0."""
    if error == 0:
        return (center, center)
    half = t_quantile(degrees, confidence) * error
    return (center - half, center + half)


def mean_interval(
    values: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE
) -> tuple[float, Interval]:
    """Mean of independent values with its t interval; infinite ends for a single value.

    Args:
        values: Independent values, one or more.
        confidence: Of the interval.
    """
    array = np.asarray(values, dtype=float)
    center = float(array.mean())
    if len(array) < 2:
        return center, (-math.inf, math.inf)
    error = float(array.std(ddof=1)) / math.sqrt(len(array))
    return center, interval(center, error, len(array) - 1, confidence)


def jackknife_error(leave_one_out: np.ndarray) -> float:
    """Standard error from estimates that each leave one of G equal groups out, shape ``(G,)``.

    Infinite where a group cannot be left out (one of two draws).

    Source: Efron and Stein, Ann. Statist. 1981.
    """
    groups = len(leave_one_out)
    if not np.isfinite(leave_one_out).all():
        return math.inf
    centered = leave_one_out - leave_one_out.mean()
    return math.sqrt((groups - 1) / groups * float((centered**2).sum()))


def combine_errors(errors: list[tuple[float, float]]) -> tuple[float, float]:
    """Standard error and degrees of freedom of a sum of independent parts.

    Args:
        errors: A (standard error, degrees of freedom) pair of every part.

    Returns:
        The joint standard error and its Welch-Satterthwaite degrees of freedom.
    """
    total = sum(error**2 for error, _ in errors)
    if total == 0:
        return 0.0, math.inf
    spread = sum(error**4 / degrees for error, degrees in errors if degrees > 0)
    return math.sqrt(total), total**2 / spread if spread > 0 else math.inf
