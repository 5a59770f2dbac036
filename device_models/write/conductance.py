"""The conductance window of a device and the weight that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ConductanceRange:
    """Conductance window and its mapping to weights.

    The fraction ``x = (G − G_min)/(G_max − G_min)`` runs from 0 to 1 over the window. In a
    differential pair ``w = weight_range · (x⁺ − x⁻)``; G_min cancels in a write, so the on/off
    ratio matters through noise that is given as a part of the range, and through wires and drift
    (``weight_cells.py``).

    Attributes:
        minimum: G_min in siemens.
        maximum: G_max in siemens.
        weight_range: Largest |weight| that the window stands for.

    Raises:
        ValueError: If the window is empty or the weight range is not positive.
    """

    minimum: float = 0.0
    maximum: float = 1.0
    weight_range: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum < self.maximum:
            raise ValueError(
                f"conductance window {self.minimum:g} to {self.maximum:g} S is empty; "
                "allowed: 0 <= minimum < maximum"
            )
        if not self.weight_range > 0:
            raise ValueError(f"weight_range is {self.weight_range:g}; allowed: above 0")

    @property
    def on_off_ratio(self) -> float:
        """G_max/G_min; infinite when the device can be switched off completely."""
        return self.maximum / self.minimum if self.minimum else float("inf")

    def fraction(self, conductance: Tensor) -> Tensor:
        """Position in the window of a conductance in siemens; 0 at G_min, 1 at G_max."""
        return (conductance - self.minimum) / (self.maximum - self.minimum)

    def conductance(self, fraction: Tensor) -> Tensor:
        """Conductance in siemens of a position in the window."""
        return self.minimum + fraction * (self.maximum - self.minimum)
