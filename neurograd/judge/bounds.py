"""Bounds of a mean cost over chips and test samples, at any one-sided error rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

PSEUDO_SAMPLES = 1.0
"""Test samples on which all chips fail alike, added where it is asked how much samples count.

Among few events it cannot be seen whether chips fail on the same samples. With one such sample the
spread of a table without any event is that of n independent samples, and with many it is its own.
"""


_START = 1e-12
"""How far from the mean a bound is looked for; also its precision."""


class Mean(Protocol):
    """A mean over chips that are drawn again for each of them."""

    @property
    def value(self) -> float:
        """The mean, infinite where a chip diverged."""

    @property
    def chips(self) -> int:
        """Number of chips."""

    def bound(self, error: float, side: int) -> float:
        """One-sided bound that is on the wrong side of the true mean in a part of all cases.

        Args:
            error: That part, between 0 and 1.
            side: 1 for the upper bound, -1 for the lower one.
        """

    def chip_variance(self) -> float:
        """Variance of one chip's mean."""

    def sample_variance(self) -> float:
        """Variance of the mean that stays however many chips there are."""

    def with_chips(self, chips: int) -> Mean:
        """The same mean and spread of another number of chips."""


@dataclass(frozen=True)
class MeanOverChips:
    """Mean of one number a chip: Student's t, which has no end for a single chip.

    Attributes:
        value: The mean.
        chips: S.
        variance: Variance over chips; 0 for a single one and where one diverged.
    """

    value: float
    chips: int
    variance: float

    @staticmethod
    def of(values: Sequence[float]) -> MeanOverChips:
        """From one number a chip, infinite where it diverged."""
        mean = float(np.mean(values))
        known = len(values) > 1 and math.isfinite(mean)
        return MeanOverChips(mean, len(values), float(np.var(values, ddof=1)) if known else 0.0)

    def bound(self, error: float, side: int) -> float:
        """See ``Mean``."""
        if not math.isfinite(self.value):
            return self.value
        if self.chips < 2:
            return side * math.inf
        # A spread of 0 has no error, at any confidence.
        spread = math.sqrt(self.variance / self.chips)
        return self.value if spread == 0 else self.value + side * _t(error, self.chips - 1) * spread

    def chip_variance(self) -> float:
        """Variance over chips."""
        return self.variance

    def sample_variance(self) -> float:
        """0: the numbers are of no random samples."""
        return 0.0

    def with_chips(self, chips: int) -> MeanOverChips:
        """See ``Mean``."""
        return replace(self, chips=chips)


