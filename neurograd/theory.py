"""The paper's equations, and our exact forms of them, as pure functions of numbers.

Source: Ghosh, Liu, Lajoie, Körding and Richards, "How gradient estimator variance and bias could
impact learning in neural circuits" (ICLR 2023). Equation and theorem numbers are the paper's.

A weight update, in gradient units, is ``Δw = −g + b·β + ε``, with ``g = ∇L(w)``, ``‖β‖ = √N`` and
``ε`` of zero mean; the step is ``w ← w + Δt·Δw`` (Eq. 1). White noise has the covariance
``Σ = (σ²f(N)/N)·I``; its *total* variance is ``σ²f(N) = Tr Σ``. Units, if L is the loss and W the
weight: ``g``, ``b`` and ``ε`` are L/W, a Hessian is L/W², ``Δt`` is W²/L, and so on.

Everything here is exact for a quadratic loss and a second-order Taylor expansion for any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Array = npt.NDArray[np.float64]

FORMS = ("safe", "published")


# --- arguments ------------------------------------------------------------------------------------


def _finite(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return number


def _non_negative(name: str, value: float) -> float:
    number = _finite(name, value)
    if number < 0:
        raise ValueError(f"{name} must be zero or greater, got {value!r}")
    return number


def _positive(name: str, value: float) -> float:
    number = _finite(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be greater than zero, got {value!r}")
    return number


def _count(name: str, value: float) -> int:
    number = _finite(name, value)
    if number < 1 or number != math.floor(number):
        raise ValueError(f"{name} must be a whole number, one or greater, got {value!r}")
    return int(number)


def _vector(name: str, values: npt.ArrayLike, size: int | None = None) -> Array:
    """A finite vector; a scalar is repeated where the size is known."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a vector of finite numbers") from None
    if size is not None and array.ndim == 0:
        array = np.full(size, array)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a non-empty vector of finite numbers")
    if size is not None and array.size != size:
        raise ValueError(f"{name} must have length {size}, one for each eigenvalue")
    return array


def _non_negative_vector(name: str, values: npt.ArrayLike, size: int) -> Array:
    array = _vector(name, values, size)
    if (array < 0).any():
        raise ValueError(f"{name} must be zero or greater throughout, got {float(array.min())!r}")
    return array


# --- one step: Lemma 2.1 --------------------------------------------------------------------------


@dataclass(frozen=True)
class LossChange:
    """Expected loss after the chip's step minus the loss after the clean step (Eq. 2 and 3).

    Attributes:
        bias_linear: ``b⟨g,β⟩Δt``, what the bias does along the slope.
        bias_quadratic: ``½b²βᵀHβΔt²``, what it does along the curvature.
        bias_gradient: ``−b gᵀHβ Δt²``, its interaction with the clean step.
        variance: ``½(σ²f(N)/N) Tr H Δt²``, for white noise.

    All are in units of the loss.
    """

    bias_linear: float
    bias_quadratic: float
    bias_gradient: float
    variance: float

    @property
    def bias(self) -> float:
        """The three bias terms together (the orange terms of Eq. 3)."""
        return self.bias_linear + self.bias_quadratic + self.bias_gradient

    @property
    def total(self) -> float:
        """Bias and variance together: all of Eq. 3."""
        return self.bias + self.variance


