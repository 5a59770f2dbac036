"""What is measured and predicted at one point of the clean training; intervals at 99 %."""

from __future__ import annotations

from typing import Literal

from neurograd.records.record import Ends, Number, Record


class ClosedForm(Record):
    """The models' own moments, where they are known."""

    b: Number
    """Bias per weight; None (null in JSON) where it is not finite."""
    total_variance: Number
    """σ²f(N); None (null in JSON) where it is not finite."""


class MomentsResult(Record):
    """Moments of the chip's update (Eq. 1)."""

    b: Number
    """Bias per weight ‖bias‖/√N; None (null in JSON) where it is not finite."""
    b_ci: Ends
    """Its interval, which starts at 0 where no bias was detected; None (null in JSON) for an end
    without bound."""
    total_variance: Number
    """σ²f(N), trace of the covariance of the update; None (null in JSON) where it is not finite."""
    total_variance_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    inverse_noise_ratio: Number
    """√(σ²f(N))/‖g‖, with an optimizer over its clean update; None (null in JSON) at a zero one."""
    gain: Number
    """⟨mean, −g⟩/‖g‖²: 1 is the right step; None (null in JSON) at a gradient of 0 or lost in
    noise."""
    gain_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    cosine: Number
    """Cosine of the mean update and −g; None (null in JSON) where the mean is lost in noise."""
    cosine_ci: Ends | None = None
    """Its interval; None in a rate network's older reports."""
    bias_parallel: Number
    """Part of the bias along the gradient, a pure gain; None (null in JSON) where it is not
    finite."""
    bias_orthogonal: Number
    """Length of the rest of the bias; None (null in JSON) where it is not finite."""
    draws: int
    """Updates that were drawn."""
    closed_form: ClosedForm | None
    """The models' own moments, None where they are not known."""


class SpectrumResult(Record):
    """Eigenvalues of the Hessian, or of its quadrature, with how many of them each stands for."""

    eigenvalues: tuple[float, ...]
    weights: tuple[float, ...]


class CurvatureResult(Record):
    """The Hessian; None (null in JSON) for what a smoothed loss does not give."""

    trace: Number
    """Tr H; None (null in JSON) where it is not finite."""
    trace_error: Number
    """Standard error of the trace; None (null in JSON) where it is not finite."""
    trace_method: str
    """``exact``, the name of an estimator, or ``smoothed``."""
    lambda_max: Number
    """Largest eigenvalue; None for a smoothed loss."""
    lambda_min: Number
    """Smallest eigenvalue; None for a smoothed loss."""
    frobenius: Number
    """ψ, the Frobenius norm; None for a smoothed loss."""
    frobenius_error: Number
    """Standard error of ψ; None for a smoothed loss."""
    anisotropy: Number
    """Cost of the noise over that of white noise, with kinks; None (null in JSON) without noise."""
    anisotropy_hessian: Number = None
    """The same without kinks, N·Tr(HΣ)/(Tr H · Tr Σ); None without noise and in older reports."""
    spectrum: SpectrumResult | None
    """Its eigenvalues; None for a smoothed loss."""


class KinksResult(Record):
    """Kinks of the network at one point, and how their cost was found."""

    method: Literal["step", "draws"]
    """A step without noise is followed as it is; a noisy one is averaged over draws."""
    units: int
    """Pre-activations, of all samples, that the loss depends on."""
    at_kink: int
    """How many of them are exactly at a kink, where the gradient itself is a choice of side."""


