"""Read noise: the weights that a forward and backward pass see differ from the stored ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from device_models.read.gaussian_read import GaussianRead


@dataclass(frozen=True)
class ReadNoise(GaussianRead):
    """Gaussian read noise, redrawn at each read and the same for both passes of one step."""

    noise_name: ClassVar[str] = "read noise"

    @classmethod
    def of_range(cls, fraction: float, gain: float, devices_per_weight: int) -> ReadNoise:
        """Read noise of every device given as a fraction of the conductance range.

        Args:
            fraction: Standard deviation of one device's read over the conductance range.
            gain: Weight change of a unit change of one device's fraction of the range.
            devices_per_weight: Independent devices that are read for a weight.
        """
        return cls(fraction * gain * math.sqrt(devices_per_weight))
