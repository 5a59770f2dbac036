"""Theorem 3.2 (Eq. 8): how great a bias may be, as printed and as it holds, with a counterexample.

Statement, as printed. "Bias in gradient estimates could prevent converging to a minima.
Specifically, the sufficient condition for the weight updates to produce a decrease in L when using
a biased estimate of the gradient is:

    b/‖g‖ ≤ (1/√N) · 2/(1 + ψΔt + √(1 + 4ψΔt + ψ²Δt²)) ≈ (1/√N) · 1/(1 + (3/2)ψΔt)

where ψ² = Σ_i λ_i², i.e., the Frobenius norm of the loss Hessian, … and ∇²L is a normal matrix."
The exact worst case (ours), with ``r = b√N/‖g‖`` and ``s = λ_1Δt``:

    descent is guaranteed  iff  r ≤ min(1, 2/s − 1);  no guarantee for s ≥ 2

Source: Ghosh et al., ICLR 2023, section 3.1, Theorem 3.2, Eq. 8.

Proof idea: ``dᵀHd ≤ λ_1‖d‖²`` with ``d = −g + bβ`` leaves a function that is linear in the cosine
of g and β, whose maximum is at +1 for s ≤ 1 and at −1 for s > 1 (`bias_ratio_threshold`).

Where it fails: the printed derivation drops ``½Δt²gᵀHg``. So the printed bound is unsafe for
``ψΔt > 2√3 − 2 = 1.464`` (`counterexample_3_2`) and needlessly strict below: at 1 it allows
r = 0.45 where 1 is safe. The safe bound is a worst case over directions: `exact_margin` decides
where the bias is known. Neither has noise in it, nor third order, nor kinks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurograd.theory.arguments import count, finite, non_negative, positive
from neurograd.theory.exact_descent import exact_margin

FORMS = ("safe", "published")
"""Forms of the bound: the one that holds, and Eq. 8 as printed."""


def bias_ratio(b: float, num_parameters: int, grad_norm: float) -> float:
    """The bias against the gradient, ``r = b√N/‖g‖ = ‖bias‖/‖g‖``, that Theorem 3.2 bounds.

    Args:
        b: Bias per parameter, zero or greater; gradient units.
        num_parameters: ``N``, one or greater.
        grad_norm: ``‖g‖``, greater than zero.

    Returns:
        The ratio, a pure number.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    b = non_negative("b", b)
    root = math.sqrt(count("num_parameters", num_parameters))
    return b * root / positive("grad_norm", grad_norm)


