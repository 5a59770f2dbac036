"""What is measured and predicted at one point of the clean training; intervals at 99 %."""

from __future__ import annotations

from typing import Literal

from neurograd.records.record import Ends, Number, Record


class ClosedForm(Record):
    """The models' own moments, where they are known."""

    b: Number
    total_variance: Number


class MomentsResult(Record):
    """Moments of the chip's update (Eq. 1)."""

    b: Number
    """Bias per weight ‖bias‖/√N."""
    b_ci: Ends
    """Its interval, which starts at 0 where no bias was detected."""
    total_variance: Number
    """σ²f(N), trace of the covariance of the update."""
    total_variance_ci: Ends
    inverse_noise_ratio: Number
    """√(σ²f(N))/‖g‖; None (null in JSON) at a zero gradient."""
    gain: Number
    """⟨mean, −g⟩/‖g‖²: 1 is the right step."""
    gain_ci: Ends
    cosine: Number
    """Cosine of the mean update and −g; None (null in JSON) where the mean is lost in noise."""
    cosine_ci: Ends | None = None
    """Its interval; None for a rate network."""
    bias_parallel: Number
    """Part of the bias along the gradient, a pure gain."""
    bias_orthogonal: Number
    """Length of the rest of the bias."""
    draws: int
    """Updates that were drawn."""
    closed_form: ClosedForm | None


class SpectrumResult(Record):
    """Eigenvalues of the Hessian, or of its quadrature, with how many of them each stands for."""

    eigenvalues: tuple[float, ...]
    weights: tuple[float, ...]


class CurvatureResult(Record):
    """The Hessian; None (null in JSON) for what a smoothed loss does not give."""

    trace: Number
    trace_error: Number
    """Standard error of the trace."""
    trace_method: str
    lambda_max: Number
    lambda_min: Number
    frobenius: Number
    """ψ, the Frobenius norm."""
    frobenius_error: Number
    anisotropy: Number
    """N·Tr(HΣ)/(Tr H · Tr Σ): 1 for white noise; None (null in JSON) without noise."""
    spectrum: SpectrumResult | None


class LossChange(Record):
    """The loss change of one step, predicted (Lemma 2.1) and measured."""

    relative_to: Literal["clean step", "start"]
    predicted: Number
    """Sum of all predicted terms."""
    predicted_ci: Ends
    predicted_bias: Number
    """What the bias causes; None for a spiking network."""
    predicted_mean: Number = None
    """What the mean update causes; None for a rate network."""
    predicted_variance: Number
    """What the noise causes, ½Δt²Tr(HΣ)."""
    predicted_variance_white: Number
    """The same if the noise were white (Eq. 3)."""
    measured: Number
    measured_ci: Ends
    difference_ci: Ends
    """Interval of measured − predicted."""
    agree: bool | None
    """Whether it holds 0."""
    draws: int
    """Updates whose loss was evaluated."""


class Descent(Record):
    """Whether the expected step goes down, and the thresholds of Theorems 3.1 and 3.2."""

    exact_margin: Number
    """Predicted loss change of the expected step over Δt: below 0 is descent."""
    exact_margin_ci: Ends
    noise_threshold: Number
    """Curvature from which noise prevents descent (Theorem 3.1, Eq. 7)."""
    bias_ratio: Number
    """r = b√N/‖g‖; None (null in JSON) at a gradient of 0 or lost in noise."""
    bias_ratio_ci: Ends
    bias_threshold_published: Number
    """Bound on r as printed (Theorem 3.2, Eq. 8)."""
    bias_threshold_safe: Number
    """Bound on r that guarantees descent (corrected Theorem 3.2)."""


class ContributionResult(Record):
    """What one effect adds to the predicted loss change of a step."""

    effect: str
    label: str
    predicted_without: Number
    """Predicted loss change of the chip without it."""
    share: Number
    """Part of the prediction that goes with it; None (null in JSON) for a prediction of 0."""


class ReferenceResult(Record):
    """The mean update against the gradient of the loss smoothed with s."""

    s: float
    """Standard deviation of the smoothing noise in weight units."""
    grad_norm: Number
    """Length of that gradient; None (null in JSON) where it is lost in noise."""
    b: Number
    b_ci: Ends
    gain: Number
    gain_ci: Ends
    cosine: Number
    cosine_ci: Ends


class SmoothingResult(Record):
    """The smoothed loss that a spiking network's update is measured against."""

    s: float
    loss: Number
    series: tuple[ReferenceResult, ...]
    """The same for several s, smallest first."""


class PointResult(Record):
    """One point of the clean training."""

    step: int
    """Steps of the clean training before it."""
    loss: Number
    """Loss of the clean network there."""
    programmed_loss: Number
    """Loss after its weights are programmed into the chip."""
    grad_norm: Number
    """‖g‖; None (null in JSON) where it is lost in noise."""
    smoothing: SmoothingResult | None
    """None for a rate network."""
    moments: MomentsResult
    curvature: CurvatureResult
    delta_loss: LossChange
    descent: Descent
    contributions: tuple[ContributionResult, ...]
    """Effects by what they add, largest first; empty where closed forms are missing."""


class MeasuredPoint(Record):
    """A point as a stage keeps it."""

    point: PointResult
    frozen_excess_loss: Number
    """Excess loss at the end of the training by the theory of many steps around this point."""
