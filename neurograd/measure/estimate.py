"""A number with its standard error: the one record of whatever is measured or predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurograd.measure.intervals import CONFIDENCE, Interval, combine_errors, interval

_DERIVATIVE_STEP = 1e-4
"""Step of a numerical derivative in standard errors: small, so that it is at the estimate."""

_MANY_DEGREES = 1e9
"""Degrees of freedom that stand for infinitely many where a whole number is needed."""


@dataclass(frozen=True)
class Estimate:
    """An estimated number.

    Attributes:
        value: The estimate, unbiased unless its source says otherwise.
        error: Its standard error, in the value's unit; 0 for an exact value.
        degrees: Degrees of freedom of the error; infinite for an exact value.
    """

    value: float
    error: float
    degrees: float

    @staticmethod
    def exact(value: float) -> Estimate:
        """A number without error.

        Args:
            value: The number.
        """
        return Estimate(value, 0.0, math.inf)

    @staticmethod
    def mean_of(values: Sequence[float] | np.ndarray) -> Estimate:
        """Mean of independent values of one distribution.

        Args:
            values: Two values or more, shape ``(K,)``.

        Raises:
            ValueError: If there are fewer, whose spread says nothing.
        """
        array = np.asarray(values, dtype=float)
        if len(array) < 2:
            raise ValueError(f"a mean of {len(array)} values has no error; allowed: 2 or more")
        error = float(array.std(ddof=1)) / math.sqrt(len(array))
        return Estimate(float(array.mean()), error, len(array) - 1.0)

    @staticmethod
    def of_parts(parts: Sequence[tuple[float, np.ndarray]]) -> Estimate:
        """Sum of independent means with known weights: a mean that is taken stratum by stratum.

        Args:
            parts: Each mean's weight, and its two values or more, shape ``(K,)``.

        Raises:
            ValueError: If a mean has fewer values.

        Source:
            Cochran, Sampling Techniques, 3rd ed. 1977, sec. 5.4; degrees by Satterthwaite.
        """
        means = [Estimate.mean_of(values).times(weight) for weight, values in parts]
        if len(means) == 1:
            return means[0]
        error, degrees = combine_errors([(each.error, each.degrees) for each in means])
        return Estimate(sum(each.value for each in means), error, degrees)

    def times(self, factor: float) -> Estimate:
        """The number multiplied by a known factor.

        Args:
            factor: Any number without error.
        """
        return Estimate(factor * self.value, abs(factor) * self.error, self.degrees)

    def plus(self, other: Estimate) -> Estimate:
        """The sum with an independent estimate, its degrees by Welch and Satterthwaite.

        Args:
            other: An estimate from other draws.

        Source:
            Satterthwaite, Biometrics Bulletin 1946.
        """
        error, degrees = combine_errors([(self.error, self.degrees), (other.error, other.degrees)])
        return Estimate(self.value + other.value, error, degrees)

    def minus(self, other: Estimate) -> Estimate:
        """The difference to an independent estimate; see `plus`.

        Args:
            other: An estimate from other draws.
        """
        return self.plus(other.times(-1.0))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Two-sided t interval; a point where the error is 0.

        Args:
            confidence: Of the interval, between 0 and 1.
        """
        return interval(self.value, self.error, self.degrees, confidence)

    @property
    def ci(self) -> Interval:
        """The interval at the confidence of every measurement, 99 %."""
        return self.interval()


def propagate(function: Callable[..., float], parts: Sequence[Estimate]) -> Estimate:
    """A function of independent estimates, with its error to first order (the delta method).

    Args:
        function: Takes one number for each part, and is smooth there.
        parts: The independent estimates.
    """
    values = [part.value for part in parts]
    center = function(*values)
    errors = []
    for k, part in enumerate(parts):
        if part.error == 0:
            continue
        step = _DERIVATIVE_STEP * part.error
        moved = [v + step * (i == k) for i, v in enumerate(values)]
        errors.append((abs(function(*moved) - center) / _DERIVATIVE_STEP, part.degrees))
    error, degrees = combine_errors(errors)
    return Estimate(center, error, degrees if math.isfinite(degrees) else _MANY_DEGREES)
