"""The first-order change of the loss: a control for noise of any kind in any network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import derivatives
from neurograd.measure.controls.smoothed_slopes import SmoothedSlopes
from neurograd.problem import Problem


class ControlVariate(Protocol):
    """A number near the loss change of a draw, whose mean over draws is 0."""

    def judge(self, update: Tensor) -> tuple[Tensor, float]:
        """Losses after an update, one a sample, and the control, in units of the loss.

        Args:
            update: One Δw, shape ``(N,)``.
        """

    def direction(self) -> Tensor:
        """What the control's mean changes by with the mean update, shape ``(N,)``."""


@dataclass(frozen=True, eq=False)
class LinearControl:
    """``⟨c, Δw − mean⟩`` with a fixed vector c.

    Attributes:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        step_size: Δt.
        mean: Mean update, shape ``(N,)``.
        slope: c, shape ``(N,)``, in units of the loss.
    """

    problem: Problem
    w: Tensor
    step_size: float
    mean: Tensor
    slope: Tensor

    def judge(self, update: Tensor) -> tuple[Tensor, float]:
        """Losses after an update, one a sample, and the control."""
        losses = self.problem.per_sample_losses(self.w + self.step_size * update)
        return losses, float(self.slope @ (update - self.mean))

    def direction(self) -> Tensor:
        """The vector c."""
        return self.slope


def smoothed_gradient(problem: Problem, w: Tensor, widths: Sequence[Tensor]) -> Tensor:
    """Gradient of the mean loss with the slopes that noise sees, shape ``(N,)``.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        widths: As for ``SmoothedSlopes``; the plain gradient where there are none.
    """
    if not widths:
        return problem.gradient(w)
    total = torch.zeros_like(w)
    for x, y in problem.chunks("train"):
        with torch.enable_grad(), SmoothedSlopes(widths).applied():
            leaf = w.detach().clone().requires_grad_()
            outputs = problem.outputs(problem.parameters_of(leaf), x)
            loss = problem.sample_losses(outputs, y).sum() / problem.num_samples
            total += derivatives(loss, leaf)[0]
    return total
