"""Gradients of single samples as the outer products that they are, layer by layer.

The gradient of one sample's loss in the matrix of a linear layer is the product of an error for
every output and an input for every column, and in its bias the error itself. A write that takes the
two of them visits only the weights whose error and input are not 0, and no increment of all weights
is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload

import torch
from torch import Tensor

from device_models.protocols import WritePath


@dataclass(frozen=True)
class OuterProducts:
    """The gradients of some samples in one linear layer: of sample n it is ``errors_n inputs_nᵀ``.

    Attributes:
        first: Place of the matrix's first weight in the flat vector, row by row.
        bias: Place of the first bias, whose input is 1; None without biases.
        inputs: What the layer gets, shape ``(n, inputs)``.
        errors: Derivatives of the samples' parts of the loss, shape ``(n, outputs)``.
        digital: Whether it is of biases that no array holds, as a matrix whose input is 1.
    """

    first: int
    bias: int | None
    inputs: Tensor
    errors: Tensor
    digital: bool = False

    def matrix_in(self, vector: Tensor) -> Tensor:
        """The layer's matrix in a flat vector, a view of shape ``(outputs, inputs)``."""
        shape = (self.errors.shape[1], self.inputs.shape[1])
        return vector[self.first : self.first + shape[0] * shape[1]].view(shape)

    def biases_in(self, vector: Tensor) -> Tensor | None:
        """Its biases there, a view of shape ``(outputs,)``; None without biases."""
        if self.bias is None:
            return None
        return vector[self.bias : self.bias + self.errors.shape[1]]


class PackedProducts(Sequence[OuterProducts]):
    """Outer products whose factors lie in one vector, as loops over them take these.

    Args:
        factors: Of each layer the inputs of all samples, one after the other, then their errors.
        rows: Of each layer a row: first weight, first bias or a number below 0, columns, rows,
            where its factors begin, samples.
        digital: How many of the last layers are biases that no array holds, whose input is 1.
    """

    def __init__(self, factors: Tensor, rows: Any, digital: int = 0) -> None:
        self.factors, self.rows, self.digital = factors, rows, digital
        self.samples = int(rows[0, 5])

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> OuterProducts: ...
    @overload
    def __getitem__(self, place: slice) -> list[OuterProducts]: ...
    def __getitem__(self, place: int | slice) -> OuterProducts | list[OuterProducts]:
        if isinstance(place, slice):
            return [self[k] for k in range(*place.indices(len(self)))]
        first, bias, width, height, begin, samples = map(int, self.rows[place])
        middle, end = begin + samples * width, begin + samples * (width + height)
        inputs = self.factors[begin:middle].view(samples, width)
        errors = self.factors[middle:end].view(samples, height)
        digital = place % len(self) >= len(self) - self.digital
        return OuterProducts(first, None if bias < 0 else bias, inputs, errors, digital)


def sample_gradients(layers: Sequence[OuterProducts], like: Tensor) -> Iterator[Tensor]:
    """The gradient of one sample after the other, each of shape ``(N,)``.

    Args:
        layers: Layers that fill the vector of weights.
        like: A vector of their number and type.
    """
    for sample in range(len(layers[0].inputs)):
        result = torch.empty_like(like)
        for layer in layers:
            error = layer.errors[sample]
            torch.outer(error, layer.inputs[sample], out=layer.matrix_in(result))
            if (biases := layer.biases_in(result)) is not None:
                biases.copy_(error)
        yield result


def summed_gradients(layers: Sequence[OuterProducts], like: Tensor) -> Tensor:
    """The sum of the samples' gradients, shape ``(N,)``.

    Args:
        layers: Layers that fill the vector of weights.
        like: A vector of their number and type.
    """
    result = torch.empty_like(like)
    for layer in layers:
        torch.mm(layer.errors.t(), layer.inputs, out=layer.matrix_in(result))
        if (biases := layer.biases_in(result)) is not None:
            torch.sum(layer.errors, 0, out=biases)
    return result


MOST_SAMPLES = 32
"""Samples of a pass up to which the noise of its read is drawn by what it is multiplied by."""


