"""Trained chips as a report keeps them, so that two reports are compared chip by chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurograd.records.record import Number
from neurograd.records.report import CheckReport


@dataclass(frozen=True)
class KeptChip:
    """What ``neurograd.judge`` asks of a network, from a report.

    Attributes:
        loss: Training loss, infinite where it diverged.
        correct: Which test samples are classified correctly, None where undefined.
    """

    loss: float
    correct: np.ndarray | None

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on the test set, None where undefined."""
        return None if self.correct is None else float(self.correct.mean())


def kept_chips(report: CheckReport, time: float | None) -> list[KeptChip]:
    """The chips of a report, empty where it does not hold each of them.

    Args:
        report: What was found.
        time: Seconds after programming; the end of the training when None.
    """
    if time is not None:
        found = [part.correct for part in report.deployment if part.time == time]
        return [KeptChip(math.nan, _digits(row)) for row in (found[0] if found else ())]
    chips = report.training.chip
    ends = [_end(curve.train_loss) for curve in chips.curves]
    if report.training.cost.is_accuracy:
        if len(chips.correct) != len(ends):
            return []
        pairs = zip(ends, chips.correct, strict=True)
        return [KeptChip(loss, _digits(row)) for loss, row in pairs]
    return [KeptChip(loss, None) for loss in ends]


def _digits(row: str) -> np.ndarray:
    correct: np.ndarray = np.frombuffer(row.encode("ascii"), dtype=np.uint8) == ord("1")
    return correct


def _end(losses: Sequence[Number]) -> float:
    last = losses[-1] if losses else None
    return math.inf if last is None else last
