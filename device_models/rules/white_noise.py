"""The paper's own estimator, Eq. 1: the gradient, a fixed bias and white noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import BatchRule, Problem, expected_gradient, has_known_mean


@dataclass(frozen=True)
class WhiteNoise:
    """``Δw = −g + b·β + σ√f(N)·n̂`` (Ghosh et al., ICLR 2023, Eq. 1).

    Attributes:
        rule: The rule that gives g.
        bias: The bias vector b·β in gradient units, shape ``(N,)`` or a float for b·(1, ..., 1).
        total_variance: σ²f(N), the trace of the noise covariance, 0 or more.

    Raises:
        ValueError: If the total variance is negative.
    """

    rule: BatchRule
    bias: Tensor | float = 0.0
    total_variance: float = 0.0

    def __post_init__(self) -> None:
        if not self.total_variance >= 0:
            raise ValueError(f"total_variance is {self.total_variance:g}; allowed: 0 or more")

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return self.total_variance == 0 and self.rule.deterministic

    @property
    def mean_over_samples(self) -> bool:
        """Whether the rule's is."""
        return self.rule.mean_over_samples

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """One estimate of the gradient (the negative of Δw), shape ``(N,)``."""
        estimate = self.rule.gradient(problem, w, generator, index) - self.bias
        if self.total_variance == 0:
            return estimate
        std = math.sqrt(self.total_variance / w.numel())
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
        return estimate + std * noise

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate, shape ``(N,)``: the noise has none."""
        return expected_gradient(self.rule, problem, w, generator, index) - self.bias

    def mean_is_averaged(self, problem: Problem) -> bool:
        """Where the rule's mean is not known."""
        return not has_known_mean(self.rule, problem)
