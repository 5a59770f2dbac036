"""The range of weights that a chip can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from device_models import Chip

_FAR = 1e12
"""A weight beyond every window."""


@dataclass(frozen=True)
class HeldRange:
    """Where the weights of a chip end.

    Attributes:
        low: Smallest weight of each device, shape ``(N,)``.
        high: Largest one, shape ``(N,)``.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, chip: Chip, like: Tensor) -> Self:
        """That of a chip, for weights like those of shape ``(N,)``."""
        far = torch.full_like(like, _FAR)
        return cls(chip.program(-far), chip.program(far))

    def clip(self, w: Tensor) -> Tensor:
        """Cut to what the chip can hold; its grid is left out, as many updates move along it."""
        return torch.minimum(torch.maximum(w, self.low), self.high)