def lemma_2_1(
    b: float,
    grad_beta: float,
    beta_hessian_beta: float,
    grad_hessian_beta: float,
    total_variance: float,
    hessian_trace: float,
    num_parameters: int,
    step_size: float,
) -> LossChange:
    """Lemma 2.1 (Eq. 3): what bias and white noise add to the loss in one step.

    The value is the *difference to the clean step* of Eq. 2, so it leaves out the clean change
    ``−Δt‖g‖² + ½Δt²gᵀHg``. With ``b`` and ``total_variance`` both 0 it is exactly 0.

    Args:
        b: Bias per parameter, ``‖bias‖/√N``; gradient units.
        grad_beta: ``⟨g, β⟩``, with ``‖β‖ = √N``.
        beta_hessian_beta: ``βᵀHβ``.
        grad_hessian_beta: ``gᵀHβ``, with ``H`` symmetric (else its symmetric part).
        total_variance: ``σ²f(N)``, the trace of the update's covariance; zero or greater.
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.
        step_size: ``Δt``, zero or greater.

    Returns:
        The four terms, with their sums as ``.bias`` and ``.total``.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    b = _finite("b", b)
    dt = _non_negative("step_size", step_size)
    return LossChange(
        bias_linear=b * _finite("grad_beta", grad_beta) * dt,
        bias_quadratic=0.5 * b * b * _finite("beta_hessian_beta", beta_hessian_beta) * dt * dt,
        bias_gradient=-b * _finite("grad_hessian_beta", grad_hessian_beta) * dt * dt,
        variance=white_variance_term(total_variance, hessian_trace, num_parameters, dt),
    )


def white_variance_term(
    total_variance: float, hessian_trace: float, num_parameters: int, step_size: float
) -> float:
    """Variance term of Eq. 3, ``½(σ²f(N)/N) Tr H Δt²``, exact for white noise only.

    Args:
        total_variance: ``σ²f(N)``, zero or greater.
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.
        step_size: ``Δt``, zero or greater.

    Returns:
        Expected change of the loss, in units of the loss.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    variance = _non_negative("total_variance", total_variance)
    per_parameter = variance / _count("num_parameters", num_parameters)
    dt = _non_negative("step_size", step_size)
    return 0.5 * per_parameter * _finite("hessian_trace", hessian_trace) * dt * dt


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
    trace = _finite("trace_hessian_covariance", trace_hessian_covariance)
    dt = _non_negative("step_size", step_size)
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
    numerator = _finite("trace_hessian_covariance", trace_hessian_covariance)
    trace = _finite("hessian_trace", hessian_trace)
    variance = _non_negative("total_variance", total_variance)
    n = _count("num_parameters", num_parameters)
    if trace == 0 or variance == 0:
        return math.nan
    return n * (numerator / trace) / variance


def variance_impact_per_parameter(hessian_trace: float, num_parameters: int) -> float:
    """``Tr H / N``, the quantity that Theorems 2.2 and 2.3 put in order (Eq. 4 and 5).

    Theorem 2.2: for linear networks it is no greater with L+1 layers than with L. Theorem 2.3: it
    is no greater with a threshold nonlinearity of gain at most 1 (a ReLU) than without. Both are
    statements *in expectation at initialization* (independent weights, as of Xavier's scheme), not
    about one network nor about a trained one: compare means over many seeds. Times
    ``½σ²f(N)Δt²`` it is the variance term of Eq. 3.

    Args:
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.

    Returns:
        Mean curvature per parameter, in units of the Hessian.

    Raises:
        ValueError: An argument is not finite or ``num_parameters`` is not a positive count.
    """
    return _finite("hessian_trace", hessian_trace) / _count("num_parameters", num_parameters)


def expected_hessian_trace(
    widths: Sequence[int],
    mean_input_square: float,
    *,
    relu: bool = False,
    init: str = "xavier",
    biases: bool = False,
) -> float:
    """``E[Tr H]`` of a fully connected network at initialization, under mean squared error.

    Ours: the exact expectation behind Theorems 2.2 and 2.3. Weights are independent, symmetric and
    of variance ``v_l`` (Xavier: ``2/(n_l + m_l)``, Kaiming: ``2/n_l``, for ``n_l`` inputs and
    ``m_l`` outputs of layer l), so that with ``n̄`` the mean of ``‖x‖²``

        ``E[Tr H] = 2 Σ_l (n̄ Π_{k<l} m_k v_k) · (Π_{k>l} n_k v_k) / 2^R``,

    R the number of ReLUs: each halves every product of a forward and a backward pass, as its gates
    are in distribution independent coins (Hanin and Nica, Commun. Math. Phys. 2020). So, for
    Xavier's scheme, a linear network with d units in *every* layer has the same ``E[Tr H]/N`` at
    any depth, and one with n inputs, m outputs and hidden layers of width d has one that falls
    with depth where ``d > (n + m)/2`` and *rises* below (no biases).

    Args:
        widths: Inputs, hidden widths and outputs; two numbers or more.
        mean_input_square: Mean of ``‖x‖²`` over the data, zero or greater.
        relu: Whether a ReLU follows every hidden layer.
        init: ``xavier`` or ``kaiming`` (fan-in, gain √2).
        biases: Whether layers have biases (0 at the start), which are parameters too.

    Returns:
        The expected trace over initializations, for a loss that is the mean over outputs.

    Raises:
        ValueError: An argument is outside its range.
    """
    if init not in ("xavier", "kaiming"):
        raise ValueError(f"init must be 'xavier' or 'kaiming', got {init!r}")
    if len(widths) < 2:
        raise ValueError(f"widths must be two or more, got {len(widths)}")
    layers = list(pairwise(_count("widths", width) for width in widths))
    square = _non_negative("mean_input_square", mean_input_square)
    variances = [2 / (n + m) if init == "xavier" else 2 / n for n, m in layers]
    gate = 0.5 if relu else 1.0
    forward = [square]  # E‖a‖² of what meets each layer
    for (_, m), v in list(zip(layers, variances, strict=True))[:-1]:
        forward.append(forward[-1] * m * v * gate)
    total, backward = 0.0, 1.0  # E‖δ‖² for one unit of error at the output
    for (n, _), v, met in reversed(list(zip(layers, variances, forward, strict=True))):
        total += 2 * backward * (met + biases)
        backward *= n * v * gate
    return total


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
    b = _finite("b", b)
    dt = _non_negative("step_size", step_size)
    norm = _non_negative("grad_norm", grad_norm)
    return 0.5 * b * b * _finite("q", q) * dt * dt + b * norm * _finite("p", p) * dt


