"""Backpropagation: the exact gradient of the training loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import Problem


@dataclass(frozen=True)
class Backprop:
    """Exact gradient over the given samples; no bias and no variance of its own."""

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Gradient over the samples ``index`` (all when None), shape ``(N,)``."""
        return problem.gradient(w, index)
