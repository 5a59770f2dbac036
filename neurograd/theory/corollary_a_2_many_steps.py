"""Corollary A.2, in spirit: many biased and noisy steps around a minimum, and the loss floor.

Statement. The paper extends Lemma 2.1 to several updates in Corollary A.2 of its appendix; this is
our closed form of it, for a quadratic and any number of steps. In the Hessian's eigenbasis

    E[L_T] − L* = ½ Σ_i λ_i (m_i² + v_i)
    m_{t+1} = (1 − Δtλ_i) m_t + Δt·bβ_i,    v_{t+1} = (1 − Δtλ_i)² v_t + Δt²σ²f(N)/N

and for T → ∞ the floor ``½Σ_i((bβ_i)²/λ_i + Δt·σ²f(N)/N/(2 − Δtλ_i))`` where ``0 < Δtλ_i < 2``.

Source: Ghosh et al., ICLR 2023, section 2 and appendix A, Corollary A.2.

Proof idea: the gradient of direction i is ``λ_i(w − w*)_i``, so that each direction is a linear
recursion of its own, with ``a = 1 − Δtλ_i``: both are geometric sums, ``Σ_{t<T} a^t``.

Where it fails: on a network, whose Hessian changes along the way and with the noise. Frozen at one
point it is an order of magnitude at best; around an interpolating cross-entropy minimum it was seen
to predict 2 to 4 times too much excess loss at large noise. The limits T → ∞ and λ → 0 do not
commute. Noise that is not white enters by its diagonal in the eigenbasis only
(`neurograd.theory.stationary_noise` has all of it). Asymmetric writes: the restoring part that they
add to the curvature is missing, without which the variance was seen to be 4 times too large in one
dimension, and their bias depends on the noise (`neurograd.theory.asymmetry`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograd.theory.arguments import Array, finite, non_negative_vector, positive, vector


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
    lam = vector("eigenvalues", eigenvalues)
    size = lam.size
    dt = positive("step_size", step_size)
    count = steps if steps == math.inf else finite("steps", steps)
    if count < 0 or (count != math.inf and count != math.floor(count)):
        raise ValueError(f"steps must be a whole number, zero or greater, or inf, got {steps!r}")
    s = non_negative_vector("variance_per_parameter", variance_per_parameter, size)
    bias = vector("bias_components", 0.0 if bias_components is None else bias_components, size)
    start = vector("initial", 0.0 if initial is None else initial, size)
    weight = non_negative_vector("weights", 1.0 if weights is None else weights, size)
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
