"""Update rounding: increments become whole steps of a grid, which may store the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from device_models.kernels.counter_numbers import draw_key, no_key
from device_models.moments import mixture_moments, normal_nodes
from device_models.protocols import ElementMoments
from device_models.write.fixed_point_grid import FixedPointGrid
from device_models.write.fused_grids import round_fused
from device_models.write.rounding import (
    Rounding,
    check_rounding,
    normal_rounding_outcomes,
    round_by_key,
    rounding_outcomes,
)


@dataclass(frozen=True)
class UpdateRounding:
    """Write path: an increment is a whole number of steps of a grid.

    A digital memory stores the weights on that grid, and cuts them at its ends. Beside devices that
    store them, only increments are rounded: what a device can not reach its own write cuts.

    Stochastic rounding keeps the mean of an increment and adds the variance
    ``step²·p·(1 − p)``, p its fractional part; nearest rounding adds a deterministic bias and
    loses increments below half a step (Gupta et al., ICML 2015).

    Attributes:
        grid: The grid.
        rounding: ``nearest``, ``stochastic`` or ``truncate``.
        stores: Whether the grid stores the weights, else what is written after it.
    """

    takes_stacks: ClassVar[Literal[True]] = True

    grid: FixedPointGrid
    rounding: Rounding = "stochastic"
    stores: bool = True

    def __post_init__(self) -> None:
        check_rounding(self.rounding)

    @property
    def deterministic(self) -> bool:
        """Whether two writes of the same increment are equal."""
        return self.rounding != "stochastic"

    def program(self, w: Tensor) -> Tensor:
        """Nearest value of the grid; the weights themselves where others store them."""
        if not self.stores:
            return w
        return self.grid.clip((w / self.grid.step).round() * self.grid.step)

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Increment as whole steps, shape ``(N,)``; those of stored weights are cut at the ends."""
        key = self.key_of(generator)
        fused = round_fused(self, w, increment, key)
        return self.plain_write(w, increment, key) if fused is None else fused

    def key_of(self, generator: torch.Generator) -> Tensor:
        """The key of one write; nothing is drawn from the generator where a write draws nothing."""
        return no_key(generator) if self.deterministic else draw_key(generator)

    def plain_write(self, w: Tensor, increment: Tensor, key: Tensor) -> Tensor:
        """The write of a key by tensor operations, on any kind of device, shape ``(N,)``."""
        return self._realized(w, round_by_key(increment / self.grid.step, self.rounding, key))

    def outcomes(self, w: Tensor, increment: ElementMoments) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole numbers of steps that a constant or normal increment is rounded to.

        Exact up to normal increments of a standard deviation of about five steps; wider ones are
        rounded at the nodes of ``normal_nodes``.
        """
        if not bool(increment.variance.any()):
            yield from self._constant_outcomes(w, increment.mean)
            return
        mean, std = increment.mean / self.grid.step, increment.variance.sqrt() / self.grid.step
        exact = normal_rounding_outcomes(mean, std, self.rounding)
        if exact is not None:
            for chance, steps in exact:
                yield chance, self._realized(w, steps)
            return
        for here, value in normal_nodes(increment):
            for chance, realized in self._constant_outcomes(w, value):
                yield here * chance, realized

    def _constant_outcomes(self, w: Tensor, increment: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        low, p = rounding_outcomes(increment / self.grid.step, self.rounding)
        yield 1 - p, self._realized(w, low)
        if self.rounding == "stochastic":
            yield p, self._realized(w, low + 1)

    def _realized(self, w: Tensor, steps: Tensor) -> Tensor:
        asked = steps * self.grid.step
        return self.grid.clip(w + asked) - w if self.stores else asked

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Exact moments: a choice between two neighbouring numbers of steps."""
        return mixture_moments(
            (chance, ElementMoments.constant(value))
            for chance, value in self._constant_outcomes(w, increment)
        )
