"""Where a training stood after some of its steps: weights and what its optimizer remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from device_models.updates.optimizer import OptimizerState

_MEMORY = ".memory"
"""Between the step and the number of a running average in the name of a tensor."""


@dataclass(frozen=True)
class Snapshot:
    """A training after some steps.

    Attributes:
        step: Number of steps.
        weights: Stored weights, shape ``(N,)``.
        state: Memory of the recipe's optimizer; None without a recipe.
    """

    step: int
    weights: Tensor
    state: OptimizerState | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors by name, as they are kept; the weights have the number of the step."""
        memory = () if self.state is None else self.state.memory
        averages = {f"{self.step}{_MEMORY}{k}": each for k, each in enumerate(memory)}
        return {str(self.step): self.weights, **averages}


def snapshots_of(tensors: Mapping[str, Tensor], *, with_state: bool) -> tuple[Snapshot, ...]:
    """The snapshots whose tensors were kept, in the order of their steps.

    Args:
        tensors: Those of ``Snapshot.tensors`` of all of them.
        with_state: Whether the training had a recipe.
    """
    steps = sorted(int(name) for name in tensors if _MEMORY not in name)
    return tuple(
        Snapshot(step, tensors[str(step)], _state(tensors, step) if with_state else None)
        for step in steps
    )


def _state(tensors: Mapping[str, Tensor], step: int) -> OptimizerState:
    memory: list[Tensor] = []
    while (name := f"{step}{_MEMORY}{len(memory)}") in tensors:
        memory.append(tensors[name])
    return OptimizerState(step, tuple(memory))
