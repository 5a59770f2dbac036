"""Records from what is measured and trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from device_models.passes.converter_use import Tally
from neurograd.measure.arrays import Cancellation, Conversion
from neurograd.measure.kinks import KinkTerm
from neurograd.measure.moments import Moments
from neurograd.measure.point import PointMeasurement
from neurograd.measure.smoothed.point import SmoothedPoint
from neurograd.measure.smoothed.reference import Reference
from neurograd.problem import Problem
from neurograd.records.point import (
    CancellationResult,
    ClosedForm,
    ContributionResult,
    ConversionResult,
    ConvertedResult,
    CurvatureResult,
    Descent,
    KinksResult,
    LossChange,
    MomentsResult,
    PointResult,
    ReferenceResult,
    SmoothingResult,
    SpectrumResult,
)
from neurograd.records.training import Curve, PredictedNetwork, TrainedNetwork
from neurograd.theory import white_variance_term
from neurograd.training.loop import Trained
from neurograd.training.outcome import Outcome

KINKS_UNSEEN = (
    "the network has kinks, whose cost the Hessian that the threshold is made of does not see"
)

OTHER_UPDATE = "the clean update is the optimizer's, and the threshold is for one along −g"

BIASED = "the update has a bias, and the noise threshold is for one without"

NOISY = "the update has noise, and the bias thresholds are for one without"


def kinks_unknown(parts: Sequence[str]) -> str:
    """Why it is not known whether thresholds hold: parts of the network, or the loss."""
    return f"kinks of {', '.join(parts)} are not seen, if there are any"


# -- Trainings ------------------------------------------------------------------------------------


def trained_network(trained: Trained) -> TrainedNetwork:
    """The record of a training."""
    return TrainedNetwork(
        loss=trained.train_loss,
        test_loss=trained.test_loss,
        test_accuracy=trained.test_accuracy,
        correct=None if trained.correct is None else trained.correct.cpu().numpy(),
        diverged=trained.diverged,
        largest_weight=_largest([trained.weights, *trained.snapshots.values()]),
        curve=Curve(
            steps=trained.curve.steps,
            train_loss=trained.curve.train_loss,
            test_accuracy=trained.curve.test_accuracy,
        ),
    )


def _largest(weights: Sequence[Tensor]) -> float:
    """Largest size of a weight in any of some networks."""
    return max(float(w.abs().max()) for w in weights)


def predicted_network(
    problem: Problem, w: Tensor, *, diverged: bool, gradients: int
) -> PredictedNetwork:
    """The record of a predicted training.

    Args:
        problem: Network, loss and data, as the chip computes them.
        w: Predicted weights as they are read, shape ``(N,)``.
        diverged: Whether the training is predicted to diverge.
        gradients: Gradients that the forecast took.
    """
    end = Outcome.of(problem, w, diverged=diverged)
    return PredictedNetwork(
        loss=end.loss,
        test_loss=end.test_loss,
        test_accuracy=end.test_accuracy,
        correct=None if end.correct is None else end.correct.cpu().numpy(),
        diverged=end.diverged,
        largest_weight=_largest([w]),
        gradients=gradients,
    )


# -- Points ---------------------------------------------------------------------------------------


def point_result(point: PointMeasurement, looks: int = 1) -> PointResult:
    """The record of a point of a rate network.

    Args:
        point: What was measured there.
        looks: Points that are looked at, which agree together at 99 %.
    """
    predicted, measured, spectrum = point.predicted, point.measured, point.spectrum
    return PointResult(
        step=point.step,
        step_size=point.step_size,
        loss=point.loss,
        programmed_loss=point.programmed_loss,
        grad_norm=point.grad_norm,
        reference_norm=None if point.follows_gradient else point.reference_norm,
        smoothing=None,
        moments=_moments(point),
        curvature=CurvatureResult(
            trace=point.trace.value,
            trace_error=point.trace.error,
            trace_method=point.trace.method,
            lambda_max=spectrum.lambda_max,
            lambda_min=spectrum.lambda_min,
            frobenius=spectrum.frobenius.value,
            frobenius_error=spectrum.frobenius.error,
            anisotropy=point.anisotropy,
            anisotropy_hessian=point.hessian_anisotropy,
            spectrum=SpectrumResult(
                eigenvalues=spectrum.eigenvalues.tolist(), weights=spectrum.weights.tolist()
            ),
        ),
        delta_loss=LossChange(
            relative_to="clean step",
            predicted=predicted.total,
            predicted_ci=predicted.ci,
            predicted_bias=predicted.bias,
            predicted_variance=predicted.variance.value,
            predicted_variance_white=predicted.variance_white,
            predicted_kinks=predicted.kinks.value,
            predicted_kinks_ci=predicted.kinks.ci,
            kinks=_kinks(point.kinks),
            measured=measured.value,
            measured_ci=measured.ci,
            difference_ci=point.difference_ci,
            truncation=point.truncation,
            agree=point.agrees(looks),
            draws=measured.draws,
            samples=measured.samples,
        ),
        descent=Descent(
            exact_margin=predicted.exact_margin,
            exact_margin_ci=predicted.exact_margin_ci,
            noise_threshold=point.noise_threshold,
            bias_ratio=point.bias_ratio,
            bias_ratio_ci=point.bias_ratio_ci,
            bias_threshold_published=point.bias_threshold_published,
            bias_threshold_safe=point.bias_threshold_safe,
            noise_threshold_holds=point.noise_threshold_holds,
            bias_threshold_holds=point.bias_threshold_holds,
            thresholds_reason=_reason(
                (not point.follows_gradient, OTHER_UPDATE),
                (point.kinks.exists, KINKS_UNSEEN),
                (bool(point.unknown_kinks), kinks_unknown(point.unknown_kinks)),
                (point.bias_detected, BIASED),
                (point.has_noise, NOISY),
            ),
        ),
        contributions=tuple(
            ContributionResult(
                effect=part.name,
                label=part.label,
                predicted_without=part.predicted_without,
                saves=part.saves,
                share=part.share,
            )
            for part in point.contributions
        ),
    )


def _reason(*reasons: tuple[bool, str]) -> str | None:
    """Those that are so, why thresholds do not hold; None where none is."""
    return "; ".join(reason for is_so, reason in reasons if is_so) or None


def with_arrays(
    point: PointResult, conversion: Conversion | None, cancellation: Cancellation | None
) -> PointResult:
    """The record of a point with what was measured at the chip's arrays, as far as it has them."""
    found = {
        "conversion": None if conversion is None else _conversion(conversion),
        "cancellation": None if cancellation is None else _cancellation(cancellation),
    }
    return point.model_copy(update=found)


