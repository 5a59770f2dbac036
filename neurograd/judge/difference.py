"""Two groups of chips side by side: is the second one worse than the first?

The cost of a chip here is what it loses against the first group's clean network, so that with
classes the difference of the costs is that of the test accuracies. Chips are pairs: chip k of each
group has the same seed, batches and test samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from neurograd.judge.bounds import Mean, MeanOverChips, MeanOverTable, MeanOverTies
from neurograd.judge.cost import HOPELESS, LOST, look_at, lost_part
from neurograd.judge.looks import Look, Plan, chance_to_decide, chips_needed, samples_needed
from neurograd.judge.networks import Network, correct_table
from neurograd.judge.verdict import Bounds, Cost, mean_cost
from neurograd.measure.intervals import CONFIDENCE


class Answer(StrEnum):
    """Answer of a comparison, with the exit code that stands for it."""

    NOT_WORSE = "not worse"
    WORSE = "worse"
    NOT_TOLD_APART = "not told apart"

    @property
    def exit_code(self) -> int:
        """0 not worse, 1 worse, 3 not told apart."""
        return {"not worse": 0, "worse": 1, "not told apart": 3}[self.value]


@dataclass(frozen=True)
class Terms:
    """What two groups of chips are held against.

    Attributes:
        kind: ``accuracy_drop``, or ``excess_loss`` where there are no classes.
        margin: Largest cost beyond the first group's that is no harm, 0 or more.
        confidence: One-sided confidence of each bound.
        start_loss: Training loss of the first group before it learned.
        clean_loss: Mean training loss of its clean networks.
        learned: Whether these have anything to lose.
    """

    kind: str
    margin: float
    confidence: float
    start_loss: float
    clean_loss: float
    learned: bool

    def lost(self, chip: Network) -> float:
        """Part of the clean decrease of the loss that a chip loses, at most ``cost.LOST``."""
        return lost_part(self.start_loss, self.clean_loss, chip.loss)

    def all_lost(self, chip: Network) -> bool:
        """Whether a chip has lost all: it diverged, or counts for as much."""
        if self.kind == "accuracy_drop":
            return math.isinf(chip.loss)
        return self.lost(chip) >= LOST


@dataclass(frozen=True)
class Difference:
    """What the second group costs more than the first, and what follows from it.

    Attributes:
        answer: The answer.
        terms: What was asked.
        cost: The difference of the costs with its two-sided interval.
        bounds: The one-sided bounds that decide.
        chips: Chips of each group that were looked at.
        paired: Whether they were looked at in pairs; otherwise from the two intervals alone.
        test_samples: Number of test samples, None where the cost is not over samples.
        looks: The looks so far, the last one at all pairs; empty where no pair was looked at.
        more: Chips of the next look, None where there is none.
        needed_chips: Chips that would decide if mean and spread stay; None where the answer is
            known or no number is enough.
        needed_samples: Test samples that would decide with the most chips of the plan; None
            likewise.
    """

    answer: Answer
    terms: Terms
    cost: Cost
    bounds: Bounds
    chips: int
    paired: bool
    test_samples: int | None = None
    looks: tuple[Look, ...] = ()
    more: int | None = None
    needed_chips: int | None = None
    needed_samples: int | None = None


def compare_chips(
    terms: Terms, first: Sequence[Network], second: Sequence[Network], plan: Plan | None = None
) -> Difference:
    """Compare chips in pairs, at each look of a plan with those that were there then.

    Worse is a second group whose lower bound is above 0; not worse is one whose upper bound is
    within the margin; otherwise they are not told apart. A true difference above 0 and within the
    margin may be called either.

    Args:
        terms: What they are held against.
        first: Chips of the first group, one or more.
        second: As many of the second, each beside its pair.
        plan: When the pairs are looked at; once when None.

    Raises:
        ValueError: If there are not as many of one as of the other.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} chips; allowed: as many of each")
    count = len(first)
    plan = plan or Plan(count, count, 1)
    error = 1.0 - terms.confidence
    looks: list[Look] = []
    for size in (*(size for size in plan.sizes if size < count), count):
        mean = _difference(terms, first[:size], second[:size])
        looks.append(look_at(mean, looks, plan, error))
    low, high = _possible(terms)
    bounds = Bounds(looks[-1].lower, looks[-1].upper, terms.confidence).within(low, high)
    answer = _answer(bounds, terms, count)
    open_ = answer is Answer.NOT_TOLD_APART and terms.learned
    known = open_ and count > 1
    # Either end of what is no harm decides where a bound passes it.
    ends = (0.0, terms.margin)
    chance = sum(chance_to_decide(mean, end, plan.most, error) for end in ends) if known else 1.0
    later = [size for size in plan.sizes if size > count]
    table = mean if isinstance(mean, MeanOverTable) else None
    samples = (
        [samples_needed(table, end, error, plan) for end in ends]
        if known and table is not None
        else []
    )
    chips = [chips_needed(mean, end, error, plan) for end in ends] if known else []
    return Difference(
        answer=answer,
        terms=terms,
        cost=mean_cost(mean.measured(), CONFIDENCE).within(low, high),
        bounds=bounds,
        chips=count,
        paired=True,
        test_samples=None if table is None else table.samples,
        looks=tuple(looks),
        more=later[0] if later and open_ and chance >= HOPELESS else None,
        needed_chips=_smallest(chips),
        needed_samples=_smallest(samples),
    )


