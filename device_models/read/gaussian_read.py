"""Gaussian reads: passes see every weight with fresh normal noise of one standard deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from device_models.protocols import ElementMoments


@dataclass(frozen=True)
class GaussianRead:
    """``w + std·ξ``, ξ standard normal and independent for every weight and read.

    Attributes:
        std: Standard deviation in weight units, 0 or more.

    Raises:
        ValueError: If the standard deviation is negative.
    """

    std: float

    noise_name: ClassVar[str] = "noise"
    """What the noise is called in messages."""

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise ValueError(f"{self.noise_name} std is {self.std:g}; allowed: 0 or more")

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return self.std == 0

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights with fresh noise, shape ``(N,)``."""
        if self.std == 0:
            return w
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
        return noise.mul_(self.std).add_(w)

    def moments(self, w: Tensor) -> ElementMoments:
        """Mean w, variance std² in every element."""
        return ElementMoments(w, torch.full_like(w, self.std**2))
