"""The impact of variance as the paper's own scripts estimate it, to be compared with ours.

Their K noise vectors sum to zero, so that the first-order term cancels from a plain average of
losses: K − 1 vectors of norm σ and uniformly random direction, and a last one that is minus the sum
of the others. That one has norm σ√(K − 1) on average (root mean square), so the mean squared norm
is 2(K − 1)/K·σ², and the estimate of ``½(σ²/N) Tr H Δt²`` is too large by that factor.
``neurograd.measure.loss_change.measure_loss_change`` has no such bias.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurograd.problem import Problem


def zero_sum_noise(
    size: int, norm: float, count: int, generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """Noise vectors that sum to zero, shape ``(count, size)``, in gradient units.

    Args:
        size: Number N of weights.
        norm: σ√f(N), the norm of every vector but the last.
        count: Number K of vectors, 2 or more.
        generator: Source of the directions; its device is the vectors'.
        dtype: Type of the vectors.

    Raises:
        ValueError: If there are fewer than two vectors.
    """
    if count < 2:
        raise ValueError(f"count is {count}; allowed: 2 or more")
    noise = torch.randn(count - 1, size, generator=generator, dtype=dtype, device=generator.device)
    noise *= norm / noise.norm(dim=1, keepdim=True)
    return torch.cat([noise, -noise.sum(0, keepdim=True)])


def published_variance_impact(
    problem: Problem,
    w: Tensor,
    norm: float,
    step_size: float,
    count: int,
    generator: torch.Generator,
) -> float:
    """Plain average over zero-sum noise of the loss against the clean step (Eq. 2), one estimate.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        norm: σ√f(N), gradient units.
        step_size: Δt.
        count: Number K of noise vectors, 2 or more.
        generator: Source of the noise.
    """
    clean = w - step_size * problem.gradient(w)
    reference = problem.per_sample_losses(clean)
    noise = zero_sum_noise(w.numel(), norm, count, generator, w.dtype)
    changes = [
        float((problem.per_sample_losses(clean + step_size * row) - reference).mean())
        for row in noise
    ]
    return sum(changes) / count


def zero_sum_factor(count: int) -> float:
    """Factor 2(K − 1)/K by which K zero-sum vectors overestimate the impact of variance.

    Args:
        count: Number K of vectors, 2 or more.

    Raises:
        ValueError: If there are fewer than two vectors.
    """
    if count < 2:
        raise ValueError(f"count is {count}; allowed: 2 or more")
    return 2 * (count - 1) / count
