"""The verdict's reasons: one plain sentence each, from the numbers of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.explain.arrays import clipped
from neurograd.explain.cause import cause_of
from neurograd.explain.diagnostics import diagnostics, stands_still, steps_in_words
from neurograd.judge.verdict import Verdict
from neurograd.records.report import CheckReport
from neurograd.words import percent, ranged_percent

_UNKNOWN = "an unknown part"


def explain(
    report: CheckReport, effects: Sequence[str], remedies: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Sentences that give the reasons of a verdict, and those that stand beside them.

    The reasons in their order: why there is no verdict, where there is none; the cause; the cost
    and the bound that decided; what the converters clip; what to change first. Beside them:
    ``diagnostics``.

    Args:
        report: The report, whose own reasons are not looked at.
        effects: What sets the chip apart from the ideal one, as a sentence calls it.
        remedies: What makes each of them smaller, in the same order; none where nothing is to be
            said of them.
    """
    cause = cause_of(report.verdict, effects, report.mitigation).sentence
    deciding = [
        *_trust(report),
        *([cause] if cause and report.training.cost.clean_learned else []),
        _cost(report),
        *_diverged(report),
        *_frozen(report),
        *clipped(report),
        *_action(report, remedies),
    ]
    if report.quick:
        deciding.append(
            "This was a quick look with fewer steps, chips and draws: run it in full to decide."
        )
    return deciding, diagnostics(report)


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


def _cost(report: CheckReport) -> str:
    cost = report.training.cost
    allowed = percent(cost.allowed)
    if not math.isfinite(cost.value):
        return f"The training diverges on the chip, where {cost.a_noun} of {allowed} is allowed."
    measured = ranged_percent(cost.value, cost.ci, cost.confidence)
    sentence = f"The {cost.noun} is {measured}, where {allowed} is allowed"
    if report.verdict is Verdict.INCONCLUSIVE and cost.clean_learned:
        return f"{sentence}: the interval holds the limit, so more chips or samples must decide."
    return f"{sentence}."


def _diverged(report: CheckReport) -> list[str]:
    chip = report.training.chip
    return [f"{chip.diverged} of {chip.chips} chips diverged in training."] if chip.diverged else []


def _frozen(report: CheckReport) -> list[str]:
    """Where the chip realizes nothing of what it is asked for."""
    still = [point.step for point in report.points if stands_still(point)]
    if not still:
        return []
    return [
        f"At {steps_in_words(still)} no weight moves: every increment is too small for the chip "
        "to write."
    ]


def _action(report: CheckReport, remedies: Sequence[str]) -> list[str]:
    """The one thing to change first."""
    if report.verdict is Verdict.TOLERATED or not report.training.cost.clean_learned:
        return []
    guide = report.mitigation
    if guide is not None and (guide.effects or guide.tried):
        return [f"What to do first: {_inside(guide.advice[0])}"]
    if len(remedies) == 1:
        return [f"What to do first: {_inside(remedies[0])} (not tried)."]
    return []


def _inside(sentence: str) -> str:
    """A sentence as it stands after a colon."""
    return sentence[:1].lower() + sentence[1:]
