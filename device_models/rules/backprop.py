"""Backpropagation: the exact gradient of the training loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.outer_products import OuterProducts, ReadSpread, known_products
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

    def sample_products(
        self, problem: Problem, w: Tensor, index: Tensor, noise: ReadSpread | None = None
    ) -> Iterator[Sequence[OuterProducts]] | None:
        """Each sample's part of the gradient over ``index`` as outer products, some at a time.

        None where they are none, or the problem is no ``FactoredProblem``.
        """
        return known_products(problem, w, index, noise)
