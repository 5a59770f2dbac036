"""Everything that is measured and predicted at one point of a training trajectory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from device_models import Chip, ElementMoments
from neurograd.measure.curvature import (
    Estimate,
    Spectrum,
    exact_diagonal,
    has_exact_diagonal,
    hessian_trace,
    measure_spectrum,
)
from neurograd.measure.curvature.spectrum import FULL, Effort
from neurograd.measure.intervals import Interval
from neurograd.measure.loss_change import (
    CovarianceTrace,
    MeasuredLossChange,
    PredictedLossChange,
    covariance_trace,
    difference_interval,
    measure_loss_change,
    predict_loss_change,
)
from neurograd.measure.moments import Moments, measure_moments
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.theory import (
    anisotropy,
    bias_ratio,
    bias_ratio_threshold,
    covariance_variance_term,
    noise_curvature_threshold,
)


@dataclass(frozen=True)
class Budget:
    """How much is measured at a point.

    Attributes:
        draws: Updates for the moments.
        loss_draws: Updates whose loss is evaluated.
        covariance_draws: Noise samples for Tr(HΣ), a Hessian-vector product each where the noise
            of the weights is not independent.
        seed: Seed of every draw.
        spectrum: Work on the Hessian's spectrum.
    """

    draws: int
    loss_draws: int
    covariance_draws: int
    seed: int
    spectrum: Effort = FULL


@dataclass(frozen=True)
class Contribution:
    """What one effect of the chip adds to the predicted loss change of a step.

    Attributes:
        name: The effect.
        label: What a sentence calls it.
        predicted_without: Predicted loss change of the chip without the effect.
        share: Part of the prediction that goes with the effect; shares of effects that need each
            other do not sum to 1.
    """

    name: str
    label: str
    predicted_without: float
    share: float


@dataclass(frozen=True)
class PointMeasurement:
    """Prediction and measurement side by side at one point.

    Attributes:
        step: Steps of the clean training before this point.
        loss: Loss of the clean network there.
        programmed_loss: Loss after its weights are programmed into the chip; all else is measured
            at the programmed weights.
        moments: Bias and variance of the chip's update.
        closed_form: The models' own mean and variance of it, where they are known.
        trace: Trace of the Hessian.
        spectrum: Its spectrum.
        covariance: Tr(HΣ).
        predicted: Lemma 2.1.
        measured: By the control variate.
        difference_ci: 99 % interval of measured − predicted.
        step_size: Δt.
        contributions: What each effect adds, largest first.
    """

    step: int
    loss: float
    programmed_loss: float
    moments: Moments
    closed_form: ElementMoments | None
    trace: Estimate
    spectrum: Spectrum
    covariance: CovarianceTrace
    predicted: PredictedLossChange
    measured: MeasuredLossChange
    difference_ci: Interval
    step_size: float
    contributions: tuple[Contribution, ...]

    @property
    def agree(self) -> bool:
        """Whether measured − predicted is compatible with 0."""
        return self.difference_ci[0] <= 0.0 <= self.difference_ci[1]

    @property
    def anisotropy(self) -> float:
        """N·Tr(HΣ)/(Tr H · Tr Σ): 1 for white noise."""
        return anisotropy(
            self.covariance.value,
            self.trace.value,
            self.moments.total_variance,
            self.moments.num_parameters,
        )

    @property
    def noise_threshold(self) -> float:
        """Curvature from which noise prevents descent (Theorem 3.1, Eq. 7)."""
        return noise_curvature_threshold(
            self.step_size, self.moments.total_variance, self.moments.grad_norm
        )

    @property
    def bias_ratio(self) -> float:
        """The ratio r = b√N/‖g‖ of Theorem 3.2; NaN at a zero gradient."""
        return self._ratio(self.moments.b)

    @property
    def bias_ratio_ci(self) -> Interval:
        """Interval of r."""
        low, high = self.moments.b_ci
        return self._ratio(low), self._ratio(high)

    def _ratio(self, b: float) -> float:
        norm, size = self.moments.grad_norm, self.moments.num_parameters
        return bias_ratio(b, size, norm) if norm > 0 and math.isfinite(b) else math.nan

    @property
    def bias_threshold_safe(self) -> float:
        """Bound on r that guarantees descent without noise (corrected Theorem 3.2)."""
        return bias_ratio_threshold(self.spectrum.lambda_max, self.step_size, "safe")

    @property
    def bias_threshold_published(self) -> float:
        """Bound on r as printed (Theorem 3.2, Eq. 8)."""
        return bias_ratio_threshold(self.spectrum.frobenius, self.step_size, "published")


def measure_point(
    problem: Problem,
    chip: Chip,
    w_clean: Tensor,
    step: int,
    point: int,
    budget: Budget,
    *,
    variants: dict[tuple[str, str], Chip] | None = None,
    progress: Progress | None = None,
) -> PointMeasurement:
    """Measure a chip at one point.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        w_clean: Weights of the clean training, shape ``(N,)``.
        step: Steps that led there.
        point: Index of the point, which its draws depend on.
        budget: How much to measure.
        variants: Chips without one effect, by the effect's (name, label).
        progress: Called with the number of draws done since the last call.
    """
    seed, step_size = budget.seed, chip.step_size
    w = chip.program(w_clean)
    gradient = problem.gradient(w)
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, gradient, budget.draws, seed, point=point, progress=progress)
    exact = has_exact_diagonal(problem)
    diagonal = exact_diagonal(problem, w) if exact else None
    trace = (
        Estimate(float(diagonal.sum()), 0.0, "exact")
        if diagonal is not None
        else hessian_trace(problem, w, seed)
    )
    # With independent noise Tr(HΣ) needs only the diagonal of H.
    covariance = covariance_trace(
        problem,
        w,
        moments,
        sample,
        diagonal=diagonal if chip.independent_noise else None,
        draws=_covariance_draws(budget, moments, diagonal if chip.independent_noise else None),
        seed=seed,
        point=point,
    )
    product = problem.hessian_product(w)
    predicted = predict_loss_change(product, moments, step_size, trace.value, covariance)
    measured = measure_loss_change(
        problem,
        w,
        sample,
        step_size,
        moments,
        budget.loss_draws,
        seed,
        point=point,
        progress=progress,
    )
    return PointMeasurement(
        step=step,
        loss=problem.loss(w_clean),
        programmed_loss=problem.loss(w),
        moments=moments,
        closed_form=chip.closed_form(problem, w),
        trace=trace,
        spectrum=measure_spectrum(problem, w, seed, budget.spectrum),
        covariance=covariance,
        predicted=predicted,
        measured=measured,
        difference_ci=difference_interval(predicted, measured),
        step_size=step_size,
        contributions=_contributions(problem, chip, variants or {}, w, gradient, product, diagonal),
    )


def _covariance_draws(budget: Budget, moments: Moments, diagonal: Tensor | None) -> int:
    """Noise samples: as cheap as moments with a diagonal, a product each without."""
    return max(2, min(500, moments.draws)) if diagonal is not None else budget.covariance_draws


def _contributions(
    problem: Problem,
    chip: Chip,
    variants: dict[tuple[str, str], Chip],
    w: Tensor,
    gradient: Tensor,
    product: Callable[[Tensor], Tensor],
    diagonal: Tensor | None,
) -> tuple[Contribution, ...]:
    """Predicted loss change without each effect in turn, from closed forms.

    Empty where the chip has none: its shares would drown in the noise of samples.
    """
    whole = _closed_form_change(problem, chip, w, gradient, product, diagonal)
    if whole is None or len(variants) < 2:
        return ()
    parts = []
    for (name, label), variant in variants.items():
        left = _closed_form_change(problem, variant, w, gradient, product, diagonal)
        if left is None:
            return ()
        share = (whole - left) / whole if whole != 0 else math.nan
        parts.append(Contribution(name, label, left, share))
    return tuple(sorted(parts, key=lambda part: -part.share))


def _closed_form_change(
    problem: Problem,
    chip: Chip,
    w: Tensor,
    gradient: Tensor,
    product: Callable[[Tensor], Tensor],
    diagonal: Tensor | None,
) -> float | None:
    """Lemma 2.1 with the models' exact mean and variance; None where they are not known."""
    if diagonal is None:
        return None
    moments = chip.closed_form(problem, w)
    if moments is None:
        return None
    bias = moments.mean + gradient
    dt = chip.step_size
    h_bias = product(bias)
    bias_part = dt * float(gradient @ bias) - dt**2 * float(gradient @ h_bias)
    bias_part += 0.5 * dt**2 * float(bias @ h_bias)
    return bias_part + covariance_variance_term(float(diagonal @ moments.variance), dt)
