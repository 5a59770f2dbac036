"""Gradient estimates of single updates at one point: their mean, size, spread and sums.

Of linear layers the gradient of sample m is the product of the errors δ of a layer's outputs and
its inputs a, so that sums over samples of the gradients, of their sizes and of their squares are
one product a layer,

    Σ_m c_m g_m = (cδ)ᵀa,      Σ_m c_m |g_m| = (c|δ|)ᵀ|a|,      Σ_m g_m² = (δ²)ᵀ(a²),

with any weights c. Batches of more than one sample add their gradients before the size is taken:
there the subset is cut into batches, each of which is one product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from neurograd.forecast.small_batches.estimates.single_updates import (
    Changed,
    centred,
    coefficient,
    ratio,
)
from neurograd.problem.written_out.layer_stack import Factors, LayerStack


@dataclass(frozen=True)
class Increments:
    """The estimates of a subset of samples at one point.

    Attributes:
        stack: The network's layers.
        factors: What their gradients are made of, of M samples, from the last layer to the first.
        input_squares: Squared norms of the samples' own inputs, shape ``(M,)``.
        batch_size: Samples B of an update.
        batches: Updates that the samples make, each with B of them; samples that are left over
            count in the mean only.
        reads: Reads that the samples are seen by, equal parts of them by each: what these differ by
            is no spread of samples.
    """

    stack: LayerStack
    factors: list[Factors]
    input_squares: Tensor
    batch_size: int
    batches: int
    reads: int = 1

    @cached_property
    def mean(self) -> Tensor:
        """Mean estimate, shape ``(N,)``."""
        return self._summed(_errors, _inputs) / self._samples

    @cached_property
    def size(self) -> Tensor:
        """E|x| of the estimate x of one update, shape ``(N,)``."""
        if self.batch_size == 1:
            return self._sizes._summed(_errors, _inputs) / self._samples
        # No mean size is below that of the mean, of which left-over samples are a part.
        return torch.maximum(self._every_size.mean(0), self.mean.abs())

    @cached_property
    def square(self) -> Tensor:
        """E x² of one update, shape ``(N,)``."""
        if self.batch_size > 1:
            return self.single(self.batches).square().mean(0)
        total = self._summed(lambda each: each.errors.square(), lambda each: each.inputs.square())
        return total / self._samples

    def noise(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """See ``SingleUpdates``."""
        count, rows = self.batches, self.centred(normal)
        if self.batch_size > 1:
            return rows @ self._every, rows @ self._every_size
        column = torch.zeros_like(self.factors[0].errors[:, :1])
        column[:count, 0] = rows
        return (
            self._summed(lambda each: column * each.errors, _inputs),
            self._sizes._summed(lambda each: column * each.errors, _inputs),
        )

    def plain_noise(self, normal: Tensor) -> Tensor:
        """See ``SingleUpdates``."""
        each_read = self._samples // self.reads
        column = (centred(normal, each_read) / math.sqrt(self.batch_size)).unsqueeze(1)
        return self._summed(lambda each: column * each.errors, _inputs)

    def centred(self, rows: Tensor) -> Tensor:
        """See ``SingleUpdates``."""
        return centred(rows, self._samples // self.reads // self.batch_size)

    @property
    def samples(self) -> int:
        """Number M of samples."""
        return self._samples

    def single(self, count: int) -> Tensor:
        """The estimates of the first ``count`` updates, shape ``(count, N)``."""
        if count == self.batches:
            return self._every
        return self._batched(count)

    def first(self, count: int) -> Increments:
        """See ``SingleUpdates``."""
        if count == self._samples:
            return self
        factors = [
            replace(each, inputs=each.inputs[:count], errors=each.errors[:count])
            for each in self.factors
        ]
        batches = min(self.batches, count // self.batch_size)
        return replace(
            self, factors=factors, input_squares=self.input_squares[:count], batches=batches
        )

    @cached_property
    def norms(self) -> list[tuple[Tensor, Tensor | None]]:
        """Root sum of squares over samples of every layer's errors and inputs, shapes ``(k,)``.

        The first layer's inputs, None here, are the samples' own.
        """
        *above, first = self.factors
        return [
            *((_root_sum(each.errors), _root_sum(each.inputs)) for each in above),
            (_root_sum(first.errors), None),
        ]

    @cached_property
    def inverse_norms(self) -> list[tuple[_Inverse, _Inverse | None]]:
        """What turns ``norms`` of the same samples elsewhere into their growth from here."""
        return [
            (_Inverse.of(errors), None if inputs is None else _Inverse.of(inputs))
            for errors, inputs in self.norms
        ]

    @cached_property
    def squares(self) -> list[Tensor]:
        """Squared norm of every sample's gradient of every layer, shapes ``(M,)``."""
        return self.products(self)

    def products(self, other: Increments) -> list[Tensor]:
        """Products ``⟨g, g'⟩`` of every sample's gradients of every layer, shapes ``(M,)``.

        Args:
            other: Estimates of the same samples elsewhere.
        """
        found = []
        for one, also in zip(self.factors, other.factors, strict=True):
            inputs = self.input_squares
            if one is not self.factors[-1]:
                inputs = torch.linalg.vecdot(one.inputs, also.inputs)
            errors = torch.linalg.vecdot(one.errors, also.errors)
            found.append(errors * (inputs + (one.bias is not None)))
        return found

    def changed(self, few: Increments, now: Increments) -> ChangedIncrements:
        """See ``SingleUpdates``."""
        return ChangedIncrements(self, few, now)

    def growth(self, before: Increments) -> float:
        """See ``SingleUpdates``."""
        now, then = (sum(float(each.sum()) for each in some.squares) for some in (self, before))
        return math.sqrt(ratio(now, then))

    @cached_property
    def _sizes(self) -> Increments:
        """The same with the sizes of errors and inputs in their place."""
        factors = [
            replace(each, inputs=each.inputs.abs(), errors=each.errors.abs())
            for each in self.factors
        ]
        return replace(self, factors=factors)

    @cached_property
    def _every(self) -> Tensor:
        return self._batched(self.batches)

    @cached_property
    def _every_size(self) -> Tensor:
        return self._every.abs()

    def _batched(self, count: int) -> Tensor:
        size = self.batch_size
        first = self.factors[0].errors
        result = first.new_empty((count, self._width))
        for each in self.factors:
            errors = each.errors[: count * size].view(count, size, -1)
            inputs = each.inputs[: count * size].view(count, size, -1)
            place = self._places[each.weight]
            result[:, place] = (errors.mT @ inputs).flatten(1)
            if each.bias is not None:
                result[:, self._places[each.bias]] = errors.sum(1)
        return result.div_(size)

    @property
    def _samples(self) -> int:
        return len(self.factors[0].errors)

    @property
    def _width(self) -> int:
        return sum(shape.numel() for shape in self.stack.shapes)

    @cached_property
    def _places(self) -> list[slice]:
        found, begin = [], 0
        for shape in self.stack.shapes:
            found.append(slice(begin, begin + shape.numel()))
            begin += shape.numel()
        return found

    def _summed(
        self, left: Callable[[Factors], Tensor], right: Callable[[Factors], Tensor]
    ) -> Tensor:
        """``leftᵀ·right`` of every layer, its bias as a last input of 1, shape ``(N,)``."""
        result = self.factors[0].errors.new_empty(self._width)
        parts = self.stack.parameters(result)
        for each in self.factors:
            errors = left(each)
            torch.mm(errors.t(), right(each), out=parts[each.weight])
            if each.bias is not None:
                torch.sum(errors, 0, out=parts[each.bias])
        return result


