"""How far each number may move, as tables and sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurograd import words
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import Interval
from neurograd.records.limits import DesignChangeResult, LimitResult, OppositeLimit, TriedValue
from neurograd.records.report import LimitsReport
from neurograd.report.content.sheet import Column, Sheet, percent

_COLOURS = {
    "confirmed": "green",
    "agrees": "green",
    "not confirmed": "bold red",
    "unclear": "yellow",
}
_STATUS = {
    "open": "none found",
    "hopeless": "not enough alone",
    "best": "not what limits",
    "undecided": "not decided",
}
_DIGITS = 12
"""Digits of the code's digest that are shown; the JSON has all."""
TRAINING_SAYS = {
    "confirmed": "training confirms it",
    "agrees": "training agrees, but its intervals hold the limit",
    "not confirmed": "training does NOT confirm it",
    "unclear": "training cannot tell",
}
"""What training says of a limit, by the status of its confirmation."""


def training_says(row: LimitResult) -> str:
    """What training says of a number's limit; empty where none was trained."""
    if row.training is None:
        return ""
    nearer = "" if row.opposite is None else " (the nearer limit; the other one was not trained)"
    return f"{TRAINING_SAYS[row.training.status]}{nearer}"


_KINDS = {"accuracy_drop": "test accuracy lost", "excess_loss": "loss not gained"}


def limits_heading(report: LimitsReport) -> str:
    """One line: how large the network is, what the spec costs as it is, and what is allowed."""
    now = report.now
    weights = words.counted(report.num_parameters, "weight")
    return (
        f"{weights}; {_KINDS[now.kind]} {_as_it_is(report)}, "
        f"allowed {words.typed_percent(now.allowed)}"
    )


def limits_warnings(report: LimitsReport) -> list[str]:
    """What is to be known of all limits, one sentence each."""
    now, found = report.now, []
    says = f"The forecast says '{now.verdict.value}' of the spec as it is"
    if {now.verdict, report.verdict} == {Verdict.TOLERATED, Verdict.NOT_TOLERATED}:
        found.append(
            f"{says}, which training contradicts: the limits below are predicted, and as "
            "uncertain as that."
        )
    elif now.verdict is not report.verdict:
        found.append(
            f"{says}, training '{report.verdict.value}': the limits below are predicted, at the "
            "present value as well."
        )
    if not now.clean_learned:
        found.append("The clean network learned nothing that a chip could lose.")
    return found


def limits_scope(report: LimitsReport) -> str:
    """What the curves rest on, in one line: chips, seed and code, as far as they were kept."""
    chips = report.spec.get("training", {}).get("seeds")
    seed = report.spec.get("measure", {}).get("seed")
    looks = () if report.trained is None else report.trained.looks
    parts = [
        "" if chips is None else f"predicted for {words.counted(chips, 'chip')}",
        f"trained as it is with {looks[-1].chips}" if looks else "",
        "" if seed is None else f"seed {seed}",
        "" if report.code is None else f"code {report.code[:_DIGITS]}",
    ]
    return words.capital(", ".join(part for part in parts if part)) + "."


def verdict_label(report: LimitsReport) -> str:
    """What the verdict of the spec as it is is called; older reports have a predicted one."""
    return "Predicted verdict" if report.trained is None else "Verdict"


@dataclass(frozen=True)
class _Row:
    """One limit of a number: the nearer one, or that on the other side."""

    number: LimitResult
    limit: LimitResult | OppositeLimit


def _limits_of(number: LimitResult) -> list[LimitResult | OppositeLimit]:
    return [number] if number.opposite is None else [number, number.opposite]


def numbers_sheet(report: LimitsReport) -> Sheet[_Row]:
    """Each number with its limit and with what is predicted and trained there.

    A limit on the other side of the present value has a row of its own.
    """
    columns: tuple[Column[_Row], ...] = (
        Column("what", lambda row: row.number.label, text=True),
        Column("now", lambda row: row.number.now_shown),
        Column("tolerated to", lambda row: _cells(row)[0]),
        Column("cost", lambda row: _cells(row)[1]),
        Column("lost from", lambda row: _cells(row)[2]),
        Column("cost", lambda row: _cells(row)[3]),
        Column("training", _status, text=True, colour=lambda row: _COLOURS.get(_status(row), "")),
    )
    title = "How far each number may move, with the cost that is predicted there"
    rows = tuple(_Row(each, other) for each in report.numbers for other in _limits_of(each))
    return Sheet(title, columns, rows)


