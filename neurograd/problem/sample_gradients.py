"""Gradients of single samples of any network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import full_precision

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem

MOST_TOGETHER = 2**22
"""Numbers of the gradients that are computed together; bounds the memory."""


def sample_gradients(problem: Problem, w: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    """Gradient of every sample's loss, shape ``(n, N)``.

    Args:
        problem: Network and loss.
        w: Weights, shape ``(N,)``, or those of each sample, shape ``(n, N)``.
        inputs: Inputs of n samples.
        targets: Their targets.

    Raises:
        RuntimeError: If the network's operations do not know several samples' gradients at a time,
            as recurrent layers and functions with a derivative of their own may not.
    """
    w, several = w.detach(), w.dim() == 2
    of_some: Callable[..., Tensor] = torch.func.vmap(
        torch.func.grad(_loss_of(problem)), in_dims=(0 if several else None, 0, 0)
    )
    size = max(1, min(problem.chunk_size, MOST_TOGETHER // w.shape[-1]))
    result = w.new_empty(len(inputs), w.shape[-1])
    with full_precision(problem.device), warnings.catch_warnings():
        # Operations without a rule for several samples are taken one by one, which is said.
        warnings.filterwarnings("ignore", "There is a performance drop")
        for first in range(0, len(inputs), size):
            part = slice(first, first + size)
            own = w[part] if several else w
            result[part] = of_some(own, inputs[part], targets[part]).detach()
    return result


def has_sample_gradients(problem: Problem) -> bool:
    """Whether a network's samples can be taken apart, tried with the first two.

    Args:
        problem: Network, loss and data.
    """
    w, some = problem.initial_weights, torch.arange(min(2, problem.num_samples))
    some = some.to(problem.device)
    try:
        rows = problem.sample_gradients(w, *problem.batch(some))
    except (RuntimeError, TypeError, ValueError):
        return False
    expected = problem.gradient(w, some)
    off = torch.linalg.vector_norm(rows.mean(0) - expected)
    least = torch.finfo(w.dtype).eps ** 0.5 * torch.linalg.vector_norm(expected)
    return bool(off <= least)


def square_norms(problem: Problem, w: Tensor) -> Tensor:
    """Squared norm of every training sample's gradient, shape ``(n,)``.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
    """
    stack = problem.plain_stack
    if stack is not None:
        return torch.cat([stack.square_norms(w, x, y) for x, y in problem.chunks()])
    size = max(1, min(problem.chunk_size, MOST_TOGETHER // len(w)))
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