# --- does one step descend? Theorems 3.1 and 3.2 --------------------------------------------------


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
    dt = _positive("step_size", step_size)
    variance = _non_negative("total_variance", total_variance)
    norm = _non_negative("grad_norm", grad_norm)
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
) -> float:
    """Expected change of the loss in one step with unbiased white noise; negative is descent.

    ``E[L(w+Δt·Δw)] − L(w) = −Δt‖g‖² + ½Δt²(κ‖g‖² + σ²f(N)·Tr H/N)``, the exact number of which
    Theorem 3.1 gives bounds (its proof's first line).

    Args:
        step_size: ``Δt``, greater than zero.
        total_variance: ``σ²f(N)``, zero or greater.
        grad_norm: ``‖g‖``, zero or greater.
        gradient_curvature: ``κ = gᵀHg/‖g‖²``; any finite number where the gradient is 0.
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.

    Returns:
        Expected change against the loss *before* the step, in units of the loss.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    dt = _positive("step_size", step_size)
    norm = _non_negative("grad_norm", grad_norm)
    curvature = _finite("gradient_curvature", gradient_curvature)
    noise = white_variance_term(total_variance, hessian_trace, num_parameters, dt)
    return dt * norm * norm * (0.5 * dt * curvature - 1) + noise


def descends_in_noise(
    step_size: float,
    total_variance: float,
    grad_norm: float,
    gradient_curvature: float,
    hessian_trace: float,
    num_parameters: int,
) -> bool:
    """Exact form of Theorem 3.1: ``Δt(κ‖g‖² + σ²f(N)·Tr H/N) < 2‖g‖²``.

    Args:
        step_size: ``Δt``, greater than zero.
        total_variance: ``σ²f(N)``, zero or greater.
        grad_norm: ``‖g‖``, zero or greater.
        gradient_curvature: ``κ = gᵀHg/‖g‖²``; any finite number where the gradient is 0.
        hessian_trace: ``Tr H``.
        num_parameters: ``N``, one or greater.

    Returns:
        Whether the expected loss falls: the sign of `noise_descent_margin`.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    margin = noise_descent_margin(
        step_size, total_variance, grad_norm, gradient_curvature, hessian_trace, num_parameters
    )
    return margin < 0


