"""The verdict's reasons: one plain sentence each, from the numbers of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.effects.training_keys import SEEDS_ALLOWED
from neurograd.explain.arrays import clipped
from neurograd.explain.cause import cause_of
from neurograd.explain.diagnostics import diagnostics, stands_still, steps_in_words
from neurograd.judge.looks import Plan
from neurograd.judge.verdict import Verdict
from neurograd.records.cost import JudgedCost
from neurograd.records.report import CheckReport
from neurograd.words import (
    confidence,
    counted,
    listed,
    percent,
    percent_ends,
    ranged_percent,
    typed_percent,
)

FIRST = "What to do first:"
"""Begins the sentence about the one thing to change."""

NOTHING_GAINED = "of a loss that a clean network does not lower no part can be lost"
"""Why there is no cost where it is a part of the decrease of the loss."""

_UNKNOWN = "an unknown part"


def explain(
    report: CheckReport,
    effects: Sequence[str],
    remedies: Sequence[str] = (),
    window: str | None = None,
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
        window: The key of a weight window that may not hold what clean networks learn.
    """
    trained, deployed = report.training.cost, bool(report.deployment)
    cause = cause_of(
        report.verdict, effects, report.mitigation, window, trained, deployed=deployed
    ).sentence
    deciding = [
        *_trust(report),
        *([cause] if cause and report.training.cost.clean_learned else []),
        _cost(report),
        *_diverged(report),
        *_frozen(report),
        *clipped(report),
        *_action(report, remedies, window),
        *_quick(report),
    ]
    return deciding, diagnostics(report)


def around_deployment(report: CheckReport) -> tuple[list[str], list[str]]:
    """What is to be known where nothing is trained, before what a deployment costs and after it.

    These are the reasons of ``explain`` that are not about the training's own cost.

    Args:
        report: The report.
    """
    return _trust(report), [*_diverged(report), *clipped(report), *_quick(report)]


def _quick(report: CheckReport) -> list[str]:
    if not report.quick:
        return []
    return ["This was a quick look with fewer steps, chips and draws: run it in full to decide."]


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
        made = "programmed" if report.design.training.steps == 0 else "trained"
        sentences.append(
            f"Only one chip was {made}, which tells nothing about another one: set "
            "training.seeds to 2 or more."
        )
    return sentences


def _cost(report: CheckReport) -> str:
    """The cost with its interval, and the bound that decided."""
    cost = report.training.cost
    allowed = typed_percent(cost.allowed)
    if not math.isfinite(cost.value):
        if not cost.clean_learned:
            return f"There is no cost: {NOTHING_GAINED}."
        return f"The training diverges on the chip, where {cost.a_noun} of {allowed} is allowed."
    measured = ranged_percent(cost.value, cost.ci, cost.confidence)
    return f"The {cost.noun} is {measured}{decided(report.verdict, cost)}."


def decided(verdict: Verdict, cost: JudgedCost) -> str:
    """What follows the cost: the one-sided bound that decided, beside what is allowed."""
    allowed = typed_percent(cost.allowed)
    if cost.bound_confidence is None:
        return f", where {allowed} is allowed"
    at = f"at {confidence(cost.bound_confidence)}"
    low, high = (
        percent(bound, beside=cost.allowed) for bound in (cost.lower_bound, cost.upper_bound)
    )
    if verdict is Verdict.TOLERATED:
        return f": at most {high} by the one-sided bound {at}, within the {allowed} allowed"
    if verdict is Verdict.NOT_TOLERATED:
        return f": at least {low} by the one-sided bound {at}, above the {allowed} allowed"
    both = percent_ends((cost.lower_bound, cost.upper_bound), beside=(cost.allowed, cost.allowed))
    return f": {both} by one-sided bounds {at} each, and {allowed} is allowed"


def _diverged(report: CheckReport) -> list[str]:
    chip = report.training.chip
    if not chip.diverged:
        return []
    return [f"{chip.diverged} of {counted(chip.chips, 'chip')} diverged in training."]


def _frozen(report: CheckReport) -> list[str]:
    """Where the chip realizes nothing of what it is asked for."""
    still = [point.step for point in report.points if stands_still(point)]
    if not still:
        return []
    return [
        f"At {steps_in_words(still)} no weight moves: every increment is too small for the chip "
        "to write."
    ]


