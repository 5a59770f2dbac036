"""Read noise: the weights that a forward and backward pass see differ from the stored ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import ElementMoments


@dataclass(frozen=True)
class ReadNoise:
    """Gaussian read noise, redrawn at each read and the same for both passes of one step.

    Attributes:
        std: Standard deviation in weight units, 0 or more.

    Raises:
        ValueError: If the standard deviation is negative.
    """

    std: float

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise ValueError(f"read noise std is {self.std:g}; allowed: 0 or more")

    @classmethod
    def of_range(cls, fraction: float, gain: float, devices_per_weight: int) -> ReadNoise:
        """Read noise of every device given as a fraction of the conductance range.

        Args:
            fraction: Standard deviation of one device's read over the conductance range.
            gain: Weight change of a unit change of one device's fraction of the range.
            devices_per_weight: Independent devices that are read for a weight.
        """
        return cls(fraction * gain * math.sqrt(devices_per_weight))

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return self.std == 0

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights with fresh noise, shape ``(N,)``."""
        if self.std == 0:
            return w
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
        return w + self.std * noise

    def moments(self, w: Tensor) -> ElementMoments:
        """Mean w, variance std² in every element."""
        return ElementMoments(w, torch.full_like(w, self.std**2))
