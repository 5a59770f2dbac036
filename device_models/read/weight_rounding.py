"""Weight rounding: the passes see the stored weights on a coarser grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.moments import two_point_mixture
from device_models.protocols import ElementMoments
from device_models.write.fixed_point_grid import FixedPointGrid
from device_models.write.rounding import Rounding, check_rounding, round_whole, rounding_outcomes


@dataclass(frozen=True)
class WeightRounding:
    """Read path: both passes see the stored weights rounded to a coarser grid.

    Attributes:
        grid: The grid that is seen.
        rounding: ``nearest``, ``stochastic`` or ``truncate``.
    """

    grid: FixedPointGrid
    rounding: Rounding = "nearest"

    def __post_init__(self) -> None:
        check_rounding(self.rounding)

    @property
    def deterministic(self) -> bool:
        """Whether two reads of the same weights are equal."""
        return self.rounding != "stochastic"

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights on the grid, shape ``(N,)``."""
        steps = round_whole(w / self.grid.step, self.rounding, generator)
        return self.grid.clip(steps * self.grid.step)

    def moments(self, w: Tensor) -> ElementMoments:
        """Exact moments: a choice between two neighbouring values."""
        low, p = rounding_outcomes(w / self.grid.step, self.rounding)
        return two_point_mixture(
            ElementMoments.constant(self.grid.clip(low * self.grid.step)),
            ElementMoments.constant(self.grid.clip((low + 1) * self.grid.step)),
            p,
        )
