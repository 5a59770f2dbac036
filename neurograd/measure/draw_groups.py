"""Draws in groups: their means and scatter, and what is found without each of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BLOCK = 2**16
"""Weights that sums take at a time on the CPU: what is made on the way stays in its cache."""


_LEAST_OF_A_SQUARE = 4
"""Groups that an unbiased estimate of Tr Σ² takes."""


class GroupAccumulator:
    """Welford's mean and scatter of the vectors of one group of draws."""

    def __init__(self, like: Tensor) -> None:
        self.count = 0
        self.mean = torch.zeros_like(like)
        self.scatter = torch.zeros_like(like)

    def clear(self) -> None:
        """Forget all, in the memory that is there: to get as much anew takes longer than to add."""
        self.count = 0
        self.mean.zero_()
        self.scatter.zero_()

    def add(self, update: Tensor, gradient: Tensor) -> None:
        """Add the sum of two vectors of shape ``(N,)``, which is never made as a whole."""
        self.count += 1
        vectors = (update, gradient, self.mean, self.scatter)
        block = BLOCK if update.is_cpu else max(1, update.numel())
        for part, offset, mean, scatter in zip(
            *(each.split(block) for each in vectors), strict=True
        ):
            value = part + offset
            delta = value - mean
            mean.add_(delta, alpha=1.0 / self.count)
            scatter.addcmul_(delta, value.sub_(mean))

    def merge(self, other: GroupAccumulator) -> None:
        """Add all that ``other`` holds (Chan, Golub and LeVeque, 1983)."""
        if other.count == 0:
            return
        total = self.count + other.count
        vectors = (self.mean, self.scatter, other.mean, other.scatter)
        for mean, scatter, other_mean, other_scatter in zip(
            *(each.split(BLOCK) for each in vectors), strict=True
        ):
            delta = other_mean - mean
            scatter.add_(other_scatter)
            scatter.addcmul_(delta, delta, value=self.count * other.count / total)
            mean.add_(delta, alpha=other.count / total)
        self.count = total


class LeftOut:
    """What is found without each of G groups in turn.

    Works on deviations from the overall mean, so that a small noise on a large bias loses no
    digits.

    Args:
        deviations: Mean of each group minus the overall one, shape ``(G, N)``.
        counts: Draws of each group, shape ``(G,)``.
        scatter: Scatter of each group, summed over the weights, shape ``(G,)``.

    Attributes:
        variances: Total variance without each group, shape ``(G,)``; NaN of two draws.
    """

    def __init__(self, deviations: Tensor, counts: np.ndarray, scatter: np.ndarray) -> None:
        self._deviations, self._left = deviations, counts.sum() - counts
        self._shift = shift = counts / self._left  # the mean moves by −shift·deviation
        gram = (deviations @ deviations.T).cpu().numpy().astype(float)
        self._gram, self._lengths = gram, np.diag(gram)
        own = self._lengths
        # Σ over the other groups of n_h ‖d_h + shift·d_g‖²
        between = (
            (counts * own).sum()
            - counts * own
            + 2 * shift * (gram @ counts - counts * own)
            + shift**2 * own * self._left
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            self.variances = (scatter.sum() - scatter + between) / (self._left - 1)

    def moved(self, direction: Tensor) -> np.ndarray:
        """How far ⟨direction, mean⟩ falls without each group, shape ``(G,)``."""
        moved: np.ndarray = self._shift * (self._deviations @ direction).cpu().numpy()
        return moved

    def squares(self, mean: Tensor) -> tuple[float, np.ndarray]:
        """‖mean‖² with its noise, and without each group and without noise, shape ``(G,)``."""
        square = float(mean.square().sum())
        left_norm = square - 2 * self.moved(mean) + self._shift**2 * self._lengths
        with np.errstate(invalid="ignore"):
            return square, left_norm - self.variances / self._left

    def noise_along(self, direction: Tensor) -> float:
        """Variance of the overall mean along a vector that may itself be lost in noise.

        That along the vector as it is, or that of the noise's own directions, weighted by their
        variances (Tr Σ²/Tr Σ), whichever is more. Tr Σ² is the unbiased estimate from products of
        different groups only (Song et al., JMLR 2012).

        Args:
            direction: As it was measured, shape ``(N,)``.
        """
        groups, length = len(self._lengths), float(direction.square().sum())
        along = (self._deviations @ direction).cpu().numpy().astype(float)
        found = float((along**2).sum()) / (groups * (groups - 1)) / length if length > 0 else 0.0
        trace = float(self._lengths.sum()) / (groups - 1)
        if groups < _LEAST_OF_A_SQUARE or trace == 0:
            return found
        others = self._gram - np.diag(self._lengths)
        sums = others.sum(axis=1)
        shared = (sums[:, None] + sums) / (groups - 2)
        centered = others - shared + sums.sum() / ((groups - 1) * (groups - 2))
        np.fill_diagonal(centered, 0.0)
        square = float((centered**2).sum()) / (groups * (groups - 3))
        return max(found, square / trace / groups)
