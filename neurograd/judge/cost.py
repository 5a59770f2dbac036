"""What a chip costs against its clean twin, from trained or predicted networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurograd.judge.networks import Network, correct_table
from neurograd.judge.verdict import Cost, Verdict, judge, mean_interval, mean_over_chips

CHANCE_MARGIN = 1.5
"""The clean network has learned when it beats chance this many times over."""


@dataclass(frozen=True)
class Allowed:
    """What the user accepts.

    Attributes:
        accuracy_drop: Largest drop of the test accuracy.
        excess_loss: Largest part of the decrease of the loss that may be lost.
        confidence: Confidence at which a cost must be inside or outside.
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
    """

    loss: float
    accuracy: float | None


@dataclass(frozen=True)
class Judgement:
    """A verdict with the numbers that it rests on.

    Attributes:
        verdict: The answer.
        kind: ``accuracy_drop``, or ``excess_loss`` (part of the decrease of the loss that is lost).
        cost: What the chips cost, with its interval.
        excess_loss: Training loss above the clean twin's, with its interval.
        allowed: Largest cost that the targets allow.
        clean_learned: Whether the clean network has anything to lose.
    """

    verdict: Verdict
    kind: str
    cost: Cost
    excess_loss: Cost
    allowed: float
    clean_learned: bool


def judge_chips(
    baseline: Baseline, allowed: Allowed, clean: Network, chips: Sequence[Network]
) -> Judgement:
    """Judge chips against their clean twin.

    Args:
        baseline: The network before it learned.
        allowed: What is allowed, and at which confidence.
        clean: The clean twin.
        chips: The chips, one or more.
    """
    classified = clean.correct is not None
    confidence = allowed.confidence
    excess = mean_interval([chip.loss - clean.loss for chip in chips], confidence)
    if classified:
        cost = mean_over_chips(correct_table([clean]) - correct_table(chips), confidence)
    else:
        decrease = loss_decrease(baseline, clean)
        cost = mean_interval([(chip.loss - clean.loss) / decrease for chip in chips], confidence)
    limit = allowed.accuracy_drop if classified else allowed.excess_loss
    learned = _learned(baseline, clean)
    return Judgement(
        verdict=judge(cost, limit, chips=len(chips), clean_learned=learned),
        kind="accuracy_drop" if classified else "excess_loss",
        cost=cost,
        excess_loss=excess,
        allowed=limit,
        clean_learned=learned,
    )


def loss_decrease(baseline: Baseline, clean: Network) -> float:
    """What the clean training gains, above 0."""
    return float(max(baseline.loss - clean.loss, np.finfo(float).tiny))


def _learned(baseline: Baseline, clean: Network) -> bool:
    """Whether the clean network has anything to lose."""
    chance = baseline.accuracy
    if clean.test_accuracy is None or chance is None:
        return clean.loss < 0.9 * baseline.loss
    return clean.test_accuracy > min(CHANCE_MARGIN * chance, 0.5 * (1 + chance))
