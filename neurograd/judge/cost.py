"""What a chip costs against its clean twin, from trained or predicted networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neurograd.judge.verdict import Cost, Verdict, judge, mean_interval, mean_over_chips
from neurograd.pipeline.json_form import correct_table, number
from neurograd.problem import Problem
from neurograd.spec.schema import Targets

CHANCE_MARGIN = 1.5
"""The clean network has learned when it beats chance this many times over."""


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

    def cost_dict(self) -> dict[str, Any]:
        """The cost as JSON types."""
        return {
            "kind": self.kind,
            "value": self.cost.value,
            "ci": self.cost.ci,
            "confidence": self.cost.confidence,
            "allowed": self.allowed,
            "clean_learned": self.clean_learned,
        }


def judge_chips(
    problem: Problem,
    start_loss: float,
    clean: dict[str, Any],
    chips: list[dict[str, Any]],
    targets: Targets,
) -> Judgement:
    """Judge chips against their clean twin.

    Args:
        problem: Network, loss and data.
        start_loss: Training loss before the first step.
        clean: The clean twin's ``loss``, ``test_accuracy`` and ``correct`` (one digit a sample).
        chips: The same of every chip.
        targets: What is allowed, and at which confidence.
    """
    classified = clean["correct"] is not None
    confidence = targets.confidence
    end = number(clean["loss"])
    excess = mean_interval([number(chip["loss"]) - end for chip in chips], confidence)
    if classified:
        cost = mean_over_chips(correct_table([clean]) - correct_table(chips), confidence)
    else:
        decrease = max(start_loss - end, np.finfo(float).tiny)
        cost = mean_interval(
            [(number(chip["loss"]) - end) / decrease for chip in chips], confidence
        )
    allowed = targets.max_accuracy_drop if classified else targets.max_excess_loss
    learned = _learned(problem, start_loss, clean)
    return Judgement(
        verdict=judge(cost, allowed, chips=len(chips), clean_learned=learned),
        kind="accuracy_drop" if classified else "excess_loss",
        cost=cost,
        excess_loss=excess,
        allowed=allowed,
        clean_learned=learned,
    )


def _learned(problem: Problem, start_loss: float, clean: dict[str, Any]) -> bool:
    """Whether the clean network has anything to lose."""
    if clean["correct"] is None:
        return bool(clean["loss"] < 0.9 * start_loss)
    _, targets = problem.data("test")
    chance = float(torch.bincount(targets).max()) / len(targets)
    return bool(clean["test_accuracy"] > min(CHANCE_MARGIN * chance, 0.5 * (1 + chance)))
