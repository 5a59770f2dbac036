"""How well predictions agree with measurements over many orders of magnitude."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from neurograd.measure.intervals import Interval, interval


@dataclass(frozen=True)
class Agreement:
    """Measured against predicted numbers in logarithms, in which every decade counts the same.

    Attributes:
        count: Number of pairs.
        same_sign: How many have the same sign; only these are in what follows.
        decades: log10 of the largest over the smallest |prediction|.
        slope: Slope of log|measured| on log|predicted| by least squares; 1 is right.
        slope_ci: Its 99 % interval.
        r_squared: Part of the variance of log|measured| that the line explains.
        ratio: Geometric mean of measured/predicted.
        ratio_ci: Its 99 % interval.
        ratio_range: Smallest and largest measured/predicted.
    """

    count: int
    same_sign: int
    decades: float
    slope: float
    slope_ci: Interval
    r_squared: float
    ratio: float
    ratio_ci: Interval
    ratio_range: Interval


def compare(predicted: Sequence[float], measured: Sequence[float]) -> Agreement:
    """Compare predictions with measurements.

    Args:
        predicted: Predictions, none of them 0, shape ``(n,)``.
        measured: Measurements in the same order, shape ``(n,)``.

    Raises:
        ValueError: If there are not as many of both, or fewer than three of one sign, or all
            predictions are the same.
    """
    if len(predicted) != len(measured):
        raise ValueError(f"{len(predicted)} predictions and {len(measured)} measurements")
    pairs = [(p, m) for p, m in zip(predicted, measured, strict=True) if p * m > 0]
    x = np.log([abs(p) for p, _ in pairs])
    y = np.log([abs(m) for _, m in pairs])
    if len(pairs) < 3 or np.ptp(x) == 0:
        raise ValueError(
            f"{len(pairs)} pairs of the same sign; allowed: three or more, of different sizes"
        )
    fit = stats.linregress(x, y)
    logs = y - x
    error = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    low, high = interval(float(logs.mean()), error, len(logs) - 1)
    return Agreement(
        count=len(predicted),
        same_sign=len(pairs),
        decades=float(np.ptp(x)) / math.log(10),
        slope=float(fit.slope),
        slope_ci=interval(float(fit.slope), float(fit.stderr), len(pairs) - 2),
        r_squared=float(fit.rvalue) ** 2,
        ratio=math.exp(float(logs.mean())),
        ratio_ci=(math.exp(low), math.exp(high)),
        ratio_range=(math.exp(float(logs.min())), math.exp(float(logs.max()))),
    )
