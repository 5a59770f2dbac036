"""Samples of a level against its moments, with draws enough to find what is off.

Two numbers of a level are judged: its mean, along the mean step itself and weighted by precision,
and its variance, summed over the weights. A mean off by ``MEAN_OFF`` of the step, or a variance off
by ``VARIANCE_OFF``, is found with probability ``POWER`` at the level that Holm's method (Scand. J.
Stat. 1979) leaves the first of a family's tests, the strictest of them. The draws that this needs
come from the level's own variance, that of its square from draws that are not judged. Weights
whose variance is nothing are compared one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from device_models.protocols import ElementMoments
from tests.conformance.matrix import rounding

CONFIDENCE = 0.99
"""Of a whole family: a right implementation passes all its tests with this probability."""

MEAN_OFF = 0.02
VARIANCE_OFF = 0.05
POWER = 0.99

PILOT = 20_000
"""Draws of single weights from which the draws that are needed are told."""

RARE = 1e-4
"""Probability with which a weight of next to no variance is refused by chance."""

EVENTS = 100
"""Rare events from which a sum of them counts as normal."""

PILOT_ROUNDS = 4
MOST_STRATA = 20_000_000
"""Rounds from which the rounds that are needed are told, and draws of single weights at most."""

MOST = 4_000_000
"""Draws of single weights in one sample; a family that needs more says so."""


@dataclass(frozen=True)
class Test:
    """What one comparison of samples with moments has found.

    Attributes:
        name: What was compared.
        p: Its p-value, two-sided.
        off: How far the sample is off the closed form, relative to it.
        found: What it finds with probability ``POWER``, relative to the closed form.
        draws: Draws of single weights, or of updates for a rule.
    """

    name: str
    p: float
    off: float
    found: float
    draws: int


def sigmas(tests: int) -> float:
    """Standard errors that an effect must have to be found with ``POWER`` in a family of tests."""
    strictest = (1.0 - CONFIDENCE) / tests
    return float(stats.norm.isf(strictest / 2) + stats.norm.ppf(POWER))


def failed(tests: Sequence[Test], level: float = 1.0 - CONFIDENCE) -> list[Test]:
    """Tests that Holm's method refuses at a family-wise level."""
    refused = []
    for k, test in enumerate(sorted(tests, key=lambda each: each.p)):
        if test.p > level / (len(tests) - k):
            break
        refused.append(test)
    return refused


Draw = Callable[[int], tuple[Tensor, Tensor, Tensor]]
"""Samples, means and variances of a number of copies of the weights, each of the same shape."""


def hold_elements(name: str, draw: Draw, size: int, tests: int) -> list[Test]:
    """Tests of a level whose weights are independent of each other.

    Args:
        name: Names the tests.
        draw: Draws a number of copies of the weights.
        size: Number of weights of a copy.
        tests: Tests of the family.

    Raises:
        AssertionError: If a weight without a variance is not what its mean says.
    """
    first = math.ceil(PILOT / size)
    needed = _needed(*draw(first), first, sigmas(tests))
    copies = math.ceil(min(max(needed, PILOT), MOST) / size)
    samples, mean, variance = _random(*draw(copies))
    if not len(samples):
        return []
    gap = samples - mean
    weights = _weights(mean, variance, copies)
    mean_error = float((weights.square() * variance).sum().sqrt())
    mean_size = float((weights * mean).sum())
    squares = gap.square() - variance
    square_error, square_size = float(squares.square().sum().sqrt()), float(variance.sum())
    z = sigmas(tests)
    return [
        _test(
            f"{name}: mean", float((weights * gap).sum()), mean_error, mean_size, z, copies * size
        ),
        _test(
            f"{name}: variance", float(squares.sum()), square_error, square_size, z, copies * size
        ),
    ]


Strata = Callable[[int, str], Iterator[tuple[Tensor, ElementMoments]]]
"""Rounds of writes of each increment, with the moments of that increment's writes."""


