"""Looking at chips several times, with an error rate that holds for all looks together.

Whoever looks at each group of chips with bounds for a single look errs more often than these say.
Group-sequential bounds share the error out among the looks: by information, which need not be known
beforehand (Lan and DeMets, Biometrika 1983; the spending function that comes near Pocock's), and as
error rates of each look's own t bound (Jennison and Turnbull, Group Sequential Methods, 2000,
sections 3.3 and 4.4), since normal quantiles on t statistics err too often with few chips.

The information of S chips is ``1/(a/S + b)``: a is the variance of one chip, b that of the test
samples, which all looks share. Means at two looks then correlate as the means of a process with
independent increments do, so that the error of each look is a one-dimensional recursion (Armitage,
McPherson and Rowe, J. R. Stat. Soc. A 1969).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from neurograd.judge.bounds import Mean, MeanOverTable
from neurograd.judge.prediction_error import arm_with_error

_POINTS = 241
_REACH = 6.0
"""Grid of the recursion, in standard deviations."""

_SAME = 0.01
"""Part of the information that a look must add to be one."""

_MANY = 1000
"""Times the present number of chips or samples, beyond which no number is named."""


@dataclass(frozen=True)
class Plan:
    """When a verdict is looked at.

    Attributes:
        first: Chips of the first look, 1 or more.
        most: Chips of the last one, not below ``first``.
        looks: Looks at most, 1 or more.
    """

    first: int
    most: int
    looks: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Chips at each look, by about the same factor; one look where there are no more chips.

        A single chip says nothing of another one, so that there is no look at it if others follow.
        """
        first = min(self.most, max(2, self.first))
        count = min(self.looks, self.most - first + 1)
        if count == 1:
            return (first,)
        sizes = [first]
        for later in range(count - 1, 0, -1):
            factor = (self.most / sizes[-1]) ** (1 / later)
            sizes.append(min(max(sizes[-1] + 1, round(factor * sizes[-1])), self.most - later + 1))
        return tuple(sizes)

    def up_to(self, most: int) -> Plan:
        """The plan with another number of chips at the last look."""
        return replace(self, first=most if self.looks == 1 else min(self.first, most), most=most)


@dataclass(frozen=True)
class Look:
    """One look.

    Attributes:
        chips: Number of chips.
        value: Mean cost.
        lower: One-sided lower bound.
        upper: One-sided upper bound.
        error: One-sided error rate of this look's own bounds; all looks together keep that of the
            verdict.
    """

    chips: int
    value: float
    lower: float
    upper: float
    error: float


def spent(error: float, information: float) -> float:
    """Part of an error rate that may be spent once a part of the information is there.

    Args:
        error: The one-sided error rate of all looks together.
        information: Part of the last look's information, 0 to 1.
    """
    return error * math.log1p((math.e - 1.0) * min(1.0, max(0.0, information)))


def look_error(before: Sequence[float], information: Sequence[float], error: float) -> float:
    """One-sided error rate of the present look, so that all up to it spend what they may.

    Args:
        before: Error rates of the looks before.
        information: Information at each look, this one included, as parts of the last look's.
        error: The one-sided error rate of all looks together.

    Returns:
        The rate; 0 for a look that adds no information or has nothing left to spend.
    """
    goal = spent(error, information[-1])
    if not before:
        return goal
    grid, weight, crossed, reached = _not_crossed(before, information)
    step = information[-1] - reached
    if step < _SAME * information[-1]:
        return 0.0
    sd, scale = math.sqrt(step), math.sqrt(information[-1])

    def total(bound: float) -> float:
        now = ndtr((grid - bound * scale) / sd)
        return crossed + float((weight * now).sum()) - goal

    if total(_REACH) >= 0:
        return 0.0
    return float(ndtr(-brentq(total, -_REACH, _REACH, xtol=1e-9)))


