"""How well a network does, with one rule for networks that diverged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.problem import Problem


@dataclass(frozen=True)
class Outcome:
    """Losses and accuracy of a network.

    One that diverged gives no answer that could be relied on: its losses are infinite and all of
    its samples are wrong. What NaN outputs would be taken for is class 0, however frequent.

    Attributes:
        loss: Mean training loss, infinite where it diverged.
        test_loss: Mean test loss, infinite where it diverged; None without a test set.
        correct: Which test samples are classified correctly, shape ``(n,)``; None without a test
            set or classes.
    """

    loss: float
    test_loss: float | None
    correct: Tensor | None

    @property
    def diverged(self) -> bool:
        """Whether weights or loss were infinite or NaN."""
        return math.isinf(self.loss)

    @property
    def test_accuracy(self) -> float | None:
        """Part of the test set that is classified correctly; None where it is undefined."""
        return None if self.correct is None else float(self.correct.to(torch.float64).mean())

    @staticmethod
    def of(problem: Problem, w: Tensor, *, diverged: bool = False) -> Outcome:
        """Evaluate a network.

        Args:
            problem: Network, loss and data, as the chip computes them.
            w: Weights as they are read, shape ``(N,)``.
            diverged: Whether it is known to have diverged, whatever its last weights are.
        """
        if diverged or not bool(torch.isfinite(w).all()):
            return Outcome.lost(problem)
        loss = problem.loss(w)
        if not math.isfinite(loss):
            return Outcome.lost(problem)
        return Outcome(
            loss=loss,
            test_loss=problem.loss(w, "test") if problem.has_test else None,
            correct=problem.correct(w) if _is_classified(problem) else None,
        )

    @staticmethod
    def lost(problem: Problem) -> Outcome:
        """That of a network that diverged.

        Args:
            problem: Network, loss and data.
        """
        wrong = None
        if _is_classified(problem):
            targets = problem.data("test")[1]
            wrong = torch.zeros(len(targets), dtype=torch.bool, device=targets.device)
        return Outcome(
            loss=math.inf, test_loss=math.inf if problem.has_test else None, correct=wrong
        )


def _is_classified(problem: Problem) -> bool:
    return problem.has_test and problem.is_classification
