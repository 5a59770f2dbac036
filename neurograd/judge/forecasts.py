"""The predicted verdict, from networks whose training was predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurograd.forecast.bursts import PathCheck
from neurograd.forecast.chip_end import Way
from neurograd.judge.cost import (
    HOPELESS,
    Allowed,
    Baseline,
    Judgement,
    judge_chips,
    mean_of_costs,
)
from neurograd.judge.looks import Plan, chance_to_decide
from neurograd.judge.networks import Network, Predicted
from neurograd.judge.verdict import Bounds, Cost, Verdict, judge

MODEL_ERROR = 0.7
"""Part of a predicted cost by which it may be off, below 1.

Tuned on 32 of the 63 chips of ``experiments.agreement``, drawn by a seed, and judged on the other
31: the bound of split conformal prediction at 5 % on what the intervals of prediction and training
leave unexplained (``experiments.support.forecasts.split``; a test holds it against the kept
record). Smaller promises chips that fail, larger leaves more of them inconclusive.
"""


@dataclass(frozen=True)
class AgedForecast:
    """What is predicted for one time after a training.

    Attributes:
        time: Seconds after programming.
        judgement: Verdict and cost, as those of the training before it.
        accuracy: Mean predicted test accuracy of the chips, None where undefined.
    """

    time: float
    judgement: Judgement
    accuracy: float | None


@dataclass(frozen=True)
class Forecast:
    """A predicted verdict.

    Attributes:
        judgement: Verdict and cost of the training; the interval covers chips, test samples and
            ``MODEL_ERROR``.
        clean_loss: Predicted training loss of the clean twin.
        clean_accuracy: Predicted test accuracy of the clean twin, None where undefined.
        chip_loss: Mean predicted training loss of the chips.
        chip_accuracy: Mean predicted test accuracy of the chips, None where undefined.
        diverged: Number of chips that are predicted to diverge.
        gradients: Gradients that all forecasts took together.
        deployment: Each time of a deployment; empty without one.
        counts: Whether the training was asked for, and counts in the verdict.
        chips: Number of chips that were predicted.
        path: Whether their paths hold; None where nobody asked.
        way: Which way the chips' forecasts took; None where nobody asked.
    """

    judgement: Judgement
    clean_loss: float
    clean_accuracy: float | None
    chip_loss: float
    chip_accuracy: float | None
    diverged: int
    gradients: int
    deployment: tuple[AgedForecast, ...] = ()
    counts: bool = True
    chips: int = 0
    path: PathCheck | None = None
    way: Way | None = None

    @property
    def verdict(self) -> Verdict:
        """That of the training and of every time after it."""
        return Verdict.of_all(part.verdict for part, _, _ in self._parts)

    @property
    def more(self) -> int | None:
        """Chips of the next look, where more of them are likely to decide; None where they are not.

        With a part that is not tolerated the verdict is known, whatever the others are.
        """
        if self.verdict is not Verdict.INCONCLUSIVE:
            return None
        asked = [part.more for part, _, _ in self._parts if part.more is not None]
        return min(asked) if asked else None

    @property
    def deciding(self) -> tuple[Judgement, float | None, float | None]:
        """The part whose cost is furthest above what it may be, or least below.

        Returns:
            Its judgement, its time after programming (None for the training) and the mean accuracy
            of the chips there.
        """
        return max(self._parts, key=lambda part: part[0].cost.value - part[0].allowed)

    @property
    def _parts(self) -> list[tuple[Judgement, float | None, float | None]]:
        aged = [(each.judgement, each.time, each.accuracy) for each in self.deployment]
        return [*([(self.judgement, None, self.chip_accuracy)] if self.counts else []), *aged]


def judge_forecasts(
    baseline: Baseline,
    allowed: Allowed,
    clean: Predicted,
    chips: Sequence[Predicted],
    plan: Plan | None = None,
) -> Forecast:
    """The predicted verdict of chips against their predicted clean twin.

    Args:
        baseline: The network before it learns.
        allowed: What is allowed, and at which confidence.
        clean: The clean twin; errors of the method cancel, so it is predicted as well.
        chips: The chips, one or more.
        plan: When the chips are looked at; once when None.
    """
    count = len(chips)
    return Forecast(
        judgement=_judged(baseline, allowed, clean, chips, plan),
        clean_loss=clean.loss,
        clean_accuracy=clean.test_accuracy,
        chip_loss=sum(chip.loss for chip in chips) / count,
        chip_accuracy=_mean_accuracy(chips),
        diverged=sum(chip.diverged for chip in chips),
        gradients=clean.gradients + sum(chip.gradients for chip in chips),
        chips=count,
    )


def judge_aged_forecasts(
    trained: Forecast,
    baseline: Baseline,
    allowed: Allowed,
    clean: Predicted,
    aged: Mapping[float, Sequence[Network]],
    *,
    trains: bool,
    plan: Plan | None = None,
) -> Forecast:
    """A forecast with what comes after the training.

    Args:
        trained: What is predicted for the training.
        baseline: The network before it learns.
        allowed: What a deployed chip may have lost.
        clean: The clean twin.
        aged: The chips at each time after they were programmed with the weights that training is
            predicted to end with.
        trains: Whether there is a training. Networks that are programmed as they come are not
            predicted: their costs have no error of a prediction.
        plan: When the chips are looked at; once when None.
    """
    parts = []
    for time, chips in aged.items():
        judged = (
            _judged(baseline, allowed, clean, chips, plan)
            if trains
            else judge_chips(baseline, allowed, clean, chips, plan)
        )
        parts.append(AgedForecast(time, judged, _mean_accuracy(chips)))
    return replace(trained, deployment=tuple(parts), counts=trains)


def _mean_accuracy(chips: Sequence[Network]) -> float | None:
    """Mean test accuracy, None where undefined."""
    accuracies = [chip.test_accuracy for chip in chips if chip.test_accuracy is not None]
    return sum(accuracies) / len(accuracies) if accuracies else None


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


def known_to_model_error(cost: Cost) -> bool:
    """Whether chance leaves a widened cost open by no more than the error of the prediction."""
    if not math.isfinite(cost.value):
        return sign_known(cost)
    low = cost.ci[0] + _model_error(cost) if cost.chance is None else cost.chance[0]
    return cost.value - low <= _model_error(cost)


def _model_error(cost: Cost) -> float:
    """What a predicted cost, which is finite, may be off by."""
    return MODEL_ERROR * abs(cost.value)


def _judged(
    baseline: Baseline,
    allowed: Allowed,
    clean: Predicted,
    chips: Sequence[Network],
    plan: Plan | None,
) -> Judgement:
    """The verdict of predicted chips, and how many more of them would be likely to decide it."""
    wide = _with_model_error(judge_chips(baseline, allowed, clean, chips, plan), len(chips))
    later = [] if plan is None else [size for size in plan.sizes if size > len(chips)]
    if wide.verdict is not Verdict.INCONCLUSIVE or not wide.clean_learned or not later:
        return wide
    mean = mean_of_costs(baseline, [clean] * len(chips), chips)
    error, extra = 1.0 - allowed.confidence, MODEL_ERROR * abs(mean.value)
    chance = chance_to_decide(mean, wide.allowed, later[-1], error, apart=extra)
    return replace(wide, more=later[0] if chance >= HOPELESS else None)


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
        more=None,
        needed_samples=None,
        needed_chips=None,
    )


def _widened_bounds(judged: Judgement) -> Bounds:
    """The bounds that decide, further apart by ``MODEL_ERROR``."""
    bounds, extra = judged.bounds, _model_error(judged.cost)
    return replace(bounds, lower=bounds.lower - extra, upper=bounds.upper + extra)
