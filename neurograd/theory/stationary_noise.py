"""Stationary noise of any covariance: the cloud that noisy steps make around where they settle.

Statement (ours). Let ``E[Δw]`` be the mean update, J = −∂E[Δw]/∂w, C the covariance of the
*realized* update, and steps ``w ← w + Δt·Δw``. The weights' stationary covariance S solves

    J S + S Jᵀ − Δt·J S Jᵀ = Δt·C

and their mean follows ``E[Δw] + ½ Σ_ij S_ij ∂²_ij E[Δw]``, S held fixed under the derivatives. For
plain gradients J is the Hessian H; feedback rules have a J that is not symmetric; an asymmetric
write (`neurograd.theory.asymmetry`) adds a restoring part, ``J = F·H + diag(G′·E|x|/Δt)``, which
draws weights to their symmetry point. After T steps a mode of eigenvalue λ has
``(1 − q^{2T})/(1 − q²)`` of a step's variance, q = 1 − Δtλ.

Source: Liu, Ziyin and Ueda, "Noise and fluctuation of finite learning rate stochastic gradient
descent" (ICML 2021), for J = H; for small Δt Mandt, Hoffman and Blei, "Stochastic gradient descent
as approximate Bayesian inference" (JMLR 18, 2017). Other J, the restoring part and the mean's path
are ours.

Proof idea: with A = 1 − ΔtJ one step makes ``A S Aᵀ + Δt²C`` of S, whose fixed point is the
equation; multiplied by ``(1 − ΔtJ/2)⁻¹`` from both sides it is a continuous Lyapunov equation,
without the difference of nearly equal matrices that the discrete one has at small Δt.

Where it fails: beyond second order of the cloud, where J and C change within it; where a direction
does not settle (λ = 0 of a spectrum), for which there is a finite T. The restoring part leaves out
``−F′·E[x]/Δt``, which is 0 where F is constant, and what the place does to E|x|.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from neurograd.theory.arguments import (
    Array,
    count,
    covariance_matrix,
    non_negative_vector,
    positive,
    square_matrix,
    vector,
)


def stationary_covariance(
    jacobian: npt.ArrayLike, noise_covariance: npt.ArrayLike, step_size: float
) -> Array:
    """The weights' covariance S that no number of further steps changes.

    It solves ``J S + S Jᵀ − Δt·J S Jᵀ = Δt·C``.

    Args:
        jacobian: J = −∂E[Δw]/∂w, shape (N, N), units of a Hessian; it need not be symmetric.
        noise_covariance: C, of the realized update, shape (N, N), gradient units squared.
        step_size: ``Δt``, greater than zero.

    Returns:
        S, shape (N, N), squared weight units.

    Raises:
        ValueError: An argument is not finite or outside its range, or the steps do not settle: an
            eigenvalue of ``1 − ΔtJ`` is 1 or more in size.
    """
    j = square_matrix("jacobian", jacobian)
    c = covariance_matrix("noise_covariance", noise_covariance, len(j))
    dt = positive("step_size", step_size)
    scaled = dt * np.linalg.eigvals(j)
    # |1 − x|² < 1, without the difference of nearly equal numbers where x is small.
    if not (2 * scaled.real > np.abs(scaled) ** 2).all():
        raise ValueError("jacobian has a direction in which steps of this size do not settle")
    half = np.linalg.inv(np.eye(len(j)) - dt / 2 * j)
    found: Array = linalg.solve_continuous_lyapunov(half @ j, dt * half @ c @ half.T)
    return (found + found.T) / 2


def covariance_after(
    jacobian: npt.ArrayLike, noise_covariance: npt.ArrayLike, step_size: float, steps: int
) -> Array:
    """The weights' covariance after T steps from one point, whether they settle or not.

    Args:
        jacobian: J, shape (N, N), as in `stationary_covariance`.
        noise_covariance: C, shape (N, N), likewise.
        step_size: ``Δt``, greater than zero.
        steps: T, one or more.

    Returns:
        ``Δt² Σ_{t<T} Aᵗ C (Aᵗ)ᵀ`` with ``A = 1 − ΔtJ``, shape (N, N), squared weight units.

    Raises:
        ValueError: An argument is not finite or outside its range, or the result is not finite.
    """
    j = square_matrix("jacobian", jacobian)
    c = covariance_matrix("noise_covariance", noise_covariance, len(j))
    dt = positive("step_size", step_size)
    left = count("steps", steps)
    # Of n steps, doubled as often as it takes: S_2n = S_n + Aⁿ S_n (Aⁿ)ᵀ.
    step, spread = np.eye(len(j)) - dt * j, dt * dt * c
    found = np.zeros_like(c)
    with np.errstate(over="ignore", invalid="ignore"):
        while left:
            if left % 2:
                found = spread + step @ found @ step.T
            spread = spread + step @ spread @ step.T
            step = step @ step
            left //= 2
    if not np.isfinite(found).all():
        raise ValueError("jacobian has a direction that grows beyond all numbers in these steps")
    return found


def settled_steps(eigenvalues: npt.ArrayLike, step_size: float, steps: int) -> Array:
    """How many steps' variance is there after T steps: ``(1 − q^{2T})/(1 − q²)``, q = 1 − Δtλ.

    Times ``Δt²·c``, with c the noise's variance along it, it is a mode's variance. It is T where λ
    is 0, and ``1/(Δtλ(2 − Δtλ))`` once the mode has settled.

    Args:
        eigenvalues: λ of J, shape (K,), from 0 to 2/Δt.
        step_size: ``Δt``, greater than zero.
        steps: T, one or more.

    Returns:
        The factors, shape (K,), 1 to T.

    Raises:
        ValueError: An argument is not finite or outside its range.
    """
    lam = vector("eigenvalues", eigenvalues)
    dt = positive("step_size", step_size)
    number = count("steps", steps)
    x = dt * lam
    if not ((x >= 0) & (x <= 2)).all():
        raise ValueError("eigenvalues times step_size must be from 0 to 2")
    missing = x * (2 - x)  # 1 − q²
    still = missing == 0
    with np.errstate(divide="ignore", invalid="ignore"):  # q may be 0: log −∞, power 0
        gone = -np.expm1(2 * number * np.where(x < 1, np.log1p(-x), np.log(np.abs(x - 1))))
    return np.where(still, float(number), gone / np.where(still, 1.0, missing))


def asymmetric_jacobian(
    hessian: npt.ArrayLike,
    symmetric: npt.ArrayLike,
    asymmetric_slope: npt.ArrayLike,
    mean_absolute_request: npt.ArrayLike,
    step_size: float,
) -> Array:
    """J of gradients that an asymmetric write realizes, ``F·H + diag(G′·E|x|/Δt)``.

    Args:
        hessian: H, shape (N, N).
        symmetric: F of each weight, shape (N,) or one number.
        asymmetric_slope: ``G′ = ∂G/∂w``, shape (N,) or one number, one over weight units.
        mean_absolute_request: ``E|x|`` of one write, shape (N,) or one number, weight units.
        step_size: ``Δt``, greater than zero.

    Returns:
        J, shape (N, N), units of the Hessian.

    Raises:
        ValueError: An argument is not finite, outside its range or of another length.
    """
    h = square_matrix("hessian", hessian)
    common = vector("symmetric", symmetric, len(h))
    slope = vector("asymmetric_slope", asymmetric_slope, len(h))
    absolute = non_negative_vector("mean_absolute_request", mean_absolute_request, len(h))
    dt = positive("step_size", step_size)
    return common[:, None] * h + np.diag(slope * absolute / dt)


def mean_path_correction(covariance: npt.ArrayLike, second_derivatives: npt.ArrayLike) -> Array:
    """What a cloud of weights adds to the mean update at its middle, ``½ Σ_ij S_ij ∂²_ij E[Δw]``.

    Args:
        covariance: S, shape (N, N), squared weight units, held fixed under the derivatives.
        second_derivatives: ``∂²E[Δw_k]/∂w_i∂w_j`` at ``[k, i, j]``, shape (K, N, N).

    Returns:
        The correction, shape (K,), gradient units.

    Raises:
        ValueError: An argument is not finite or of another shape.
    """
    s = covariance_matrix("covariance", covariance)
    name = "second_derivatives"
    try:
        curved = np.asarray(second_derivatives, dtype=np.float64)
    except (TypeError, ValueError):
        curved = np.empty(0)
    if curved.ndim != 3 or curved.shape[1:] != s.shape or not np.isfinite(curved).all():
        raise ValueError(f"{name} must be finite numbers of shape (K, {len(s)}, {len(s)})")
    found: Array = np.einsum("kij,ij->k", curved, s) / 2
    return found
