"""A distribution through an interval that lies unevenly about its middle: Tukey's g.

With the middle v, the ends v − L and v + H of an interval of probability ``PART``, ζ its normal
score (1.96) and a standard normal z,

    x = v + L·(e^{gz} − 1)/(1 − e^{−gζ}),    g = ln(H/L)/ζ

has its median at v and its ends at z = −ζ and z = ζ. It is a lognormal distribution, shifted, and
normal where L = H.

Source: Tukey, Exploratory Data Analysis, 1977; Hoaglin, Summarizing shape numerically: the
g-and-h distributions, in Exploring Data Tables, Trends, and Shapes, Wiley 1985.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

PART = 0.95
"""Probability between the ends of the interval."""

_SCORE = NormalDist().inv_cdf(0.5 + 0.5 * PART)

_EVEN = 1e-6
"""Size of g below which the distribution is normal to rounding."""

Array = NDArray[np.float64]


def drawn_as_steps(key: str) -> bool:
    """Whether a number is drawn by its inverse: levels, of whose steps readings tell evenly.

    Args:
        key: Its dotted key in a spec.
    """
    return key.startswith("device.conductance.levels")


@dataclass(frozen=True)
class Skewed:
    """The distribution.

    Attributes:
        middle: v, its median.
        low: Lower end of the interval, below v.
        high: Upper end, above v.
    """

    middle: float
    low: float
    high: float

    @property
    def skew(self) -> float:
        """G."""
        return math.log((self.high - self.middle) / (self.middle - self.low)) / _SCORE

    def value(self, score: Array) -> Array:
        """Values of normal scores, any shape."""
        below, g = self.middle - self.low, self.skew
        if abs(g) < _EVEN:
            return self.middle + below / _SCORE * score
        return self.middle + below * np.expm1(g * score) / -math.expm1(-g * _SCORE)

    def score(self, value: float) -> float:
        """The normal score of a value; infinite beyond all values."""
        below, g = self.middle - self.low, self.skew
        if abs(g) < _EVEN:
            return (value - self.middle) * _SCORE / below
        part = (value - self.middle) * -math.expm1(-g * _SCORE) / below
        return math.log1p(part) / g if part > -1.0 else math.copysign(math.inf, -g)

    def inverse(self) -> Skewed:
        """Of 1/x, for ends above 0, with the same three quantiles; another one than that of x."""
        return Skewed(1.0 / self.middle, 1.0 / self.high, 1.0 / self.low)
