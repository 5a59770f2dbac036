"""The predicted verdict, from networks whose training was predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from neurograd.judge.cost import Allowed, Baseline, Judgement, judge_chips
from neurograd.judge.networks import Predicted
from neurograd.judge.verdict import Bounds, Cost, judge

MODEL_ERROR = 0.7
"""Part of a predicted cost by which it may be off, below 1.

Tuned on 32 of the 63 chips of ``experiments.agreement``, drawn by a seed, and judged on the other
31: the bound of split conformal prediction at 5 % on what the intervals of prediction and training
leave unexplained (``experiments.support.forecasts.split``; a test holds it against the kept
record). Smaller promises chips that fail, larger leaves more of them inconclusive.
"""


@dataclass(frozen=True)
class Forecast:
    """A predicted verdict.

    Attributes:
        judgement: Verdict and cost; the interval covers chips, test samples and ``MODEL_ERROR``.
        clean_loss: Predicted training loss of the clean twin.
        clean_accuracy: Predicted test accuracy of the clean twin, None where undefined.
        chip_loss: Mean predicted training loss of the chips.
        chip_accuracy: Mean predicted test accuracy of the chips, None where undefined.
        diverged: Number of chips that are predicted to diverge.
        gradients: Gradients that all forecasts took together.
    """

    judgement: Judgement
    clean_loss: float
    clean_accuracy: float | None
    chip_loss: float
    chip_accuracy: float | None
    diverged: int
    gradients: int


def judge_forecasts(
    baseline: Baseline, allowed: Allowed, clean: Predicted, chips: Sequence[Predicted]
) -> Forecast:
    """The predicted verdict of chips against their predicted clean twin.

    Args:
        baseline: The network before it learns.
        allowed: What is allowed, and at which confidence.
        clean: The clean twin; errors of the method cancel, so it is predicted as well.
        chips: The chips, one or more.
    """
    count = len(chips)
    accuracies = [chip.test_accuracy for chip in chips if chip.test_accuracy is not None]
    accurate = clean.test_accuracy is not None
    return Forecast(
        judgement=_with_model_error(judge_chips(baseline, allowed, clean, chips), count),
        clean_loss=clean.loss,
        clean_accuracy=clean.test_accuracy,
        chip_loss=sum(chip.loss for chip in chips) / count,
        chip_accuracy=sum(accuracies) / count if accurate else None,
        diverged=sum(chip.diverged for chip in chips),
        gradients=clean.gradients + sum(chip.gradients for chip in chips),
    )


def widened(cost: Cost) -> Cost:
    """A predicted cost whose interval covers ``MODEL_ERROR`` as well."""
    if not math.isfinite(cost.value):
        return cost
    low, high = cost.ci
    extra = _model_error(cost)
    return replace(cost, ci=(low - extra, high + extra), chance=cost.ci)


def sign_known(cost: Cost) -> bool:
    """Whether chance leaves the sign of a widened cost: an error below 1 of it changes none."""
    if not math.isfinite(cost.value):
        return cost.value in (math.inf, -math.inf)
    low, high = cost.ci
    if cost.chance is not None:
        # An interval that was cut to what is possible tells no longer where chance ends.
        return cost.chance[0] > 0 or cost.chance[1] < 0
    extra = _model_error(cost)
    return low + extra > 0 or high - extra < 0


def _model_error(cost: Cost) -> float:
    """What a predicted cost, which is finite, may be off by."""
    return MODEL_ERROR * abs(cost.value)


def _with_model_error(judged: Judgement, chips: int) -> Judgement:
    """The interval widened by what the prediction itself may be off, and judged again."""
    wide = widened(judged.cost).within(*judged.possible)
    bounds = _widened_bounds(judged).within(*judged.possible)
    verdict = judge(bounds, judged.allowed, chips=chips, clean_learned=judged.clean_learned)
    excess = widened(judged.excess_loss)
    return replace(
        judged,
        verdict=verdict,
        cost=wide,
        bounds=bounds,
        excess_loss=excess,
        looks=(),
        needed_samples=None,
        needed_chips=None,
    )


def _widened_bounds(judged: Judgement) -> Bounds:
    """The bounds that decide, further apart by ``MODEL_ERROR``."""
    bounds, extra = judged.bounds, _model_error(judged.cost)
    return replace(bounds, lower=bounds.lower - extra, upper=bounds.upper + extra)
