"""Eq. 1 with bias and noise in proportion to the gradient's norm, as in Figure 1 of the paper."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import (
    BatchRule,
    ElementMoments,
    Problem,
    expected_gradient,
    has_known_mean,
)


@dataclass(frozen=True)
class RelativeNoise:
    """``Δw = −g + b·β + σ√f(N)·n̂`` with b and σ√f(N) as fractions of ‖g‖, taken at each update.

    The length of the noise is exactly ``noise·‖g‖`` in every draw (n̂ is a unit vector of uniformly
    random direction, with covariance I/N), that of the bias ``bias·‖β‖·‖g‖``. Where ``WhiteNoise``
    stays as the gradient falls, this fades with it. In a minibatch g is the batch's gradient.

    Source: Ghosh et al., ICLR 2023, Eq. 1 and Figure 1.

    Attributes:
        rule: The rule that gives g.
        bias: b/‖g‖ of a single weight, 0 or more.
        noise: σ√f(N)/‖g‖, the noise norm over the gradient norm, 0 or more; the total variance is
            its square.
        beta: Direction of the bias, shape ``(N,)`` and of norm √N, or 1 for (1, ..., 1).

    Raises:
        ValueError: If a fraction is negative or not finite.
    """

    rule: BatchRule
    bias: float = 0.0
    noise: float = 0.0
    beta: Tensor | float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("bias", self.bias), ("noise", self.noise)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"relative {name} is {value:g}; allowed: 0 or more")

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return self.noise == 0 and self.rule.deterministic

    @property
    def mean_over_samples(self) -> bool:
        """Where the rule's is, and there is no bias: the norm of a mean is no mean of norms."""
        return self.bias == 0 and self.rule.mean_over_samples

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """One estimate of the gradient (the negative of Δw), shape ``(N,)``."""
        g = self.rule.gradient(problem, w, generator, index)
        norm: Tensor = g.norm()
        estimate = g if self.bias == 0 else g - self.bias * norm * self.beta
        if self.noise == 0:
            return estimate
        normal = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
        scale: Tensor = self.noise * norm / normal.norm()
        return estimate + scale * normal

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate, shape ``(N,)``: the noise has none.

        The bias has the norm of g: where that is itself random, it is the norm of one draw.
        """
        if self.bias == 0:
            return expected_gradient(self.rule, problem, w, generator, index)
        g = self.rule.gradient(problem, w, generator, index)
        norm: Tensor = g.norm()
        return g - self.bias * norm * self.beta

    def mean_is_averaged(self, problem: Problem) -> bool:
        """Where there is a bias and g is random."""
        if self.bias == 0:
            return not has_known_mean(self.rule, problem)
        return not self.rule.deterministic

    def moments(self, g: Tensor) -> ElementMoments:
        """Exact mean and variance of Δw's elements for a given g, shape ``(N,)``.

        The elements are uncorrelated: their covariance is ``(noise·‖g‖)²·I/N``.
        """
        norm = g.norm()
        variance = (self.noise * norm).square() / g.numel()
        return ElementMoments(-g + self.bias * norm * self.beta, variance.expand_as(g))
