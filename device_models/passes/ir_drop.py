"""IR drop: the wires of a crossbar have a resistance, so that far devices count for less.

Input line i runs from its driver past all output lines j = 0, 1, …; output line j runs past all
input lines and ends, after the last one, in a sense amplifier at virtual ground. Every segment
between neighbouring crossings, and those to the driver and to the amplifier, has the same
resistance. In units of a device's full conductance, with ``r`` the segment's resistance times that
conductance and ``g_ij ≤ 1`` the devices, the current into amplifier j of an array of n inputs is,
to first order in r, linear in the inputs with the coefficients

    T_ij = g_ij·(1 − r·Σ_k g_ik·(1 + min(j, k)) − r·Σ_m g_mj·(n − max(i, m))).

The first sum is the drop along the input line: a device k pulls its current through all segments
that it shares with device j. The second is the rise of the output line: the current of input i
raises the line, and every device m on it sends a part of that back into its own input line. The
same coefficients hold for every input vector (nothing is assumed on the activity), and, the
network being reciprocal, for the transposed read of the backward pass.

Both sums are partial sums of partial sums along a line (currents of the segments, then voltages),
so that a read costs O(1) a device. The next order is r² times the square of such sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import ElementMoments


def attenuation(conductance: Tensor, load: Tensor, wire_ratio: float) -> Tensor:
    """First-order attenuation of every device of one array.

    Args:
        conductance: Devices on the same output line, over full conductance, shape
            ``(outputs, inputs)``.
        load: Devices on the same input line, which several output lines side by side may share,
            same shape.
        wire_ratio: Resistance of a segment over that of a device at full conductance.

    Returns:
        Factors up to 1, cut at 0, shape ``(outputs, inputs)``.
    """
    # Currents of the segments of an input line (all that is further on), then their drops.
    drop = load.flip(0).cumsum(0).flip(0).cumsum(0)
    # Currents of an output line gather towards the amplifier behind the last input.
    rise = conductance.cumsum(1).flip(1).cumsum(1).flip(1)
    return (1.0 - wire_ratio * (drop + rise)).clamp_min(0.0)


@dataclass(frozen=True)
class IrDrop:
    """Read path: both passes see weights that are attenuated by the drop along the wires.

    A weight's devices are a pair on two output lines side by side that share their input line: the
    device of the weight's sign holds ``|w|/weight_range`` of full conductance, the other one none.
    So an input line is loaded by the magnitudes of all its weights, an output line by those of its
    own sign. With weights of one sign only, this is the formula of a single device a weight.

    A matrix has a row an output and a column an input; a kernel is the matrix
    ``(out, in·height·width)``. Parameters of one dimension (biases) are digital and not attenuated.
    Matrices larger than an array are cut into tiles, each with wires of its own.

    Attributes:
        shapes: Shapes of the parameters, in the order of the flat vector.
        wire_ratio: Resistance of one wire segment over that of a device at full conductance, 0 or
            more. For example 1 Ω and 100 µS make 1e-4.
        weight_range: Magnitude of a weight at full conductance, above 0.
        array_size: Largest (outputs, inputs) of one array; None for one array a matrix.

    Raises:
        ValueError: If an attribute is out of range, or weights do not fit the shapes.
    """

    shapes: tuple[tuple[int, ...], ...]
    wire_ratio: float
    weight_range: float = 1.0
    array_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.wire_ratio < math.inf:
            raise ValueError(f"wire_ratio is {self.wire_ratio:g}; allowed: 0 or more")
        if not 0 < self.weight_range < math.inf:
            raise ValueError(f"weight_range is {self.weight_range:g}; allowed: above 0")
        if self.array_size is not None and min(self.array_size) < 1:
            raise ValueError(f"array_size is {tuple(self.array_size)}; allowed: 1 or more each")

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Attenuated weights, shape ``(N,)``."""
        return self._seen(w)

    def moments(self, w: Tensor) -> ElementMoments:
        """The attenuated weights; no variance."""
        return ElementMoments.constant(self._seen(w))

    def _seen(self, w: Tensor) -> Tensor:
        sizes = [math.prod(shape) for shape in self.shapes]
        if sum(sizes) != w.numel():
            raise ValueError(f"{w.numel()} weights; allowed: {sum(sizes)}, as the shapes have")
        if self.wire_ratio == 0:
            return w
        seen = w.clone()
        for shape, part in zip(self.shapes, torch.split(seen, sizes), strict=True):
            if len(shape) > 1 and part.numel() > 0:
                self._attenuate(part.view(shape[0], -1))
        return seen

    def _attenuate(self, matrix: Tensor) -> None:
        """Attenuate a matrix in place, tile by tile."""
        rows, columns = self.array_size or tuple(matrix.shape)
        for band in matrix.split(rows, 0):
            for tile in band.split(columns, 1):
                conductance = (tile / self.weight_range).clamp(-1.0, 1.0)
                load = conductance.abs()
                plus = attenuation(conductance.clamp_min(0.0), load, self.wire_ratio)
                minus = attenuation((-conductance).clamp_min(0.0), load, self.wire_ratio)
                tile.mul_(torch.where(tile > 0, plus, minus))
