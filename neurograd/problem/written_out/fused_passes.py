"""Passes of small batches through a stack of linear layers in one compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import available, loop_of
from device_models.kernels.counter_numbers import draw_key
from device_models.kernels.dispatch import TYPES, plain, word_of
from device_models.kernels.stack import codes
from device_models.outer_products import MOST_SAMPLES, OuterProducts, PackedProducts, ReadSpread
from device_models.passes.written_out import ArrayConverters, array_converters
from neurograd.problem.losses import ClassSquaredError, CrossEntropy

MOST_PRODUCTS = 2**23
"""Products of a weight and a number of a sample in a pass, up to which the loop takes it.

Set by timings on one core behind a pass over other memory, in float32: 16-32-10 takes 0.4 of the
time of torch's products, 784-256-128-10 0.5 with 10 samples and 0.8 with 32 (1.0 in float64),
1024-1024-1024-10 0.8 with 10 and 1.3 with 32. A higher limit pays on one core only.
"""

_NO_KEY = np.uint64(0)
_LOSSES = {CrossEntropy: codes.CROSS_ENTROPY, ClassSquaredError: codes.SQUARES}
_ACTIVATIONS = {None: codes.NONE, "relu": codes.RELU, "tanh": codes.TANH, "sigmoid": codes.SIGMOID}


class FactoredStack(Protocol):
    """A stack of layers that knows the gradients of samples as outer products."""

    @property
    def fused(self) -> FusedPasses | None:
        """What the loop takes of it; None where it takes none."""
        ...

    def sample_products(
        self, w: Tensor, inputs: Tensor, targets: Tensor, count: int, noise: ReadSpread | None
    ) -> Sequence[OuterProducts]:
        """The gradients of the samples' losses over ``count``, layer by layer."""
        ...


def products_of_samples(
    stack: FactoredStack,
    passes: Sequence[Callable[[], object]],
    w: Tensor,
    data: tuple[Tensor, Tensor],
    index: Tensor,
    most: int,
    noise: ReadSpread | None = None,
) -> Iterator[Sequence[OuterProducts]] | None:
    """The gradients of samples' losses over their number as outer products, some at a time.

    Args:
        stack: The network.
        passes: What its passes run in, as for ``Problem.through``.
        w: Weights, shape ``(N,)``.
        data: Inputs and targets of all samples, first dimension n.
        index: The samples, shape ``(B,)``.
        most: Samples that one pass takes.
        noise: Of the read that all passes see; None for none.

    Returns:
        The products; None with noise where the samples take several passes, and with passes that
        are other than one set of converters, or which the loop does not take.
    """
    if noise is not None and index.numel() > min(MOST_SAMPLES, most):
        return None
    if not passes:
        return _some_products(stack, w, data, index, most, noise)
    arrays = array_converters(passes[0]) if len(passes) == 1 else None
    if arrays is None or stack.fused is None:
        return None
    return stack.fused.converted(w, data, index, arrays, most, noise)


def _some_products(
    stack: FactoredStack,
    w: Tensor,
    data: tuple[Tensor, Tensor],
    index: Tensor,
    most: int,
    noise: ReadSpread | None,
) -> Iterator[Sequence[OuterProducts]]:
    """Those of exact products."""
    together = None
    if stack.fused is not None and index.numel() <= most:
        together = stack.fused.products(w, data, index, noise)
    if together is not None:
        yield together
        return
    inputs, targets = (each[index] for each in data)
    for x, y in zip(inputs.split(most), targets.split(most), strict=True):
        yield stack.sample_products(w, x, y, len(index), noise)