def exact_margin(
    grad_direction: float,
    direction_curvature: float,
    trace_hessian_covariance: float,
    step_size: float,
) -> float:
    """Expected change of the loss per unit of Δt, for a known mean step; negative is descent.

    With ``d = −g + bβ`` the mean update: ``⟨g,d⟩ + ½Δt(dᵀHd + Tr(HΣ))``. It covers bias and noise
    of any covariance, and needs no worst case (design section 2; ours). Times Δt it is
    ``E[L(w+Δt·Δw)] − L(w)``.

    Args:
        grad_direction: ``⟨g, d⟩``.
        direction_curvature: ``dᵀHd``.
        trace_hessian_covariance: ``Tr(HΣ)``.
        step_size: ``Δt``, zero or greater.

    Returns:
        The margin, in squared gradient units.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    curvature = _finite("direction_curvature", direction_curvature)
    noise = _finite("trace_hessian_covariance", trace_hessian_covariance)
    dt = _non_negative("step_size", step_size)
    return _finite("grad_direction", grad_direction) + 0.5 * dt * (curvature + noise)


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
    b = _non_negative("b", b)
    root = math.sqrt(_count("num_parameters", num_parameters))
    return b * root / _positive("grad_norm", grad_norm)


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
    dt = _non_negative("step_size", step_size)
    if form == "published":
        s = _non_negative("curvature", curvature) * dt
        return 2 / (1 + s + math.sqrt(1 + 4 * s + s * s))
    s = _finite("curvature", curvature) * dt
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
    s = _non_negative("curvature", curvature) * _non_negative("step_size", step_size)
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


# --- many steps -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ManySteps:
    """State after T steps around the minimum of a quadratic, in its Hessian's eigenbasis.

    Attributes:
        mean: ``m_i``, expected deviation from the minimum, shape (K,), weight units; infinite
            where it overflows or has no limit.
        variance: ``v_i``, its variance, shape (K,), squared weight units; likewise.
        contributions: ``½λ_i(m_i² + v_i)``, shape (K,), units of the loss, before the weights.
        excess_loss: ``E[L_T] − L*``, their weighted sum; infinite as `many_steps` says.
    """

    mean: Array
    variance: Array
    contributions: Array
    excess_loss: float


def many_steps(
    eigenvalues: npt.ArrayLike,
    step_size: float,
    steps: float,
    variance_per_parameter: npt.ArrayLike,
    bias_components: npt.ArrayLike | None = None,
    initial: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> ManySteps:
    """Excess loss after T steps on a quadratic, in closed form (Corollary A.2 in spirit).

    In the Hessian's eigenbasis, where ``g_i = λ_i·(w − w*)_i``, the deviation's mean and variance
    are ``m_{t+1} = (1−Δtλ_i) m_t + Δt·bβ_i`` and ``v_{t+1} = (1−Δtλ_i)² v_t + Δt²s``, from
    ``m_0 = initial`` and ``v_0 = 0``, and ``E[L_T] − L* = ½Σ_i weight_i·λ_i(m_i² + v_i)``. The cost
    does not depend on T.

    For finite T a direction with ``λ = 0`` is a random walk, which costs no loss; one with λ < 0
    grows, and lowers this "excess", in the end to −inf; one with ``Δtλ > 2`` grows to +inf, which
    wins where both overflow.

    With ``steps = math.inf`` the result is the limit: ``m = bβ_i/λ``, ``v = Δt·s/(λ(2−Δtλ))``.
    Where there is none, because ``Δtλ ≥ 2`` or ``λ < 0`` in a direction that noise, bias or the
    start pushes off its fixed point, the mean or variance is infinite and the excess is +inf,
    also for λ < 0: no floor. A direction with ``λ = 0`` has an infinite variance there and adds 0,
    as for every finite T, though the limit of ``λ → 0⁺`` is ``Δt·s/4``: the limits in T and λ do
    not commute, so take a finite T for a network's spectrum, which has many λ around 0.

    Args:
        eigenvalues: ``λ_i`` of the Hessian, shape (K,), any sign.
        step_size: ``Δt``, greater than zero.
        steps: T, a whole number, zero or greater, or ``math.inf``.
        variance_per_parameter: ``s = σ²f(N)/N``, gradient units squared, zero or greater; or shape
            (K,), the noise covariance's diagonal in the eigenbasis, where the noise is not white.
        bias_components: ``b·β_i``, the bias vector's components along the eigenvectors (signed,
            not squared), shape (K,) or one number for all; default 0.
        initial: ``m_0``, deviation from the minimum at the start, shape (K,) or one number;
            default 0.
        weights: How many of the N directions each entry stands for: multiplicities, or a spectral
            density's weights times N; shape (K,) or one number, zero or greater; default 1.

    Returns:
        Mean, variance and excess loss after T steps.

    Raises:
        ValueError: An argument is not finite, outside its range, or of another length.
    """
    lam = _vector("eigenvalues", eigenvalues)
    size = lam.size
    dt = _positive("step_size", step_size)
    count = steps if steps == math.inf else _finite("steps", steps)
    if count < 0 or (count != math.inf and count != math.floor(count)):
        raise ValueError(f"steps must be a whole number, zero or greater, or inf, got {steps!r}")
    s = _non_negative_vector("variance_per_parameter", variance_per_parameter, size)
    bias = _vector("bias_components", 0.0 if bias_components is None else bias_components, size)
    start = _vector("initial", 0.0 if initial is None else initial, size)
    weight = _non_negative_vector("weights", 1.0 if weights is None else weights, size)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        if not np.isfinite(dt * lam).all():
            raise ValueError("eigenvalues times step_size must be finite")
        if count == math.inf:
            mean, variance, contributions = _limit(lam, dt, s, bias, start)
        else:
            mean, variance, contributions = _after(int(count), lam, dt, s, bias, start)
        terms = np.where((weight == 0) | (contributions == 0), 0.0, weight * contributions)
        excess = math.inf if (terms == math.inf).any() else float(terms.sum())
    return ManySteps(mean, variance, contributions, excess)


def loss_floor(
    eigenvalues: npt.ArrayLike,
    step_size: float,
    variance_per_parameter: npt.ArrayLike,
    bias_components: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Excess loss that no number of steps removes: `many_steps` for T → ∞.

    ``½Σ_i weight_i·((bβ_i)²/λ_i + Δt·s/(2 − Δtλ_i))`` where every ``0 < Δtλ_i < 2``.

    Args:
        eigenvalues: ``λ_i`` of the Hessian, shape (K,).
        step_size: ``Δt``, greater than zero.
        variance_per_parameter: ``s = σ²f(N)/N``, zero or greater; or shape (K,).
        bias_components: ``b·β_i``, shape (K,) or one number; default 0.
        weights: Multiplicities, shape (K,) or one number; default 1.

    Returns:
        The floor, in units of the loss; +inf where there is none (see `many_steps`).

    Raises:
        ValueError: An argument is not finite, outside its range, or of another length.
    """
    end = many_steps(
        eigenvalues,
        step_size,
        math.inf,
        variance_per_parameter,
        bias_components=bias_components,
        weights=weights,
    )
    return end.excess_loss


