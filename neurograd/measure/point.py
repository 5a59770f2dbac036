"""Everything that is measured and predicted at one point of a training trajectory.

The reference of the moments is the gradient of the loss, or what a chip's recipe makes of it there:
the clean update u.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from device_models import Chip, ElementMoments
from neurograd.measure.contributions import Contribution, contributions_of
from neurograd.measure.curvature import (
    HessianTrace,
    Spectrum,
    exact_diagonal,
    has_exact_diagonal,
    hessian_trace,
    measure_spectrum,
)
from neurograd.measure.curvature.spectrum import FULL, Effort
from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import Interval
from neurograd.measure.kinks import KinkTerm, measure_kinks, unknown_kinks
from neurograd.measure.loss_change import (
    MeasuredLossChange,
    PredictedLossChange,
    covariance_trace,
    difference_of,
    measure_loss_change,
    predict_loss_change,
)
from neurograd.measure.measured_point import MeasuredPoint
from neurograd.measure.moments import Moments, measure_moments
from neurograd.measure.truncation import Truncation, measure_truncation
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.recording import sampler_of
from neurograd.theory import bias_ratio_threshold

VARIANT_DRAWS = 32
"""Steps for the kinks of a chip without one effect; chips are compared on the same numbers."""


@dataclass(frozen=True)
class MeasurementBudget:
    """How much is measured at a point.

    Attributes:
        draws: Updates for the moments.
        loss_draws: Updates whose loss is evaluated.
        covariance_draws: Noise samples for Tr(HΣ), a Hessian-vector product each where the noise
            of the weights is not independent.
        seed: Seed of every draw.
        spectrum: Work on the Hessian's spectrum.
        kink_draws: Steps for the kinks, a forward pass each.
        samples: Training samples that one draw of a loss, of a product or of kinks is judged on,
            about (``sample_parts``); all of them when None.
    """

    draws: int
    loss_draws: int
    covariance_draws: int
    seed: int
    spectrum: Effort = FULL
    kink_draws: int = 64
    samples: int | None = None


Budget = MeasurementBudget
"""The name under which the package exports it."""


@dataclass(frozen=True)
class PointMeasurement(MeasuredPoint):
    """Prediction and measurement side by side at one point, against the clean update.

    Attributes:
        gradient: Gradient of the loss, shape ``(N,)``.
        closed_form: The models' own mean and variance of the update, where they are known.
        spectrum: The Hessian's spectrum.
        kinks: What the kinks of the network add to a step.
        unknown_kinks: What of network and loss may have kinks that are not seen.
        predicted: Lemma 2.1 with the kinks.
        measured: By the control variate.
        remainder: Measured minus predicted for the mean step, at two lengths of it.
        contributions: What each effect adds, largest first.
    """

    gradient: Tensor
    closed_form: ElementMoments | None
    spectrum: Spectrum
    kinks: KinkTerm
    unknown_kinks: tuple[str, ...]
    predicted: PredictedLossChange
    measured: MeasuredLossChange
    remainder: Truncation
    contributions: tuple[Contribution, ...]

    @property
    def grad_norm(self) -> float:
        """‖g‖."""
        return float(self.gradient.norm())

    @property
    def reference_norm(self) -> float:
        """‖u‖ of the clean update."""
        return self.moments.grad_norm

    @property
    def b(self) -> float:
        """Bias b against the gradient; 0 where none was detected."""
        return self.moments.b

    @property
    def b_ci(self) -> Interval:
        """Its 99 % interval."""
        return self.moments.b_ci

    @property
    def anisotropy(self) -> float:
        """Cost of the noise over that of white noise of the same total variance, with kinks."""
        cost = self.predicted.variance.value + self.kinks.noise.value
        white = self.predicted.variance_white + self.kinks.white.value
        return cost / white if white != 0 and self.moments.total_variance > 0 else math.nan

    @property
    def hessian_decides(self) -> bool | None:
        """Whether the clean update is −g, and the Hessian sees all of the loss.

        None where the network or its loss may have kinks that are not seen.
        """
        if not self.follows_gradient or self.kinks.exists:
            return False
        return None if self.unknown_kinks else True

    @property
    def difference(self) -> Estimate:
        """Measured − predicted; the moments' error is in both and cancels."""
        return difference_of(self.predicted, self.measured)

    @property
    def truncation(self) -> float:
        """The mean step's terms beyond second order; 0 where its remainder is not of that order."""
        return self.remainder.value if self.remainder.beyond_second_order else 0.0

    @property
    def rounding(self) -> float:
        """Size of what rounding alone makes of the difference."""
        return self.remainder.rounding

    @property
    def bias_threshold_safe(self) -> float:
        """Bound on r that guarantees descent without noise (corrected Theorem 3.2)."""
        return bias_ratio_threshold(self.spectrum.lambda_max, self.step_size, "safe")

    @property
    def bias_threshold_published(self) -> float:
        """Bound on r as printed (Theorem 3.2, Eq. 8)."""
        return bias_ratio_threshold(self.spectrum.frobenius.value, self.step_size, "published")


