"""The verdict: what the trained chips cost, with an interval, against what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from neurograd.measure.intervals import Interval, t_quantile


class Verdict(StrEnum):
    """Answer of a check, with the exit code that stands for it."""

    TOLERATED = "tolerated"
    NOT_TOLERATED = "not tolerated"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """0 tolerated, 1 not tolerated, 3 inconclusive."""
        return {"tolerated": 0, "not tolerated": 1, "inconclusive": 3}[self.value]


@dataclass(frozen=True)
class Cost:
    """What the chip costs.

    Attributes:
        value: Mean cost over chips (and test samples).
        ci: Its interval at ``confidence``.
        confidence: Confidence of the interval.
    """

    value: float
    ci: Interval
    confidence: float


def mean_over_chips(table: np.ndarray, confidence: float) -> Cost:
    """Mean of a table of chips by test samples, both of them random.

    The interval covers another draw of chips and another draw of test samples: variances of a
    two-way layout without repetition (Searle, Casella and McCulloch, Variance Components, 1992),
    Satterthwaite degrees of freedom. Where nothing varies it is as wide as the samples' number
    allows: no event among n leaves a rate of up to ``1 − (1 − confidence)^(1/n)``.

    Args:
        table: One row a chip, one column a test sample, shape ``(S, n)``.
        confidence: Confidence of the interval, between 0 and 1.
    """
    chips, samples = table.shape
    mean = float(table.mean())
    rows, columns = table.mean(1), table.mean(0)
    chip_square = samples * float(((rows - mean) ** 2).sum()) / max(1, chips - 1)
    sample_square = chips * float(((columns - mean) ** 2).sum()) / max(1, samples - 1)
    rest = table - rows[:, None] - columns[None, :] + mean
    rest_square = float((rest**2).sum()) / max(1, (chips - 1) * (samples - 1))
    size = chips * samples
    combined = max(chip_square + sample_square - rest_square, chip_square, sample_square)
    if combined == 0:
        half = 1.0 - (1.0 - confidence) ** (1.0 / samples)
        return Cost(mean, (mean - half, mean + half), confidence)
    spread = chip_square**2 / max(1, chips - 1) + sample_square**2 / max(1, samples - 1)
    degrees = combined**2 / spread
    half = t_quantile(max(1.0, degrees), confidence) * math.sqrt(combined / size)
    return Cost(mean, (mean - half, mean + half), confidence)


def mean_interval(values: Sequence[float], confidence: float) -> Cost:
    """Mean of one number a chip with its t interval; infinitely wide for a single chip."""
    array = np.asarray(values, dtype=float)
    mean = float(array.mean())
    if not np.isfinite(mean):
        return Cost(mean, (mean, mean), confidence)
    if len(array) < 2:
        return Cost(mean, (-math.inf, math.inf), confidence)
    half = t_quantile(len(array) - 1, confidence) * float(array.std(ddof=1)) / len(array) ** 0.5
    return Cost(mean, (mean - half, mean + half), confidence)


def judge(cost: Cost, allowed: float, *, chips: int, clean_learned: bool) -> Verdict:
    """Compare a cost with what is allowed.

    Args:
        cost: Measured cost.
        allowed: Largest cost that the user accepts.
        chips: Number of chips that were trained; one has no interval over chips.
        clean_learned: Whether the clean network learned anything to lose.
    """
    if not clean_learned or chips < 2:
        return Verdict.INCONCLUSIVE
    low, high = cost.ci
    if high <= allowed:
        return Verdict.TOLERATED
    if low > allowed:
        return Verdict.NOT_TOLERATED
    return Verdict.INCONCLUSIVE
