"""Equation 1's f(N): how the total variance grows with the number of parameters, ``f(N) ∝ N^α``.

Statement, as printed. "With these assumptions, we define the weight update equation to be:

    Δw(t) := −∇_w L[w(t)] + bβ + σ√f(N)·n̂

where … n̂ is a unit vector in the N-dimensional parameter space whose elements are zero-mean i.i.d.,
such that the total variance of Δw(t) is σ²f(N), where f(N) denotes the dependence of variance on
the total number of network parameters, N." We take ``f(N) ∝ N^α``; the paper's analysis of variance
is for f sublinear, α < 1.

Source: Ghosh et al., ICLR 2023, section 2, Eq. 1. The power law and its fit are ours.

Proof idea: log σ²f(N) is a straight line on log N of slope α; ordinary least squares, with
Student's t for the interval.

Where it fails: f need be no power law, and over few widths the interval is that of a line, whatever
the curve. Widths that are measured at one trained state each also differ in their gradients: divide
by ``‖g‖²`` where its growth is not meant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from neurograd.theory.arguments import finite, vector


@dataclass(frozen=True)
class ScalingExponent:
    """How total variance grows with the number of parameters, ``f(N) ∝ N^α``.

    Attributes:
        alpha: The slope of log total variance on log N.
        ci: Its (low, high) confidence interval.
        confidence: The interval's level, between 0 and 1.
    """

    alpha: float
    ci: tuple[float, float]
    confidence: float


def scaling_exponent(
    num_parameters: npt.ArrayLike, total_variances: npt.ArrayLike, confidence: float = 0.99
) -> ScalingExponent:
    """Exponent α of ``f(N) ∝ N^α`` over a family of widths (section 2 of the paper, Eq. 1).

    Least squares of log total variance on log N, with Student's t interval on n − 2 degrees of
    freedom. The interval takes the scatter around the line as independent, of one size and about
    normal in the logarithm.

    Args:
        num_parameters: N of each network, shape (n,), n at least 3, at least two different.
        total_variances: ``σ²f(N)`` of each, shape (n,), greater than zero.
        confidence: Level of the interval, between 0 and 1.

    Returns:
        The exponent and its interval.

    Raises:
        ValueError: An argument is not finite, outside its range, or of another length.
    """
    counts = vector("num_parameters", num_parameters)
    variances = vector("total_variances", total_variances)
    level = finite("confidence", confidence)
    if not 0 < level < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
    if counts.size < 3 or (counts < 1).any() or (counts == counts[0]).all():
        raise ValueError("num_parameters must be three or more counts that are not all the same")
    if variances.size != counts.size or (variances <= 0).any():
        raise ValueError(f"total_variances must be {counts.size} numbers greater than zero")
    x = np.log(counts) - np.log(counts).mean()
    y = np.log(variances) - np.log(variances).mean()
    alpha = float(x @ y / (x @ x))
    residual = y - alpha * x
    freedom = counts.size - 2
    error = math.sqrt(float(residual @ residual) / freedom / float(x @ x))
    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    return ScalingExponent(alpha=alpha, ci=(alpha - half, alpha + half), confidence=level)
