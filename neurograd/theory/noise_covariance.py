"""The variance term of Eq. 3 for noise of any covariance, and how far noise is from white.

Statement (ours; it extends Lemma 2.1):

    variance term = ½Δt² Tr(HΣ),    anisotropy = N·Tr(HΣ) / (Tr H · Tr Σ)

The anisotropy is the ratio of this term to the paper's, ``½(σ²f(N)/N) Tr H Δt²``, and 1 for white
noise.

Source: Lemma 2.1 of Ghosh et al., ICLR 2023, without its assumption that the noise is white.

Proof idea: ``E[εᵀHε] = E[Tr(Hεεᵀ)] = Tr(HΣ)`` for any ε of mean zero and covariance Σ; so the mean
of ``εᵀHε`` over noise samples estimates it, one Hessian-vector product each, and Σ is never formed.

Where it fails: beyond second order, and at kinks, as Lemma 2.1 does; the ratio is not defined where
``Tr H`` or ``Tr Σ`` is 0, and tells nothing where the Hessian's eigenvalues cancel in ``Tr H``.
"""

from __future__ import annotations

import math

from neurograd.theory.arguments import count, finite, non_negative


def covariance_variance_term(trace_hessian_covariance: float, step_size: float) -> float:
    """Variance term for noise of any covariance, ``½Δt² Tr(HΣ)``.

    It is ours (design section 2): Eq. 3 without the assumption of white noise, with which it
    agrees where ``Σ = (σ²f(N)/N)·I``. ``Tr(HΣ)`` is the mean of ``εᵀHε`` over noise samples.

    Args:
        trace_hessian_covariance: ``Tr(HΣ)``, any sign.
        step_size: ``Δt``, zero or greater.

    Returns:
        Expected change of the loss, in units of the loss.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    trace = finite("trace_hessian_covariance", trace_hessian_covariance)
    dt = non_negative("step_size", step_size)
    return 0.5 * trace * dt * dt


def anisotropy(
    trace_hessian_covariance: float,
    hessian_trace: float,
    total_variance: float,
    num_parameters: int,
) -> float:
    """How far the noise is from white, as the Hessian sees it: ``N·Tr(HΣ)/(Tr H · Tr Σ)``.

    It is the ratio of `covariance_variance_term` to `white_variance_term`: 1 for white noise,
    greater where the noise lies along directions of high curvature.

    Args:
        trace_hessian_covariance: ``Tr(HΣ)``.
        hessian_trace: ``Tr H``.
        total_variance: ``Tr Σ = σ²f(N)``, zero or greater.
        num_parameters: ``N``, one or greater.

    Returns:
        The ratio, a pure number; nan where ``Tr H`` or ``Tr Σ`` is 0.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    numerator = finite("trace_hessian_covariance", trace_hessian_covariance)
    trace = finite("hessian_trace", hessian_trace)
    variance = non_negative("total_variance", total_variance)
    n = count("num_parameters", num_parameters)
    if trace == 0 or variance == 0:
        return math.nan
    return n * (numerator / trace) / variance
