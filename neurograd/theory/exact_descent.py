"""Whether one step descends where its mean and covariance are known: the exact margin.

Statement (ours), with ``d = −g + bβ`` the mean update and Σ the covariance of its noise:

    the expected loss falls  iff  ⟨g, d⟩ + ½Δt(dᵀHd + Tr(HΣ)) + K/Δt < 0

with K the cost of the kinks that the step crosses (`neurograd.theory.kinks`; 0 for a smooth loss).

Source: Lemma 2.1 and Theorems 3.1 and 3.2 of Ghosh et al., ICLR 2023, without their worst cases.

Proof idea: it is the second-order Taylor expansion of ``E[L(w + Δt·Δw)] − L(w)`` over Δt, with what
it misses at kinks.

Where it fails: beyond second order, as Lemma 2.1 does; at kinks where they are not given.
"""

from __future__ import annotations

from neurograd.theory.arguments import finite, non_negative


def exact_margin(
    grad_direction: float,
    direction_curvature: float,
    trace_hessian_covariance: float,
    step_size: float,
    kinks: float = 0.0,
) -> float:
    """Expected change of the loss per unit of Δt, for a known mean step; negative is descent.

    With ``d = −g + bβ`` the mean update: ``⟨g,d⟩ + ½Δt(dᵀHd + Tr(HΣ)) + kinks/Δt``. It covers
    bias and noise of any covariance, and needs no worst case (design section 2; ours). Times Δt it
    is ``E[L(w+Δt·Δw)] − L(w)``.

    Args:
        grad_direction: ``⟨g, d⟩``.
        direction_curvature: ``dᵀHd``.
        trace_hessian_covariance: ``Tr(HΣ)``.
        step_size: ``Δt``, zero or greater.
        kinks: Cost of the kinks that the whole step from w crosses, in units of the loss; it has
            to be 0 where the step size is.

    Returns:
        The margin, in squared gradient units.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    curvature = finite("direction_curvature", direction_curvature)
    noise = finite("trace_hessian_covariance", trace_hessian_covariance)
    dt = non_negative("step_size", step_size)
    crossed = finite("kinks", kinks)
    if dt == 0 and crossed != 0:
        raise ValueError(f"kinks must be 0 without a step, got {kinks!r}")
    smooth = finite("grad_direction", grad_direction) + 0.5 * dt * (curvature + noise)
    return smooth + crossed / dt if crossed != 0 else smooth
