"""Theorem 2.4 (Eq. 6): the impact of bias grows linearly with the gradient's norm.

Statement, as printed. "The impact of bias on ΔL_t(b, 0) grows linearly with the norm of the
gradient.

    ΔL_t(b, 0) = ½b²QΔt² + b‖g‖PΔt

where P, Q are terms that are independent of the norm of the gradient."

Source: Ghosh et al., ICLR 2023, section 2.1, Theorem 2.4, Eq. 6.

Proof idea: take ``g = ‖g‖ĝ`` out of the bias terms of Lemma 2.1. What is left is ``Q = βᵀHβ`` and
``P = ⟨ĝ, β⟩ − Δt·ĝᵀHβ``.

Where it fails: P depends on the gradient's direction, on Δt and on H, and has either sign, so that
"grows" holds at a fixed direction only: bias can help. Along a training the direction and the
Hessian change with the norm. Beyond second order it fails as Lemma 2.1 does.
"""

from __future__ import annotations

from neurograd.theory.arguments import finite, non_negative


def bias_loss_change(b: float, q: float, p: float, grad_norm: float, step_size: float) -> float:
    """Theorem 2.4 (Eq. 6): ``ΔL(b, 0) = ½b²QΔt² + b‖g‖PΔt``.

    It is Lemma 2.1's bias, written with ``Q = βᵀHβ`` and ``P = ⟨ĝ, β⟩ − Δt·ĝᵀHβ``, where
    ``ĝ = g/‖g‖``: neither depends on the gradient's norm (``P`` does on its direction and on Δt).

    Args:
        b: Bias per parameter, gradient units.
        q: ``Q``, units of the Hessian.
        p: ``P``, a pure number.
        grad_norm: ``‖g‖``, zero or greater.
        step_size: ``Δt``, zero or greater.

    Returns:
        Change of the loss against the clean step, in units of the loss.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    b = finite("b", b)
    dt = non_negative("step_size", step_size)
    norm = non_negative("grad_norm", grad_norm)
    return 0.5 * b * b * finite("q", q) * dt * dt + b * norm * finite("p", p) * dt
