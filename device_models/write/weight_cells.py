"""Weight cells: the two conductances whose difference holds a weight.

A cell's place in its window is ``x = (G − G_min)/(G_max − G_min)``. In units of G_max, with
``s = G_min/G_max``, it conducts ``g = s + (1 − s)·x``, so that a cell at the bottom of its window
still conducts s: it loads wires and drifts.

- Differential pair: ``x⁺ = max(w, 0)/span`` and ``x⁻ = max(−w, 0)/span``; the device of the
  weight's sign holds it, the other one stands at G_min.
- Device beside a reference: ``x⁺ = w/span + reference`` and ``x⁻ = reference``. The reference is a
  fixed resistor on an output line of its own beside the device's. It sees the wires as the device
  does, and it does not drift. No cell conducts less than 0: a place further down, of a device or
  of a reference, is cut there, and what is cut of a weight is its part ``beyond``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class WeightCells:
    """How weights stand in conductances.

    Attributes:
        span: Weight that the whole window of one device stands for, above 0: the largest weight of
            a pair, largest minus smallest weight beside a reference.
        smallest: G_min/G_max, 0 to below 1.
        reference: Place of the reference in the window, a number or shape ``(N,)``; None for a
            differential pair.

    Raises:
        ValueError: If an attribute is out of range.
    """

    span: float = 1.0
    smallest: float = 0.0
    reference: Tensor | float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.span < math.inf:
            raise ValueError(f"span is {self.span:g}; allowed: above 0")
        if not 0 <= self.smallest < 1:
            raise ValueError(f"smallest is {self.smallest:g}; allowed: 0 to below 1")

    def conductances(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Both cells of every weight in units of G_max, each shape ``(N,)``."""
        if self.reference is None:
            part = w / self.span
            return self._conductance(part.clamp_min(0.0)), self._conductance((-part).clamp_min(0.0))
        device, reference = self._beside_reference(w)
        return device.clamp_min(0.0), reference.clamp_min(0.0)

    def weights(self, plus: Tensor, minus: Tensor) -> Tensor:
        """Weights that the difference of two cells is taken for, any shape."""
        return (plus - minus) * (self.span / (1.0 - self.smallest))

    def beyond(self, w: Tensor) -> Tensor:
        """Part of a weight that would need a conductance below 0, shape ``(N,)``.

        Devices that reach further down than the nominal one have such weights, below 0, and so
        have references of a wide spread, above 0. What no conductance stands for is neither
        attenuated nor does it drift or have noise.
        """
        if self.reference is None:
            return torch.zeros_like(w)
        device, reference = self._beside_reference(w)
        return self.weights(device.clamp_max(0.0), reference.clamp_max(0.0))

    def _beside_reference(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """What a device and its reference would conduct, below 0 as well, each shape ``(N,)``."""
        assert self.reference is not None
        device = self._conductance(w / self.span + self.reference)
        return device, self._conductance(torch.zeros_like(w) + self.reference)

    def _conductance(self, place: Tensor) -> Tensor:
        return self.smallest + (1.0 - self.smallest) * place
