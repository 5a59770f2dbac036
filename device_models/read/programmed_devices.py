"""Devices that were programmed once: what they hold later, and a factor that makes up for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.read.drift import ConductanceDrift
from device_models.read.one_over_f import OneOverFNoise
from device_models.write.weight_cells import WeightCells


@dataclass(frozen=True)
class ProgrammedDevices:
    """Devices as they stand after they were programmed once.

    Attributes:
        plus: Conductance of every weight's positive cell in units of G_max, shape ``(N,)``.
        minus: The same of its negative cell.
        cells: What the difference of two cells stands for.
        beyond: Part of each weight that no conductance stands for (``WeightCells.beyond``).
    """

    plus: Tensor
    minus: Tensor
    cells: WeightCells
    beyond: Tensor

    def weights(self, drift: ConductanceDrift | None = None) -> Tensor:
        """Weights that the devices stand for after a drift, shape ``(N,)``; at first when None."""
        return self.cells.weights(*self._drifted(drift)) + self.beyond

    def noisy_weights(
        self, drift: ConductanceDrift | None, noise: OneOverFNoise, generator: torch.Generator
    ) -> Tensor:
        """The same as one read finds the devices, each with noise of its own; a reference has none.

        Args:
            drift: What becomes of the devices until they are read.
            noise: That of the read.
            generator: Its source.
        """
        plus, minus = self._drifted(drift)
        plus = noise.read(self.plus, plus, generator)
        if self.cells.reference is None:
            minus = noise.read(self.minus, minus, generator)
        return self.cells.weights(plus, minus) + self.beyond

    def _drifted(self, drift: ConductanceDrift | None) -> tuple[Tensor, Tensor]:
        return (self.plus, self.minus) if drift is None else drift.drifted(self.plus, self.minus)


def drift_compensation(before: Tensor, after: Tensor, layer: Tensor) -> Tensor:
    """Global drift compensation: one factor an array, from one reading at each time.

    An array is read with each input by itself, which gives the mean magnitude of its weights. The
    factor is that of the first reading over that of the later one (V. Joshi et al., Nature
    Communications 11, 2473, 2020; aihwkit's GlobalDriftCompensation). A layer that reads as 0 keeps
    a factor of 1: what has vanished is not brought back.

    Args:
        before: Weights as they were read after programming, shape ``(N,)``.
        after: The same at the later time.
        layer: Number of the layer of each weight, from 0 on, shape ``(N,)``.

    Returns:
        The factor of each weight's layer, shape ``(N,)``; it multiplies the layer's output.
    """
    zeros = torch.zeros(int(layer.max()) + 1, dtype=after.dtype, device=after.device)
    first, now = (zeros.index_add(0, layer, w.abs()) for w in (before, after))
    factors = torch.where(now > 0, first / now.clamp_min(torch.finfo(now.dtype).tiny), 1.0)
    return factors[layer]