@dataclass(frozen=True)
class ReadSpread:
    """Independent normal noise of a read, which no pass needs as a vector of all weights.

    Attributes:
        std: Standard deviation of a weight as read.
        generator: Source of the noise.
    """

    std: float
    generator: torch.Generator


class FactoredProblem(Protocol):
    """A problem that may know the gradients of a batch's samples as outer products."""

    def sample_products(
        self, w: Tensor, index: Tensor, noise: ReadSpread | None = None
    ) -> Iterator[Sequence[OuterProducts]] | None:
        """Each sample's part of the gradient over the samples ``index``, some samples at a time.

        None where they are no such products, or not known as such; with noise, of one read for all
        of the samples, where these are more than ``MOST_SAMPLES``, too.
        """
        ...


def known_products(
    problem: Any, w: Tensor, index: Tensor, noise: ReadSpread | None = None
) -> Iterator[Sequence[OuterProducts]] | None:
    """``FactoredProblem.sample_products``; None where a problem is none, too."""
    if not hasattr(problem, "sample_products"):
        return None
    found: Iterator[Sequence[OuterProducts]] | None = problem.sample_products(w, index, noise)
    return found


@dataclass(frozen=True)
class SampleStreams:
    """A generator for each sample: a part of the weights draws each write from its own.

    Attributes:
        each: One a sample.
    """

    each: tuple[torch.Generator, ...]


class KeyedWrite(Protocol):
    """A write that draws one key."""

    def key_of(self, generator: torch.Generator, *count: int) -> Tensor:
        """The key of one write, or keys of some."""
        ...


def keys_of(write: KeyedWrite, generator: torch.Generator | SampleStreams, samples: int) -> Tensor:
    """The keys of the writes of samples, shape ``(samples,)``, those of one write after the other.

    Args:
        write: The write path.
        generator: Source of the write noise.
        samples: Their number.
    """
    if isinstance(generator, SampleStreams):
        return torch.stack([write.key_of(each) for each in generator.each])
    if generator.device.type == "cpu":
        return write.key_of(generator, samples)
    return torch.stack([write.key_of(generator) for _ in range(samples)])


@dataclass(frozen=True)
class TrainSettings:
    """Pulse trains of single samples on the lines of arrays (``updates.pulse_trains``).

    Attributes:
        length: Slots of a train, 1 or more.
        alpha: α of a sample's own part of the step.
        samples: Samples of the batch, whose losses are parts of a mean over them.
        quantum: Weight change of one coincidence.
        step_size: Δt of the batch, in whose units of the gradient it is ``quantum/step_size``.
        counted: Whether pulses are rounded numbers, none of which is drawn.
    """

    length: int
    alpha: float
    samples: int
    quantum: float
    step_size: float
    counted: bool


class OuterWrite(WritePath, Protocol):
    """A write path that may write outer products without their increments."""

    def write_outer(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        factor: float,
        generator: torch.Generator | SampleStreams,
    ) -> bool:
        """Writes some samples one after the other into ``w`` itself.

        Where it does not take them, nothing is drawn and ``w`` stays.

        Args:
            w: Weights, shape ``(N,)``; changed in place.
            layers: The samples' gradients in layers that fill the vector of weights.
            factor: What a gradient is multiplied by to be the increment.
            generator: Source of the write noise: of one key a sample, as in a ``write`` of each.

        Returns:
            Whether they have been written.
        """
        ...


class TrainWrite(OuterWrite, Protocol):
    """An outer write that may write coincidences of pulse trains without their counts."""

    def write_trains(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        trains: TrainSettings,
        factor: float,
        generator: torch.Generator,
    ) -> bool:
        """Writes some samples one after the other into ``w`` itself.

        Where it does not take them, nothing is drawn and ``w`` stays. Layers that are ``digital``
        are written as by ``write_outer``.

        Args:
            w: As for ``write_outer``.
            layers: As for ``write_outer``.
            trains: Those of each sample.
            factor: As for ``write_outer``.
            generator: Source of trains and of the write noise: of one key a sample.

        Returns:
            Whether they have been written.
        """
        ...
