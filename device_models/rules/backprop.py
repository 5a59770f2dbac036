"""Backpropagation: the exact gradient of the training loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import Problem, SampledProblem


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

    def sample_gradients(
        self, problem: Problem, w: Tensor, index: Tensor
    ) -> Iterator[Tensor] | None:
        """Each sample's part of the gradient over ``index``; None without a pass over all."""
        return problem.sample_gradients(w, index) if isinstance(problem, SampledProblem) else None
