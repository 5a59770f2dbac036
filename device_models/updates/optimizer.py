"""What a digital optimizer keeps between updates, and what every optimizer does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class OptimizerState:
    """The memory of a digital optimizer after some updates.

    Attributes:
        steps: Number of updates that it has seen.
        memory: Its running averages, each of shape ``(N,)``.
    """

    steps: int
    memory: tuple[Tensor, ...]


class Optimizer(Protocol):
    """A rule that makes requested steps of a sequence of gradient estimates.

    The memory is digital and exact. Increments are ``−Δt·u``.
    """

    @property
    def decay(self) -> float:
        """Part of the running average of gradients that is left after an update, 0 to below 1."""
        ...

    def start(self, w: Tensor) -> OptimizerState:
        """The memory before the first update, for weights of shape ``(N,)``."""
        ...

    def step(self, state: OptimizerState, gradient: Tensor) -> tuple[Tensor, OptimizerState]:
        """The requested u of shape ``(N,)``, and the memory after it.

        Args:
            state: The memory before the update.
            gradient: The gradient estimate, shape ``(N,)``.
        """
        ...

    def gain(self, state: OptimizerState) -> Tensor | float:
        """What u is of the weighted mean of the last gradients (``average``) after an update."""
        ...

    def average(self, state: OptimizerState) -> Tensor:
        """The mean of the last gradients, weighted as u weights them, shape ``(N,)``."""
        ...

    def after_many(
        self, state: OptimizerState, updates: int, average: Tensor, mean_square: Tensor
    ) -> OptimizerState:
        """The memory after many updates, which it has forgotten most before.

        Args:
            state: The memory before them, after one update or more.
            updates: How many there were.
            average: What ``average`` is to be after them, shape ``(N,)``.
            mean_square: Mean square of their gradients, shape ``(N,)``.
        """
        ...
