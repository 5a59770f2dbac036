"""The chips of a check and their clean twins, more of them from look to look."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from neurograd.pipeline.stages import Stages
from neurograd.records.training import TrainedNetwork


class ChipGroup:
    """Chips and their clean twins, more of them from look to look.

    Args:
        stages: What trains them.
        submit: Runs a stage by the name of its time.
        first: The task of the clean training.
    """

    def __init__(self, stages: Stages, submit: Callable[..., Any], first: Future[Any]) -> None:
        self._stages, self._submit, self._first = stages, submit, first
        self._chips: list[Future[TrainedNetwork]] = []
        self._twins: list[Future[TrainedNetwork]] = []

    def grow(self, size: int) -> None:
        """Train more chips, and a twin of each where clean trainings differ."""
        for index in range(len(self._chips), size):
            self._chips.append(self._submit("chip_training", self._stages.trained_chip, index))
            if index > 0 and self._stages.clean_is_random:
                self._twins.append(self._submit("clean_training", self._stages.clean_twin, index))

    def results(self) -> tuple[list[TrainedNetwork], list[TrainedNetwork]]:
        """The clean twin of each chip, and the chips; waits for all of them."""
        chips = [task.result() for task in self._chips]
        first = self._first.result()[0]
        if not self._stages.clean_is_random:
            return [first] * len(chips), chips
        return [first, *(task.result() for task in self._twins)], chips