def _powers(x: Array, steps: int) -> tuple[Array, Array]:
    """``a^T`` and ``Σ_{t<T} a^t`` for ``a = 1 − x``, without cancellation at x = 0 and x = 2."""
    if steps == 0:
        return np.ones_like(x), np.zeros_like(x)
    exponent = steps * np.log1p(np.where(x <= 1, -x, x - 2))  # T·log|a|
    negative = (x > 1) & (steps % 2 == 1)
    power = np.where(negative, -1.0, 1.0) * np.exp(exponent)
    one_minus_power = np.where(negative, 1 + np.exp(exponent), -np.expm1(exponent))
    total = np.where(x == 0, float(steps), one_minus_power / np.where(x == 0, 1.0, x))
    return power, total


def _after(
    steps: int, lam: Array, dt: float, s: Array, bias: Array, start: Array
) -> tuple[Array, Array, Array]:
    """Mean, variance and contributions after a finite number of steps."""
    x = dt * lam
    power, total = _powers(x, steps)
    # The two forms are equal, as a^T = 1 − x·Σa^t. The first is accurate where |a| ≤ 1; the second
    # is not ∞ − ∞ where |a| > 1.
    drift = dt * bias - x * start
    settling = power * start + dt * bias * total
    growing = start + np.where(drift == 0, 0.0, drift * total)
    mean = np.where((x >= 0) & (x <= 2), settling, growing)
    _, squares = _powers(x * (2 - x), steps)  # 1 − a² = x(2 − x)
    variance = np.where(s == 0, 0.0, dt * dt * s * squares)
    contributions = np.where(lam == 0, 0.0, 0.5 * lam * (mean * mean + variance))
    return mean, variance, contributions


def _limit(
    lam: Array, dt: float, s: Array, bias: Array, start: Array
) -> tuple[Array, Array, Array]:
    """Mean, variance and contributions for T → ∞; infinite where there is no limit."""
    x = dt * lam
    stable = (lam > 0) & (x < 2)
    divisor = np.where(stable, lam, 1.0)
    drift = dt * bias - x * start
    unmoved = np.where(drift == 0, start, np.copysign(math.inf, drift))
    mean = np.where(stable, bias / divisor, unmoved)
    noise = dt * s / np.where(stable, 2 - x, 1.0)  # λ·v
    variance = np.where(s == 0, 0.0, np.where(stable, noise / divisor, math.inf))
    settled = 0.5 * (np.where(bias == 0, 0.0, bias * mean) + noise)
    unstable = np.where((s == 0) & (drift == 0), 0.5 * lam * start * start, math.inf)
    contributions = np.where(stable, settled, np.where(lam == 0, 0.0, unstable))
    return mean, variance, contributions


# --- scaling with the number of parameters --------------------------------------------------------


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
    counts = _vector("num_parameters", num_parameters)
    variances = _vector("total_variances", total_variances)
    level = _finite("confidence", confidence)
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
