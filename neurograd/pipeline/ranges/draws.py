"""Values of numbers that are not known exactly: draws of all together, and the corners."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurograd.keys.ranges import NumberRange, Ranges, correlation_matrix
from neurograd.keys.skewed import Skewed, drawn_as_steps

Values = dict[str, float]
"""One value of every number, by its key."""

MOST_FOR_ALL = 4
"""Numbers up to which all corners are looked at."""


def drawn(ranges: Ranges, typical: Mapping[str, float], seed: int) -> list[Values]:
    """Draws of all numbers together.

    A Latin hypercube (McKay, Beckman and Conover, Technometrics 21, 1979): each number alone is
    spread evenly over its distribution, and a mean over the draws has at most n/(n − 1) times the
    variance that n independent ones leave it (Owen, Ann. Stat. 25, 1997). Correlations are those of
    normal scores.

    Args:
        ranges: What is known of the numbers.
        typical: Their typical values.
        seed: The same seed gives the same draws.
    """
    from scipy import stats  # noqa: PLC0415  (slow to import)

    keys = list(ranges.numbers)
    source = np.random.default_rng([seed, len(keys)])
    levels = stats.qmc.LatinHypercube(len(keys), rng=source).random(ranges.draws)
    if ranges.correlations:
        mixed = stats.norm.ppf(levels) @ np.linalg.cholesky(correlation_matrix(ranges)).T
        levels = stats.norm.cdf(mixed)
    columns = [
        quantiles(key, ranges.numbers[key], typical[key], levels[:, place])
        for place, key in enumerate(keys)
    ]
    return [
        {key: _as_typical(value, typical[key]) for key, value in zip(keys, row, strict=True)}
        for row in np.stack(columns, axis=1)
    ]


def quantiles(
    key: str, known: NumberRange, typical: float, levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Quantiles of one number: of a skewed or a normal distribution, cut, or of a triangular one.

    Args:
        key: Its dotted key. Numbers of levels with an interval are drawn as steps, 1/levels: of
            these the readings of a device tell about as much on either side.
        known: What is known of it.
        typical: Its typical value.
        levels: Probabilities, any shape.
    """
    from scipy import stats  # noqa: PLC0415  (slow to import)

    width = known.max - known.min
    if known.interval is not None:
        skewed = Skewed(typical, *known.interval)
        found = _skewed(skewed, (known.min, known.max), levels, steps=drawn_as_steps(key))
    elif known.std is None:
        top = (typical - known.min) / width
        found = stats.triang.ppf(levels, top, loc=known.min, scale=width)
    else:
        ends = ((end - typical) / known.std for end in (known.min, known.max))
        found = stats.truncnorm.ppf(levels, *ends, loc=typical, scale=known.std)
    inside: NDArray[np.float64] = np.clip(found, known.min, known.max)
    return inside


def _skewed(
    law: Skewed, ends: tuple[float, float], levels: NDArray[np.float64], *, steps: bool
) -> NDArray[np.float64]:
    """Quantiles of a skewed distribution that is cut at both ends, or of its steps."""
    from scipy import stats  # noqa: PLC0415  (slow to import)

    if steps:
        inverse = (1.0 / ends[1], 1.0 / ends[0])
        return 1.0 / _skewed(law.inverse(), inverse, 1.0 - levels, steps=False)
    low, high = (law.score(end) for end in ends)
    return law.value(stats.truncnorm.ppf(levels, low, high))


def corners(
    ranges: Ranges, typical: Mapping[str, float]
) -> tuple[Literal["all", "axes"], list[Values]]:
    """The ends of the numbers in all combinations, or, of many numbers, each end alone.

    Args:
        ranges: What is known of the numbers.
        typical: Their typical values, which the others have where one is at an end.
    """
    ends = {key: (known.min, known.max) for key, known in ranges.numbers.items()}
    if len(ends) <= MOST_FOR_ALL:
        return "all", [
            dict(zip(ends, chosen, strict=True)) for chosen in itertools.product(*ends.values())
        ]
    return "axes", [
        {**{each: typical[each] for each in ends}, key: end}
        for key, both in ends.items()
        for end in both
    ]


def column(draws: Sequence[Values], key: str) -> NDArray[np.float64]:
    """The values of one number in all draws, shape ``(n,)``."""
    return np.array([values[key] for values in draws])


def _as_typical(value: float, typical: float) -> float:
    """A value, whole where the typical one is."""
    return round(float(value)) if isinstance(typical, int) else float(value)