class ChangedIncrements(Changed[Increments]):
    """Estimates by products of layers, which keep a part each."""

    @cached_property
    def kept(self) -> list[float]:
        """What every layer keeps, its c."""
        pairs = zip(self.now.products(self.few), self.few.squares, strict=True)
        return [coefficient(both, own) for both, own in pairs]

    def _kept(self, rest: Tensor) -> Tensor:
        """What every layer keeps of ``rest``, shape ``(N,)``, which is changed."""
        parts = self.now.stack.parameters(rest)
        for each, kept in zip(self.now.factors, self.kept, strict=True):
            parts[each.weight].mul_(kept)
            if each.bias is not None:
                parts[each.bias].mul_(kept)
        return rest

    def _grown(self, size: Tensor) -> Tensor:
        parts = self.now.stack.parameters(size)
        layers = zip(self.now.factors, self.now.norms, self.few.inverse_norms, strict=True)
        for each, (errors, inputs), (of_errors, of_inputs) in layers:
            growth = of_errors.growth(errors)
            matrix = parts[each.weight].mul_(growth.unsqueeze(1))
            if inputs is not None and of_inputs is not None:
                matrix.mul_(of_inputs.growth(inputs))
            if each.bias is not None:
                parts[each.bias].mul_(growth)
        return size


def _errors(layer: Factors) -> Tensor:
    return layer.errors


def _inputs(layer: Factors) -> Tensor:
    return layer.inputs


def _root_sum(values: Tensor) -> Tensor:
    """Root sum of squares over samples, shape ``(k,)``."""
    return values.square().sum(0).sqrt_()


@dataclass(frozen=True)
class _Inverse:
    """Inverse of norms, and 1 where these are 0, shapes ``(k,)``."""

    inverse: Tensor
    where_zero: Tensor

    @classmethod
    def of(cls, norms: Tensor) -> _Inverse:
        zero = norms == 0
        return cls(torch.where(zero, 0.0, norms.reciprocal()), zero.to(norms.dtype))

    def growth(self, norms: Tensor) -> Tensor:
        """Norms over those before, 1 where these were 0, shape ``(k,)``."""
        return torch.addcmul(self.where_zero, norms, self.inverse)