@dataclass(frozen=True)
class MeanOverTable:
    """Mean of a table of chips by test samples with entries from −1 to 1, both random.

    The variance of the mean is that of chips, ``A/(Sn)`` with the mean square A of rows, and that
    of samples, ``(B − E)/(Sn)`` with those of columns and of the rest, in a two-way layout without
    repetition (Searle, Casella and McCulloch, Variance Components, 1992). Each has its own
    quantile, Student's t of S − 1 degrees for chips and the normal one for samples (Cochran, in
    Cochran and Cox, Experimental Designs, 1957, section 4.14).

    Where few entries are not 0, tables with a small mean have a small variance as well, and bounds
    from it miss on one side. So the variance is taken at the bound, not at the mean: that of the
    score interval of a difference of paired proportions (Tango, Statistics in Medicine 1998) with
    the number of independent pairs that gives the variance above (Korn and Graubard, Survey
    Methodology 1998). Chips that differ do so in proportion to what they cost, such as one with
    twice as many faults: for an upper bound their own spread grows with the variance, not with its
    root. For a lower bound, towards which variances shrink, it stays that at the mean. Among five
    chips or fewer that differ by more than about half of their mean cost, bounds still miss up to
    twice as often as they say, as any bound from so few must.

    Attributes:
        value: The mean.
        chips: S.
        samples: n.
        rows: A/(Sn).
        apart: (A − E)/(Sn), or 0 where that is negative: the part of chips that differ.
        columns: (B − E)/(Sn), or 0 where that is negative.
        gained: Mean of the positive entries over all.
        lost: Minus the mean of the negative ones over all.
        square: Mean square of the entries.
    """

    value: float
    chips: int
    samples: int
    rows: float
    apart: float
    columns: float
    gained: float
    lost: float
    square: float

    @staticmethod
    def of(table: np.ndarray) -> MeanOverTable:
        """From a table, shape ``(S, n)``, entries from −1 to 1."""
        chips, samples = table.shape
        mean, size = float(table.mean()), table.size
        row_means, column_means = table.mean(1), table.mean(0)
        row_sum = samples * float(((row_means - mean) ** 2).sum())
        column_sum = chips * float(((column_means - mean) ** 2).sum())
        rest_sum = float(((table - mean) ** 2).sum()) - row_sum - column_sum
        rest = rest_sum / max(1, (chips - 1) * (samples - 1))
        columns = column_sum / max(1, samples - 1) - max(0.0, rest)
        return MeanOverTable(
            value=mean,
            chips=chips,
            samples=samples,
            rows=row_sum / max(1, chips - 1) / size,
            apart=max(0.0, row_sum / max(1, chips - 1) - rest) / size,
            columns=max(0.0, columns) / size,
            gained=float(np.maximum(table, 0).mean()),
            lost=float(np.maximum(-table, 0).mean()),
            square=float((table**2).mean()),
        )

    def bound(self, error: float, side: int) -> float:
        """See ``Mean``; within −1 and 1, and there for a single chip."""
        if self.chips < 2:
            return float(side)
        chip, sample = _t(error, self.chips - 1) ** 2, _normal(error) ** 2
        alike = chip * (self.rows - self.apart) + sample * self.sample_variance()
        own = max(0.0, self.square - self.value**2) + PSEUDO_SAMPLES / self.samples
        edge = float(side)

        def beyond(mean: float) -> float:
            more = self._variance_at(mean) / own
            more = more if side > 0 else max(more, 1.0)
            differ = chip * self.apart * max(more, more**2)
            return (mean - self.value) ** 2 - more * alike - differ

        start = self.value + side * _START
        if side * start >= 1 or beyond(edge) <= 0:
            return edge
        return float(brentq(beyond, start, edge, xtol=_START))

    def chip_variance(self) -> float:
        """Variance of a chip's mean over these samples."""
        return self.rows * self.chips

    def sample_variance(self) -> float:
        """Variance of the samples' part, with ``PSEUDO_SAMPLES``."""
        return self.columns + PSEUDO_SAMPLES / self.samples**2

    def with_chips(self, chips: int) -> MeanOverTable:
        """See ``Mean``."""
        part = self.chips / chips
        return replace(self, chips=chips, rows=part * self.rows, apart=part * self.apart)

    def with_samples(self, samples: int) -> MeanOverTable:
        """The same mean and spread of another number of test samples."""
        part = self.samples / samples
        rows = self.apart + part * (self.rows - self.apart)
        return replace(self, samples=samples, rows=rows, columns=part * self.columns)

    def _variance_at(self, mean: float) -> float:
        """Variance of an entry if the mean were another one, the negative part fitted to it."""
        both, apart = self.gained + self.lost, self.gained - self.lost
        linear = -both + (2.0 - apart) * mean
        root = math.sqrt(max(0.0, linear**2 + 8.0 * self.lost * mean * (1.0 - mean)))
        lost = (root - linear) / 4.0
        return max(0.0, 2.0 * lost + mean - mean**2)


def _t(error: float, degrees: int) -> float:
    """Upper quantile of Student's t."""
    return -float(stdtrit(degrees, error))


def _normal(error: float) -> float:
    """Upper quantile of the normal distribution."""
    return -float(ndtri(error))
