"""Lemma 2.1 (Eq. 2 and 3): what bias and variance add to the loss in one step.

Statement, as printed. "Second order Taylor series expansion. Assuming a small learning rate, the
bias, b, and variance, σ², in gradient estimates can be linked to changes in L upon one weight
update step as compared to the change in L under a true gradient descent weight update step":

    E[ΔL(b, σ²)] = b⟨g, β⟩Δt + ½b²⟨β, Hβ⟩Δt² − ½b⟨g, (H + Hᵀ)β⟩Δt² + ½(σ²f(N)/N) Tr H Δt²

with ``ΔL = [L(w + Δt·Δw) − L(w)]_(b, σ²) − [L(w + Δt·Δw) − L(w)]_(0, 0)`` (Eq. 2).

Source: Ghosh et al., ICLR 2023, section 2, Lemma 2.1, Eq. 2 and 3.

Proof idea: put ``Δw = −g + bβ + ε`` into ``⟨g, Δw⟩Δt + ½Δt²ΔwᵀHΔw`` and take the mean over ε. What
is linear in ε drops out, ``E[εᵀHε] = Tr(HΣ)`` is ``(σ²f(N)/N)·Tr H`` for white noise, and the clean
step's own ``−Δt‖g‖² + ½Δt²gᵀHg`` cancels. So bias and variance do not mix.

Where it fails: third and higher orders (long steps); the kinks of a ReLU or of max-pooling, which a
finite step crosses and the Hessian between them does not see (`neurograd.theory.kinks` has what
they add); noise that is not white, for which the last term is `covariance_variance_term`.
"""

from __future__ import annotations

from dataclasses import dataclass

from neurograd.theory.arguments import count, finite, non_negative


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
    b = finite("b", b)
    dt = non_negative("step_size", step_size)
    return LossChange(
        bias_linear=b * finite("grad_beta", grad_beta) * dt,
        bias_quadratic=0.5 * b * b * finite("beta_hessian_beta", beta_hessian_beta) * dt * dt,
        bias_gradient=-b * finite("grad_hessian_beta", grad_hessian_beta) * dt * dt,
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
    variance = non_negative("total_variance", total_variance)
    per_parameter = variance / count("num_parameters", num_parameters)
    dt = non_negative("step_size", step_size)
    return 0.5 * per_parameter * finite("hessian_trace", hessian_trace) * dt * dt
