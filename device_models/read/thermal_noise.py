"""Thermal noise: a read current through a conductance at a temperature is noisy by itself.

A conductance G carries a noise current of variance ``4·k·T·G·B`` over a bandwidth B (Johnson, Phys.
Rev. 32, 97, 1928; Nyquist, Phys. Rev. 32, 110, 1928). Read at a voltage V it is taken for a
conductance that is off by ``√(4·k·T·G·B)/V``: more where the device conducts more, and with √T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from device_models.protocols import ElementMoments
from device_models.write.weight_cells import WeightCells

BOLTZMANN = 1.380649e-23
"""Boltzmann's constant in joules over kelvin (exact in the SI)."""


def thermal_part(temperature: float, bandwidth: float, voltage: float, largest: float) -> float:
    """``4·k·T·B/(V²·G_max)``: variance of a read of G_max over G_max squared.

    Args:
        temperature: T in kelvin.
        bandwidth: B in hertz.
        voltage: V in volts.
        largest: G_max in siemens.

    Raises:
        ValueError: If one of them is not above 0.
    """
    for name, value in (
        ("temperature", temperature),
        ("bandwidth", bandwidth),
        ("voltage", voltage),
        ("largest", largest),
    ):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value:g}; allowed: above 0")
    # One after the other: their product may be too small for a number.
    return 4.0 * BOLTZMANN * temperature * bandwidth / voltage / voltage / largest


@dataclass(frozen=True)
class ThermalNoise:
    """Read path: both cells of a weight are read with their thermal noise, new at every read.

    Attributes:
        part: Variance of a read of G_max over G_max squared (``thermal_part``), 0 or more.
        cells: The conductances that hold the weights.

    Raises:
        ValueError: If the part is negative.
    """

    part: float
    cells: WeightCells = field(default_factory=WeightCells)

    def __post_init__(self) -> None:
        if not 0 <= self.part < math.inf:
            raise ValueError(f"part is {self.part:g}; allowed: 0 or more")

    @property
    def deterministic(self) -> bool:
        """Whether there is no noise."""
        return self.part == 0

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights with fresh noise, shape ``(N,)``."""
        if self.part == 0:
            return w
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
        return w + self._variance(w).sqrt() * noise

    def moments(self, w: Tensor) -> ElementMoments:
        """Mean w, and the variance of the difference of both cells."""
        return ElementMoments(w, self._variance(w))

    def _variance(self, w: Tensor) -> Tensor:
        plus, minus = self.cells.conductances(w)
        of_one = self.cells.weights(torch.ones_like(w), torch.zeros_like(w))
        return self.part * (plus + minus) * of_one.square()
