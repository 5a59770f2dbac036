"""The noise of single updates, as a chip realizes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class RealizedNoise:
    """The noise of what single updates realize, in weight units.

    Attributes:
        own_variance: Mean of the write's own variance, independent in all weights, shape ``(N,)``.
        deviations: What single estimates realize in the mean, less the mean over all of them, shape
            ``(K, N)``; None where estimates are not random.
        batches: The part of the deviations that comes from which samples a batch of a shuffled
            epoch has, shape ``(K, N)``; None where batches are drawn for themselves. What a write
            makes of a batch counts as a mean over its samples there, as it is for single ones.
    """

    own_variance: Tensor
    deviations: Tensor | None
    batches: Tensor | None = None

    def beside(self, others: Tensor) -> RealizedNoise:
        """The same with independent deviations, shape ``(J, N)``: covariances add."""
        assert self.deviations is not None
        few, more = len(self.deviations), len(others)
        mine, theirs = math.sqrt((few + more) / few), math.sqrt((few + more) / more)
        batches = self.batches
        if batches is not None:
            batches = torch.cat([mine * batches, torch.zeros_like(others)])
        deviations = torch.cat([mine * self.deviations, theirs * others])
        return replace(self, deviations=deviations, batches=batches)
