"""Many trainings of one problem at once, each with its own white noise: the paper's update, Eq. 1.

Small networks spend their time between the operations, not in them. All replicas take a step
together, so that thousands of steps of dozens of replicas are feasible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for

_BLOCK = 32
"""Steps whose noise is drawn at once; part of what a seed means."""


@dataclass(frozen=True)
class Ensemble:
    """Replicas of one training.

    Attributes:
        steps: Steps after which the loss was taken, ascending, shape ``(T,)``.
        losses: Mean training loss of every replica there, shape ``(T, R)``; float64.
        weights: Weights after the last step, shape ``(R, N)``.
    """

    steps: tuple[int, ...]
    losses: Tensor
    weights: Tensor


def train_ensemble(
    problem: Problem,
    initial: Tensor,
    step_size: float,
    record: Sequence[int],
    replicas: int,
    seed: int,
    *,
    total_variance: float = 0.0,
    bias: Tensor | float = 0.0,
    progress: Progress | None = None,
) -> Ensemble:
    """Train replicas by ``w ← w + Δt(−g + b·β + σ√f(N)·n̂)`` with white noise (Eq. 1).

    A replica draws from generators of (seed, replica), so that its training does not depend on how
    many others there are.

    Args:
        problem: Network, loss and data, all samples in one chunk.
        initial: Weights of all replicas at the start, shape ``(N,)``.
        step_size: Δt, above 0.
        record: Steps (0 is before the first) after which the losses are kept.
        replicas: Number R of replicas, 1 or more.
        seed: Seed of the noise.
        total_variance: σ²f(N), 0 or more.
        bias: The bias vector b·β in gradient units, shape ``(N,)`` or a float for b·(1, ..., 1).
        progress: Called with the number of steps done since the last call.

    Raises:
        ValueError: If a number is out of range.

    Source:
        Ghosh et al., ICLR 2023, Eq. 1; many steps as in their Corollary A.2.
    """
    if not step_size > 0:
        raise ValueError(f"step_size is {step_size:g}; allowed: above 0")
    if not total_variance >= 0:
        raise ValueError(f"total_variance is {total_variance:g}; allowed: 0 or more")
    if replicas < 1:
        raise ValueError(f"replicas is {replicas}; allowed: 1 or more")
    wanted = sorted(set(record))
    if not wanted or wanted[0] < 0:
        raise ValueError(f"record is {list(record)}; allowed: steps, 0 or more")
    inputs, targets = problem.batch()

    def loss(w: Tensor) -> Tensor:
        outputs = problem.outputs(problem.parameters_of(w), inputs)
        return problem.sample_losses(outputs, targets).mean()

    losses_of, gradients_of = torch.func.vmap(loss), torch.func.vmap(torch.func.grad(loss))
    w = initial.detach().repeat(replicas, 1)
    generators = [
        generator_for(seed, "ensemble", replica, device=w.device) for replica in range(replicas)
    ]
    std = math.sqrt(total_variance / w.shape[1])
    kept = []
    noise = w.new_zeros(0)
    for t in range(wanted[-1] + 1):
        if t in wanted:
            with torch.no_grad():
                kept.append(losses_of(w))
        if t == wanted[-1]:
            break
        update = bias - gradients_of(w)
        if std > 0:
            if t % _BLOCK == 0:
                noise = _noise(generators, w)
            update.add_(noise[t % _BLOCK], alpha=std)
        w.add_(update, alpha=step_size)
        if progress is not None:
            progress(1)
    return Ensemble(tuple(wanted), torch.stack(kept).to(torch.float64), w)


def _noise(generators: Sequence[torch.Generator], w: Tensor) -> Tensor:
    """Standard normal numbers for some steps of every replica, shape ``(steps, R, N)``."""
    shape = (_BLOCK, w.shape[1])
    parts = [torch.randn(shape, generator=g, dtype=w.dtype, device=w.device) for g in generators]
    return torch.stack(parts, dim=1)
