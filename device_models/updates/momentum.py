"""Gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.updates.optimizer import OptimizerState


@dataclass(frozen=True)
class Momentum:
    """``m ← μ·m + ĝ``, ``u = m``: plain gradient descent for μ = 0.

    As torch.optim.SGD does without dampening and without Nesterov's correction. A gradient that
    stays moves the weights by ``Δt/(1 − μ)`` of it an update in the end: the effective step.

    Attributes:
        momentum: μ, 0 to below 1.

    Raises:
        ValueError: If μ is out of range.

    Source:
        Polyak, USSR Comput. Math. Math. Phys. 1964.
    """

    momentum: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum:g}; allowed: 0 to below 1")

    @property
    def decay(self) -> float:
        """μ."""
        return self.momentum

    def start(self, w: Tensor) -> OptimizerState:
        """No memory without momentum, else m = 0."""
        return OptimizerState(0, (torch.zeros_like(w),) if self.momentum else ())

    def step(self, state: OptimizerState, gradient: Tensor) -> tuple[Tensor, OptimizerState]:
        """``u = μ·m + ĝ``, which is the memory after it, shape ``(N,)``."""
        steps = state.steps + 1
        if not state.memory:
            return gradient, OptimizerState(steps, ())
        moved = self.momentum * state.memory[0] + gradient
        return moved, OptimizerState(steps, (moved,))

    def gain(self, state: OptimizerState) -> float:
        """``1/(1 − μ)``."""
        return 1.0 / (1.0 - self.momentum)

    def average(self, state: OptimizerState) -> Tensor:
        """``(1 − μ)·m``, shape ``(N,)``; only with momentum."""
        return (1.0 - self.momentum) * state.memory[0]

    def after_many(
        self, state: OptimizerState, updates: int, average: Tensor, mean_square: Tensor
    ) -> OptimizerState:
        """``m = average/(1 − μ)``."""
        memory = (self.gain(state) * average,) if self.momentum else ()
        return OptimizerState(state.steps + updates, memory)
