"""Write noise: the passes see the hidden state of a device with noise from its last write."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import ElementMoments
from device_models.read.read_noise import ReadNoise


@dataclass(frozen=True)
class WriteNoise:
    """Gaussian noise of the visible weight around the hidden one that is updated.

    It is redrawn with every write, that is with every update, and does not add up over updates:
    for the passes it is a read effect (aihwkit's ``write_noise_std``; Gong et al., Nat. Commun.
    2018).

    Attributes:
        std: Standard deviation in weight units, 0 or more.

    Raises:
        ValueError: If the standard deviation is negative.
    """

    std: float

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise ValueError(f"write noise std is {self.std:g}; allowed: 0 or more")

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return self.std == 0

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Visible weights, shape ``(N,)``."""
        return ReadNoise(self.std).read(w, generator)

    def moments(self, w: Tensor) -> ElementMoments:
        """Mean w, variance std² in every element."""
        return ReadNoise(self.std).moments(w)
