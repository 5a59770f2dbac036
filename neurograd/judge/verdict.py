"""The verdict: what the trained chips cost, with its bounds, against what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from neurograd.judge.bounds import Mean, MeanOverChips, MeanOverTable
from neurograd.measure.intervals import Interval


class Verdict(StrEnum):
    """Answer of a check, with the exit code that stands for it."""

    TOLERATED = "tolerated"
    NOT_TOLERATED = "not tolerated"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """0 tolerated, 1 not tolerated, 3 inconclusive."""
        return {"tolerated": 0, "not tolerated": 1, "inconclusive": 3}[self.value]

    @classmethod
    def of_all(cls, parts: Iterable[Verdict]) -> Verdict:
        """Not tolerated if one part is not, tolerated only if all of one or more are."""
        found = set(parts)
        if cls.NOT_TOLERATED in found:
            return cls.NOT_TOLERATED
        return cls.TOLERATED if found == {cls.TOLERATED} else cls.INCONCLUSIVE


@dataclass(frozen=True)
class Cost:
    """What the chip costs.

    Attributes:
        value: Mean cost over chips (and test samples).
        ci: Its two-sided interval at ``confidence``.
        confidence: Confidence of the interval.
        chance: Of a prediction, the interval without the prediction's own error and before it was
            cut to what is possible; None for a measurement.
    """

    value: float
    ci: Interval
    confidence: float
    chance: Interval | None = None

    def within(self, low: float, high: float) -> Cost:
        """The interval cut to what is possible; the value is inside of it as it is."""
        return replace(self, ci=cut(self.ci, low, high))


@dataclass(frozen=True)
class Bounds:
    """What decides: two one-sided bounds, each with its own error rate.

    Attributes:
        lower: The true cost is above it at ``confidence``.
        upper: The true cost is below it at ``confidence``.
        confidence: One-sided confidence, that of all looks at the chips together.
    """

    lower: float
    upper: float
    confidence: float

    def within(self, low: float, high: float) -> Bounds:
        """The bounds cut to what is possible."""
        lower, upper = cut((self.lower, self.upper), low, high)
        return replace(self, lower=lower, upper=upper)


def cut(ends: Interval, low: float, high: float) -> Interval:
    """An interval's ends moved into a range."""
    return min(max(ends[0], low), high), max(min(ends[1], high), low)


def mean_cost(mean: Mean, confidence: float) -> Cost:
    """A mean with its two-sided interval."""
    error = 0.5 * (1.0 - confidence)
    return Cost(mean.value, (mean.bound(error, -1), mean.bound(error, 1)), confidence)


def mean_over_chips(table: np.ndarray, confidence: float) -> Cost:
    """Mean of a table of chips by test samples, both of them random.

    The interval covers another draw of chips and another draw of test samples
    (``bounds.MeanOverTable``). Where nothing varies it is as wide as the samples' number allows.

    Args:
        table: One row a chip, one column a test sample, shape ``(S, n)``, of numbers of any size.
        confidence: Two-sided confidence of the interval, between 0 and 1.
    """
    largest = max(1.0, float(np.abs(table).max()))
    cost = mean_cost(MeanOverTable.of(table / largest).measured(), confidence)
    return Cost(largest * cost.value, (largest * cost.ci[0], largest * cost.ci[1]), confidence)


def mean_interval(values: Sequence[float], confidence: float) -> Cost:
    """Mean of one number a chip with its t interval; infinitely wide for a single chip."""
    return mean_cost(MeanOverChips.of(values), confidence)


def judge(bounds: Bounds, allowed: float, *, chips: int, clean_learned: bool) -> Verdict:
    """Compare the bounds of a cost with what is allowed.

    Args:
        bounds: One-sided bounds of the cost.
        allowed: Largest cost that the user accepts.
        chips: Number of chips that were trained; one says nothing of others.
        clean_learned: Whether the clean network learned anything to lose.
    """
    if not clean_learned or chips < 2:
        return Verdict.INCONCLUSIVE
    if bounds.upper <= allowed:
        return Verdict.TOLERATED
    if bounds.lower > allowed:
        return Verdict.NOT_TOLERATED
    return Verdict.INCONCLUSIVE
