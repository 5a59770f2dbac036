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
        self._found: tuple[Tensor, Tensor] | None = None

    def add(self, change: Tensor, slope_change: Tensor) -> None:
        """Remember one pair, shapes ``(N,)``; both are scaled to a unit change."""
        length = float(change.norm())
        if length > 0 and math.isfinite(length):
            self._found = None
            self._changes.append(change / length)
            self._slopes.append(slope_change / length)

    def ritz(self) -> tuple[Tensor, Tensor]:
        """Ritz values λ, shape ``(k,)``, and orthonormal directions, shape ``(N, k)``."""
        if self._found is None:
            self._found = self._rayleigh_ritz()
        return self._found

    def _rayleigh_ritz(self) -> tuple[Tensor, Tensor]:
        changes, slopes = torch.stack(list(self._changes)), torch.stack(list(self._slopes))
        squares, vectors = torch.linalg.eigh(changes @ changes.T)
        kept = squares > _KEEP * squares[-1]
        scaled = vectors[:, kept] / squares[kept].sqrt()
        projected = -(scaled.T @ (changes @ slopes.T) @ scaled)
        values, rotation = torch.linalg.eigh(0.5 * (projected + projected.T))
        return values, changes.T @ (scaled @ rotation)

    def split(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Noise off the stiff directions and along them.

        Args:
            noise: Any vector, shape ``(N,)``.

        Returns:
            The part off all directions, shape ``(N,)``; the curvatures λ and components of the
            part along them, shapes ``(k,)``; the directions, shape ``(N, k)``.
        """
        if not self._changes:
            none = noise.new_zeros(0)
            return noise, none, none, noise.new_zeros((len(noise), 0))
        curvature, directions = self.ritz()
        along = directions.T @ noise
        return noise - directions @ along, curvature, along, directions
