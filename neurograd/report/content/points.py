"""What is measured at the points of the clean training, as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neurograd import words
from neurograd.records.point import Descent, PointResult, ReferenceResult
from neurograd.records.record import Number
from neurograd.records.report import CheckReport
from neurograd.report.content.sheet import Column, Sheet, bound

STEP: Column[PointResult] = Column("step", lambda p: str(p.step), "step")
STEP_SIZE: Column[PointResult] = Column("Δt", lambda p: words.number(p.step_size), "step_size")

MOMENTS: tuple[Column[PointResult], ...] = (
    STEP,
    Column("loss", lambda p: words.number(p.loss), "loss"),
    Column("‖g‖", lambda p: words.number(p.grad_norm), "grad_norm"),
    Column("b", lambda p: bound(p.moments.b, p.moments.b_ci, p.grad_norm), "b"),
    Column("b, 99 %", lambda p: words.interval(p.moments.b_ci, scale=p.grad_norm), "b"),
    Column("σ²f(N)", lambda p: words.number(p.moments.total_variance), "total_variance"),
    Column("σ²f(N), 99 %", lambda p: words.interval(p.moments.total_variance_ci), "total_variance"),
    Column(
        "noise/‖g‖", lambda p: words.number(p.moments.inverse_noise_ratio), "inverse_noise_ratio"
    ),
    Column("gain", lambda p: words.number(p.moments.gain, scale=1.0), "gain"),
    Column("cosine", lambda p: words.number(p.moments.cosine, scale=1.0), "cosine"),
)


def _change(name: str) -> Callable[[PointResult], str]:
    """A part of the loss change: 0 where it is within the rounding error of the loss itself."""
    return lambda p: words.number(getattr(p.delta_loss, name), scale=p.loss)


LOSS_CHANGE: tuple[Column[PointResult], ...] = (
    STEP,
    Column("by bias", _change("predicted_bias"), "predicted_bias"),
    Column("by noise", _change("predicted_variance"), "predicted_variance"),
    Column("if white", _change("predicted_variance_white"), "predicted_variance_white"),
    Column("by kinks", _change("predicted_kinks"), "predicted_kinks"),
    Column("predicted ΔL", _change("predicted"), "predicted"),
    Column("measured ΔL", _change("measured"), "measured"),
    Column(
        "measured, 99 %",
        lambda p: words.interval(p.delta_loss.measured_ci, scale=p.loss),
        "measured",
    ),
    Column("agree", lambda p: words.yes_no(p.delta_loss.agree), "agree"),
)

THRESHOLDS: tuple[Column[PointResult], ...] = (
    STEP,
    Column("margin", lambda p: words.number(p.descent.exact_margin), "exact_margin"),
    Column("descent", lambda p: descends(p.descent), "exact_margin"),
    Column("λ max", lambda p: words.number(p.curvature.lambda_max), "lambda_max"),
    Column("λ min", lambda p: words.number(p.curvature.lambda_min), "lambda_min"),
    Column(
        "λ limit",
        lambda p: threshold(p.descent.noise_threshold, p.descent.noise_threshold_holds),
        "noise_threshold",
    ),
    Column("r", lambda p: bound(p.descent.bias_ratio, p.descent.bias_ratio_ci), "bias_ratio"),
    Column(
        "r safe",
        lambda p: threshold(p.descent.bias_threshold_safe, p.descent.bias_threshold_holds),
        "bias_threshold_safe",
    ),
    Column(
        "r printed",
        lambda p: threshold(p.descent.bias_threshold_published, p.descent.bias_threshold_holds),
        "bias_threshold_published",
    ),
    Column("Tr H", lambda p: words.number(p.curvature.trace), "trace"),
    Column("ψ", lambda p: words.number(p.curvature.frobenius), "frobenius"),
    Column("aniso.", lambda p: words.number(p.curvature.anisotropy), "anisotropy"),
)


def point_sheets(report: CheckReport) -> list[Sheet[PointResult]]:
    """What is measured at the points; none where nothing was."""
    if not report.points:
        return []
    falls = len({point.step_size for point in report.points}) > 1
    moments = (STEP, STEP_SIZE, *MOMENTS[1:]) if falls else MOMENTS
    return [
        Sheet(title, columns, report.points, turns=True)
        for title, columns in (
            ("Moments of the chip's update", moments),
            ("Cost of one step: predicted and measured", LOSS_CHANGE),
            ("Descent: margins and thresholds", THRESHOLDS),
        )
    ]


def threshold(value: Number, holds: bool | None) -> str:
    """A bound; in brackets where what it assumes of the loss is not so."""
    text = words.number(value)
    return f"({text})" if holds is False and value is not None else text


def descends(descent: Descent) -> str:
    """Whether the expected step lowers the loss, as far as the interval of the margin tells."""
    low, high = descent.exact_margin_ci
    if low is None or high is None:
        return words.MISSING
    return "yes" if high < 0 else "no" if low > 0 else "unclear"


@dataclass(frozen=True)
class SmoothedRow:
    """A point with one s of its smoothed loss."""

    point: PointResult
    reference: ReferenceResult


SMOOTHING: tuple[Column[SmoothedRow], ...] = (
    Column("step", lambda r: str(r.point.step), term="step"),
    Column("s", lambda r: words.number(r.reference.s), term="smoothing"),
    Column("‖g‖", lambda r: words.number(r.reference.grad_norm), term="grad_norm"),
    Column("b", lambda r: bound(r.reference.b, r.reference.b_ci), term="b"),
    Column("b, 99 %", lambda r: words.interval(r.reference.b_ci), term="b"),
    Column("gain", lambda r: words.number(r.reference.gain, scale=1.0), term="gain"),
    Column("cosine", lambda r: words.number(r.reference.cosine, scale=1.0), term="cosine"),
    Column("cosine, 99 %", lambda r: words.interval(r.reference.cosine_ci), term="cosine"),
)


def smoothing_sheet(report: CheckReport) -> Sheet[SmoothedRow] | None:
    """The bias as a function of s, one row a point and s; None for a rate network."""
    rows = tuple(
        SmoothedRow(point, reference)
        for point in report.points
        if point.smoothing is not None
        for reference in point.smoothing.series
    )
    if not rows:
        return None
    s = next(point.smoothing.s for point in report.points if point.smoothing is not None)
    note = (
        "A spiking network's loss has no gradient: the reference is that of the loss smoothed over "
        f"normal noise of the weights with s = {words.number(s)}, and ΔL is counted from the loss "
        "before the step."
    )
    title = "Bias against the gradient of the smoothed loss, by s"
    return Sheet(title, SMOOTHING, rows, note=note)
