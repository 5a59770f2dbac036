"""Bounds of a mean cost over chips and test samples, at any one-sided error rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtri, stdtrit

PSEUDO_SAMPLES = 1.0
"""Test samples on which all chips fail alike, added where it is asked how much samples count.

Among few events it cannot be seen whether chips fail on the same samples. With one such sample the
spread of a table without any event is that of n independent samples, and with many it is its own.
"""

GROWTH = 0.85
"""The power of the mean with which the spread of costs over chips grows.

Variances then go as the power 1.7 of the mean, among those of sums of a random number of random
losses (1 to 2: Jorgensen, J. R. Stat. Soc. B 1987, on Tweedie's family). With power 1, in
proportion, bounds from few chips would have no end. Chosen on gamma-distributed costs.
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

    def measured(self) -> Mean:
        """The same mean as a measurement, with the chips' spread as it is on either side."""


@dataclass(frozen=True)
class MeanOverChips:
    """Mean of one number a chip: Student's t, which has no end for a single chip.

    Costs are skewed: the more a chip loses, the more it may lose. A few that all happen to be good
    have a low mean and a small spread at once, and an upper t bound from them misses two times (a
    spread of half the mean) to four times as often as it says (log-normal costs of that spread: 2.8
    times, and 1.6 times with what follows). So for an upper bound of costs the
    spread is taken at the bound, where it has grown as ``GROWTH`` says.

    Chips that all lose as much as one counts for differ by nothing that is seen. At the error rate
    ε such S chips are a part ``ε^(1/S)`` of all at least (Clopper and Pearson, Biometrika 1934),
    and others lose nothing at best.

    Attributes:
        value: The mean.
        chips: S.
        variance: Variance over chips; 0 for a single one and where one diverged.
        size: Mean size of the costs; None for numbers of either sign, whose spread is the same
            wherever their mean is.
        most: Most that one chip counts for; infinite without.
        lost: Whether every chip is one that has lost all, though the numbers differ: those of pairs
            of which the others have not. Of such pairs there are a part ``ε^(1/S)`` at least, and
            the rest does not differ at best.
    """

    value: float
    chips: int
    variance: float
    size: float | None = None
    most: float = math.inf
    lost: bool = False

    @staticmethod
    def of(values: Sequence[float]) -> MeanOverChips:
        """From one number a chip, infinite where it diverged."""
        mean = float(np.mean(values))
        known = len(values) > 1 and math.isfinite(mean)
        return MeanOverChips(mean, len(values), float(np.var(values, ddof=1)) if known else 0.0)

    @staticmethod
    def of_costs(values: Sequence[float], most: float = math.inf) -> MeanOverChips:
        """From one cost a chip, infinite where it diverged.

        Args:
            values: The costs, each ``most`` or less.
            most: Most that one chip counts for.
        """
        size = float(np.mean(np.abs(values)))
        return replace(MeanOverChips.of(values), size=size, most=most)

    def bound(self, error: float, side: int) -> float:
        """See ``Mean``."""
        if not math.isfinite(self.value):
            return self.value
        if self.chips < 2:
            return side * math.inf
        bound = self._bound(error, side)
        all_lost = self.lost or (self.variance == 0 and self.value >= self.most)
        return bound * error ** (1.0 / self.chips) if all_lost and side * bound < 0 else bound

    def _bound(self, error: float, side: int) -> float:
        """That of chips that differ as these do."""
        # A spread of 0 has no error, at any confidence, unless it is cut off.
        spread = math.sqrt(self.variance / self.chips)
        if spread == 0:
            return self.value
        margin = _t(error, self.chips - 1) * spread
        if side < 0 or self.size is None:
            return self.value + side * margin
        return self.value + self.size * _grown(margin / self.size)

    def chip_variance(self) -> float:
        """Variance over chips."""
        return self.variance

    def sample_variance(self) -> float:
        """0: the numbers are of no random samples."""
        return 0.0

    def with_chips(self, chips: int) -> MeanOverChips:
        """See ``Mean``."""
        return replace(self, chips=chips)

    def measured(self) -> MeanOverChips:
        """See ``Mean``."""
        return replace(self, size=None)


@dataclass(frozen=True)
class MeanOverTies:
    """Mean difference of pairs that all lose all on both sides, so that nothing of it is seen.

    At the error rate ε such S pairs are a part ``ε^(1/S)`` of all at least (Clopper and Pearson,
    Biometrika 1934). Of the others one may lose all and its pair nothing, either way round.

    Attributes:
        chips: Number S of pairs.
        most: Most that one chip counts for.
    """

    chips: int
    most: float

    @property
    def value(self) -> float:
        """0: what is seen."""
        return 0.0

    def bound(self, error: float, side: int) -> float:
        """See ``Mean``; without end for a single pair."""
        if self.chips < 2:
            return side * math.inf
        rest: float = 1.0 - error ** (1.0 / self.chips)
        return side * self.most * rest

    def chip_variance(self) -> float:
        """The largest that there may be: every pair counts alike for what is known."""
        return self.most**2

    def sample_variance(self) -> float:
        """0: test samples tell nothing of what is lost."""
        return 0.0

    def with_chips(self, chips: int) -> MeanOverTies:
        """See ``Mean``."""
        return replace(self, chips=chips)

    def measured(self) -> MeanOverTies:
        """See ``Mean``."""
        return self


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
    Methodology 1998). Chips that differ do so in proportion to what they lose, such as one with
    twice as many faults: their costs are skewed, and a few that all happen to be good have a low
    mean and a small spread at once. So for an upper bound the chips' own spread grows in proportion
    to the positive part at the bound. Where no entry is negative, an upper bound is no less than
    the exact one of a proportion: scores miss more often than they say where few entries are not 0.
    For a lower bound, towards which variances shrink, both stay what they are at the mean; it then
    misses less often than it says. Rare bad chips that are not among those seen are in no bound.

    Attributes:
        value: The mean.
        chips: S.
        samples: n.
        rows: A/(Sn).
        apart: (A − E)/(Sn), or 0 where that is negative: the part of chips that differ.
        columns: (B − E)/(Sn), or 0 where that is negative.
        positive: Mean of the positive entries over all.
        negative: Minus the mean of the negative ones over all.
        square: Mean square of the entries.
        skewed: Whether for an upper bound the chips' own spread grows; not for a measurement, where
            few chips that differ by about their mean would have no upper end.
        lost: Whether every chip diverged, or every one of the chips that others are compared with.
            They differ by nothing that is seen, but of others at the error rate ε a part
            ``ε^(1/S)`` do at least (``MeanOverChips``), and the rest lose nothing at best.
    """

    value: float
    chips: int
    samples: int
    rows: float
    apart: float
    columns: float
    positive: float
    negative: float
    square: float
    skewed: bool = True
    lost: bool = False

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
            positive=float(np.maximum(table, 0).mean()),
            negative=float(np.maximum(-table, 0).mean()),
            square=float((table**2).mean()),
        )

    def bound(self, error: float, side: int) -> float:
        """See ``Mean``; within −1 and 1, and there for a single chip."""
        if self.chips < 2:
            return float(side)
        bound = self._bound(error, side)
        return bound * error ** (1.0 / self.chips) if self.lost and side * bound < 0 else bound

    def _bound(self, error: float, side: int) -> float:
        """That of chips that differ as these do."""
        chip, sample = _t(error, self.chips - 1) ** 2, _normal(error) ** 2
        alike = chip * (self.rows - self.apart) + sample * self.sample_variance()
        few = PSEUDO_SAMPLES / self.samples
        own = max(0.0, self.square - self.value**2) + few
        edge = float(side)

        def beyond(mean: float) -> float:
            positive = self._positive_at(mean)
            more = max(0.0, 2.0 * positive - mean - mean**2) / own
            worse = (positive + few) / (self.positive + few) if self.skewed else 1.0
            if side < 0:
                more = worse = max(more, 1.0)
            return (mean - self.value) ** 2 - more * alike - worse**2 * chip * self.apart

        start = self.value + side * _START
        if side * start >= 1 or beyond(edge) <= 0:
            return edge
        score = float(brentq(beyond, start, edge, xtol=_START))
        return max(score, self._of_few(error, own, side))

    def _of_few(self, error: float, own: float, side: int) -> float:
        """An upper bound that holds for few entries of one sign: the exact one of a proportion.

        Of as many independent samples as give the variance of samples (Clopper and Pearson,
        Biometrika 1934); −1, which bounds nothing, where it is none of few.
        """
        if side < 0 or self.negative > 0:
            return -1.0
        samples = own / (self.rows - self.apart + self.sample_variance())
        events = self.value * samples
        return float(betaincinv(events + 1.0, max(samples - events, _START), 1.0 - error))

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

    def measured(self) -> MeanOverTable:
        """See ``Mean``."""
        return replace(self, skewed=False)

    def with_samples(self, samples: int) -> MeanOverTable:
        """The same mean and spread of another number of test samples."""
        part = self.samples / samples
        rows = self.apart + part * (self.rows - self.apart)
        return replace(self, samples=samples, rows=rows, columns=part * self.columns)

    def _positive_at(self, mean: float) -> float:
        """Positive part if the mean were another one: positive and negative part fitted to it."""
        linear = (2.0 - self.value) * mean - self.positive - self.negative
        root = math.sqrt(max(0.0, linear**2 + 8.0 * self.negative * mean * (1.0 - mean)))
        return mean + (root - linear) / 4.0


def _grown(margin: float) -> float:
    """The d of ``d = margin·(1 + d)**GROWTH``."""
    edge = max(1.0, (2.0 * margin) ** (1.0 / (1.0 - GROWTH)))
    return float(brentq(lambda d: d - margin * (1.0 + d) ** GROWTH, 0.0, edge, xtol=_START))


def _t(error: float, degrees: int) -> float:
    """Upper quantile of Student's t."""
    return -float(stdtrit(degrees, error))


def _normal(error: float) -> float:
    """Upper quantile of the normal distribution."""
    return -float(ndtri(error))
