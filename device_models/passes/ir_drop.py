"""IR drop: the wires of a crossbar have a resistance, so that far devices count for less.

What the wires make of conductances is in ``wire_network.py``: the whole network of resistors, and
its first order in the wires' resistance. The first order is taken for an array where it is as good
as exact (see ``FIRST_ORDER_ERROR``), the whole network otherwise; nothing is cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from device_models.passes.wire_network import exact_currents, losses, most_work
from device_models.protocols import ElementMoments
from device_models.write.weight_cells import WeightCells

FIRST_ORDER_ERROR = 4e-4
"""Largest error of a weight from the first order that is accepted, as a part of the window.

The next order is at most the square of the largest relative loss of a device of the array; so a
pair with G_min = 0 is taken to first order up to a loss of 2 %.
"""

LARGEST_ARRAY = (256, 256)
"""Largest (outputs, inputs), in weights of two output lines each, that is solved exactly.

One read of it takes seconds. Other shapes are solved up to the same number of multiplications.
"""


@dataclass(frozen=True)
class IrDrop:
    """Read path: both passes see what the wires leave of the weights.

    A weight's two cells are on two output lines side by side, the positive one before the other;
    both cross the weight's input line, a segment after each other. Beside a reference the second
    cell is the reference.

    A matrix has a row an output and a column an input; a kernel is the matrix
    ``(out, in·height·width)``. Parameters of one dimension (biases) are digital and not attenuated.
    Matrices larger than an array are cut into tiles, each with wires of its own.

    Attributes:
        shapes: Shapes of the parameters, in the order of the flat vector.
        wire_ratio: Resistance of one wire segment over that of a device at full conductance, 0 or
            more. For example 1 Ω and 100 µS make 1e-4.
        cells: The conductances that hold the weights.
        array_size: Largest (outputs, inputs) of one array, in weights; None for one array a matrix.

    Raises:
        ValueError: If an attribute is out of range, if an array is too large to be solved and its
            first order is not certain to hold, or if weights do not fit the shapes.
    """

    shapes: tuple[tuple[int, ...], ...]
    wire_ratio: float
    cells: WeightCells = field(default_factory=WeightCells)
    array_size: tuple[int, int] | None = None
    _last: list[tuple[Tensor, Tensor]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """The last weights and what was seen of them: a step reads the same weights several times."""

    def __post_init__(self) -> None:
        if not 0 <= self.wire_ratio < math.inf:
            raise ValueError(f"wire_ratio is {self.wire_ratio:g}; allowed: 0 or more")
        if self.array_size is not None and min(self.array_size) < 1:
            raise ValueError(f"array_size is {tuple(self.array_size)}; allowed: 1 or more each")
        for shape in self.shapes:
            if len(shape) > 1:
                self._refuse_size(shape[0], math.prod(shape[1:]))

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights behind the wires, shape ``(N,)``."""
        return self._seen(w)

    def moments(self, w: Tensor) -> ElementMoments:
        """The weights behind the wires; no variance."""
        return ElementMoments.constant(self._seen(w))

    def _seen(self, w: Tensor) -> Tensor:
        sizes = [math.prod(shape) for shape in self.shapes]
        if sum(sizes) != w.numel():
            raise ValueError(f"{w.numel()} weights; allowed: {sum(sizes)}, as the shapes have")
        if self.wire_ratio == 0:
            return w
        for before, seen in self._last[:1]:
            if before.dtype == w.dtype and before.device == w.device and before.equal(w):
                return seen.clone()
        seen = self._through_wires(w, sizes)
        self._last[:] = [(w.clone(), seen.clone())]
        return seen

    def _through_wires(self, w: Tensor, sizes: list[int]) -> Tensor:
        seen, beyond = w.clone(), self.cells.beyond(w)
        cells = (torch.split(part, sizes) for part in (seen, beyond, *self.cells.conductances(w)))
        for shape, part, rest, plus, minus in zip(self.shapes, *cells, strict=True):
            if len(shape) < 2 or part.numel() == 0:
                continue
            outputs = shape[0]
            rows, columns = self.array_size or (outputs, part.numel() // outputs)
            grids = [each.view(outputs, -1) for each in (part, rest, plus, minus)]
            for row in range(0, outputs, rows):
                for column in range(0, grids[0].shape[1], columns):
                    tile, more, p, m = (
                        each[row : row + rows, column : column + columns] for each in grids
                    )
                    lines = torch.stack((p, m), 1).reshape(2 * len(p), -1)
                    currents = self._currents(lines)
                    tile.copy_(self.cells.weights(currents[0::2], currents[1::2]) + more)
        return seen

    def _currents(self, conductance: Tensor) -> Tensor:
        """Currents into the amplifiers of one array for unit voltages at its drivers."""
        lost = losses(conductance, self.wire_ratio)
        if self._first_order_holds(float(lost.max())):
            return conductance * (1.0 - lost)
        return exact_currents(conductance, self.wire_ratio)

    def _first_order_holds(self, largest_loss: float) -> bool:
        return largest_loss**2 <= FIRST_ORDER_ERROR * (1.0 - self.cells.smallest)

    def _refuse_size(self, outputs: int, inputs: int) -> None:
        if self.array_size is not None:
            outputs, inputs = min(outputs, self.array_size[0]), min(inputs, self.array_size[1])
        most_outputs, most_inputs = LARGEST_ARRAY
        if most_work(2 * outputs, inputs) <= most_work(2 * most_outputs, most_inputs):
            return
        # Losses of the corner that is furthest from drivers and amplifiers, all devices full.
        worst = self.wire_ratio * (outputs * (2 * outputs + 1) + inputs * (inputs + 1) / 2)
        if not self._first_order_holds(worst):
            raise ValueError(
                f"an array of {outputs} by {inputs} weights is too large to solve its wires; "
                f"allowed: tiles of up to {most_outputs} by {most_inputs} weights"
            )
