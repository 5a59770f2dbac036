"""Products of a vector with the Hessian of a problem's training loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import (
    WITHOUT_FUSED_ATTENTION,
    derivatives,
    directional_derivative,
)

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem


def hessian_product(problem: Problem, w: Tensor) -> Callable[[Tensor], Tensor]:
    """The map v → Hv at ``w``, for vectors of shape ``(N,)``.

    The gradient's graph is kept between calls when the data fit into one chunk.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
    """
    if problem.num_samples > problem.chunk_size:
        return lambda v: _chunked_product(problem, w, v)
    leaf, gradient = _gradient_graph(problem, w, *next(problem.chunks("train")))
    return lambda v: directional_derivative(gradient, leaf, v)


def _gradient_graph(problem: Problem, w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad(), WITHOUT_FUSED_ATTENTION:
        leaf = w.detach().clone().requires_grad_()
        loss = problem.sum_loss(leaf, x, y) / problem.num_samples
        (gradient,) = derivatives(loss, leaf, create_graph=True)
    return leaf, gradient


def _chunked_product(problem: Problem, w: Tensor, v: Tensor) -> Tensor:
    graphs = (_gradient_graph(problem, w, x, y) for x, y in problem.chunks("train"))
    parts = (directional_derivative(gradient, leaf, v) for leaf, gradient in graphs)
    return reduce(Tensor.add_, parts)
