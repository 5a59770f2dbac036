"""Update rounding: increments become whole steps of the grid that stores the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.moments import two_point_mixture
from device_models.protocols import ElementMoments
from device_models.write.fixed_point_grid import FixedPointGrid
from device_models.write.rounding import Rounding, check_rounding, round_whole, rounding_outcomes


@dataclass(frozen=True)
class UpdateRounding:
    """Write path: weights are stored on a grid, and an increment is a whole number of its steps.

    Stochastic rounding keeps the mean of an increment and adds the variance
    ``step²·p·(1 − p)``, p its fractional part; nearest rounding adds a deterministic bias and
    loses increments below half a step (Gupta et al., ICML 2015).

    Attributes:
        grid: The grid of the stored weights.
        rounding: ``nearest``, ``stochastic`` or ``truncate``.
    """

    grid: FixedPointGrid
    rounding: Rounding = "stochastic"

    def __post_init__(self) -> None:
        check_rounding(self.rounding)

    @property
    def deterministic(self) -> bool:
        """Whether two writes of the same increment are equal."""
        return self.rounding != "stochastic"

    def program(self, w: Tensor) -> Tensor:
        """Nearest value of the grid."""
        return self.grid.clip((w / self.grid.step).round() * self.grid.step)

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Increment as whole steps, cut where the weight would leave the grid, shape ``(N,)``."""
        steps = round_whole(increment / self.grid.step, self.rounding, generator)
        return self.grid.clip(w + steps * self.grid.step) - w

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Exact moments: a choice between two neighbouring numbers of steps."""
        low, p = rounding_outcomes(increment / self.grid.step, self.rounding)
        return two_point_mixture(
            ElementMoments.constant(self.grid.clip(w + low * self.grid.step) - w),
            ElementMoments.constant(self.grid.clip(w + (low + 1) * self.grid.step) - w),
            p,
        )