def bias_ratio_threshold(curvature: float, step_size: float, form: str = "safe") -> float:
    """Theorem 3.2 (Eq. 8): how great ``r = b√N/‖g‖`` may be for the noiseless loss to fall.

    ``published``: ``2/(1+s+√(1+4s+s²))`` with ``s = ψΔt``, as printed. Its derivation drops
    ``½Δt²gᵀHg``. It is unsafe for s above 2√3 − 2 = 1.464 (`counterexample_3_2`), where it crosses
    ``2/s − 1``, and needlessly strict below.

    ``safe``: ``min(1, 2/s − 1)`` with ``s = λ₁Δt``, ours; 0.0 for ``s ≥ 2`` and 1.0 for
    ``λ₁ ≤ 0``. Descent is guaranteed for every r below it, and fails just above it for some
    direction of the bias and some Hessian of largest eigenvalue λ₁. Proof: with ``d = −g + bβ``,
    ``dᵀHd ≤ λ₁‖d‖²`` leaves ``ΔL/(Δt‖g‖²) ≤ ½s − 1 + ½sr² + r(1−s)c``, with c the cosine of
    ``(g, β)``. It is linear in c: the worst c is +1 for s ≤ 1, where the bound is
    ``(r−1)(1 + ½s(r−1))``, and −1 for s > 1, where it is ``(1+r)(½s(1+r) − 1)``.
    At equality the loss can stay the same, but does not rise.

    Args:
        curvature: ``λ₁``, the Hessian's largest eigenvalue, for ``safe``; ``ψ``, its Frobenius
            norm, zero or greater, for ``published``.
        step_size: ``Δt``, zero or greater.
        form: ``"safe"`` or ``"published"``.

    Returns:
        The bound on r, a pure number from 0 to 1.

    Raises:
        ValueError: An argument is not finite or outside its range, or the form is another.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(map(repr, FORMS))}, got {form!r}")
    dt = non_negative("step_size", step_size)
    if form == "published":
        s = non_negative("curvature", curvature) * dt
        return 2 / (1 + s + math.sqrt(1 + 4 * s + s * s))
    s = finite("curvature", curvature) * dt
    return 1.0 if s <= 1 else max(0.0, 2 / s - 1)


def published_bias_ratio_approximation(curvature: float, step_size: float) -> float:
    """Right-hand side of Eq. 8, ``1/(1 + 3/2·ψΔt)``: the printed bound to first order in ψΔt.

    Args:
        curvature: ``ψ``, the Hessian's Frobenius norm, zero or greater.
        step_size: ``Δt``, zero or greater.

    Returns:
        The approximate bound on ``r = b√N/‖g‖``, a pure number from 0 to 1.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    s = non_negative("curvature", curvature) * non_negative("step_size", step_size)
    return 1 / (1 + 1.5 * s)


@dataclass(frozen=True)
class Counterexample:
    """A quadratic, in its Hessian's eigenbasis, and one noiseless biased step on it.

    Attributes:
        hessian_eigenvalues: ``λ_i``, N numbers, largest first.
        gradient: ``g`` at the point, N numbers.
        bias: ``b·β``, N numbers, gradient units.
        step_size: ``Δt``.
    """

    hessian_eigenvalues: tuple[float, ...]
    gradient: tuple[float, ...]
    bias: tuple[float, ...]
    step_size: float

    @property
    def bias_ratio(self) -> float:
        """``r = b√N/‖g‖``."""
        n = len(self.bias)
        return bias_ratio(math.hypot(*self.bias) / math.sqrt(n), n, math.hypot(*self.gradient))

    @property
    def published_threshold(self) -> float:
        """The bound of Theorem 3.2 as printed, with ``ψ² = Σλ_i²``."""
        psi = math.hypot(*self.hessian_eigenvalues)
        return bias_ratio_threshold(psi, self.step_size, form="published")

    @property
    def safe_threshold(self) -> float:
        """The bound that holds, with ``λ₁``."""
        return bias_ratio_threshold(max(self.hessian_eigenvalues), self.step_size, form="safe")

    @property
    def loss_change(self) -> float:
        """``L(w+Δt·d) − L(w)`` with ``d = −g + bβ``: exact, as the loss is quadratic."""
        direction = [p - g for g, p in zip(self.gradient, self.bias, strict=True)]
        slope = math.fsum(g * d for g, d in zip(self.gradient, direction, strict=True))
        curved = zip(self.hessian_eigenvalues, direction, strict=True)
        curvature = math.fsum(eigenvalue * d * d for eigenvalue, d in curved)
        return self.step_size * exact_margin(slope, curvature, 0.0, self.step_size)


def counterexample_3_2() -> Counterexample:
    """A quadratic on which the printed bound of Theorem 3.2 holds and the loss rises.

    The bias points down the gradient, along the sharpest direction, so that the step overshoots:
    ``s = ψΔt = 1.80``, ``r = 0.30`` is allowed up to 0.32 by Eq. 8 and up to 0.11 by ours.

    Returns:
        The example, of N = 2, with its ``.loss_change`` greater than 0.
    """
    return Counterexample(
        hessian_eigenvalues=(18.0, 1.0), gradient=(1.0, 0.0), bias=(-0.3, 0.0), step_size=0.1
    )
