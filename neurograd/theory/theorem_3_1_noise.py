"""Theorem 3.1 (Eq. 7): noise helps avoid sharp minima, and the exact form of it.

Statement, as printed. "The sufficient condition under which noise prevents the system from
descending the loss landscape, i.e., L[w(t + Δt)] ≥ L[w(t)], is

    λ_1 ≥ λ_N ≥ (2/Δt) · 1/(1 + (σ/‖g‖)²)

where λ_1 ≥ λ_2 … ≥ λ_N denote the eigenvalues of ∇²L around the minima." The sufficient condition
for descent is ``λ_1 ≤`` the same threshold. Exactly (ours), with ``κ = gᵀHg/‖g‖²``:

    the expected loss falls  iff  Δt(κ‖g‖² + σ²f(N)·Tr H/N) + 2K/Δt < 2‖g‖²

with K the cost of the kinks that the noisy step crosses (`neurograd.theory.kinks`), 0 if smooth.

Source: Ghosh et al., ICLR 2023, section 3.1, Theorem 3.1, Eq. 7.

Proof idea: ``E[L(w + Δt·Δw)] − L(w) = −Δt‖g‖² + ½Δt²(gᵀHg + (σ²f(N)/N)·Tr H)`` is the exact form.
Both ``κ`` and ``Tr H/N`` lie between λ_N and λ_1; put λ_N or λ_1 in place of both.

Where it fails: it holds for the *expected* loss and unbiased white noise; σ² has to be read as the
total variance σ²f(N). Networks have eigenvalues on both sides of the threshold, where the theorem
says nothing and the exact form decides. Neither sees third order; the bounds by eigenvalues do not
hold where there are kinks, whose cost the Hessian does not see.
"""

from __future__ import annotations

from neurograd.theory.arguments import finite, non_negative, positive
from neurograd.theory.lemma_2_1_loss_change import white_variance_term


def noise_curvature_threshold(step_size: float, total_variance: float, grad_norm: float) -> float:
    """Theorem 3.1 (Eq. 7): the curvature ``(2/Δt) / (1 + σ²f(N)/‖g‖²)``.

    With unbiased white noise the loss does not fall, in expectation, where the *smallest*
    eigenvalue of the Hessian is at or above it, and falls where the *largest* is below it. In
    between it says nothing: use `descends_in_noise`. The paper's σ² is read as the total variance.

    Args:
        step_size: ``Δt``, greater than zero.
        total_variance: ``σ²f(N)``, zero or greater.
        grad_norm: ``‖g‖``, zero or greater.

    Returns:
        The threshold, in units of the Hessian: ``2/Δt`` without variance, 0.0 where there is
        variance and no gradient.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    dt = positive("step_size", step_size)
    variance = non_negative("total_variance", total_variance)
    norm = non_negative("grad_norm", grad_norm)
    if variance == 0:
        return 2 / dt
    if norm == 0:
        return 0.0
    return (2 / dt) / (1 + variance / norm / norm)


def noise_descent_margin(
    step_size: float,
    total_variance: float,
    grad_norm: float,
    gradient_curvature: float,
    hessian_trace: float,
    num_parameters: int,
    kinks: float = 0.0,
) -> float:
    """Expected change of the loss in one step with unbiased white noise; negative is descent.

    ``E[L(w+Δt·Δw)] − L(w) = −Δt‖g‖² + ½Δt²(κ‖g‖² + σ²f(N)·Tr H/N) + kinks``, the exact number of
    which Theorem 3.1 gives bounds (its proof's first line).

    Args:
        step_size: ``Δt``, greater than zero.
        total_variance: ``σ²f(N)``, zero or greater.
        grad_norm: ``‖g‖``, zero or greater.
        gradient_curvature: ``κ = gᵀHg/‖g‖²``; any finite number where the gradient is 0.
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.
        kinks: Cost of the kinks that the noisy step from w crosses, in units of the loss.

    Returns:
        Expected change against the loss *before* the step, in units of the loss.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    dt = positive("step_size", step_size)
    norm = non_negative("grad_norm", grad_norm)
    curvature = finite("gradient_curvature", gradient_curvature)
    noise = white_variance_term(total_variance, hessian_trace, num_parameters, dt)
    smooth = dt * norm * norm * (0.5 * dt * curvature - 1) + noise
    return smooth + finite("kinks", kinks)


def descends_in_noise(
    step_size: float,
    total_variance: float,
    grad_norm: float,
    gradient_curvature: float,
    hessian_trace: float,
    num_parameters: int,
    kinks: float = 0.0,
) -> bool:
    """Exact form of Theorem 3.1: ``Δt(κ‖g‖² + σ²f(N)·Tr H/N) + 2·kinks/Δt < 2‖g‖²``.

    Args:
        step_size: ``Δt``, greater than zero.
        total_variance: ``σ²f(N)``, zero or greater.
        grad_norm: ``‖g‖``, zero or greater.
        gradient_curvature: ``κ = gᵀHg/‖g‖²``; any finite number where the gradient is 0.
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.
        kinks: Cost of the kinks that the noisy step from w crosses, in units of the loss.

    Returns:
        Whether the expected loss falls: the sign of `noise_descent_margin`.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    margin = noise_descent_margin(
        step_size,
        total_variance,
        grad_norm,
        gradient_curvature,
        hessian_trace,
        num_parameters,
        kinks,
    )
    return margin < 0
