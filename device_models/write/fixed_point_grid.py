"""Fixed-point grid: the values that a digital number of a few bits can have."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class FixedPointGrid:
    """Two's complement grid: 2^bits values from −weight_range to weight_range − step.

    Attributes:
        bits: Number of bits, 1 to 52.
        weight_range: Magnitude of the lowest value, above 0.

    Raises:
        ValueError: If an attribute is out of range.
    """

    bits: int
    weight_range: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 52:
            raise ValueError(f"bits is {self.bits}; allowed: 1 to 52")
        if not self.weight_range > 0:
            raise ValueError(f"weight_range is {self.weight_range:g}; allowed: above 0")

    @property
    def step(self) -> float:
        """Distance of neighbouring values."""
        return self.weight_range / 2.0 ** (self.bits - 1)

    @property
    def lowest(self) -> float:
        """Lowest value."""
        return -self.weight_range

    @property
    def highest(self) -> float:
        """Highest value."""
        return self.weight_range - self.step

    def clip(self, w: Tensor) -> Tensor:
        """Clip to the grid's ends."""
        return w.clamp(self.lowest, self.highest)
