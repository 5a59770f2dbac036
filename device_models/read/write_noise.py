"""Write noise: the passes see the hidden state of a device with noise from its last write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from device_models.read.gaussian_read import GaussianRead


@dataclass(frozen=True)
class WriteNoise(GaussianRead):
    """Gaussian noise of the visible weight around the hidden one that is updated.

    It is redrawn with every write, that is with every update, and does not add up over updates:
    for the passes it is a read effect (aihwkit's ``write_noise_std``; Gong et al., Nat. Commun.
    2018).
    """

    noise_name: ClassVar[str] = "write noise"
