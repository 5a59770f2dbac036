"""Adam: steps of running averages of the gradient and of its square."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.updates.optimizer import OptimizerState


@dataclass(frozen=True)
class Adam:
    """``u = m̂/(√v̂ + ε)`` with ``m ← β₁m + (1 − β₁)ĝ`` and ``v ← β₂v + (1 − β₂)ĝ²``.

    ``m̂ = m/(1 − β₁ᵗ)`` and ``v̂ = v/(1 − β₂ᵗ)`` at the t-th update, as torch.optim.Adam has them
    without amsgrad. The second average holds the variance of the estimates as well: noise makes
    steps smaller.

    Attributes:
        beta1: β₁, 0 to below 1.
        beta2: β₂, 0 to below 1.
        epsilon: ε, above 0.

    Raises:
        ValueError: If a number is out of range.

    Source:
        Kingma and Ba, ICLR 2015, Algorithm 1.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value:g}; allowed: 0 to below 1")
        if not self.epsilon > 0:
            raise ValueError(f"epsilon is {self.epsilon:g}; allowed: above 0")

    @property
    def decay(self) -> float:
        """β₁."""
        return self.beta1

    def start(self, w: Tensor) -> OptimizerState:
        """M = v = 0."""
        return OptimizerState(0, (torch.zeros_like(w), torch.zeros_like(w)))

    def step(self, state: OptimizerState, gradient: Tensor) -> tuple[Tensor, OptimizerState]:
        """The requested u of shape ``(N,)``, and both averages after it."""
        steps, (m, v) = state.steps + 1, state.memory
        m = self.beta1 * m + (1.0 - self.beta1) * gradient
        v = self.beta2 * v + (1.0 - self.beta2) * gradient.square()
        after = OptimizerState(steps, (m, v))
        return self.gain(after) * self.average(after), after

    def gain(self, state: OptimizerState) -> Tensor:
        """``1/(√v̂ + ε)`` after an update, shape ``(N,)``."""
        v = state.memory[1] / (1.0 - self.beta2**state.steps)
        return 1.0 / (v.sqrt() + self.epsilon)

    def average(self, state: OptimizerState) -> Tensor:
        """``m̂`` after an update, shape ``(N,)``."""
        return state.memory[0] / (1.0 - self.beta1**state.steps)

    def after_many(
        self, state: OptimizerState, updates: int, average: Tensor, mean_square: Tensor
    ) -> OptimizerState:
        """``m̂ = average``, and v on its way to the mean square."""
        steps, kept = state.steps + updates, self.beta2**updates
        v = kept * state.memory[1] + (1.0 - kept) * mean_square
        return OptimizerState(steps, ((1.0 - self.beta1**steps) * average, v))
