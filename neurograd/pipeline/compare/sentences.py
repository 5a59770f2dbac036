"""What a comparison says: one plain sentence for each difference."""

from __future__ import annotations

from collections.abc import Sequence

from neurograd.explain.reasons import ways_to_decide
from neurograd.judge.difference import Answer
from neurograd.records.comparison import DifferenceResult
from neurograd.records.design import Task
from neurograd.words import (
    confidence,
    duration,
    listed,
    percent,
    percent_ends,
    ranged_percent,
    typed_percent,
)

_LOSES = {
    "accuracy_drop": "of test accuracy",
    "excess_loss": "of the decrease of A's clean loss",
}


def sentences(differences: Sequence[DifferenceResult], task: Task) -> tuple[str, ...]:
    """The answer at each time with the bound that decided, and what would decide it.

    Args:
        differences: What B costs more than A.
        task: That of both, or of A.
    """
    if not differences:
        return ("B and A are not told apart: there are no costs of one kind to compare.",)
    return tuple(_sentence(each, task, alone=len(differences) == 1) for each in differences)


def _sentence(found: DifferenceResult, task: Task, *, alone: bool) -> str:
    at = f"at {confidence(found.bound_confidence)}"
    measured = ranged_percent(found.value, found.ci, found.confidence)
    low = percent(found.lower_bound, beside=0.0)
    high = percent(found.upper_bound, beside=found.margin)
    margin = f"the margin is {typed_percent(found.margin)}"
    if found.answer is Answer.WORSE:
        decided = f"at least {low} by the one-sided bound {at}"
    elif found.answer is Answer.NOT_WORSE:
        decided = f"at most {high} by the one-sided bound {at}, and {margin}"
    else:
        bounds = found.lower_bound, found.upper_bound
        both = percent_ends(bounds, beside=(0.0, found.margin))
        decided = f"{both} by one-sided bounds {at} each, and {margin}"
    said = (
        "not told apart from A"
        if found.answer is Answer.NOT_TOLD_APART
        else f"{found.answer} than A"
    )
    lost = f"beyond A it loses {measured} {_LOSES[found.kind]}"
    return f"{_when(found, alone)} {said}: {lost}, {decided}.{_to_decide(found, task)}"


def _when(found: DifferenceResult, alone: bool) -> str:
    if found.time is not None:
        return f"{duration(found.time)} after programming B is"
    return "B is" if alone else "After training B is"


def _to_decide(found: DifferenceResult, task: Task) -> str:
    """What would tell two designs apart, if mean and spread stay as they are."""
    most = task.most_test_samples(found.test_samples)
    ways = ways_to_decide(found.needed_chips, found.needed_test_samples, most)
    return f" To decide: {listed(ways, 'or')}." if ways else ""
