"""Networks as they are judged: a loss, and which of the test samples are right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Judged:
    """What ``neurograd.judge`` asks of a network, trained or predicted."""

    loss: float
    correct: np.ndarray | None = None
    diverged: bool = False
    gradients: int = 7
    drawn: bool = False
    twin: Judged | None = None
    beside: tuple[Judged, ...] = ()

    @property
    def test_accuracy(self) -> float | None:
        return None if self.correct is None else float(self.correct.mean())


def right(count: int, samples: int = 100, loss: float = 0.1) -> Judged:
    """A network that classifies a number of the samples correctly."""
    return Judged(loss, np.arange(samples) < count)


LOST = Judged(math.inf, None, diverged=True)
