"""The verdict's reasons: one plain sentence each, from the numbers of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]

_ROUNDING = 1e-9


def explain(report: Report, effects: Sequence[str]) -> list[str]:
    """Sentences that give the reasons of a verdict, the deciding one first.

    Args:
        report: The report with everything but its reasons, as JSON types.
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
        *_descent(report),
        *_many_steps(report),
    ]
    if report["quick"]:
        sentences.append(
            "This was a quick look with fewer steps, chips and draws: run it in full to decide."
        )
    return sentences


def percent(value: float | None) -> str:
    """A percentage with two digits that mean something, such as '3.1 %'."""
    if value is None or not math.isfinite(value):
        return "an unknown part"
    return f"{_decimal(100 * value)} %"


def _decimal(value: float) -> str:
    size = abs(value)
    digits = 0 if size >= 99.5 else 1
    text = f"{value:.{digits}f}"
    return text.replace("-0.0", "0.0") if float(text) == 0 else text


def _trust(report: Report) -> list[str]:
    """Why no verdict can be given, where none can."""
    cost, training = report["training"]["cost"], report["training"]
    sentences = []
    if not cost["clean_learned"]:
        what = (
            f"reaches only {percent(training['clean']['test_accuracy'])} test accuracy"
            if cost["kind"] == "accuracy_drop"
            else "hardly lowers its loss"
        )
        sentences.append(
            f"The clean network itself {what}, so there is nothing that a chip could lose: "
            "give it more steps or another step size."
        )
    if training["chip"]["chips"] < 2:
        sentences.append(
            "Only one chip was trained, which tells nothing about another one: set "
            "training.seeds to 2 or more."
        )
    return sentences


def _cost(report: Report, effects: Sequence[str]) -> str:
    cost = report["training"]["cost"]
    subject = effects[0] if len(effects) == 1 else "the chip"
    subject = subject[0].upper() + subject[1:]
    value, (low, high) = cost["value"], cost["ci"]
    allowed = percent(cost["allowed"])
    if value is None:
        return f"{subject} makes the training diverge; allowed is a cost of {allowed}."
    accuracy = cost["kind"] == "accuracy_drop"
    unit = " accuracy" if accuracy else " of the decrease of the loss"
    shown_low, shown_high = (_end(x) for x in (low, high))
    interval = f"({shown_low} to {shown_high} at {cost['confidence']:.0%} confidence)"
    sentence = f"{subject} costs {percent(value)}{unit} {interval}, allowed {allowed}"
    if report["verdict"] == "inconclusive" and cost["clean_learned"]:
        return f"{sentence}: the interval holds the limit, so more chips or samples must decide."
    return f"{sentence}."


def _end(value: float | None) -> str:
    return "unbounded" if value is None else _decimal(100 * value)


def _diverged(report: Report) -> list[str]:
    chip = report["training"]["chip"]
    if not chip["diverged"]:
        return []
    return [f"{chip['diverged']} of {chip['chips']} chips diverged in training."]


def _frozen(report: Report) -> list[str]:
    """Where the chip realizes nothing of what it is asked for."""
    still = [p["step"] for p in report["points"] if _is_frozen(p)]
    if not still:
        return []
    return [
        f"At {_steps(still)} no weight moves: every increment is too small for the chip to write."
    ]


def _is_frozen(point: dict[str, Any]) -> bool:
    moments = point["moments"]
    return bool(
        moments["gain"] is not None
        and abs(moments["gain"]) < _ROUNDING
        and moments["total_variance"] == 0
    )


def _culprit(report: Report) -> list[str]:
    """The effect without which the whole training is predicted to cost least."""
    guide = report["mitigation"]
    if guide is None or not guide["effects"] or guide["whole"]["verdict"] == "tolerated":
        return []
    part, whole = guide["effects"][0], guide["whole"]["value"]
    if whole is not None and not (guide["whole"]["ci"][0] or 0.0) > 0:
        return []
    low, _ = part["saves_ci"]
    # Null stands for infinity: without this effect nothing diverges.
    known = whole is None if part["saves"] is None else low is not None and low > 0
    noun = "accuracy drop" if guide["kind"] == "accuracy_drop" else "lost decrease of the loss"
    if not known or part["without"]["value"] is None:
        return [f"No single effect is predicted to be the cause of the {noun}."]
    start = f"Without {part['label']} the predicted {noun} would be"
    if whole is None:
        return [f"{start} {percent(part['without']['value'])}; with it the training diverges."]
    return [f"{start} {percent(part['without']['value'])} instead of {percent(whole)}."]