class LossChange(Record):
    """The loss change of one step, predicted (Lemma 2.1) and measured."""

    relative_to: Literal["clean step", "start"]
    """What the change is counted from: the loss after a clean step, or before the step."""
    predicted: Number
    """Sum of all predicted terms; None (null in JSON) where it is not finite."""
    predicted_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    predicted_bias: Number
    """What the bias causes; None for a spiking network."""
    predicted_mean: Number = None
    """What the mean update causes; None for a rate network."""
    predicted_variance: Number
    """What the noise causes, ½Δt²Tr(HΣ); None (null in JSON) where it is not finite."""
    predicted_variance_white: Number
    """The same if the noise were white (Eq. 3); None (null in JSON) where it is not finite."""
    predicted_kinks: Number = None
    """What the kinks add that the step crosses, noisy less clean; None where they do not apply."""
    predicted_kinks_ci: Ends = (None, None)
    """Its interval; None (null in JSON) for an end without bound."""
    kinks: KinksResult | None = None
    """Where the network's kinks are; None for a smooth or a spiking network."""
    measured: Number
    """The measured change; None (null in JSON) where it is not finite."""
    measured_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    difference_ci: Ends
    """Interval of measured − predicted; None (null in JSON) for an end without bound."""
    truncation: Number = None
    """What the prediction is known to leave out: the terms of the mean step beyond the second
    order, 0 where the remainder of shorter steps does not shrink as they do; 0 in a spiking
    network, None in older reports."""
    agree: bool | None
    """Whether the interval of measured − predicted holds what the prediction is known to leave out,
    at 99 % for all points together (Bonferroni); None where it is not known."""
    draws: int
    """Updates whose loss was evaluated."""
    samples: int | None = None
    """Training samples that each of them was judged on, about: parts of the training set take
    turns where all of them would take too long; None for a spiking network and in older
    reports."""


class Descent(Record):
    """Whether the expected step goes down, and the thresholds of Theorems 3.1 and 3.2."""

    exact_margin: Number
    """Predicted loss change of the expected step over Δt: below 0 is descent; None (null in JSON)
    where it is not finite."""
    exact_margin_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    noise_threshold: Number
    """Curvature from which noise prevents descent (Theorem 3.1, Eq. 7); None (null in JSON) at a
    gradient that is lost in noise."""
    bias_ratio: Number
    """r = b√N/‖g‖, with an optimizer over its clean update; None (null in JSON) at a gradient of 0
    or lost in noise."""
    bias_ratio_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    bias_threshold_published: Number
    """Bound on r as printed (Theorem 3.2, Eq. 8); None for a smoothed loss."""
    bias_threshold_safe: Number
    """Bound on r that guarantees descent (corrected Theorem 3.2); None for a smoothed loss."""
    noise_threshold_holds: bool | None = None
    """Whether Theorem 3.1 applies: not to a network with kinks, nor to an optimizer's update, nor
    to one in which a bias was detected; None where it is not known, such as where modules may have
    kinks that are not seen."""
    bias_threshold_holds: bool | None = None
    """The same of Theorem 3.2, in both of its forms, which is about a bias and no noise; None where
    it is not known."""
    thresholds_reason: str | None = None
    """Why one or both do not hold or are not known to; None where both do."""


class ContributionResult(Record):
    """What one effect adds to the predicted loss change of a step."""

    effect: str
    """Its name."""
    label: str
    """What a sentence calls it."""
    predicted_without: Number
    """Predicted loss change of the chip without it; None (null in JSON) where it is not finite."""
    saves: Number = None
    """That of the whole chip less it, both by closed forms (the prediction of the whole that stands
    beside the measurement is from draws); None in older reports and where it is not finite."""
    share: Number
    """Part of the prediction that goes with it; None (null in JSON) for a prediction of 0, and for
    all effects where some lower what others raise."""


def change_with(point: PointResult, part: ContributionResult) -> Number:
    """Predicted loss change with all effects that one of them is counted from.

    In reports that do not have it, the prediction that stands beside the measurement.
    """
    if part.saves is None or part.predicted_without is None:
        return point.delta_loss.predicted
    return part.predicted_without + part.saves