def _not_crossed(
    before: Sequence[float], information: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Places of the process at the look before, their probabilities, and that it has crossed.

    The process is B = Z·√information; each look ends it where Z is above its bound. The last number
    is the information of the last look that could.
    """
    grid, weight = np.zeros(1), np.ones(1)
    reached, crossed = 0.0, 0.0
    for rate, now in zip(before, information, strict=False):
        sd, scale = math.sqrt(max(0.0, now - reached)), math.sqrt(now)
        if rate == 0 or sd == 0:
            continue
        bound = -float(ndtri(rate)) * scale
        crossed += float((weight * ndtr((grid - bound) / sd)).sum())
        edges = np.linspace(-_REACH * scale, bound, _POINTS)
        below = ndtr((edges[:, None] - grid[None, :]) / sd) @ weight
        grid, weight = 0.5 * (edges[1:] + edges[:-1]), np.diff(below)
        reached = now
    return grid, weight, crossed, reached


def information_of(mean: Mean, sizes: Sequence[int], most: int) -> list[float]:
    """Information at numbers of chips, as parts of that of the largest number.

    Args:
        mean: The mean that the variances are taken from.
        sizes: Numbers of chips.
        most: The largest one of the plan.
    """
    chip, sample = mean.chip_variance(), mean.sample_variance()
    if chip + sample == 0:
        return [1.0] * len(sizes)
    return [(chip / most + sample) / (chip / size + sample) for size in sizes]


def chance_to_decide(
    mean: Mean, limit: float, most: int, error: float, apart: float = 0.0
) -> float:
    """Chance that the last look decides, if the true mean and the variances are as seen now.

    Args:
        mean: The mean now.
        limit: What it is held against.
        most: Chips of the last look.
        error: One-sided error rate.
        apart: What the mean may be off beside chance, however many chips there are.
    """
    chip, sample = mean.chip_variance(), mean.sample_variance()
    last = math.sqrt(chip / most + sample)
    moves = math.sqrt(max(0.0, chip / mean.chips - chip / most))
    margin = arm_with_error(-float(ndtri(error)) * last, apart)
    away = mean.value - limit
    if moves == 0:
        return float(abs(away) > margin)
    return float(ndtr((away - margin) / moves) + ndtr((-away - margin) / moves))


def chips_needed(mean: Mean, limit: float, error: float, plan: Plan) -> int | None:
    """Number of chips that would decide if mean and spread stay; None where none does.

    Args:
        mean: The mean now, which does not decide.
        limit: What it is held against.
        error: One-sided error rate of all looks together.
        plan: The present plan, whose most chips would be that number.

    Returns:
        The number, above the present one.
    """

    def enough(chips: int) -> bool:
        return _decides(mean.with_chips(chips), limit, error, plan.up_to(chips))

    return _fewest(mean.chips, enough)


def samples_needed(mean: MeanOverTable, limit: float, error: float, plan: Plan) -> int | None:
    """Number of test samples that would decide with the last look's chips; None where none does.

    Args:
        mean: The mean now, which does not decide.
        limit: What it is held against.
        error: One-sided error rate of all looks together.
        plan: The plan, of which the last look would be at that number of samples.

    Returns:
        The number, above the present one.
    """
    last = mean.with_chips(plan.most)
    return _fewest(
        mean.samples, lambda samples: _decides(last.with_samples(samples), limit, error, plan)
    )


def last_error(mean: Mean, error: float, plan: Plan) -> float:
    """One-sided error rate of the bounds that stand after the last look of a plan.

    The looks before have spent the rest of what all may spend, as variances tell them.

    Args:
        mean: A mean that the variances are taken from.
        error: One-sided error rate of all looks together.
        plan: The plan.
    """
    rates: list[float] = []
    information = information_of(mean, plan.sizes, plan.most)
    for place in range(len(information)):
        rates.append(look_error(rates, information[: place + 1], error))
    # A look that adds nothing takes over the bounds before.
    return next(rate for rate in reversed(rates) if rate > 0)


def _decides(mean: Mean, limit: float, error: float, plan: Plan) -> bool:
    """Whether the last look of a plan decides."""
    if not _would_decide(mean, limit, error):  # no look may spend more than all of them
        return False
    return _would_decide(mean, limit, last_error(mean, error, plan))


def _would_decide(mean: Mean, limit: float, error: float) -> bool:
    return mean.bound(error, 1) <= limit or mean.bound(error, -1) > limit


def _fewest(now: int, enough: Callable[[int], bool]) -> int | None:
    """The smallest number above the present one that is enough, None beyond ``_MANY`` times."""
    few, many = now, _MANY * now
    if not enough(many):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many