def _largest(report: Report) -> list[str]:
    """The effect without which the worst step would cost least."""
    points = [p for p in report["points"] if p["contributions"]]
    points = [p for p in points if (p["delta_loss"]["predicted"] or 0.0) > 0]
    if not points:
        return []
    worst = max(points, key=lambda p: p["delta_loss"]["predicted"])
    part = worst["contributions"][0]
    if part["share"] is None or part["share"] <= 0:
        return []
    share = min(1.0, part["share"])
    label = part["label"][0].upper() + part["label"][1:]
    if report["mitigation"] is not None:
        # What one step costs need not be what the training costs.
        return [
            f"In a single step at step {worst['step']}, {part['label']} is the largest part: "
            f"without it the predicted cost would fall by {percent(share)}."
        ]
    return [
        f"{label} is its largest part: without it the predicted cost of a step at step "
        f"{worst['step']} would fall by {percent(share)}."
    ]


def _prediction(report: Report) -> list[str]:
    """How far the second-order prediction may be trusted."""
    points = report["points"]
    if not points:
        return []
    agree = sum(bool(p["delta_loss"]["agree"]) for p in points)
    if agree == len(points):
        many = "the measured point" if agree == 1 else f"all {agree} measured points"
        return [f"Predicted and measured loss change of a step agree at {many}."]
    worst = max((p for p in points if not p["delta_loss"]["agree"]), key=_miss)
    delta = worst["delta_loss"]
    return [
        f"Predicted and measured loss change of a step agree at {agree} of {len(points)} points; "
        f"they differ most at step {worst['step']}, by {percent(_miss(worst))} of the predicted "
        f"terms ({_digits(delta['predicted'])} predicted, {_digits(delta['measured'])} measured): "
        "terms beyond the second order matter there."
    ]


def _miss(point: dict[str, Any]) -> float:
    """Distance of measurement and prediction, relative to the terms that the prediction sums."""
    delta = point["delta_loss"]
    measured, predicted = delta["measured"], delta["predicted"]
    if measured is None or predicted is None:
        return float("inf")
    first = delta["predicted_mean" if delta["predicted_bias"] is None else "predicted_bias"]
    terms = abs(first) + abs(delta["predicted_variance"])
    return float(abs(measured - predicted) / terms) if terms > 0 else float("inf")


def _digits(value: float | None) -> str:
    return "no finite value" if value is None else f"{value:.3g}"


def _descent(report: Report) -> list[str]:
    """Where the expected step still goes down."""
    rising: list[int] = []
    falling: list[int] = []
    unknown: list[int] = []
    for point in report["points"]:
        low, high = point["descent"]["exact_margin_ci"]
        if _is_frozen(point):
            continue
        if low is None or high is None or low <= 0 <= high:
            unknown.append(point["step"])
        else:
            (rising if low > 0 else falling).append(point["step"])
    if not rising and not falling and not unknown:
        return []
    if not rising and not unknown:
        return ["The expected step through the chip lowers the loss at every measured point."]
    if rising:
        yet = (
            ", yet the trained chips stay within the limit."
            if report["verdict"] == "tolerated"
            else "."
        )
        return [
            "Set on the clean network's weights, the chip's expected step raises the loss at "
            f"{_steps(rising)}: it leaves the clean network's path there{yet}"
        ]
    return [f"At {_steps(unknown)} it is not known whether the expected step lowers the loss."]


def _many_steps(report: Report) -> list[str]:
    """Whether the forecast of the training agrees with the training."""
    training = report["training"]
    forecast = training["forecast"]
    if forecast is None:
        return []
    cost, measured = forecast["cost"], training["cost"]
    unit = " accuracy" if cost["kind"] == "accuracy_drop" else " of the decrease of the loss"
    if cost["value"] is None or None in cost["ci"]:
        return ["The forecast without training says that the training diverges."]
    low, high = (_end(x) for x in cost["ci"])
    sentence = (
        f"The forecast without training was {percent(cost['value'])}{unit} ({low} to {high} at "
        f"{cost['confidence']:.0%} confidence): {forecast['verdict']}"
    )
    if measured["value"] is None or None in measured["ci"]:
        return [f"{sentence}."]
    apart = cost["ci"][0] > measured["ci"][1] or measured["ci"][0] > cost["ci"][1]
    return [f"{sentence}{', which training does not confirm' if apart else ''}."]


def _steps(steps: Sequence[int]) -> str:
    shown = ", ".join(str(step) for step in steps)
    return f"step{'s' if len(steps) > 1 else ''} {shown}"
