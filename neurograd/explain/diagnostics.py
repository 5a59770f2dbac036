"""What theory and measurement say beside a verdict, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.explain.arrays import cancelled
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import CONFIDENCE
from neurograd.records.point import PointResult, change_with
from neurograd.records.report import CheckReport
from neurograd.words import number, ranged_number, ranged_percent

_ROUNDING = 1e-9
_UNKNOWN = "no finite value"


def diagnostics(report: CheckReport) -> list[str]:
    """Sentences on single steps, on the theory and on the forecast; none of them decides.

    Args:
        report: The report, whose own reasons are not looked at.
    """
    return [
        *_largest(report),
        *_prediction(report),
        *_at_kink(report),
        *_descent(report),
        *cancelled(report),
        *_many_steps(report),
    ]


def stands_still(point: PointResult) -> bool:
    """Whether the chip realizes nothing of what it is asked for."""
    gain = point.moments.gain
    return gain is not None and abs(gain) < _ROUNDING and point.moments.total_variance == 0


def steps_in_words(steps: Sequence[int]) -> str:
    """'step 3' or 'steps 3, 7'."""
    shown = ", ".join(str(step) for step in steps)
    return f"step{'s' if len(steps) > 1 else ''} {shown}"


def _largest(report: CheckReport) -> list[str]:
    """The effect without which the worst step would cost least."""
    points = [point for point in report.points if point.contributions and _predicted(point) > 0]
    if not points:
        return []
    worst = max(points, key=_predicted)
    part = worst.contributions[0]
    if part.share is None or part.share <= 0:
        return []
    cost = (
        ranged_number(
            worst.delta_loss.predicted, worst.delta_loss.predicted_ci, CONFIDENCE, scale=worst.loss
        )
        if part.saves is None
        else number(change_with(worst, part), scale=worst.loss)
    )
    without = number(part.predicted_without, scale=worst.loss)
    return [
        f"In a single step at step {worst.step}, {part.label} is the largest part of the "
        f"predicted change of the loss: {cost} with it, {without} without."
    ]


def _predicted(point: PointResult) -> float:
    return point.delta_loss.predicted or 0.0


def _prediction(report: CheckReport) -> list[str]:
    """How far the second-order prediction may be trusted."""
    points = report.points
    if not points:
        return []
    agree = sum(bool(point.delta_loss.agree) for point in points)
    if agree == len(points):
        many = "the measured point" if agree == 1 else f"all {agree} measured points"
        return [f"Predicted and measured loss change of a step agree at {many}."]
    worst = max((point for point in points if not point.delta_loss.agree), key=_miss)
    delta = worst.delta_loss
    predicted = ranged_number(
        delta.predicted, delta.predicted_ci, CONFIDENCE, scale=worst.loss, missing=_UNKNOWN
    )
    measured = ranged_number(
        delta.measured, delta.measured_ci, CONFIDENCE, scale=worst.loss, missing=_UNKNOWN
    )
    return [
        f"Predicted and measured loss change of a step agree at {agree} of {len(points)} points; "
        f"they differ most at step {worst.step}: {predicted} predicted, {measured} measured. "
        "Terms beyond the second order and the kinks matter there."
    ]


def _at_kink(report: CheckReport) -> list[str]:
    """Where pre-activations are exactly at a kink, so that there is more than one gradient."""
    met = [p for p in report.points if p.delta_loss.kinks and p.delta_loss.kinks.at_kink]
    if not met:
        return []
    most = max(met, key=lambda p: p.delta_loss.kinks.at_kink if p.delta_loss.kinks else 0)
    kinks = most.delta_loss.kinks
    assert kinks is not None
    return [
        f"At step {most.step}, {kinks.at_kink} of {kinks.units} pre-activations are exactly at a "
        "kink, as blank inputs with biases of 0 are: the gradient itself is a choice of side there."
    ]


def _miss(point: PointResult) -> float:
    """Distance of measurement and prediction, relative to the terms that the prediction sums."""
    delta = point.delta_loss
    first = delta.predicted_mean if delta.predicted_bias is None else delta.predicted_bias
    if delta.measured is None or delta.predicted is None:
        return math.inf
    if first is None or delta.predicted_variance is None:
        return math.inf
    terms = abs(first) + abs(delta.predicted_variance) + abs(delta.predicted_kinks or 0.0)
    return abs(delta.measured - delta.predicted) / terms if terms > 0 else math.inf


def _descent(report: CheckReport) -> list[str]:
    """Where the expected step still goes down."""
    rising: list[int] = []
    falling: list[int] = []
    unknown: list[int] = []
    for point in report.points:
        low, high = point.descent.exact_margin_ci
        if stands_still(point):
            continue
        if low is None or high is None or low <= 0 <= high:
            unknown.append(point.step)
        else:
            (rising if low > 0 else falling).append(point.step)
    if not rising and not falling and not unknown:
        return []
    if not rising and not unknown:
        lowers = "The expected step through the chip lowers the loss at"
        if len(falling) == len(report.points):
            return [f"{lowers} every measured point."]
        return [
            f"{lowers} {steps_in_words(falling)}; no weight moves at the other measured points."
        ]
    if rising:
        stays = report.verdict is Verdict.TOLERATED
        yet = ", yet the trained chips stay within the limit." if stays else "."
        return [
            "Set on the clean network's weights, the chip's expected step raises the loss at "
            f"{steps_in_words(rising)}: it leaves the clean network's path there{yet}"
        ]
    at = steps_in_words(unknown)
    return [f"At {at} it is not known whether the expected step lowers the loss."]


def _many_steps(report: CheckReport) -> list[str]:
    """Whether the forecast of the training agrees with the training."""
    forecast = report.training.forecast
    if forecast is None:
        return []
    cost, measured = forecast.cost, report.training.cost
    if not cost.clean_learned:
        return ["The forecast without training says that the clean network learns nothing."]
    if not math.isfinite(cost.value):
        return ["The forecast without training says that the training diverges."]
    predicted = ranged_percent(cost.value, cost.ci, cost.confidence)
    apart = measured.known and (cost.ci[0] > measured.ci[1] or measured.ci[0] > cost.ci[1])
    # Of costs that are apart the verdicts may well be the same.
    mark = ", a size that training does not confirm" if apart else ""
    reason = "" if forecast.regime is None else f"; {forecast.regime.reason}"
    return [
        f"The forecast without training was {cost.a_noun} of {predicted}{mark}: "
        f"{forecast.verdict.value}{reason}."
    ]
