"""What converters make of the values that come to them: which part is clipped, and at what cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from device_models.passes.converters import Converters, Quantizer


class Tally:
    """Counts over all values that one kind of converter gets.

    Attributes:
        values: Values that came.
        clipped: Those beyond the converter's range, whose sign and range are all that is left.
        largest: Largest magnitude that came, in units of the values.
    """

    def __init__(self) -> None:
        self.values = self.clipped = 0
        self.largest = 0.0
        self._square = self._clipping = self._rounding = 0.0

    def add(self, x: Tensor, quantizer: Quantizer, dims: tuple[int, ...]) -> None:
        """Count the values of one call, any shape, of which ``dims`` make one vector."""
        x = x.detach()
        inside = quantizer.clip(x)
        self.values += x.numel()
        self.clipped += int((inside != x).sum())
        self.largest = max(self.largest, float(x.abs().max()))
        self._square += float(x.square().sum())
        self._clipping += float((inside - x).square().sum())
        self._rounding += float((quantizer.convert(x, dims) - inside).square().sum())

    @property
    def part_clipped(self) -> float:
        """Clipped values over all; 0 where none came."""
        return self.clipped / self.values if self.values else 0.0

    @property
    def clipping_error(self) -> float:
        """Root mean square of what clipping takes away, over that of the values; 0 without any."""
        return self._relative(self._clipping)

    @property
    def rounding_error(self) -> float:
        """The same of rounding to the levels, among values inside the range."""
        return self._relative(self._rounding)

    def _relative(self, square: float) -> float:
        return math.sqrt(square / self._square) if self._square else 0.0


def watched(converters: Converters) -> tuple[Converters, Tally, Tally]:
    """The same converters, which count what comes to them in forward passes.

    Returns:
        The converters, which change no number; the tally of the values that enter the arrays,
        through the DACs; that of the products that leave them, through the ADCs.
    """
    given = {each.name: getattr(converters, each.name) for each in fields(Converters)}
    counting = _Watched(**given)
    return counting, counting.inputs, counting.sums


@dataclass(frozen=True)
class _Watched(Converters):
    """Converters that count."""

    inputs: Tally = field(default_factory=Tally)
    sums: Tally = field(default_factory=Tally)

    def _enter(self, x: Tensor, errors: Any, dims: tuple[int, ...]) -> Tensor:
        with torch.no_grad():
            self.inputs.add(x, self.dac, dims)
        return super()._enter(x, errors, dims)

    def _leave(self, y: Tensor, errors: Any, dims: tuple[int, ...]) -> Tensor:
        with torch.no_grad():
            self.sums.add(y, self.adc, dims)
        return super()._leave(y, errors, dims)
