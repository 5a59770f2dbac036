"""What a number costs the clean network itself, of which a chip's cost knows nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from neurograd import words
from neurograd.errors import DivergenceError
from neurograd.judge.cost import lost_part
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.forecasting import baseline_of
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost, Tick
from neurograd.problem import Problem
from neurograd.spec import Spec


def predict_turned(
    outlook: Outlook, spec: Spec, turned: Spec, now: PredictedCost, tick: Tick | None = None
) -> PredictedCost:
    """What is predicted for a spec with a number changed, which also changes its clean twin.

    A twin that diverges leaves nothing to predict. One that gets worse by more than a chip may cost
    decides nothing where the chip costs it little: that is no limit of the chip.

    Args:
        outlook: What predicts.
        spec: The spec as it is.
        turned: The spec with the number changed.
        now: What is predicted for the spec as it is.
        tick: Told of progress.
    """
    try:
        found = outlook.predict(turned, tick)
    except DivergenceError as error:
        return _without_twin(now, str(error))
    if found.verdict is not Verdict.TOLERATED:
        return found
    worse = clean_gets_worse(spec, outlook.problem(spec), now, found)
    return replace(found, verdict=Verdict.INCONCLUSIVE, problem=worse) if worse else found


def clean_gets_worse(spec: Spec, problem: Problem, now: PredictedCost, found: PredictedCost) -> str:
    """How much worse a clean network is, where it loses more than a chip may; empty otherwise.

    Args:
        spec: The spec as it is, with its targets.
        problem: Its problem.
        now: What is predicted for the spec as it is.
        found: What is predicted for a change of it.
    """
    before, after = now.clean_accuracy, found.clean_accuracy
    if before is not None and after is not None:
        if before - after <= spec.targets.max_accuracy_drop:
            return ""
        what, ends = "test accuracy", (words.percent(before), words.percent(after))
    else:
        if not found.clean_loss > now.clean_loss:
            return ""
        start = baseline_of(problem).untrained.loss
        lost = lost_part(start, now.clean_loss, found.clean_loss)
        if not lost > spec.targets.max_excess_loss:
            return ""
        what, ends = "loss", (words.number(now.clean_loss), words.number(found.clean_loss))
    return f"the clean network gets worse itself: {what} {ends[1]} in place of {ends[0]}"


def twin_notes(tried: Sequence[PredictedCost]) -> list[str]:
    """At how many of the values that were tried the clean network itself decides nothing."""
    found = [each for each in tried if each.verdict is Verdict.INCONCLUSIVE and each.problem]
    if not found:
        return []
    return [
        f"{len(found)} of {len(tried)} values that were tried are not decided, whatever chips lose "
        f"there ({found[0].problem})."
    ]


def _without_twin(now: PredictedCost, problem: str) -> PredictedCost:
    """No number, of a spec whose clean training diverges."""
    return PredictedCost(
        math.inf, (math.inf, math.inf), Verdict.INCONCLUSIVE, now.allowed, None, None, now.kind,
        clean_learned=False, problem=" ".join(problem.split()), time=now.time,
    )  # fmt: skip
