"""The verdict's reasons: one plain sentence each, from the numbers of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.judge.verdict import Verdict
from neurograd.records.cost import JudgedCost
from neurograd.records.point import PointResult
from neurograd.records.report import CheckReport
from neurograd.words import capital, confidence, percent

_ROUNDING = 1e-9
_UNKNOWN = "an unknown part"


def explain(report: CheckReport, effects: Sequence[str]) -> list[str]:
    """Sentences that give the reasons of a verdict, the deciding one first.

    Args:
        report: The report, whose own reasons are not looked at.
        effects: What sets the chip apart from the ideal one, as a sentence calls it.
    """
    sentences = [
        *_trust(report),
        _cost(report, effects),
        *_diverged(report),
        *_frozen(report),
        *_culprit(report),
        *_largest(report),
        *_prediction(report),
        *_at_kink(report),
        *_descent(report),
        *_many_steps(report),
    ]
    if report.quick:
        sentences.append(
            "This was a quick look with fewer steps, chips and draws: run it in full to decide."
        )
    return sentences


def _trust(report: CheckReport) -> list[str]:
    """Why no verdict can be given, where none can."""
    training = report.training
    sentences = []
    if not training.cost.clean_learned:
        reached = percent(training.clean.test_accuracy, missing=_UNKNOWN)
        what = (
            f"reaches only {reached} test accuracy"
            if training.cost.is_accuracy
            else "hardly lowers its loss"
        )
        sentences.append(
            f"The clean network itself {what}, so there is nothing that a chip could lose: "
            "give it more steps or another step size."
        )
    if training.chip.chips < 2:
        sentences.append(
            "Only one chip was trained, which tells nothing about another one: set "
            "training.seeds to 2 or more."
        )
    return sentences


def _cost(report: CheckReport, effects: Sequence[str]) -> str:
    cost = report.training.cost
    subject = capital(effects[0] if len(effects) == 1 else "the chip")
    allowed = percent(cost.allowed)
    if not math.isfinite(cost.value):
        return f"{subject} makes the training diverge; allowed is a cost of {allowed}."
    sentence = (
        f"{subject} costs {percent(cost.value)}{_unit(cost)} ({_ends(cost)}), allowed {allowed}"
    )
    if report.verdict is Verdict.INCONCLUSIVE and cost.clean_learned:
        return f"{sentence}: the interval holds the limit, so more chips or samples must decide."
    return f"{sentence}."


def _unit(cost: JudgedCost) -> str:
    return " accuracy" if cost.is_accuracy else " of the decrease of the loss"


def _ends(cost: JudgedCost) -> str:
    low, high = (percent(end, unit="", missing="unbounded") for end in cost.ci)
    return f"{low} to {high} at {confidence(cost.confidence)} confidence"


def _diverged(report: CheckReport) -> list[str]:
    chip = report.training.chip
    return [f"{chip.diverged} of {chip.chips} chips diverged in training."] if chip.diverged else []


def _frozen(report: CheckReport) -> list[str]:
    """Where the chip realizes nothing of what it is asked for."""
    still = [point.step for point in report.points if _is_frozen(point)]
    if not still:
        return []
    return [
        f"At {_steps(still)} no weight moves: every increment is too small for the chip to write."
    ]


def _is_frozen(point: PointResult) -> bool:
    gain = point.moments.gain
    return gain is not None and abs(gain) < _ROUNDING and point.moments.total_variance == 0


def _culprit(report: CheckReport) -> list[str]:
    """The effect without which the whole training is predicted to cost least."""
    guide = report.mitigation
    if guide is None or not guide.effects or guide.whole.verdict is Verdict.TOLERATED:
        return []
    part, whole = guide.effects[0], guide.whole.value
    diverges = not math.isfinite(whole)
    low_end = guide.whole.ci[0]
    if not diverges and not (math.isfinite(low_end) and low_end > 0):
        return []
    low, _ = part.saves_ci
    # Without a number both ways: without this effect nothing diverges.
    known = diverges if part.saves is None else low is not None and low > 0
    if not known or not math.isfinite(part.without.value):
        return [f"No single effect is predicted to be the cause of the {guide.noun}."]
    start = f"Without {part.label} the predicted {guide.noun} would be"
    if diverges:
        return [f"{start} {percent(part.without.value)}; with it the training diverges."]
    return [f"{start} {percent(part.without.value)} instead of {percent(whole)}."]


def _largest(report: CheckReport) -> list[str]:
    """The effect without which the worst step would cost least."""
    points = [point for point in report.points if point.contributions and _predicted(point) > 0]
    if not points:
        return []
    worst = max(points, key=_predicted)
    part = worst.contributions[0]
    if part.share is None or part.share <= 0:
        return []
    share = percent(min(1.0, part.share))
    if report.mitigation is not None:
        # What one step costs need not be what the training costs.
        return [
            f"In a single step at step {worst.step}, {part.label} is the largest part: "
            f"without it the predicted cost would fall by {share}."
        ]
    return [
        f"{capital(part.label)} is its largest part: without it the predicted cost of a step at "
        f"step {worst.step} would fall by {share}."
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
    return [
        f"Predicted and measured loss change of a step agree at {agree} of {len(points)} points; "
        f"they differ most at step {worst.step}, by {percent(_miss(worst), missing=_UNKNOWN)} of "
        f"the predicted terms ({_digits(delta.predicted)} predicted, {_digits(delta.measured)} "
        "measured): terms beyond the second order matter there."
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


def _digits(value: float | None) -> str:
    return "no finite value" if value is None else f"{value:.3g}"


def _descent(report: CheckReport) -> list[str]:
    """Where the expected step still goes down."""
    rising: list[int] = []
    falling: list[int] = []
    unknown: list[int] = []
    for point in report.points:
        low, high = point.descent.exact_margin_ci
        if _is_frozen(point):
            continue
        if low is None or high is None or low <= 0 <= high:
            unknown.append(point.step)
        else:
            (rising if low > 0 else falling).append(point.step)
    if not rising and not falling and not unknown:
        return []
    if not rising and not unknown:
        return ["The expected step through the chip lowers the loss at every measured point."]
    if rising:
        stays = report.verdict is Verdict.TOLERATED
        yet = ", yet the trained chips stay within the limit." if stays else "."
        return [
            "Set on the clean network's weights, the chip's expected step raises the loss at "
            f"{_steps(rising)}: it leaves the clean network's path there{yet}"
        ]
    return [f"At {_steps(unknown)} it is not known whether the expected step lowers the loss."]


def _many_steps(report: CheckReport) -> list[str]:
    """Whether the forecast of the training agrees with the training."""
    forecast = report.training.forecast
    if forecast is None:
        return []
    cost, measured = forecast.cost, report.training.cost
    if not cost.known:
        return ["The forecast without training says that the training diverges."]
    sentence = (
        f"The forecast without training was {percent(cost.value)}{_unit(cost)} ({_ends(cost)}): "
        f"{forecast.verdict.value}"
    )
    if not measured.known:
        return [f"{sentence}."]
    apart = cost.ci[0] > measured.ci[1] or measured.ci[0] > cost.ci[1]
    return [f"{sentence}{', which training does not confirm' if apart else ''}."]


def _steps(steps: Sequence[int]) -> str:
    shown = ", ".join(str(step) for step in steps)
    return f"step{'s' if len(steps) > 1 else ''} {shown}"