def _conversion(found: Conversion) -> ConversionResult:
    return ConversionResult(
        inputs=_converted(found.inputs, found.input_range),
        sums=_converted(found.sums, found.output_range),
    )


def _converted(tally: Tally, reach: float | None) -> ConvertedResult:
    return ConvertedResult(
        range=reach,
        largest=tally.largest,
        clipped=tally.part_clipped,
        clipping_error=tally.clipping_error,
        rounding_error=tally.rounding_error,
    )


def _cancellation(found: Cancellation) -> CancellationResult:
    return CancellationResult(
        samples=found.samples,
        batches=found.batches,
        ratio=found.ratio.value,
        ratio_ci=found.ratio.ci,
        median=found.median.value,
        median_ci=found.median.ci,
    )


def _kinks(kinks: KinkTerm) -> KinksResult | None:
    if kinks.method == "none":
        return None
    return KinksResult(method=kinks.method, units=kinks.places.units, at_kink=kinks.places.at_kink)


def _moments(point: PointMeasurement) -> MomentsResult:
    moments = point.moments
    return MomentsResult(
        b=moments.b,
        b_ci=moments.b_ci,
        total_variance=moments.total_variance,
        total_variance_ci=moments.total_variance_ci,
        inverse_noise_ratio=moments.inverse_noise_ratio,
        gain=moments.gain,
        gain_ci=moments.gain_ci,
        cosine=moments.cosine,
        cosine_ci=moments.cosine_ci,
        bias_parallel=moments.bias_parallel,
        bias_orthogonal=moments.bias_orthogonal,
        draws=moments.draws,
        closed_form=_closed_form(point),
    )


