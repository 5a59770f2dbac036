"""Gradients of single samples of any network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import full_precision

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem

MOST_NUMBERS = 2**22
"""Numbers of the gradients that are computed together; bounds the memory."""


def sample_gradients(problem: Problem, w: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    """Gradient of every sample's loss, shape ``(n, N)``.

    Args:
        problem: Network and loss.
        w: Weights, shape ``(N,)``.
        inputs: Inputs of n samples.
        targets: Their targets.

    Raises:
        RuntimeError: If the network's operations do not know several samples' gradients at a time,
            as recurrent layers and functions with a derivative of their own may not.
    """
    of_some: Callable[..., Tensor] = torch.func.vmap(
        torch.func.grad(_loss_of(problem)), in_dims=(None, 0, 0)
    )
    size = max(1, min(problem.chunk_size, MOST_NUMBERS // len(w)))
    result = w.new_empty(len(inputs), len(w))
    with full_precision(problem.device):
        pieces = (each.split(size) for each in (result, inputs, targets))
        for rows, x, y in zip(*pieces, strict=True):
            rows.copy_(of_some(w.detach(), x, y).detach())
    return result


def sample_square_norms(problem: Problem, w: Tensor) -> Tensor:
    """Squared norm of every training sample's gradient, shape ``(n,)``.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
    """
    size = max(1, min(problem.chunk_size, MOST_NUMBERS // len(w)))
    some = zip(*(each.split(size) for each in problem.batch()), strict=True)
    try:
        return torch.cat([problem.sample_gradients(w, *each).square().sum(1) for each in some])
    except RuntimeError:
        one = torch.arange(problem.num_samples, device=problem.device).split(1)
        return torch.stack([problem.gradient(w, index).square().sum() for index in one])


def _loss_of(problem: Problem) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The loss of one sample as a function of the flat weights."""

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        outputs = problem.outputs(problem.parameters_of(w), x.unsqueeze(0))
        return problem.loss_function.per_sample(outputs, y.unsqueeze(0)).squeeze(0)

    return loss