def hold_strata(
    name: str, written: Strata, moments: ElementMoments, strata: int, tests: int
) -> list[Test]:
    """Tests of an average over increments, each of which is written equally often.

    Args:
        name: Names the tests.
        written: Writes in a number of rounds, seeded by a name.
        moments: Mean and variance over increments and writes.
        strata: Number of increments.
        tests: Tests of the family.

    Raises:
        AssertionError: If a weight without noise is not what its mean says.
    """
    pilot = _Sums.of(written(PILOT_ROUNDS, "pilot"), moments, PILOT_ROUNDS * strata)
    needed = pilot.rounds_needed(sigmas(tests)) * PILOT_ROUNDS
    most = max(PILOT_ROUNDS, MOST_STRATA // (strata * moments.mean.numel()))
    rounds = min(max(PILOT_ROUNDS, math.ceil(needed)), most)
    found = _Sums.of(written(rounds, "strata"), moments, rounds * strata)
    return found.tests(name, sigmas(tests))


@dataclass(frozen=True)
class _Sums:
    """Sums over writes and weights.

    Attributes:
        gap: Of realized less mean, weighted.
        gap_error: Its standard error.
        size: Of the means, weighted.
        square: Of squared gaps less their expectation.
        square_error: Its standard error.
        spread: Of the variances.
        draws: Draws of single weights.
    """

    gap: float
    gap_error: float
    size: float
    square: float
    square_error: float
    spread: float
    draws: int

    @staticmethod
    def of(
        written: Iterator[tuple[Tensor, ElementMoments]], moments: ElementMoments, count: int
    ) -> _Sums:
        total = own = torch.zeros_like(moments.mean)
        square = square_error = torch.zeros((), dtype=torch.float64)
        largest = 0.0
        for realized, each in written:
            total, own = total + realized, own + each.variance
            gap = (realized - moments.mean).double()
            rest = gap.square() - each.variance - (each.mean - moments.mean).double().square()
            square, square_error = square + rest.sum(), square_error + rest.square().sum()
            largest = max(largest, float(realized.abs().max()))
        gap, own = (total / count - moments.mean).double(), own.double() / count
        tolerance = rounding(moments.mean.dtype) * (float(moments.mean.abs().max()) + largest)
        random = own > tolerance**2
        beyond = float(gap[~random & (gap.abs() > tolerance)].square().sum())
        rare = float(own[~random].sum()) / count / RARE
        assert beyond <= rare, f"a weight without noise is off by {float(gap[~random].abs().max())}"
        mean, own = moments.mean.double()[random], own[random]
        weights = _weights(mean, own, count)
        return _Sums(
            gap=count * float((weights * gap[random]).sum()),
            gap_error=math.sqrt(count * float((weights.square() * own).sum())),
            size=count * float((weights * mean).sum()),
            square=float(square),
            square_error=math.sqrt(float(square_error)),
            spread=count * float(moments.variance.double().sum()),
            draws=count * moments.mean.numel(),
        )

    def rounds_needed(self, z: float) -> float:
        """Times these draws that find what is asked for."""
        if self.size == 0:
            return 1.0
        mean = z * self.gap_error / self.size / MEAN_OFF
        variance = z * self.square_error / self.spread / VARIANCE_OFF
        return 1.2 * max(mean, variance) ** 2

    def tests(self, name: str, z: float) -> list[Test]:
        """Tests of mean and variance; none where nothing is random."""
        if self.size == 0:
            return []
        rows = (
            ("mean", self.gap, self.gap_error, self.size),
            ("variance", self.square, self.square_error, self.spread),
        )
        return [
            _test(f"{name}: {what}", off, error, size, z, self.draws)
            for what, off, error, size in rows
        ]


def hold_updates(
    name: str, samples: Tensor, mean: Tensor, variance: float | None, tests: int
) -> list[Test]:
    """Tests of estimates whose weights depend on each other, by whole updates.

    The step is the root mean square length of an update.
    """
    gap = samples.double() - mean.double()
    step = float((gap.square().sum(1).mean() + mean.double().square().sum()).sqrt())
    along = gap @ (mean.double() / mean.double().norm())
    count, z = len(samples), sigmas(tests)
    made = [
        _test(
            f"{name}: mean",
            float(along.sum()),
            float(along.std()) * count**0.5,
            count * step,
            z,
            count,
        )
    ]
    if variance is not None:
        squares = gap.square().sum(1)
        # Noise of one length in every draw has no spread but that of rounding.
        still = rounding(samples.dtype) * count * variance
        error = math.hypot(float(squares.std()) * count**0.5, still)
        off = float(squares.sum()) - count * variance
        made.append(_test(f"{name}: variance", off, error, count * variance, z, count))
    return made


def _weights(mean: Tensor, variance: Tensor, copies: int) -> Tensor:
    """Weights of the mean's test: by precision, but for weights whose noise is rare events.

    A pulse that is nearly certain has little variance, all of it from draws without one. Where
    fewer than ``EVENTS`` of these are expected, precision would make the test hang on them alone,
    and its sum would not be normal.
    """
    return mean / variance.maximum(mean.square() * (EVENTS / copies))


def _test(name: str, off: float, error: float, size: float, z: float, draws: int) -> Test:
    p = 2.0 * float(stats.norm.sf(abs(off) / error))
    return Test(name, p, off / size, z * error / size, draws)


def _needed(samples: Tensor, mean: Tensor, variance: Tensor, copies: int, z: float) -> float:
    """Draws of single weights that both tests need."""
    samples, mean, variance = _random(samples, mean, variance)
    count = len(samples)
    if not count:
        return 0.0
    weights = _weights(mean, variance, copies)
    known = float((weights.square() * variance).sum())
    precision = float((weights * mean).sum()) ** 2 / known / count
    squares = (samples - mean).square() - variance
    spread = float(squares.square().mean()) / float(variance.mean()) ** 2
    for_mean = (z / MEAN_OFF) ** 2 / max(precision, 1e-12)
    return 2.0 * max(for_mean, (z / VARIANCE_OFF) ** 2 * spread)


def _random(samples: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What has a variance above rounding; all else is held to its mean, up to rounding.

    A pulse that hardly ever comes has next to no variance, and may come: what is off by more is
    refused where its square is more than ``1/RARE`` times the variance of all such weights, which
    happens with a probability of at most ``RARE`` (Markov).
    """
    error = rounding(samples.dtype) * float(mean.abs().max() + samples.abs().max())
    random = variance > error**2
    still = ~random
    gap = (samples - mean)[still].abs()
    beyond = float(gap[gap > error].square().sum())
    rare = float(variance[still].sum()) / RARE
    assert beyond <= rare, f"a weight without noise is off by {float(gap.max()):.2e}"
    return samples[random].double(), mean[random].double(), variance[random].double()
