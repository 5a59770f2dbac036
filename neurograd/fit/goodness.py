"""Whether a model fits: its innovations must have no mean, spread or memory left to explain.

Under the right model the innovations of the filter are independent standard normal numbers. Three
sums of squares are compared with χ²: projections of the innovations on Legendre polynomials of the
state (the curve), of their squares less 1 (noise that changes with the state), and products with
the ones before (memory). What the fit has adapted to makes the sums smaller, never larger, so the
level holds. A model does not fit where the smallest of the three p-values is below a third of
``LEVEL`` (Bonferroni).

Source: Ljung and Box, Biometrika 65, 1978, for the memory; Neyman's smooth tests for the others
(Rayner and Best, Smooth Tests of Goodness of Fit, 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy import stats

from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.models.trains import Array

LEVEL = 0.01
"""Part of the files of a model that are said not to fit it."""

CURVE_DEGREES = (2, 6)
"""First and last degree of the polynomials that look for a mean."""

NOISE_DEGREES = (1, 2)
"""Those that look for a spread."""

LAGS = 5
"""Readings over which memory is looked for."""


@dataclass(frozen=True)
class Goodness:
    """P-values of the three tests.

    Attributes:
        curve: That the mean step is another function of the state.
        noise: That the noise changes with the state.
        memory: That one reading tells more of the next than the model has.
    """

    curve: float
    noise: float
    memory: float

    @property
    def smallest(self) -> float:
        """P-value of all three together."""
        return min(3.0 * min(self.curve, self.noise, self.memory), 1.0)

    @property
    def fits(self) -> bool:
        """Whether the model is not ruled out at ``LEVEL``."""
        return self.smallest >= LEVEL

    @property
    def worst(self) -> str:
        """What fits least, in words."""
        named = {
            self.curve: "the curve",
            self.noise: "noise that changes with the conductance",
            self.memory: "memory from pulse to pulse",
        }
        return named[min(named)]


def goodness(fit: ModelFit) -> Goodness:
    """Test a fit on the readings that it was made from."""
    filtered = fit.filtered()
    innovations, states = filtered.innovations[:, 0], filtered.states[:, 0]
    curve, noise, memory = np.zeros(2), np.zeros(2), np.zeros(2)
    for direction in fit.trains.directions:
        runs = fit.trains.of(direction)
        e, p = innovations[:, runs], states[:, runs]
        there = np.isfinite(e)
        curve += _projections(e[there], p[there], CURVE_DEGREES, 1.0)
        noise += _projections(e[there] ** 2 - 1.0, p[there], NOISE_DEGREES, 2.0)
        memory += _memory(e)
    return Goodness(*(float(stats.chi2.sf(s, max(d, 1.0))) for s, d in (curve, noise, memory)))


def together(each: Sequence[Goodness]) -> Goodness:
    """The tests of one curve over several devices (Fisher's method); of one device its own.

    Args:
        each: Of every device.
    """
    if len(each) == 1:
        return each[0]
    tests = np.array([[one.curve, one.noise, one.memory] for one in each]).T
    return Goodness(*(float(stats.combine_pvalues(np.maximum(p, 1e-300)).pvalue) for p in tests))


def _projections(values: Array, states: Array, degrees: tuple[int, int], variance: float) -> Array:
    """Sum of squares on polynomials of the states, and its degrees of freedom, shape ``(2,)``."""
    low, high = states.min(), states.max()
    if not high > low or len(values) < 2 * (degrees[1] + 1):
        return np.zeros(2)
    basis = legendre.legvander(2.0 * (states - low) / (high - low) - 1.0, degrees[1])
    # Orthogonal on these states, degree by degree, so that the sums are independent.
    columns = np.linalg.qr(basis)[0][:, degrees[0] : degrees[1] + 1]
    return np.array([np.square(columns.T @ values).sum() / variance, columns.shape[1]])


def _memory(innovations: Array) -> Array:
    """Sum over lags of n·r², for a variance of 1, and the number of lags, shape ``(2,)``."""
    total, lags = 0.0, 0
    for lag in range(1, min(LAGS, len(innovations) // 4) + 1):
        products = innovations[lag:] * innovations[:-lag]
        there = np.isfinite(products)
        if there.any():
            total += float(products[there].sum()) ** 2 / there.sum()
            lags += 1
    return np.array([total, lags])