def _closed_form(point: PointMeasurement) -> ClosedForm | None:
    closed, moments = point.closed_form, point.moments
    if closed is None:
        return None
    bias = float((closed.mean + moments.gradient).norm())
    return ClosedForm(b=bias / moments.num_parameters**0.5, total_variance=closed.total_variance)


def smoothed_point_result(point: SmoothedPoint, looks: int = 1) -> PointResult:
    """The record of a point of a spiking network; what is not measured is None."""
    reference, predicted = point.reference, point.predicted
    margin = predicted.times(1.0 / point.step_size)
    return PointResult(
        step=point.step,
        step_size=point.step_size,
        loss=point.loss,
        programmed_loss=point.programmed_loss,
        grad_norm=reference.grad_norm,
        smoothing=SmoothingResult(
            s=reference.std,
            loss=point.smoothed_loss.value,
            series=tuple(
                _reference(each) for each in sorted((reference, *point.series), key=lambda r: r.std)
            ),
        ),
        moments=_smoothed_moments(point.moments, reference),
        curvature=CurvatureResult(
            trace=point.trace.value,
            trace_error=point.trace.error,
            trace_method=point.trace.method,
            lambda_max=None,
            lambda_min=None,
            frobenius=None,
            frobenius_error=None,
            anisotropy=point.anisotropy,
            spectrum=None,
        ),
        delta_loss=LossChange(
            relative_to="start",
            predicted=predicted.value,
            predicted_ci=predicted.ci,
            predicted_bias=None,
            predicted_mean=point.predicted_mean.value,
            predicted_variance=point.predicted_variance.value,
            predicted_variance_white=white_variance_term(
                point.moments.total_variance,
                point.trace.value,
                point.moments.num_parameters,
                point.step_size,
            ),
            measured=point.measured.value,
            measured_ci=point.measured.ci,
            difference_ci=point.difference_ci,
            agree=point.agrees(looks),
            draws=point.measured.draws,
        ),
        descent=Descent(
            exact_margin=margin.value,
            exact_margin_ci=margin.ci,
            noise_threshold=point.noise_threshold,
            bias_ratio=point.bias_ratio,
            bias_ratio_ci=point.bias_ratio_ci,
            bias_threshold_published=None,
            bias_threshold_safe=None,
            noise_threshold_holds=point.noise_threshold_holds,
            thresholds_reason=_reason(
                (not point.follows_gradient, OTHER_UPDATE), (point.bias_detected, BIASED)
            ),
        ),
        contributions=(),
    )


def _smoothed_moments(moments: Moments, reference: Reference) -> MomentsResult:
    known = math.isfinite(reference.cosine)
    orthogonal = max(0.0, 1.0 - reference.cosine**2) if known else math.nan
    return MomentsResult(
        b=reference.b,
        b_ci=reference.b_ci,
        total_variance=moments.total_variance,
        total_variance_ci=moments.total_variance_ci if moments.total_variance > 0 else (0.0, 0.0),
        inverse_noise_ratio=moments.total_variance**0.5 / reference.grad_norm,
        gain=reference.gain,
        gain_ci=reference.gain_ci,
        cosine=reference.cosine,
        cosine_ci=reference.cosine_ci,
        bias_parallel=(reference.gain - 1.0) * reference.grad_norm,
        bias_orthogonal=(orthogonal * max(0.0, reference.mean_square.value)) ** 0.5,
        draws=moments.draws,
        closed_form=None,
    )


def _reference(reference: Reference) -> ReferenceResult:
    return ReferenceResult(
        s=reference.std,
        grad_norm=reference.grad_norm,
        b=reference.b,
        b_ci=reference.b_ci,
        gain=reference.gain,
        gain_ci=reference.gain_ci,
        cosine=reference.cosine,
        cosine_ci=reference.cosine_ci,
    )
