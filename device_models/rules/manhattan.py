"""Manhattan rule: every weight moves by the same amount, along the sign of its gradient.

Sources: Riedmiller and Braun, IEEE ICNN 1993; on memristors Prezioso et al., Nature 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import Problem


@dataclass(frozen=True)
class Manhattan:
    """``m·sign(g)``; its bias is exactly ``m·sign(g) − g`` and it has no variance of its own.

    A weight whose gradient is 0 stays.

    Attributes:
        magnitude: m in gradient units, above 0; None for the mean of |g| in this estimate.

    Raises:
        ValueError: If the magnitude is not above 0.
    """

    magnitude: float | None = None

    def __post_init__(self) -> None:
        if self.magnitude is not None and not self.magnitude > 0:
            raise ValueError(f"magnitude is {self.magnitude:g}; allowed: above 0, or None")

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def mean_over_samples(self) -> bool:
        """Always False: the sign of a mean is not the mean of signs."""
        return False

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        exact = problem.gradient(w, index)
        magnitude = exact.abs().mean() if self.magnitude is None else self.magnitude
        return magnitude * exact.sign()
