"""Tiles: a layer's matrix cut into arrays of a size, whose partial sums are converted one by one.

An input of a tile is a voltage on its line, an output a current; a layer of more inputs than an
array has lines is held by several arrays, and what each of them gives is read by a converter of its
own and added in digital (as the ``TileModuleArray`` of IBM's aihwkit, and NeuroSim, do).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.layer_hooks import LayerCall


@dataclass(frozen=True)
class Tiles:
    """The tiles of one call of a layer, as copies of its input in which the others' part is 0.

    One product of all copies gives every tile's partial sums, so that whatever acts on the layer
    sees one call with the layer's own weight. Tiles stand in the first dimension, a row of tiles
    (outputs) after another; of a convolution in the one of samples.

    Attributes:
        inputs: Which inputs (channels of a convolution) each column of tiles has, 0 or 1, shape
            ``(C, inputs)``.
        outputs: Which outputs each row of tiles has, shape ``(R, outputs)``.
        place: The dimension of inputs and outputs, counted from the end.
    """

    inputs: Tensor
    outputs: Tensor
    place: int

    @classmethod
    def of(cls, call: LayerCall, size: tuple[int, int], x: Tensor) -> Tiles:
        """The tiles of a call.

        A kernel is the matrix ``(out, in·height·width)``; its channels are not cut.

        Args:
            call: The layer.
            size: Outputs and inputs of an array.
            x: The input, for type and device.

        Raises:
            ValueError: If a channel of a kernel does not fit into an array.
        """
        channels = channels_of(tuple(call.weight.shape), size[1])
        place = call.vector_dims[0]
        return cls(_parts(x.shape[place], channels, x), _parts(len(call.weight), size[0], x), place)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.inputs) * len(self.outputs)

    def spread(self, x: Tensor) -> Tensor:
        """The input of every tile, shape ``(tiles, ...)``."""
        copies = x.expand(self.count, *x.shape)
        return copies * self._beside(self.inputs.repeat(len(self.outputs), 1), x)

    def inside(self, x: Tensor) -> Tensor:
        """Inputs of tiles, whose errors are kept inside of them as well."""
        return x * self._beside(self.inputs.repeat(len(self.outputs), 1), x[0])

    def own(self, y: Tensor) -> Tensor:
        """Partial sums of tiles, of outputs that they have."""
        return y * self._beside(self.outputs.repeat_interleave(len(self.inputs), 0), y[0])

    def _beside(self, masks: Tensor, like: Tensor) -> Tensor:
        """Masks of all tiles, shape ``(tiles, 1, ..., size, 1, ...)``."""
        shape = [1] * like.ndim
        shape[self.place] = masks.shape[1]
        return masks.view(len(masks), *shape)


def channels_of(shape: tuple[int, ...], inputs: int) -> int:
    """Whole channels of a weight that an array of so many inputs holds.

    Args:
        shape: Of the matrix or the kernel.
        inputs: Of an array.

    Raises:
        ValueError: If it holds none.
    """
    window = math.prod(shape[2:])
    if window > inputs:
        raise ValueError(
            f"an array of {inputs} inputs does not hold a channel of a kernel of {window}; "
            f"allowed: {window} inputs or more"
        )
    return inputs // window


def _parts(size: int, part: int, like: Tensor) -> Tensor:
    """Rows of ones, each over its part of a dimension, shape ``(parts, size)``."""
    tile = torch.arange(size, device=like.device) // part
    rows = torch.arange(-(-size // part), device=like.device)
    return (tile == rows[:, None]).to(like.dtype)
