"""Reading an array that was programmed once: devices age, and a factor makes up for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models.protocols import ElementMoments
from device_models.read.drift import ConductanceDrift
from device_models.write.weight_cells import WeightCells


@dataclass(frozen=True)
class ProgrammedDevices:
    """Read path: passes see devices as they stand, a time after they were programmed once.

    Attributes:
        plus: Conductance of every weight's positive cell in units of G_max, shape ``(N,)``.
        minus: The same of its negative cell.
        cells: What the difference of two cells stands for.
        beyond: Part of each weight that no conductance stands for (``WeightCells.beyond``).
        drift: What became of the devices since; None where they keep what they hold.
    """

    plus: Tensor
    minus: Tensor
    cells: WeightCells
    beyond: Tensor
    drift: ConductanceDrift | None = None

    @property
    def deterministic(self) -> bool:
        """Always True: the devices stand where they are."""
        return True

    @property
    def weights(self) -> Tensor:
        """Weights that the devices stand for, shape ``(N,)``."""
        now = self.plus, self.minus
        if self.drift is not None:
            now = self.drift.drifted(*now)
        return self.cells.weights(*now) + self.beyond

    def after(self, drift: ConductanceDrift | None) -> ProgrammedDevices:
        """The same devices after a drift."""
        return replace(self, drift=drift)

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """What the devices hold, whatever weights are asked for, shape ``(N,)``."""
        return self.weights

    def moments(self, w: Tensor) -> ElementMoments:
        """What the devices hold; no variance."""
        return ElementMoments.constant(self.weights)


@dataclass(frozen=True)
class OutputFactors:
    """Read path: the output of every layer is multiplied by a number, as if its weights were.

    Attributes:
        factors: The factor of each weight's layer, shape ``(N,)``.
    """

    factors: Tensor

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights that the scaled outputs amount to, shape ``(N,)``."""
        return w * self.factors

    def moments(self, w: Tensor) -> ElementMoments:
        """The scaled weights; no variance."""
        return ElementMoments.constant(w * self.factors)


def drift_compensation(before: Tensor, after: Tensor, layer: Tensor) -> OutputFactors:
    """Global drift compensation: one factor an array, from one reading at each time.

    An array is read with each input by itself, which gives the mean magnitude of its weights. The
    factor is that of the first reading over that of the later one (V. Joshi et al., Nature
    Communications 11, 2473, 2020; aihwkit's GlobalDriftCompensation). A layer that reads as 0 keeps
    a factor of 1: what has vanished is not brought back.

    Args:
        before: Weights as they were read after programming, shape ``(N,)``.
        after: The same at the later time.
        layer: Number of the layer of each weight, from 0 on, shape ``(N,)``.
    """
    zeros = torch.zeros(int(layer.max()) + 1, dtype=after.dtype, device=after.device)
    first, now = (zeros.index_add(0, layer, w.abs()) for w in (before, after))
    factors = torch.where(now > 0, first / now.clamp_min(torch.finfo(now.dtype).tiny), 1.0)
    return OutputFactors(factors[layer])
