"""How far an update's noise is from white as the Hessian sees it, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import Interval, interval, jackknife_error
from neurograd.measure.moments import MAX_GROUPS, Moments, Sampler
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.theory import anisotropy


@dataclass(frozen=True)
class Anisotropy:
    """``N·Tr(HΣ)/(Tr H · Tr Σ)``: 1 for white noise (Ghosh et al., ICLR 2023, Eq. 3 is exact then).

    Attributes:
        value: The estimate; NaN where there is no noise or no curvature.
        ci: Its 99 % interval.
        draws: Number of noise samples.
    """

    value: float
    ci: Interval
    draws: int


def measure_anisotropy(
    problem: Problem,
    w: Tensor,
    moments: Moments,
    sample_update: Sampler,
    trace: Estimate,
    *,
    diagonal: Tensor | None,
    draws: int,
    seed: int,
    point: int = 0,
) -> Anisotropy:
    """Anisotropy as the ratio of two means over the same noise samples ε.

    ``Tr(HΣ)/Tr Σ = E[εᵀHε]/E[‖ε‖²]``: what the lengths of ε have in common cancels, and so does
    the noise of the mean update that is taken out of every sample.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        moments: Measured at ``w``.
        sample_update: Draws one Δw.
        trace: Tr H at ``w``.
        diagonal: Exact diagonal of H where the noise of the weights is independent; None to use a
            Hessian-vector product a sample.
        draws: Number of fresh noise samples, 2 or more.
        seed: Seed of the samples.
        point: Index of the place.

    Raises:
        ValueError: If there are fewer than two draws.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; allowed: 2 or more")
    size = moments.num_parameters
    if moments.total_variance == 0 or trace.value == 0:
        return Anisotropy(math.nan, (math.nan, math.nan), 0)
    product = problem.hessian_product(w) if diagonal is None else diagonal.mul
    groups = min(draws, MAX_GROUPS)
    curved, square = np.zeros(groups), np.zeros(groups)
    for k in range(draws):
        noise = sample_update(generator_for(seed, "anisotropy", point, k, device=w.device))
        noise = noise - moments.mean
        curved[k * groups // draws] += float(noise @ product(noise))
        square[k * groups // draws] += float(noise @ noise)
    factor = size / trace.value
    value = factor * curved.sum() / square.sum()
    left = factor * (curved.sum() - curved) / (square.sum() - square)
    error = math.hypot(jackknife_error(left), value * trace.error / trace.value)
    return Anisotropy(float(value), interval(float(value), error, groups - 1), draws)


def anisotropy_from_parts(covariance: Estimate, trace: Estimate, moments: Moments) -> Anisotropy:
    """Anisotropy from Tr(HΣ) and Tr H that were measured apart, as on a smoothed loss.

    The interval is to first order in the errors; where that of ``Tr H`` holds 0 it is infinite.

    Args:
        covariance: Tr(HΣ).
        trace: Tr H.
        moments: Moments of the update, for Tr Σ.
    """
    value = anisotropy(
        covariance.value, trace.value, moments.total_variance, moments.num_parameters
    )
    if math.isnan(value):
        return Anisotropy(value, (math.nan, math.nan), 0)
    degrees = min(covariance.degrees, trace.degrees)
    low, high = trace.ci
    if low <= 0 <= high:
        return Anisotropy(value, (-math.inf, math.inf), moments.draws)
    # The jackknife's interval of Tr Σ is symmetric: its half width over the t quantile's.
    half, one = interval(0.0, 1.0, min(moments.draws, MAX_GROUPS) - 1), moments.total_variance_ci[1]
    spread = (one - moments.total_variance) / half[1] / moments.total_variance
    relative = math.sqrt(
        (covariance.error / covariance.value) ** 2 + (trace.error / trace.value) ** 2 + spread**2
    )
    return Anisotropy(value, interval(value, abs(value) * relative, degrees), moments.draws)
