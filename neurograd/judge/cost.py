"""What a chip costs against its clean twin, from trained or predicted networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurograd.judge.bounds import Mean, MeanOverChips, MeanOverTable
from neurograd.judge.looks import (
    Look,
    Plan,
    chance_to_decide,
    chips_needed,
    information_of,
    look_error,
    samples_needed,
)
from neurograd.judge.networks import Network, correct_table
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Bounds, Cost, Verdict, judge, mean_cost, mean_interval
from neurograd.measure.intervals import CONFIDENCE, Interval

CHANCE_MARGIN = 1.5
"""The clean network has learned when it beats chance this many times over."""

LEAST_LEARNED = 0.1
"""Least part of the first loss that clean networks have learned which have no accuracy."""

LOST = 1.0
"""Largest part of the decrease of the loss that one chip counts as lost: all of it.

A chip that ends above the loss of the untrained network, or that diverges, is of no more use than
the untrained one. Counted for more, a single one would decide the mean alone, and a mean without
end has no bounds.
"""

HOPELESS = 0.05
"""Chance of a decision at the last look below which no more chips are asked for."""


@dataclass(frozen=True)
class Allowed:
    """What the user accepts.

    Attributes:
        accuracy_drop: Largest drop of the test accuracy.
        excess_loss: Largest part of the decrease of the loss that may be lost.
        confidence: One-sided confidence at which a cost must be inside or outside.
    """

    accuracy_drop: float
    excess_loss: float
    confidence: float


@dataclass(frozen=True)
class Baseline:
    """A network that has learned nothing.

    Attributes:
        loss: Training loss before the first step.
        accuracy: Test accuracy of guessing the most frequent class, None without classes.
        nothing: Training loss of a network that says nothing; None where nobody asked.
    """

    loss: float
    accuracy: float | None
    nothing: float | None = None

    @property
    def untrained(self) -> Baseline:
        """The same for a network that has learned nothing, where the start was trained before."""
        if self.nothing is None or not self.nothing > self.loss:
            return self
        return replace(self, loss=self.nothing)


@dataclass(frozen=True)
class Undecided:
    """A mean that does not decide, from which it follows what would.

    Attributes:
        mean: The mean at the last look.
        limit: What it is held against.
        error: One-sided error rate of all looks together.
        plan: When the chips are looked at.
    """

    mean: Mean
    limit: float
    error: float
    plan: Plan

    @property
    def needed_chips(self) -> int | None:
        """Chips that would decide if mean and spread stay; None where no number is enough."""
        return chips_needed(self.mean, self.limit, self.error, self.plan)

    @property
    def needed_samples(self) -> int | None:
        """Test samples that would, with the most chips of the plan; None likewise."""
        if not isinstance(self.mean, MeanOverTable):
            return None
        return samples_needed(self.mean, self.limit, self.error, self.plan)


@dataclass(frozen=True)
class Judgement:
    """A verdict with the numbers that it rests on.

    Attributes:
        verdict: The answer.
        kind: ``accuracy_drop``, or ``excess_loss`` (part of the decrease of the loss that is lost,
            of each chip at most ``LOST``).
        cost: What the chips cost, with its two-sided interval at 99 %; NaN, as its bounds are,
            where a clean network has not lowered the loss that a part of is asked for.
        bounds: The one-sided bounds that decide.
        excess_loss: Training loss above the clean twin's, with its interval at 99 %.
        allowed: Largest cost that the targets allow.
        clean_learned: Whether the clean network has anything to lose.
        possible: Smallest and largest cost that there can be.
        looks: The looks at the chips so far, the last one at all of them.
        more: Chips of the next look, None where there is none: the verdict is known, the plan ends
            here, or more chips would hardly decide.
        test_samples: Number of test samples, None where the cost is not over samples.
        undecided: From what it follows how many chips or test samples would decide, which is work
            that most judgements are not asked for; None where the verdict is known, of a single
            chip and of a prediction.
    """

    verdict: Verdict
    kind: str
    cost: Cost
    bounds: Bounds
    excess_loss: Cost
    allowed: float
    clean_learned: bool
    possible: Interval = (-np.inf, np.inf)
    looks: tuple[Look, ...] = ()
    more: int | None = None
    test_samples: int | None = None
    undecided: Undecided | None = None

    @property
    def needed_samples(self) -> int | None:
        """Test samples that would decide with the most chips of the plan; None where none do."""
        return None if self.undecided is None else self.undecided.needed_samples

    @property
    def needed_chips(self) -> int | None:
        """Chips that would decide if mean and spread stay; None where none do."""
        return None if self.undecided is None else self.undecided.needed_chips

    @property
    def most(self) -> float:
        """The largest cost that there can be: 1 of an accuracy; a loss has no end."""
        return 1.0 if self.kind == "accuracy_drop" else math.inf


def judge_chips(
    baseline: Baseline,
    allowed: Allowed,
    clean: Network | Sequence[Network],
    chips: Sequence[Network],
    plan: Plan | None = None,
) -> Judgement:
    """Judge chips against their clean twins.

    Looks at the chips as a plan says, each time with those that were there then, so that the same
    chips give the same verdict whenever they were trained.

    Args:
        baseline: The network before it learned.
        allowed: What is allowed, and at which confidence.
        clean: The clean twin of all chips, or one of each, which then saw the same batches.
        chips: The chips, one or more.
        plan: When the chips are looked at; once when None.

    Raises:
        ValueError: If there are several clean twins, but not one of each chip.
    """
    twins = [*clean] if isinstance(clean, Sequence) else [clean] * len(chips)
    if len(twins) != len(chips):
        raise ValueError(f"{len(twins)} clean twins of {len(chips)} chips; allowed: one of each")
    plan = plan or Plan(len(chips), len(chips), 1)
    classified = twins[0].correct is not None
    limit = allowed.accuracy_drop if classified else allowed.excess_loss
    error, learned = 1.0 - allowed.confidence, has_learned(baseline, twins)
    looks: list[Look] = []
    sizes = [size for size in plan.sizes if size < len(chips)]
    for size in (*sizes, len(chips)):
        mean = mean_of_costs(baseline, twins[:size], chips[:size])
        looks.append(look_at(mean, looks, plan, error))
    possible = _possible(twins)
    bounds = Bounds(looks[-1].lower, looks[-1].upper, allowed.confidence).within(*possible)
    verdict = judge(bounds, limit, chips=len(chips), clean_learned=learned)
    later = [size for size in plan.sizes if size > len(chips)]
    open_ = learned and verdict is Verdict.INCONCLUSIVE
    known = open_ and len(chips) > 1
    hopeless = known and chance_to_decide(mean, limit, plan.most, error) < HOPELESS
    excess = [chip.loss - twin.loss for chip, twin in zip(chips, twins, strict=True)]
    samples = mean.samples if isinstance(mean, MeanOverTable) else None
    return Judgement(
        verdict=verdict,
        kind="accuracy_drop" if classified else "excess_loss",
        cost=mean_cost(mean.measured(), CONFIDENCE).within(*possible),
        bounds=bounds,
        excess_loss=mean_interval(excess, CONFIDENCE),
        allowed=limit,
        clean_learned=learned,
        possible=possible,
        looks=tuple(looks),
        more=later[0] if later and open_ and not hopeless else None,
        test_samples=samples,
        undecided=Undecided(mean, limit, error, plan) if known else None,
    )


def lost_decrease(baseline: Baseline, clean: Network, chip: Network) -> float:
    """Part of the clean training's decrease of the loss that a chip loses: ``lost_part``."""
    return lost_part(baseline.loss, clean.loss, chip.loss)