class ReferenceResult(Record):
    """The mean update against the gradient of the loss smoothed with s."""

    s: float
    """Standard deviation of the smoothing noise in weight units."""
    grad_norm: Number
    """Length of that gradient; None (null in JSON) where it is lost in noise."""
    b: Number
    """Bias per weight against it; None (null in JSON) where it is not finite."""
    b_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    gain: Number
    """⟨mean, −g⟩/‖g‖²; None (null in JSON) where g is lost in noise."""
    gain_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    cosine: Number
    """Cosine of the mean update and −g; None (null in JSON) where g is lost in noise."""
    cosine_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""


class SmoothingResult(Record):
    """The smoothed loss that a spiking network's update is measured against."""

    s: float
    """Standard deviation of the smoothing noise in weight units."""
    loss: Number
    """The smoothed loss; None (null in JSON) where it is not finite."""
    series: tuple[ReferenceResult, ...]
    """The same for several s, smallest first."""


class ConvertedResult(Record):
    """What one kind of converter makes of all values of one forward pass of the training set."""

    range: Number
    """Largest magnitude that it converts; None where it is matched to each vector."""
    largest: Number
    """Largest magnitude that came; None (null in JSON) where it is not finite."""
    clipped: float
    """Part of the values beyond the range, which are clipped."""
    clipping_error: Number
    """Root mean square of what clipping takes away, over that of the values; None (null in JSON)
    where it is not finite."""
    rounding_error: Number
    """The same of rounding to the levels; None (null in JSON) where it is not finite."""


class ConversionResult(Record):
    """What the converters do in one forward pass of the training set, by one read of the weights.

    Counts over all samples, not estimates.
    """

    inputs: ConvertedResult
    """Values that enter the arrays, through the DACs."""
    sums: ConvertedResult
    """Products that leave them, through the ADCs."""


class CancellationResult(Record):
    """κ = Σₙ|gₙ| / |Σₙgₙ| of the samples of a batch that are written one by one."""

    samples: int
    """Samples of a batch."""
    batches: int
    """Batches that were drawn; 1 where every batch is the same."""
    ratio: Number
    """Sum over weights of Σₙ|gₙ| over that of |Σₙgₙ|: how many times as many pulses the arrays get
    as the sums would take; None (null in JSON) where all sums cancel."""
    ratio_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""
    median: Number
    """Median over weights of each one's own κ, mean over batches; None (null in JSON) where half of
    the weights cancel altogether."""
    median_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""


class PointResult(Record):
    """One point of the clean training."""

    step: int
    """Steps of the clean training before it."""
    step_size: float | None = None
    """Δt of the update that comes next, behind the last step that of the last one; None in older
    reports, which have one Δt."""
    loss: Number
    """Loss of the clean network there; None (null in JSON) where it is not finite."""
    programmed_loss: Number
    """Loss after its weights are programmed into the chip; None (null in JSON) where it is not
    finite."""
    grad_norm: Number
    """‖g‖; None (null in JSON) where it is lost in noise."""
    reference_norm: Number = None
    """‖u‖ of the clean optimizer's own update, which b, gain, cosine and inverse_noise_ratio are
    against; None without an optimizer, where that is ‖g‖, for a spiking network, whose moments are
    against ∇L_s, and in older reports."""
    smoothing: SmoothingResult | None
    """None for a rate network."""
    moments: MomentsResult
    curvature: CurvatureResult
    delta_loss: LossChange
    descent: Descent
    contributions: tuple[ContributionResult, ...]
    """Effects by what they add, largest first; empty where closed forms are missing."""
    conversion: ConversionResult | None = None
    """What the converters clip and round; None for a chip without any, and in older reports."""
    cancellation: CancellationResult | None = None
    """How much cancels of what is written; None where batches are written whole, where nothing is
    to be written, and in older reports."""


class MeasuredPoint(Record):
    """A point as a stage keeps it."""

    point: PointResult
    frozen_excess_loss: Number
    """Excess loss at the end of the training by the theory of many steps around this point; None
    with a recipe or a schedule, and where epochs are shuffled."""
