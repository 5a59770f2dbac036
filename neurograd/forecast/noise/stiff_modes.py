"""Stiff modes of a drift: directions in which the gradient holds noise back within a few steps.

Pairs (Δy, Δf) of neighbouring stages are samples of ``Δf = −H·Δy``, with H the curvature as the
chip's own update sees it; a Rayleigh-Ritz step in the span of the last Δy gives Ritz values λ_i and
directions. Most pairs come from drifts that were computed anyway.
"""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

PAIRS_KEPT = 16
"""Pairs of changes that are remembered: the most modes that are told apart.

A count. Tuned with ``experiments.agreement`` on its 63 chips. Fewer leave stiff modes to the mean
curvature of all others, and too much noise in them; more mix curvatures of distant weights, and
cost memory.
"""

_RANK_TOLERANCE = 1e-6
"""Squared lengths, relative to the largest, below which directions of the span are rounding.

Not tuned: pairs are scaled to unit length, and a direction of 1e-3 of it still has some digits
where weights are float32, whose own end at 1e-7. Smaller lets modes of rounding in, with Ritz
values of any size; larger merges modes.
"""


class StiffModes:
    """Remembers the last pairs and the curvatures in the span of their changes.

    Args:
        memory: Number of pairs that are kept.
    """

    def __init__(self, memory: int = PAIRS_KEPT) -> None:
        self._changes: deque[Tensor] = deque(maxlen=memory)
        self._drifts: deque[Tensor] = deque(maxlen=memory)
        self._found: tuple[Tensor, Tensor] | None = None

    def observe(self, change: Tensor, drift_change: Tensor) -> None:
        """Remember one pair, shapes ``(N,)``; both are scaled to a unit change.

        Args:
            change: Change of the weights.
            drift_change: Change of the drift by it.
        """
        length = float(change.norm())
        if length > 0 and math.isfinite(length):
            self._found = None
            self._changes.append(change / length)
            self._drifts.append(drift_change / length)

    def ritz_pairs(self) -> tuple[Tensor, Tensor]:
        """Ritz values λ, shape ``(k,)``, and orthonormal directions, shape ``(N, k)``."""
        if self._found is None:
            self._found = self._rayleigh_ritz()
        return self._found

    def _rayleigh_ritz(self) -> tuple[Tensor, Tensor]:
        count = len(self._changes)
        pairs = torch.stack([*self._changes, *self._drifts])
        changes = pairs[:count]
        products = pairs @ changes.T
        squares, vectors = torch.linalg.eigh(products[:count])
        kept = squares > _RANK_TOLERANCE * squares[-1]
        scaled = vectors[:, kept] / squares[kept].sqrt()
        projected = -(scaled.T @ products[count:].T @ scaled)
        values, rotation = torch.linalg.eigh(0.5 * (projected + projected.T))
        return values, ((scaled @ rotation).T @ changes).T

    def known(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Ritz values, shape ``(k,)``, and directions, shape ``(N, k)``; none without a pair.

        Args:
            like: A vector, shape ``(N,)``.
        """
        if not self._changes:
            return like.new_zeros(0), like.new_zeros((len(like), 0))
        return self.ritz_pairs()

    def project(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Noise off the stiff modes and along them.

        Args:
            noise: Any vector, shape ``(N,)``.

        Returns:
            The part off all modes, shape ``(N,)``; the curvatures λ and components of the part
            along them, shapes ``(k,)``; their directions, shape ``(N, k)``.
        """
        curvature, directions = self.known(noise)
        along = directions.T @ noise
        return noise - directions @ along, curvature, along, directions
