"""Asymmetric writes: devices whose steps up and down differ couple a chip's bias to its noise.

Statement. Let q₊ and q₋ be what a device realizes of a small request up and down, at its weight w,
F = (q₊ + q₋)/2 and G = (q₋ − q₊)/2. A request x, in weight units, realizes in the mean

    E[realized] = F·E[x] − G·E|x|

and its variance is ``F²·Var x + G²·Var|x| − 2FG·Cov(x, |x|)``. So an estimator without bias gets
one of ``−G·E|x|/Δt`` in gradient units, which its noise makes: where the mean request is 0, weights
drift to their symmetry point, at which G is 0.

Source: Wu, Gokmen, Rasch and Chen, "Towards exact gradient-based training on analog in-memory
computing" (NeurIPS 2024, arXiv 2406.12774), whose F and G these are; arXiv 2502.06309.

Proof idea: ``q₊·x`` for x > 0 and ``q₋·x`` for x < 0 are both ``F·x − G·|x|``.

Where it fails: requests so large that q₊ and q₋ change on the way; writes that are not linear in
what is requested of either sign: truncation, rounding to the nearest, pulse trains that saturate
(there the mean of the write itself over single updates holds). For batch 1 and layers that share
no weights ``E|x|`` is ``|δ|ᵀ|a|/n`` exactly; that of a Gaussian request is too large where few
samples make most of the gradient, as late in training.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from neurograd.theory.arguments import Array, non_negative_vector, vector


def write_symmetry(up: npt.ArrayLike, down: npt.ArrayLike) -> tuple[Array, Array]:
    """F and G of a device: half the sum of what it realizes up and down, and half the difference.

    Args:
        up: ``q₊(w)``, realized over requested for small steps up, shape (K,), a pure number.
        down: ``q₋(w)``, the same for steps down, shape (K,) or one number.

    Returns:
        ``F = (q₊ + q₋)/2`` and ``G = (q₋ − q₊)/2``, shape (K,) each.

    Raises:
        ValueError: An argument is not finite or of another length.
    """
    rising = vector("up", up)
    falling = vector("down", down, rising.size)
    return (rising + falling) / 2, (falling - rising) / 2


def asymmetric_write_mean(
    mean_request: npt.ArrayLike,
    mean_absolute_request: npt.ArrayLike,
    symmetric: npt.ArrayLike,
    asymmetric: npt.ArrayLike,
) -> Array:
    """Mean of what an asymmetric write realizes, ``F·E[x] − G·E|x|``.

    Args:
        mean_request: ``E[x]``, shape (K,), weight units.
        mean_absolute_request: ``E|x|`` of a write, at least ``|E[x]|``, shape (K,) or one number.
        symmetric: F, shape (K,) or one number.
        asymmetric: G, shape (K,) or one number, any sign.

    Returns:
        The mean, shape (K,), weight units.

    Raises:
        ValueError: An argument is not finite, of another length, or E|x| is below ``|E[x]|``.
    """
    mean = vector("mean_request", mean_request)
    name = "mean_absolute_request"
    absolute = non_negative_vector(name, mean_absolute_request, mean.size)
    if (absolute < np.abs(mean) * (1 - 1e-12)).any():
        raise ValueError(f"{name} must be at least the absolute mean request")
    common = vector("symmetric", symmetric, mean.size)
    difference = vector("asymmetric", asymmetric, mean.size)
    return common * mean - difference * absolute


def gaussian_mean_absolute(mean: npt.ArrayLike, std: npt.ArrayLike) -> Array:
    """``E|x|`` of Gaussian requests: ``s·√(2/π)·exp(−m²/2s²) + m·erf(m/(s√2))``.

    Args:
        mean: m, shape (K,), weight units.
        std: s, zero or greater, shape (K,) or one number, the same.

    Returns:
        The mean absolute requests, shape (K,), weight units; ``|m|`` where s is 0.

    Raises:
        ValueError: An argument is not finite, negative or of another length.
    """
    m = vector("mean", mean)
    s = non_negative_vector("std", std, m.size)
    with np.errstate(over="ignore", under="ignore"):
        z = m / np.where(s > 0, s, 1.0)
        spread = s * math.sqrt(2 / math.pi) * np.exp(-z * z / 2)
        shifted: Array = m * special.erf(z / math.sqrt(2))
    return np.where(s > 0, spread + shifted, np.abs(m))