def lost_part(start: float, clean: float, loss: float) -> float:
    """Part of the decrease from one loss to a clean one that another loses, at most ``LOST``.

    NaN where the clean loss is not below the first one: no part of nothing can be lost.
    """
    return min((loss - clean) / (start - clean), LOST) if clean < start else math.nan


def mean_of_costs(baseline: Baseline, twins: Sequence[Network], chips: Sequence[Network]) -> Mean:
    """The mean cost of chips, each against its own twin."""
    if twins[0].correct is not None:
        lost = not any(math.isfinite(chip.loss) for chip in chips)
        return replace(MeanOverTable.of(correct_table(twins) - correct_table(chips)), lost=lost)
    pairs = zip(twins, chips, strict=True)
    costs = [lost_decrease(baseline, twin, chip) for twin, chip in pairs]
    return MeanOverChips.of_costs(costs, LOST)


def look_at(mean: Mean, before: Sequence[Look], plan: Plan, error: float) -> Look:
    """The look at the chips of a mean, after others at fewer of them.

    Args:
        mean: The mean over the chips of this look.
        before: The looks before, of fewer chips.
        plan: When chips are looked at.
        error: One-sided error rate of all looks together.
    """
    sizes = [*(look.chips for look in before), mean.chips]
    information = information_of(mean, sizes, plan.most)
    rate = look_error([look.error for look in before], information, error)
    if rate > 0:
        lower, upper = mean.bound(rate, -1), mean.bound(rate, 1)
    else:  # nothing new is known
        lower, upper = before[-1].lower, before[-1].upper
    return Look(mean.chips, mean.value, lower, upper, rate)


def _possible(twins: Sequence[Network]) -> Interval:
    """Costs that there can be: an accuracy stays within 0 and 1, and no chip loses beyond all.

    The clean accuracy is itself known from so many test samples only: what there is to lose ends
    where its interval does.
    """
    if twins[0].correct is None:
        return -np.inf, LOST
    table = correct_table(twins)
    samples = table.shape[1]
    low, high = proportion_interval(round(float(table.mean()) * samples), samples, CONFIDENCE)
    return low - 1.0, high


def has_learned(baseline: Baseline, twins: Sequence[Network]) -> bool:
    """Whether the clean networks have anything to lose: in the mean, and each of them some loss."""
    chance = baseline.accuracy
    accuracies = [twin.test_accuracy for twin in twins if twin.test_accuracy is not None]
    if not accuracies or chance is None:
        losses = [twin.loss for twin in twins]
        start = baseline.loss
        lower = start - LEAST_LEARNED * abs(start)  # a loss of one's own may begin below 0
        return max(losses) < start and float(np.mean(losses)) < lower
    return float(np.mean(accuracies)) > min(CHANCE_MARGIN * chance, 0.5 * (1 + chance))