def measure_point(
    problem: Problem,
    chip: Chip,
    w_clean: Tensor,
    step: int,
    point: int,
    budget: MeasurementBudget,
    *,
    variants: dict[tuple[str, str], Chip] | None = None,
    progress: Progress | None = None,
) -> PointMeasurement:
    """Measure a chip at one point.

    Args:
        problem: Network, loss and data.
        chip: The chip, with the memory that the clean training's recipe has there.
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
    sample = sampler_of(chip, problem, w)
    clean = chip.clean_direction(gradient, w)
    other = None if chip.recipe is None else gradient
    moments = measure_moments(sample, clean, budget.draws, seed, point=point, progress=progress)
    exact = has_exact_diagonal(problem)
    diagonal = exact_diagonal(problem, w) if exact else None
    trace = (
        HessianTrace.by("exact", Estimate.exact(float(diagonal.sum())))
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
        samples=budget.samples,
    )
    product = problem.hessian_product(w)
    closed_form = chip.closed_form(problem, w)
    kinks = measure_kinks(
        problem,
        w,
        moments,
        sample,
        step_size,
        closed_form=closed_form,
        draws=budget.kink_draws,
        seed=seed,
        point=point,
        samples=budget.samples,
    )
    predicted = predict_loss_change(
        product, moments, step_size, trace.value, covariance, kinks, other
    )
    measured = measure_loss_change(
        problem,
        w,
        sample,
        step_size,
        moments,
        budget.loss_draws,
        seed,
        point=point,
        samples=budget.samples,
        independent=chip.independent_noise,
        progress=progress,
    )
    return PointMeasurement(
        step=step,
        loss=problem.loss(w_clean),
        programmed_loss=problem.loss(w),
        gradient=gradient,
        follows_gradient=chip.recipe is None,
        moments=moments,
        closed_form=closed_form,
        trace=trace,
        spectrum=measure_spectrum(problem, w, seed, budget.spectrum),
        covariance=covariance,
        kinks=kinks,
        unknown_kinks=unknown_kinks(problem),
        predicted=predicted,
        measured=measured,
        remainder=measure_truncation(problem, w, moments, product, step_size, other),
        step_size=step_size,
        contributions=contributions_of(
            problem,
            chip,
            variants or {},
            w,
            gradient,
            product,
            diagonal,
            draws=min(budget.kink_draws, VARIANT_DRAWS),
            seed=seed,
            point=point,
            clean=clean,
            samples=budget.samples,
        ),
    )


def _covariance_draws(budget: MeasurementBudget, moments: Moments, diagonal: Tensor | None) -> int:
    """Noise samples: as cheap as moments with a diagonal, a product each without."""
    return max(2, min(500, moments.draws)) if diagonal is not None else budget.covariance_draws
