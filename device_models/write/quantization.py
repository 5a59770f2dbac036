"""Quantization of weights (as read) and of updates (as stored), nearest or stochastic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.moments import two_point_mixture
from device_models.protocols import ElementMoments
from device_models.write.rounding import Rounding, check_rounding, round_whole, rounding_outcomes


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
        return _on_grid(w, self.grid, self.rounding)


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
            _constant(self.grid.clip(w + low * self.grid.step) - w),
            _constant(self.grid.clip(w + (low + 1) * self.grid.step) - w),
            p,
        )


def _on_grid(w: Tensor, grid: FixedPointGrid, rounding: Rounding) -> ElementMoments:
    low, p = rounding_outcomes(w / grid.step, rounding)
    return two_point_mixture(
        _constant(grid.clip(low * grid.step)), _constant(grid.clip((low + 1) * grid.step)), p
    )


def _constant(value: Tensor) -> ElementMoments:
    return ElementMoments(value, torch.zeros_like(value))