def limit_sentences(report: LimitsReport) -> list[str]:
    """The limits in one line each, with what training gave there."""
    found = [
        f"{each.sentence}{_training(each, report.confidence)}"
        for each in report.numbers
        if each.status != "best"
    ]
    harmless = [each.label for each in report.numbers if each.status == "best"]
    if harmless:
        found.append(f"as harmless as they can be: {words.listed(harmless)}")
    return found


def remedies_sheet(report: LimitsReport) -> Sheet[DesignChangeResult] | None:
    """What else would change the cost; None where nothing was tried."""
    if not report.remedies:
        return None
    accuracies: tuple[Column[DesignChangeResult], ...] = (
        Column("clean accuracy", lambda row: percent(row.clean_accuracy)),
        Column("of chips", lambda row: percent(row.chip_accuracy)),
    )
    known = any(row.clean_accuracy is not None for row in report.remedies)
    columns: tuple[Column[DesignChangeResult], ...] = (
        Column("change", lambda row: row.label, text=True),
        Column("cost", lambda row: words.MISSING if row.cost is None else _cost(row.cost)),
        Column(
            f"at {words.confidence(report.confidence)}",
            lambda row: words.percent_interval(row.ci if _finite(row.cost) else None),
        ),
        *(accuracies if known else ()),
        Column("verdict", lambda row: row.verdict.value if row.verdict else "", text=True),
        Column("why", lambda row: row.problem or row.why, text=True),
    )
    title = "What else would change the cost, best first (predicted)"
    return Sheet(title, columns, report.remedies)


def _as_it_is(report: LimitsReport) -> str:
    """What the spec costs as it is: trained where it is, and predicted."""
    now, trained = report.now, report.trained
    # Of a clean network that has not learned, chips cannot lose a part.
    missing = "no training" if now.clean_learned else "nothing to lose"
    cost = words.ranged_percent(now.cost, now.ci, report.confidence, missing=missing)
    predicted = f"predicted {cost}"
    if now.time is not None:
        predicted += f" {words.after_programming(now.time)}"
    if trained is None:
        return predicted
    missing = "no training" if trained.clean_learned else "nothing to lose"
    measured = words.ranged_percent(trained.value, trained.ci, trained.confidence, missing=missing)
    after = report.trained_time
    where = "in training" if after is None else words.after_programming(after)
    return f"{measured} {where}, {predicted}"


def cost_in_words(value: float, ends: Interval, confidence: float) -> str:
    """A cost with its interval; one that is not finite is a chip that does not train."""
    return words.ranged_percent(value, ends, confidence, missing="no training")


def _cost(value: float | None) -> str:
    """A predicted cost; one that is not finite is a chip that does not train at all."""
    return percent(value) if _finite(value) else "no training"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _cells(row: _Row) -> list[str]:
    """Both numbers of a limit with the cost that is predicted there."""
    inside, outside = row.limit.inside, row.limit.outside
    if inside is None and outside is None:
        return [_STATUS[row.number.status], "", "", ""]
    return [*_tried(inside), *_tried(outside)]


def _tried(tried: TriedValue | None) -> list[str]:
    return ["not known", ""] if tried is None else [tried.shown, _cost(tried.cost)]


def _status(row: _Row) -> str:
    training = row.number.training
    if training is None:
        return ""
    return training.status if row.limit is row.number else "not trained"


def _training(row: LimitResult, confidence: float) -> str:
    """What training gave at the two numbers of a limit, in words."""
    training = row.training
    if training is None:
        return ""
    sides = ((row.inside, training.inside), (row.outside, training.outside))
    said = [
        f"{tried.shown} {trained.verdict.value}, "
        f"{trained.problem or cost_in_words(trained.cost, trained.ci, confidence)}"
        for tried, trained in sides
        if tried is not None and trained is not None
    ]
    return f"; {training_says(row)}: {'; '.join(said)}"
