"""Forward gradient: the slope along a random direction, times that direction.

Source: Baydin, Pearlmutter, Syme, Wood and Torr, arXiv:2202.08587, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import Problem


def along_random_directions(
    gradient: Tensor, count: int, samples: int, generator: torch.Generator
) -> Tensor:
    """Means of ``⟨g,ξ⟩ξ`` over some standard normal ξ each, shape ``(count, N)``.

    Args:
        gradient: g, shape ``(N,)``.
        count: How many means.
        samples: Directions ξ of each.
        generator: Source of the directions.
    """
    found = gradient.new_zeros((count, len(gradient)))
    for k in range(count):
        for _ in range(samples):
            noise = torch.randn(
                gradient.shape, generator=generator, dtype=gradient.dtype, device=gradient.device
            )
            found[k] += (gradient @ noise) * noise
    return found / samples


@dataclass(frozen=True)
class ForwardGradient:
    """``⟨g,ξ⟩ξ``, the mean over independent standard normal ξ; no bias.

    A chip gets the slope ``⟨g,ξ⟩`` by carrying tangents along with the forward pass. The number is
    the same as the gradient's inner product with ξ, which is how it is computed here: one backward
    pass serves all K directions.

    Attributes:
        samples: Number K of directions in one estimate, 1 or more.

    Raises:
        ValueError: If samples is below 1.
    """

    samples: int = 1

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; allowed: 1 or more")

    @property
    def deterministic(self) -> bool:
        """Always False: the direction is random."""
        return False

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
        """One estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        exact = problem.gradient(w, index)
        return along_random_directions(exact, 1, self.samples, generator)[0]

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate, shape ``(N,)``: the exact gradient, for any loss."""
        return problem.gradient(w, index)

    def estimates_about(self, mean: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Independent estimates about their mean, shape ``(count, N)``.

        Args:
            mean: The exact gradient, shape ``(N,)``.
            count: How many.
            generator: Source of the directions.
        """
        return along_random_directions(mean, count, self.samples, generator)

    def total_variance(self, problem: Problem, w: Tensor) -> float:
        """Exact total variance ``(N + 1)‖g‖²/K`` for any loss."""
        square_norm = float(problem.gradient(w).square().sum())
        return (problem.num_parameters + 1) * square_norm / self.samples
