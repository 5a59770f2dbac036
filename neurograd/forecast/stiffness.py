"""Stiff directions of a mean dynamics, and its largest decay rate.

Pairs (Δy, Δf) of neighbouring stages are samples of ``Δf = −H·Δy``, with H the curvature as the
chip's own update sees it; a Rayleigh-Ritz step in the span of the last Δy gives the curvatures λ_i
and directions in which noise is held back by the gradient within a few steps. Most pairs come from
slopes that were computed anyway.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

MEMORY = 16
FEW = 4
"""Updates that need no new look at curvature."""

AGE = 1.0 / 30.0
"""Part of a training after which curvature is looked at again, or before a step twice as long."""

_REACH = 1e-2
"""Part of the weights' length over which curvature is measured: kinks average out."""

_MEMORY_OF_RATE = 0.85
_KEEP = 1e-6
"""Squared lengths, relative to the largest, below which directions of the span are rounding."""


class StiffDirections:
    """Remembers the last pairs and the curvatures in the span of their changes.

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


class LargestRate:
    """Largest decay rate of the mean dynamics, by power iterations along the path.

    Args:
        stiff: Gets every pair that is measured.

    Attributes:
        value: The rate, in units of the curvature.
    """

    def __init__(self, stiff: StiffDirections) -> None:
        self._stiff = stiff
        self._probe: Tensor | None = None
        self._measured = (0, 0)
        self.value = 0.0

    def is_stale(self, done: int, steps: int, length: int) -> bool:
        """Whether what is known does not serve a step of ``length`` updates after ``done`` ones."""
        if self._probe is None:
            return True
        at, served = self._measured
        return length > FEW and (length >= 2 * served or done - at >= AGE * steps)

    def measure(
        self,
        slope: Callable[[Tensor], Tensor],
        start: Tensor,
        here: Tensor,
        direction: Tensor,
        done: int,
        length: int,
    ) -> None:
        """One more power iteration, three at the first time.

        Args:
            slope: The mean dynamics.
            start: Weights, shape ``(N,)``.
            here: ``slope(start)``.
            direction: Where to look at the first time, shape ``(N,)``.
            done: Updates taken.
            length: How many this has to serve.
        """
        reach = _REACH * max(float(start.norm()), 1e-12)
        turns = 1
        if self._probe is None:
            turns, self._probe = 3, direction / direction.norm().clamp_min(1e-300)
        rate = 0.0
        for _ in range(turns):
            change = slope(start + reach * self._probe) - here
            self._stiff.add(reach * self._probe, change)
            size = float(change.norm())
            rate = size / reach
            if size > 0:
                self._probe = -change / size
        self.value = max(rate, _MEMORY_OF_RATE * self.value)
        self._measured = (done, length)

    def see(self, change: Tensor, slope_change: Tensor) -> None:
        """Learn from any pair of changes, shapes ``(N,)``."""
        size = float(change.norm())
        if size > 0:
            self.value = max(self.value, float(slope_change.norm()) / size)
