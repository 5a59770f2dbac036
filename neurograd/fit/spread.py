"""How much devices differ: the variance between them, apart from the error of each one's fit.

Of D devices each has an estimate ``y_i`` with error variance ``v_i``, and

    y_i ~ N(μ, v_i + τ²),     Q(τ²) = Σ w_i·(y_i − μ̂)²,     w_i = 1/(v_i + τ²),  μ̂ = Σw_i·y_i / Σw_i

Q at the true τ² is χ² with D − 1 degrees of freedom, which gives the estimate (Q at its mean) and
the interval (Q at its quantiles), exact for known ``v_i`` and any D from 2 on. The upper end is
never below the one that devices without any spread have in the middle of all cases: errors that
happen to be alike do not show that devices are.

Sources: Paule and Mandel, J. Res. Natl. Bur. Stand. 87, 1982 (estimate); Viechtbauer, Stat. Med.
26, 2007 (the interval, Q-profile); Knapp and Hartung, Stat. Med. 22, 2003 (that of the mean);
Cowan, Cranmer, Gross and Vitells, arXiv:1105.3166 (an end that is not below what could be seen).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from neurograd.fit.models.trains import Array

_EXACT = 1e-12
"""Relative error of an estimate that is known from the file, such as a number of pulses."""


@dataclass(frozen=True)
class Estimates:
    """One number of every device.

    Attributes:
        values: Estimates, shape ``(D,)``, D from 2.
        variances: Of their errors, 0 or more, shape ``(D,)``.
    """

    values: Array
    variances: Array

    def errors(self) -> Array:
        """The variances, above 0, shape ``(D,)``."""
        least = (_EXACT * float(np.abs(self.values).max())) ** 2 + 1e-300
        return np.maximum(self.variances, least)


class Interval(NamedTuple):
    """An estimate between the ends of its interval."""

    value: float
    low: float
    high: float


def spread_between(numbers: Sequence[Estimates], confidence: float) -> Interval:
    """Standard deviation of the true values over devices.

    It is 0 where the errors explain all differences; its lower end is 0 where it is not told from
    none.

    Args:
        numbers: One number of all devices; or several that have one spread, each with a mean of
            its own.
        confidence: Of the two-sided interval.

    Raises:
        ValueError: If a number is of fewer than two devices.
    """
    if any(len(each.values) < 2 for each in numbers):
        raise ValueError("a spread needs two devices; allowed: two or more")
    degrees = sum(len(each.values) - 1 for each in numbers)
    below, above = (float(stats.chi2.ppf(p, degrees)) for p in _tails(confidence))
    middle = float(stats.chi2.median(degrees))

    def observed(variance: float) -> float:
        return sum(_distance(each, variance) for each in numbers)

    def without_spread(variance: float) -> float:
        parts = [each.errors() / (each.errors() + variance) for each in numbers]
        return middle * float(np.concatenate(parts).mean())

    far = sum(float(np.square(e.values - e.values.mean()).sum()) for e in numbers)
    errors = float(np.concatenate([each.errors() for each in numbers]).max())
    ends = [_root(observed, level, far / level) for level in (above, float(degrees), below)]
    seen = _root(without_spread, below, errors * middle / below)
    low, value, high = (float(np.sqrt(end)) for end in (*ends[:2], max(ends[2], seen)))
    return Interval(value, low, high)


def mean_over(number: Estimates, confidence: float) -> Interval:
    """Mean over all devices that these are a sample of.

    Args:
        number: Of all devices.
        confidence: Of the two-sided interval.
    """
    variance = spread_between([number], confidence).value ** 2
    weights = 1.0 / (number.errors() + variance)
    value = float(weights @ number.values / weights.sum())
    degrees = len(number.values) - 1
    # Knapp and Hartung's factor is 1 at Paule and Mandel's estimate, and not let below it.
    error = float(stats.t.ppf(0.5 + 0.5 * confidence, degrees) / np.sqrt(weights.sum()))
    return Interval(value, value - error, value + error)


def _tails(confidence: float) -> tuple[float, float]:
    return 0.5 - 0.5 * confidence, 0.5 + 0.5 * confidence


def _distance(number: Estimates, variance: float) -> float:
    """Q at a variance between devices."""
    weights = 1.0 / (number.errors() + variance)
    rest = number.values - weights @ number.values / weights.sum()
    return float(weights @ np.square(rest))


def _root(falling: Callable[[float], float], level: float, most: float) -> float:
    """Where a falling function is at a level: 0 where it begins below, and at most ``most``."""
    if most == 0.0 or falling(0.0) <= level:
        return 0.0
    if falling(most) >= level:
        return most
    return float(optimize.brentq(lambda x: falling(x) - level, 0.0, most, xtol=1e-12 * most))
