"""Limited endurance: devices that wear out after a number of write cycles.

Lifetimes are log-normal over the devices, as cycles to failure of resistive memories are mostly
reported; after its lifetime a device no longer responds to pulses. A chip's age is one number for
all its devices, so that what has failed is fixed while the chip is judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import ElementMoments, PulseWise, WritePath


def draw_worn(
    size: int, cycles: float, spread: float, age: float, generator: torch.Generator
) -> Tensor:
    """Mask of the devices whose lifetime is below the chip's age, shape ``(size,)``.

    A lifetime is ``cycles·exp(spread·ξ)``, ξ standard normal, so that the expected part of worn
    devices is ``Φ(ln(age/cycles)/spread)``. With the same generator state, the devices that are
    worn at one age are worn at every later one.

    Args:
        size: Number of devices.
        cycles: Median lifetime in write cycles, above 0.
        spread: Standard deviation of the natural logarithm of the lifetime, 0 or more.
        age: Write cycles that every device has seen, 0 or more.
        generator: Drawn from once, when the chip is made; its device is the result's.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not 0 < cycles < math.inf:
        raise ValueError(f"cycles is {cycles:g}; allowed: above 0")
    if not 0 <= spread < math.inf:
        raise ValueError(f"spread is {spread:g}; allowed: 0 or more")
    if not age >= 0:
        raise ValueError(f"age is {age:g}; allowed: 0 or more")
    normal = torch.randn(size, generator=generator, dtype=torch.float64, device=generator.device)
    # In logarithms, where no lifetime overflows.
    log_age = math.log(age) if age > 0 else -math.inf
    return math.log(cycles) + spread * normal < log_age


@dataclass(frozen=True)
class WornDevices:
    """Write path whose worn synapses are stuck; the others are written as the inner path does.

    Attributes:
        inner: What the synapses that still work make of a write.
        worn: Which synapses are worn, boolean, shape ``(N,)``.
        held: Weight that each worn synapse is stuck at, shape ``(N,)``; the others' are ignored.

    Raises:
        ValueError: If the mask is not boolean, or mask and held weights differ in shape.
    """

    inner: WritePath
    worn: Tensor
    held: Tensor

    def __post_init__(self) -> None:
        if self.worn.dtype != torch.bool:
            raise ValueError(f"worn is of type {self.worn.dtype}; allowed: torch.bool")
        if self.worn.shape != self.held.shape:
            worn, held = tuple(self.worn.shape), tuple(self.held.shape)
            raise ValueError(f"held has shape {held}; allowed: {worn}, the shape of worn")

    @property
    def deterministic(self) -> bool:
        """Whether the inner path is."""
        return self.inner.deterministic

    def program(self, w: Tensor) -> Tensor:
        """What the inner path programs; worn synapses stay at the weight they are stuck at."""
        return torch.where(self.worn, self.held, self.inner.program(w))

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """What the inner path realizes; 0 for worn synapses, shape ``(N,)``."""
        return self.inner.write(w, increment, generator).masked_fill(self.worn, 0.0)

    def train_moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """As of the inner path; mean and variance 0 for worn synapses.

        Raises:
            ValueError: If the inner path states no moments.
        """
        moments = self.inner.moments(w, increment)
        if moments is None and isinstance(self.inner, PulseWise):
            moments = self.inner.train_moments(w, increment)
        if moments is None:
            raise ValueError(f"{type(self.inner).__name__} states no moments")
        return self._still_where_worn(moments)

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments | None:
        """The inner path's moments; mean and variance 0 for worn synapses."""
        inner = self.inner.moments(w, increment)
        return None if inner is None else self._still_where_worn(inner)

    def _still_where_worn(self, moments: ElementMoments) -> ElementMoments:
        return ElementMoments(
            moments.mean.masked_fill(self.worn, 0.0), moments.variance.masked_fill(self.worn, 0.0)
        )
