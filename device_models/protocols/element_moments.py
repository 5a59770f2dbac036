"""Mean and variance of a vector whose elements are independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class ElementMoments:
    """Closed-form mean and variance of a vector whose elements are independent.

    Attributes:
        mean: Mean, shape ``(N,)``.
        variance: Variance of every element, shape ``(N,)``.
    """

    mean: Tensor
    variance: Tensor

    @classmethod
    def constant(cls, value: Tensor) -> Self:
        """Moments of what is not random, shape ``(N,)``."""
        return cls(value, torch.zeros_like(value))

    def shaped(self, shape: Sequence[int]) -> ElementMoments:
        """The same in another shape."""
        return ElementMoments(self.mean.view(shape), self.variance.view(shape))

    @property
    def total_variance(self) -> float:
        """Trace of the covariance, the paper's σ²f(N)."""
        return float(self.variance.sum())