def _action(report: CheckReport, remedies: Sequence[str], window: str | None) -> list[str]:
    """The one thing to change first; of a cost that is not decided, what would decide it."""
    cost = report.training.cost
    if report.verdict is Verdict.TOLERATED or not cost.clean_learned:
        return []
    if report.verdict is Verdict.INCONCLUSIVE and cost.bound_confidence is not None:
        return _to_decide(report)
    guide = report.mitigation
    if guide is not None and (guide.effects or guide.tried):
        first = guide.first_change
        return [] if first is None else [f"{FIRST} {_inside(first)}"]
    if len(remedies) == 1 and window is None:
        return [f"{FIRST} {_inside(remedies[0])} (not tried)."]
    return []


def _to_decide(report: CheckReport) -> list[str]:
    """What it would take to decide, if mean and spread stay as they are."""
    training = report.training
    if training.chip.chips < 2:  # said already
        return []
    cost = training.cost
    most = report.design.task.most_test_samples(cost.test_samples)
    ways = ways_to_decide(cost.needed_chips, cost.needed_test_samples, most)
    if not ways:
        # A quick look has fewer chips than the spec allows, and says that it is one.
        return [] if report.quick else [_NO_CHIPS if cost.test_samples is None else _NEITHER]
    return [
        f"{FIRST} take more, as {training.chip.chips} chips do not decide; "
        f"{listed(ways, 'or')} would if mean and spread stay as they are."
    ]


_NO_CHIPS = (
    f"{FIRST} change the design; the cost is so close to the limit that no number of chips that "
    "the spec allows would decide."
)
_NEITHER = (
    f"{FIRST} change the design, or take more of both: neither more chips (training.max_seeds) "
    "alone nor more test samples (task.test_samples) alone would decide, as close to the limit as "
    "the cost is."
)


def ways_to_decide(chips: int | None, test_samples: int | None, most: int | None) -> list[str]:
    """Numbers of chips or of test samples that would decide if mean and spread stay as they are.

    Args:
        chips: Chips that are needed, None where no number of them is enough; more than the spec
            allows are no way.
        test_samples: Test samples, likewise.
        most: Most test samples that the task can have; None where that is not known.
    """
    ways = []
    if chips is not None and chips <= SEEDS_ALLOWED:
        ways.append(f"about {chips} chips (training.max_seeds)")
    if test_samples is not None:
        key = "more than the data have"
        if most is None or test_samples <= most:
            key = f"task.test_samples{', if the data have as many' if most is None else ''}"
        ways.append(f"about {test_samples} test samples ({key})")
    return ways


def unseen_chips(report: CheckReport, verdict: Verdict) -> list[str]:
    """How many of all chips may be worse than any that was looked at, where that is not in sight.

    The worst of N chips is no worse than a part ``1 − ε^(1/N)`` of all, but for a part ε of cases,
    whatever the costs are (Wilks, Ann. Math. Stat. 1941). Each look that may be the last has its
    share of ε, since it is chance that says at which number of chips looking ends. Bounds of a mean
    from chips that all happen to be good know nothing of such a part.

    Args:
        report: The report.
        verdict: Its verdict, over training and deployment.
    """
    cost, chips = report.training.cost, report.chips_looked_at
    if verdict is not Verdict.TOLERATED or cost.bound_confidence is None or not _vary(report):
        return []
    part = 1.0 - ((1.0 - cost.bound_confidence) / _looks(report)) ** (1.0 / chips)
    at = f"at {confidence(cost.bound_confidence)}"
    return [
        f"Up to {percent(part, significant=2)} of all chips, {at}, may be worse than each of the "
        f"{chips} that were looked at; the bounds of the mean know nothing of these."
    ]


def _looks(report: CheckReport) -> int:
    """How many looks at chips there might have been; 1 where a report does not say."""
    training = report.design.training
    if training.seeds is None or training.max_seeds is None or training.looks is None:
        return 1
    return len(Plan(training.seeds, training.max_seeds, training.looks).sizes)


def _vary(report: CheckReport) -> bool:
    """Whether chips differ from each other: where nothing is random, one is all of them."""
    chip = report.training.chip
    if len(set(chip.curves)) > 1 or len(set(chip.correct)) > 1:
        return True
    return any(
        len(set(aged.correct)) > 1 if aged.correct else aged.cost.ci[0] < aged.cost.ci[1]
        for aged in report.deployment
    )


def _inside(sentence: str) -> str:
    """A sentence as it stands after a colon."""
    return sentence[:1].lower() + sentence[1:]
