"""Stiff directions of a mean dynamics, from the slopes that were computed anyway.

Pairs (Δy, Δf) of neighbouring stages are samples of ``Δf = −H·Δy``, with H the curvature as the
chip's own update sees it; a Rayleigh-Ritz step in the span of the last Δy gives the curvatures λ_i
and directions in which noise is held back by the gradient within a few steps.
"""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

MEMORY = 16
_KEEP = 1e-6
"""Squared lengths, relative to the largest, below which directions of the span are rounding."""


class StiffDirections:
    """Remembers the last pairs and filters noise along the directions that they span.

    Args:
        memory: Number of pairs that are kept.
    """

    def __init__(self, memory: int = MEMORY) -> None:
        self._changes: deque[Tensor] = deque(maxlen=memory)
        self._slopes: deque[Tensor] = deque(maxlen=memory)

    def add(self, change: Tensor, slope_change: Tensor) -> None:
        """Remember one pair, shapes ``(N,)``; both are scaled to a unit change."""
        length = float(change.norm())
        if length > 0 and math.isfinite(length):
            self._changes.append(change / length)
            self._slopes.append(slope_change / length)

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Ritz values λ, shape ``(k,)``, and orthonormal directions, shape ``(N, k)``."""
        changes, slopes = torch.stack(list(self._changes)), torch.stack(list(self._slopes))
        squares, vectors = torch.linalg.eigh(changes @ changes.T)
        kept = squares > _KEEP * squares[-1]
        scaled = vectors[:, kept] / squares[kept].sqrt()
        projected = -(scaled.T @ (changes @ slopes.T) @ scaled)
        values, rotation = torch.linalg.eigh(0.5 * (projected + projected.T))
        return values, changes.T @ (scaled @ rotation)

    def filter(self, noise: Tensor, steps: int, step_size: float) -> Tensor:
        """Noise of ``steps`` updates as it is left after the gradient has acted on it.

        Along a direction of curvature λ the variance of the sum is not ``n`` but
        ``(1 − a^{2n})/(1 − a²)``, ``a = 1 − Δtλ``: the many-steps theory (Ghosh et al., ICLR 2023,
        Corollary A.2 in spirit).

        Args:
            noise: Sum of the noise of all updates as if nothing held it, shape ``(N,)``.
            steps: Number n of updates.
            step_size: Δt.
        """
        if steps < 2 or not self._changes:
            return noise
        curvature, directions = self.ritz()
        decay = (1.0 - step_size * curvature).clamp(-0.95, 1.0)
        loss = 1.0 - decay.square()
        held = torch.where(
            loss > 1e-9, (1.0 - decay ** (2 * steps)) / loss.clamp_min(1e-9), float(steps)
        )
        shrink = (held / steps).clamp(0.0, 1.0).sqrt()
        along = directions.T @ noise
        return noise + directions @ ((shrink - 1.0) * along)