@dataclass(frozen=True)
class FusedPasses:
    """What the loop takes of a stack.

    Attributes:
        layers: Of each layer, the last one first, its first weight, its first bias or a number
            below 0, its inputs and outputs.
        kinds: Activation behind each layer, in the same order (``kernels.stack.codes``).
        loss: Which loss.
        weights: Number of all weights.
    """

    layers: tuple[tuple[int, int, int, int], ...]
    kinds: tuple[int, ...]
    loss: int
    weights: int
    _rows: dict[tuple[int, bool], tuple[Any, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, layers: Sequence[tuple[int, int, int, int, str | None]], loss: object
    ) -> Self | None:
        """Those of a stack; None where the loop does not know its loss.

        Args:
            layers: As of the result, and the name of the activation behind each; None for none.
            loss: The loss.
        """
        if type(loss) not in _LOSSES:
            return None
        kinds = tuple(_ACTIVATIONS[name] for *_, name in layers)
        found = tuple(each[:4] for each in layers)
        weights = sum((width + (bias >= 0)) * height for _, bias, width, height in found)
        return cls(found, kinds, _LOSSES[type(loss)], weights)

    @cached_property
    def _kinds(self) -> Any:
        return np.array(self.kinds, np.int64)

    @cached_property
    def _most_samples(self) -> int:
        """Samples up to which the loop takes a batch."""
        return min(MOST_SAMPLES, MOST_PRODUCTS // self.weights)

    def products(
        self,
        w: Tensor,
        data: tuple[Tensor, Tensor],
        index: Tensor,
        noise: ReadSpread | None,
    ) -> PackedProducts | None:
        """The gradients of samples' losses over their number as outer products.

        Args:
            w: Weights, shape ``(N,)``.
            data: Inputs of all samples, first dimension n, and their classes, shape ``(n,)``.
            index: The samples, shape ``(B,)``.
            noise: Of the read that both passes see; none when None.

        Returns:
            The products; None where the loop does not take them.
        """
        (samples, classes), count = data, index.numel()
        if not (0 < count <= self._most_samples and self._taken(w, samples, classes, index)):
            return None
        from device_models.kernels.stack import passes  # noqa: PLC0415  (imports numba)

        rows, size = self._rows_of(count, digital_biases=False)
        factors = torch.empty(size, dtype=w.dtype)
        arguments = (
            w.numpy(), samples.numpy().reshape(len(classes), -1), classes.numpy(), index.numpy(),
            rows, self._kinds, self.loss, count, *_read_of(noise), factors.numpy(),
        )  # fmt: skip
        run = loop_of(passes.passes, w.dtype).ready_for(arguments)
        # Numbers of samples that are none are left to torch, which counts from the end, or raises.
        return PackedProducts(factors, rows) if run(*arguments) else None

    def converted(
        self,
        w: Tensor,
        data: tuple[Tensor, Tensor],
        index: Tensor,
        arrays: ArrayConverters,
        most: int,
        noise: ReadSpread | None = None,
    ) -> Iterator[PackedProducts] | None:
        """The same behind converters, ``MOST_SAMPLES`` at a time.

        Those of ``most`` samples are made together, at the weights as they are then.

        Args:
            w: As for ``products``.
            data: As for ``products``.
            index: As for ``products``; any number of samples.
            arrays: The converters.
            most: Samples whose products are held at a time.
            noise: As for ``products``; of up to ``MOST_SAMPLES`` samples.

        Returns:
            The products; None where the loop does not take them.
        """
        (samples, classes), count = data, index.numel()
        if count == 0 or not self._taken(w, samples, classes, index):
            return None
        if int(index.min()) < 0 or int(index.max()) >= len(classes):
            return None
        # Made when the first of them are asked for: until then there is nothing to draw for.
        parts = index.split(most)
        return chain.from_iterable(
            self._converted(w, data, part, count, arrays, noise) for part in parts
        )

    def _converted(
        self,
        w: Tensor,
        data: tuple[Tensor, Tensor],
        index: Tensor,
        count: int,
        arrays: ArrayConverters,
        noise: ReadSpread | None,
    ) -> list[PackedProducts]:
        from device_models.kernels.stack import converted  # noqa: PLC0415  (imports numba)

        (samples, classes), found = data, []
        periphery, source = arrays.periphery(), arrays.source
        read = None if noise is None else converted.Read(*_read_of(noise)[1:])
        inputs, known = samples.numpy().reshape(len(classes), -1), classes.numpy()
        for some in index.split(MOST_SAMPLES):
            rows, size = self._rows_of(some.numel(), digital_biases=True)
            factors = torch.empty(size, dtype=w.dtype)
            key = _NO_KEY if source is None else word_of(draw_key(source))
            arguments = (
                w.numpy(), inputs, known, some.numpy(), rows, self._bias_rows, self._kinds,
                self.loss, count, periphery, key, read, factors.numpy(),
            )  # fmt: skip
            loop_of(converted.passes, w.dtype).ready_for(arguments)(*arguments)
            found.append(PackedProducts(factors, rows, digital=len(rows) - len(self.layers)))
        return found

    @cached_property
    def _bias_rows(self) -> Any:
        """Of each layer, which row is that of its digital biases; −1 without."""
        found, number = [], len(self.layers)
        for _, bias, *_ in self.layers:
            found.append(number if bias >= 0 else -1)
            number += bias >= 0
        return np.array(found, np.int64)

    def _taken(self, w: Tensor, samples: Tensor, classes: Tensor, index: Tensor) -> bool:
        """Whether the loop takes tensors: plain ones on the CPU, contiguous."""
        if not available() or w.dtype not in TYPES or w.shape != (self.weights,):
            return False
        kinds = ((w, w.dtype), (samples, w.dtype), (classes, torch.int64), (index, torch.int64))
        return all(plain(each, kind) and each.is_contiguous() for each, kind in kinds)

    def _rows_of(self, samples: int, *, digital_biases: bool) -> tuple[Any, int]:
        """Rows of ``PackedProducts`` for so many samples, and the size of their factors."""
        kind = samples, digital_biases
        if kind not in self._rows:
            layers = list(self.layers)
            if digital_biases:
                layers = [(first, -1, width, height) for first, _, width, height in self.layers]
                layers += [(bias, -1, 1, height) for _, bias, _, height in self.layers if bias >= 0]
            rows, begin = [], 0
            for first, bias, width, height in layers:
                rows.append((first, bias, width, height, begin, samples))
                begin += samples * (width + height)
            self._rows[kind] = np.array(rows, np.int64), begin
        return self._rows[kind]


def _read_of(noise: ReadSpread | None) -> tuple[bool, float, Any]:
    """Whether a read is noisy, by which standard deviation, and its key, which is drawn."""
    if noise is None:
        return False, 0.0, _NO_KEY
    return True, float(noise.std), word_of(draw_key(noise.generator))
