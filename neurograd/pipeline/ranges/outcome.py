"""What forecasts of draws say of each number: its part of the variance, and where it decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import CONFIDENCE, Interval, t_quantile

Array = NDArray[np.float64]

_DEGREE = 2
"""Of the polynomial by which the cost is told from one number."""

_GRID = 1001
"""Parts of the variance that are tried for the upper end of an interval."""

LOST = 1.0
"""Cost that stands for one without bound: all that there is."""


def share_of(verdicts: Sequence[Verdict], verdict: Verdict) -> tuple[float, Interval]:
    """Share of a verdict in the distribution that the draws are of, with its interval.

    A draw whose forecast decides nothing may be either: the lower end counts none of them, the
    upper end all (the interval of a probability that is only partly observed; Manski, Partial
    Identification, 2003, chapter 1), each with the exact binomial bound.

    Args:
        verdicts: Of the draws, one or more.
        verdict: ``TOLERATED`` or ``NOT_TOLERATED``.
    """
    count, open_ = (
        sum(each is kind for each in verdicts) for kind in (verdict, Verdict.INCONCLUSIVE)
    )
    low, _ = proportion_interval(count, len(verdicts))
    _, high = proportion_interval(count + open_, len(verdicts))
    return count / len(verdicts), (low, high)


def first_order(values: Array, costs: Array) -> tuple[float, Interval] | None:
    """Part of the variance of the cost that goes when a number is known, with its interval.

    Meant is its first-order index Var E[cost | number] / Var cost (Sobol, 1993; Saltelli et al.,
    Global Sensitivity Analysis, 2008, 1.2.4). Told is the adjusted R² of a parabola in the number,
    which is less where the cost has a cliff: a half against 86 % of a cost that is lost beyond 1.5
    standard deviations. Of numbers that vary together each has what it tells of the others.

    The interval is that of the jackknife; its upper end is at least the largest part R that would
    give the estimate with the error (1 − R)·√(4R/n + 4/n²) of an R² of normal numbers, as the
    jackknife is too sure of parts near 0. It is a rough one: of smooth costs at independent normal
    numbers it misses R² in up to about 9 % of cases with 8 draws, 7 % with 20 and 4 % with 50, not
    in 1 %. Of that cliff it misses the index in a quarter of them with 20 draws, and of one in the
    middle in nearly all with 50. Fisher's transform and a floor on its error (tried) hold better
    for lines, and miss such an index more often.

    Args:
        values: Of the number, shape ``(n,)``.
        costs: Of the draws, shape ``(n,)``.

    Returns:
        None where all costs are the same, or where the draws are too few or the values too much
        alike for a parabola.
    """
    count = len(costs)
    if count <= _DEGREE + 3 or np.ptp(costs) == 0 or len(np.unique(values)) <= _DEGREE:
        return None
    value = _adjusted(values, costs)
    others = [_adjusted(np.delete(values, k), np.delete(costs, k)) for k in range(count)]
    error = math.sqrt((count - 1) * float(np.var(others)))
    reach = t_quantile(count - 1, CONFIDENCE)
    parts = np.linspace(0.0, 1.0, _GRID)
    spread = (1.0 - parts) * np.sqrt(4.0 * parts / count + 2.0 * _DEGREE / count**2)
    possible = parts[parts - reach * spread <= value]
    high = max(value + reach * error, float(possible.max()) if len(possible) else 0.0)
    value = min(max(value, 0.0), 1.0)
    return value, (min(max(value - reach * error, 0.0), value), max(min(high, 1.0), value))


def _adjusted(values: Array, costs: Array) -> float:
    """Adjusted R² of a parabola."""
    spread = float(np.ptp(values))
    powers = np.vander((values - values.mean()) / (spread if spread > 0 else 1.0), _DEGREE + 1)
    rest = costs - powers @ np.linalg.lstsq(powers, costs, rcond=None)[0]
    whole = costs - costs.mean()
    total = float(whole @ whole) / (len(costs) - 1)
    return 1.0 - float(rest @ rest) / (len(costs) - _DEGREE - 1) / total if total > 0 else 0.0


@dataclass(frozen=True)
class Edge:
    """Where a number decides a verdict, whatever the others are.

    Attributes:
        value: The last value of the draws that all have the verdict.
        draws: How many they are.
    """

    value: float
    draws: int


def edge_of(
    values: Array, verdicts: Sequence[Verdict], verdict: Verdict, *, above: bool, tests: int
) -> Edge | None:
    """From which value on all draws have a verdict.

    Chance alone, which puts the verdicts in any order, has k of the n draws with a verdict, m in
    number, at one end with the probability m/n·(m − 1)/(n − 1)···: an edge is told where that is at
    most 1 − ``CONFIDENCE``, shared by all edges that are looked for.

    Args:
        values: Of the number, shape ``(n,)``.
        verdicts: Of the draws.
        verdict: The one that is looked for.
        above: Whether the large values should have it, or the small ones.
        tests: Edges that are looked for.

    Returns:
        None where the draws show none.
    """
    order = np.argsort(-values if above else values, kind="stable")
    has = [verdicts[place] is verdict for place in order]
    run = has.index(False) if False in has else len(has)
    if run == 0 or run == len(has):
        return None
    # Of equal values with and without the verdict none has it.
    edge = float(values[order[run]])
    while run > 0 and float(values[order[run - 1]]) == edge:
        run -= 1
    chance = math.prod((sum(has) - k) / (len(has) - k) for k in range(run))
    if run == 0 or chance > (1.0 - CONFIDENCE) / tests:
        return None
    return Edge(float(values[order[run - 1]]), run)


def larger_costs_more(values: Array, costs: Array) -> bool:
    """Whether larger values cost more, by the straight line through the draws."""
    return float((values - values.mean()) @ (costs - costs.mean())) >= 0


def finite(costs: Sequence[float]) -> Array:
    """Costs with ``LOST`` in place of those without bound, shape ``(n,)``."""
    return np.array([cost if math.isfinite(cost) else LOST for cost in costs])
