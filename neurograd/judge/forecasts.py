"""The predicted verdict, from networks whose training was predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from neurograd.forecast.bursts import LEVEL, PathCheck
from neurograd.forecast.chip_end import Way
from neurograd.forecast.regimes import Regime
from neurograd.judge.cost import (
    HOPELESS,
    Allowed,
    Baseline,
    Judgement,
    judge_chips,
    lost_decrease,
    mean_of_costs,
)
from neurograd.judge.looks import Plan, chance_to_decide
from neurograd.judge.networks import Network, Predicted
from neurograd.judge.prediction_error import (
    LOSS_ERROR,
    ends_with_error,
    error_of,
    error_of_prediction,
    widened,
)
from neurograd.judge.verdict import Verdict, judge

LOST_CHIP = 0.9
"""Part of the clean training's decrease of the loss that a chip has lost which learned nothing.

A pure number, as ``forecast.regimes.path_losses.GIVE_UP_ABOVE``. Smaller leaves more forecasts of
bad chips open, larger counts chips as learning that hardly do.
"""

LEARNING_CHIP = 0.5
"""The same of a chip, at most, that did learn.

A pure number, not tuned: chips that all lose about ``LOST_CHIP`` have a mean. Larger finds two
kinds of chips among these, smaller overlooks chips that are lost beside chips that lose much.
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
            ``MODEL_ERROR``. That of ``drawn`` chips has no ``MODEL_ERROR``, and that of a path in
            some ``regime`` is all that is possible.
        clean_loss: Predicted training loss of the clean twin, the mean over ``twins``.
        clean_accuracy: Likewise its test accuracy, None where undefined.
        chip_loss: Mean predicted training loss of the chips.
        chip_accuracy: Mean predicted test accuracy of the chips, None where undefined.
        diverged: Number of chips that are predicted to diverge.
        gradients: Gradients that all forecasts took together.
        deployment: Each time of a deployment; empty without one.
        counts: Whether the training was asked for, and counts in the verdict.
        chips: Number of chips that were predicted.
        path: Whether their paths hold; None where nobody asked.
        way: Which way the chips' forecasts took; None where nobody asked.
        regime: What keeps a path from describing the training; None where nothing does.
        twins: The clean twins of the chips, one of each, or the same one of all.
        drawn: Whether every update of chips and twins was drawn for itself, as in training.
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
    regime: Regime | None = None
    twins: tuple[Network, ...] = ()
    drawn: bool = False

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
        """The part that the verdict rests on most.

        One with the verdict's own answer, of these the one whose cost is furthest above what it may
        be, as ``records.cost.deciding_part`` has it: no cost stands beside another part's verdict.

        Returns:
            Its judgement, its time after programming (None for the training) and the mean accuracy
            of the chips there.
        """
        verdict = self.verdict
        own = [part for part in self._parts if part[0].verdict is verdict]
        return max(own or self._parts, key=lambda part: part[0].cost.value - part[0].allowed)

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
        clean: The clean twin of the first chip, with those of the others where they differ; errors
            of the method cancel, so they are predicted as well.
        chips: The chips, one or more.
        plan: When the chips are looked at; once when None.
    """
    count, drawn = len(chips), bool(_drawn_twins(chips))
    twins = twins_of(clean, chips)
    apart = twins[:1] if all(twin is twins[0] for twin in twins) else twins
    found = Forecast(
        judgement=_judged(baseline, allowed, twins, chips, plan, error_of(drawn)),
        clean_loss=sum(twin.loss for twin in apart) / len(apart),
        clean_accuracy=_mean_accuracy(apart),
        chip_loss=sum(chip.loss for chip in chips) / count,
        chip_accuracy=_mean_accuracy(chips),
        diverged=sum(chip.diverged for chip in chips),
        gradients=clean.gradients + sum(chip.gradients for chip in chips),
        chips=count,
        twins=tuple(twins),
        drawn=drawn,
    )
    regime = None if drawn else _some_lost(baseline, twins, chips)
    return found if regime is None else left_open(found, regime)


def looked_at(found: Forecast, path: PathCheck) -> Forecast:
    """A forecast with what bursts of real updates say of its paths.

    Where they leave the paths, nothing is known of their ends.
    """
    found = replace(found, path=path)
    if path.p_value is None or path.holds:
        return found
    if found.regime is not None:
        return left_open(found, found.regime)
    reason = (
        f"real updates from its weights leave the predicted path (p = {path.p_value:.2g}, below "
        f"{LEVEL:g})"
    )
    return left_open(found, Regime("path_left", reason, path.p_value, LEVEL))


def undecided(found: Forecast) -> Forecast:
    """A forecast that decides nothing, with the intervals that it has."""

    def no_verdict(judged: Judgement) -> Judgement:
        return replace(judged, verdict=Verdict.INCONCLUSIVE, more=None)

    aged = [replace(each, judgement=no_verdict(each.judgement)) for each in found.deployment]
    return replace(found, judgement=no_verdict(found.judgement), deployment=tuple(aged))


def left_open(found: Forecast, regime: Regime) -> Forecast:
    """A forecast whose path does not describe the training: all that is possible may be."""
    aged = [replace(each, judgement=_open(each.judgement)) for each in found.deployment]
    return replace(found, judgement=_open(found.judgement), deployment=tuple(aged), regime=regime)


def _open(judged: Judgement) -> Judgement:
    """A judgement that says nothing."""
    low, high = judged.possible
    return replace(
        judged,
        verdict=Verdict.INCONCLUSIVE,
        cost=replace(judged.cost, ci=(low, high), chance=(low, high)),
        excess_loss=replace(judged.excess_loss, ci=(-math.inf, math.inf), chance=None),
        bounds=replace(judged.bounds, lower=low, upper=high),
        more=None,
    )


def _drawn_twins(chips: Sequence[Predicted]) -> list[Network]:
    """The twins of chips whose every update was drawn; empty where that of one was not.

    Where nothing of a twin is random the first chip's is that of all of them.
    """
    twins = [chip.twin or chips[0].twin for chip in chips if chip.drawn]
    known = [twin for twin in twins if twin is not None]
    return known if len(known) == len(chips) else []


def twins_of(clean: Predicted, chips: Sequence[Predicted]) -> list[Network]:
    """The clean twin of each chip.

    Args:
        clean: That of the first chip, with those of others where they differ.
        chips: The chips; where twins differ, those that ``clean`` has none of have their own, and
            so have all of them where every update was drawn.

    Raises:
        ValueError: If a chip has none of those that differ.
    """
    drawn = _drawn_twins(chips)
    if drawn:
        return drawn
    known: dict[int, Network] = dict(enumerate((clean, *clean.beside)))
    twins = [known.get(index) or chip.twin for index, chip in enumerate(chips)]
    if clean.beside and None in twins:
        raise ValueError(f"chip {twins.index(None) + 1} has no clean twin, of those that differ")
    return [twin or clean for twin in twins]


def _some_lost(
    baseline: Baseline, twins: Sequence[Network], chips: Sequence[Predicted]
) -> Regime | None:
    """Whether some paths of chips learn nothing where others do."""
    # Trained start weights have little left to learn: what a chip loses of that is no measure.
    pairs = zip(twins, chips, strict=True)
    costs = [lost_decrease(baseline.untrained, *pair) for pair in pairs]
    lost = sum(not cost < LOST_CHIP for cost in costs)
    if not lost or not any(cost < LEARNING_CHIP for cost in costs):
        return None
    reason = (
        f"{lost} of {len(chips)} predicted chips learn next to nothing and others do: no mean "
        "describes them"
    )
    return Regime("some_chips_lost", reason, lost / len(chips), 0.0)


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
            _judged(baseline, allowed, trained.twins, chips, plan, error_of(trained.drawn))
            if trains
            else judge_chips(baseline, allowed, clean, chips, plan)
        )
        parts.append(AgedForecast(time, judged, _mean_accuracy(chips)))
    regime = trained.regime if trains else None
    found = replace(trained, deployment=tuple(parts), counts=trains, regime=regime)
    return found if regime is None else left_open(found, regime)


def _mean_accuracy(chips: Sequence[Network]) -> float | None:
    """Mean test accuracy, None where undefined."""
    accuracies = [chip.test_accuracy for chip in chips if chip.test_accuracy is not None]
    return sum(accuracies) / len(accuracies) if accuracies else None


def _judged(
    baseline: Baseline,
    allowed: Allowed,
    twins: Sequence[Network],
    chips: Sequence[Network],
    plan: Plan | None,
    error: float,
) -> Judgement:
    """The verdict of predicted chips, and how many more of them would be likely to decide it."""
    wide = with_error(judge_chips(baseline, allowed, twins, chips, plan), len(chips), error)
    later = [] if plan is None else [size for size in plan.sizes if size > len(chips)]
    if wide.verdict is not Verdict.INCONCLUSIVE or not wide.clean_learned or not later:
        return wide
    if len(chips) == 1:
        # Nothing is known of how chips differ.
        return replace(wide, more=later[0])
    mean = mean_of_costs(baseline, twins, chips)
    extra = error_of_prediction(mean.value, error, wide.most)
    rate = 1.0 - allowed.confidence
    chance = chance_to_decide(mean, wide.allowed, later[-1], rate, apart=extra)
    return replace(wide, more=later[0] if chance >= HOPELESS else None)


def with_error(judged: Judgement, chips: int, error: float) -> Judgement:
    """The interval widened by what the prediction itself may be off, and judged again.

    Args:
        judged: The judgement of predicted chips by chance alone.
        chips: Their number.
        error: Part by which the damage may be off.
    """
    most = judged.most
    wide = widened(judged.cost, error, most).within(*judged.possible)
    extra = error_of_prediction(judged.cost.value, error, most)
    ends = (judged.bounds.lower, judged.bounds.upper)
    lower, upper = ends_with_error(judged.cost.value, ends, extra)
    bounds = replace(judged.bounds, lower=lower, upper=upper).within(*judged.possible)
    verdict = judge(bounds, judged.allowed, chips=chips, clean_learned=judged.clean_learned)
    return replace(
        judged,
        verdict=verdict,
        cost=wide,
        bounds=bounds,
        excess_loss=widened(judged.excess_loss, LOSS_ERROR if error > 0.0 else 0.0, small=0.0),
        looks=(),
        more=None,
        undecided=None,
    )