def same_chips(terms: Terms, chips: Sequence[Network]) -> Difference:
    """The difference of chips from themselves, which is 0 and has no error."""
    correct = chips[0].correct
    return Difference(
        answer=Answer.NOT_WORSE,
        terms=terms,
        cost=Cost(0.0, (0.0, 0.0), CONFIDENCE),
        bounds=Bounds(0.0, 0.0, terms.confidence),
        chips=len(chips),
        paired=True,
        test_samples=None if correct is None else len(correct),
    )


def compare_intervals(terms: Terms, first: Cost, second: Cost, chips: int) -> Difference:
    """Compare two costs of which only the intervals are known, as if they had nothing in common.

    The ends of the difference lie as far from it as the root of the sum of squares of the distances
    of the costs' own ends (the method of variance estimates recovery: Zou and Donner, Statistics in
    Medicine 2008). Costs on the same test samples vary together, so that the interval is then too
    wide. Its ends decide, as one-sided bounds of half its error.

    Args:
        terms: What they are held against; its confidence is replaced.
        first: The first group's cost.
        second: The second one's, with an interval of the same confidence.
        chips: Chips of the smaller group.

    Raises:
        ValueError: If the intervals have two confidences.
    """
    if first.confidence != second.confidence:
        raise ValueError("intervals of two confidences; allowed: one")
    value = second.value - first.value
    below = math.hypot(second.value - second.ci[0], first.ci[1] - first.value)
    above = math.hypot(second.ci[1] - second.value, first.value - first.ci[0])
    low, high = _possible(terms)
    cost = Cost(value, (value - below, value + above), first.confidence).within(low, high)
    bounds = Bounds(*cost.ci, 0.5 * (1.0 + first.confidence))
    return Difference(_answer(bounds, terms, chips), terms, cost, bounds, chips, paired=False)


def _difference(terms: Terms, first: Sequence[Network], second: Sequence[Network]) -> Mean:
    """The mean of what each second chip costs more than its pair.

    Where the second chips cost more, what they lose may be skewed, and for an upper bound its
    spread grows as that of a cost does; where they cost less, there is nothing that would grow.
    Pairs that have all lost all do not differ, but do not say that no others would; nor do those of
    which one side has say that it always does.
    """
    mean: Mean
    sides = [all(terms.all_lost(chip) for chip in chips) for chips in (first, second)]
    if all(sides):
        return MeanOverTies(len(first), LOST)
    if terms.kind == "accuracy_drop":
        table = MeanOverTable.of(correct_table(first) - correct_table(second))
        mean = replace(table, lost=any(sides))
    else:
        pairs = zip(first, second, strict=True)
        costs = MeanOverChips.of_costs([terms.lost(b) - terms.lost(a) for a, b in pairs])
        mean = replace(costs, lost=any(sides))
    return mean if mean.value > 0 else mean.measured()


def _possible(terms: Terms) -> tuple[float, float]:
    return (-1.0, 1.0) if terms.kind == "accuracy_drop" else (-math.inf, math.inf)


def _answer(bounds: Bounds, terms: Terms, chips: int) -> Answer:
    if chips < 2 or not terms.learned:
        return Answer.NOT_TOLD_APART
    if bounds.lower > 0:
        return Answer.WORSE
    return Answer.NOT_WORSE if bounds.upper <= terms.margin else Answer.NOT_TOLD_APART


def _smallest(numbers: Sequence[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
