"""The whole Hessian of a small network, for its eigenbasis."""

from __future__ import annotations

import torch
from torch import Tensor

from neurograd.problem import Problem

DENSE_LIMIT = 4000
"""Largest number of weights; the matrix then has 128 MB."""


def dense_hessian(problem: Problem, w: Tensor) -> Tensor:
    """Hessian of the mean training loss at ``w``, shape ``(N, N)``, exactly symmetric.

    Takes N Hessian-vector products.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.

    Raises:
        ValueError: If the network has more than ``DENSE_LIMIT`` weights.
    """
    size = problem.num_parameters
    if size > DENSE_LIMIT:
        raise ValueError(f"{size} weights; allowed: {DENSE_LIMIT} or fewer for a dense Hessian")
    product = problem.hessian_product(w)
    eye = torch.eye(size, dtype=w.dtype, device=w.device)
    rows = torch.stack([product(row) for row in eye])
    return 0.5 * (rows + rows.T)
