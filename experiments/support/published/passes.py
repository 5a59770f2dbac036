"""What the arrays of MLP+NeuroSim V3.0 make of inputs and errors, as a network of torch.

As its source describes it (Train.cpp, Test.cpp, Array.cpp, Mapping.cpp). A weight is one device
beside a reference column, behind the transistor that selects it. Of the current I(G) = V/(1/G + R)
the weight is seen as

    w = 2 (I − I_min)/(I_max − I_min) − 1

Inputs have one bit: 1 from 0.5 on, those of the second array as well. Column and reference are
read by 8 bits each, truncated, over the range n(I_max − I_min) of all n rows, and the difference
of both goes on: z = n/255·(⌊column⌋ − ⌊reference⌋), about Σ w/2, half of what the weights say.
Backward all is exact, with w where forward was w/2, and with the hidden values before they became
one bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ACCESS_RESISTANCE = 15e3
"""Of the transistor in front of a device, in ohms."""
DIGITS = 255.0
"""Largest number of a converter of 8 bits."""
THRESHOLD = 0.5
"""From where on a value enters an array as 1."""
START_VALUES = 7
"""Even spaced weights, from −1 to 1, that a training starts from."""


@dataclass(frozen=True)
class Cell:
    """A device behind the transistor that selects it.

    Attributes:
        low: Smallest conductance, in siemens.
        high: Largest conductance.
        access: Resistance of the transistor, in ohms; 0 for none.
    """

    low: float
    high: float
    access: float = ACCESS_RESISTANCE

    @property
    def offset(self) -> float:
        """Current of the smallest conductance, over the range of currents."""
        low, high = self._current(self.low), self._current(self.high)
        return low / (high - low)

    def seen(self, stored: Tensor) -> Tensor:
        """Part of the range of currents, 0 to 1, of stored weights of −1 to 1, same shape."""
        half = 0.5 * (self.high - self.low)
        conductance = stored * half + (self.low + half)
        current = conductance / (conductance * self.access + 1.0)
        span = self._current(self.high) - self._current(self.low)
        return current / span - self.offset

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Stored weights that a training starts from, −1 to 1, shape ``(count,)``.

        Even spaced values drawn at random. The first programming leaves out the smallest
        conductance, so that each lies that much too low, and none below the window.
        """
        places = torch.randint(START_VALUES, (count,), generator=generator)
        part = places / (START_VALUES - 1) - self.low / (self.high - self.low)
        return 2.0 * part.clamp_min(0.0) - 1.0

    def _current(self, conductance: float) -> float:
        """Current over the read voltage, in siemens."""
        return conductance / (1.0 + self.access * conductance)


class _Product(torch.autograd.Function):
    """One array: see the module's docstring."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stored: Tensor, cell: Cell) -> Tensor:
        part = cell.seen(stored)
        ctx.save_for_backward(x, part)
        entering = (x >= THRESHOLD).to(x.dtype)
        scale = DIGITS / x.shape[-1]
        active = scale * entering.sum(-1, keepdim=True)
        column = (scale * (entering @ part.T) + active * cell.offset).floor()
        reference = (active * (0.5 + cell.offset)).floor()
        return (column - reference) / scale

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor, Tensor, None]:
        (grad,), (x, part) = grad_outputs, ctx.saved_tensors
        return grad @ (2.0 * part - 1.0), grad.T @ x, None


class ReadArray(nn.Linear):
    """A layer whose weights are stored in devices of one kind, −1 to 1, and read by current.

    Args:
        inputs: Rows of the array.
        outputs: Its columns.
        cell: The device of every weight.
    """

    def __init__(self, inputs: int, outputs: int, cell: Cell) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        """Products of inputs of shape ``(n, rows)``, shape ``(n, columns)``."""
        product: Tensor = _Product.apply(x, self.weight, self.cell)
        return product


def read_network(widths: tuple[int, int, int], cell: Cell) -> nn.Sequential:
    """Two arrays with a sigmoid behind each.

    Args:
        widths: Inputs, hidden neurons and outputs.
        cell: The device of every weight.
    """
    inputs, hidden, outputs = widths
    first, last = ReadArray(inputs, hidden, cell), ReadArray(hidden, outputs, cell)
    return nn.Sequential(first, nn.Sigmoid(), last, nn.Sigmoid())
