"""Sign-symmetric feedback: the backward pass knows only the signs of the forward weights.

Source: Liao, Leibo and Poggio, AAAI 2016 (uniform sign-concordant feedback).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import Problem
from device_models.rules.feedback_alignment import FeedbackAlignment


@dataclass(frozen=True)
class SignSymmetric:
    """Backpropagation through ``sign(W)·mean|W|`` of each layer in place of W.

    The last layer's update is the exact gradient, so a single layer has no bias; every other has
    none where all weights of the layers after it are equal in size. Has no variance of its own.
    """

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
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        feedback = {
            name: weight.sign() * weight.abs().mean()
            for name, weight in problem.parameters_of(w.detach()).items()
            if weight.ndim >= 2
        }
        return FeedbackAlignment(feedback).gradient(problem, w, generator, index)
