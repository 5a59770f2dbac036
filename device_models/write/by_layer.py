"""Layers that are written in different ways: another device for each, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import torch
from torch import Tensor

from device_models.moments import of_constant, through_writes
from device_models.outer_products import OuterProducts, SampleStreams, sample_gradients
from device_models.protocols import ElementMoments, StackedWrite, WritePath
from device_models.weight_parts import WeightPart, check_parts, part_generators, part_seeds


@dataclass(frozen=True)
class PartWrites(WeightPart):
    """Some of the weights, with the write effects that they go through, in order.

    Attributes:
        writes: The write effects of as many synapses; none where writes are exact.
    """

    writes: tuple[WritePath, ...] = ()

    def products(self, layers: Sequence[OuterProducts]) -> list[OuterProducts] | None:
        """The gradients of samples in these weights alone, as outer products of all of them.

        None where a matrix is in several parts.

        Args:
            layers: In layers that fill the vector of all weights.
        """
        found, size = [], 0
        for layer in layers:
            rows, columns = layer.errors.shape[1], layer.inputs.shape[1]
            matrix = self._begin_of(layer.first, rows * columns)
            bias = None if layer.bias is None else self._begin_of(layer.bias, rows)
            if matrix is not None:
                found.append(OuterProducts(matrix, bias, layer.inputs, layer.errors))
                size += rows * columns
            elif bias is not None:
                ones = layer.errors.new_ones(len(layer.errors), 1)
                found.append(OuterProducts(bias, None, ones, layer.errors))
            size += 0 if bias is None else rows
        return found if size == sum(each.stop - each.start for each in self.places) else None

    def _begin_of(self, first: int, size: int) -> int | None:
        """Where some of all weights begin among these; None where not all of them are here."""
        begin = 0
        for place in self.places:
            if place.start <= first and first + size <= place.stop:
                return begin + int(first - place.start)
            begin += place.stop - place.start
        return None


@dataclass(frozen=True)
class _WritesByPart:
    """Every part of the weights goes through effects of its own.

    The noise of a part comes from a stream of its own, which the other parts do not change. Mean
    and variance are those that each part states, weights of different parts being independent.

    Attributes:
        parts: The parts, which fill the vector of weights.

    Raises:
        ValueError: If a weight is in no part, or in two.
    """

    parts: tuple[PartWrites, ...]

    takes_stacks: Literal[True] = True

    def __post_init__(self) -> None:
        check_parts(self.parts)

    @property
    def deterministic(self) -> bool:
        """Whether all parts are."""
        return all(effect.deterministic for part in self.parts for effect in part.writes)

    def program(self, w: Tensor) -> Tensor:
        """The state nearest to ``w`` that the parts can hold, shape ``(N,)``."""
        held = w.clone()
        for part in self.parts:
            now = part.take(w)
            for effect in part.writes:
                now = effect.program(now)
            part.put(held, now)
        return held

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment for a requested one, shape ``(N,)``."""
        realized = increment.clone()
        for part, own in part_generators(self.parts, generator):
            here, now = part.take(w), part.take(increment)
            for effect in part.writes:
                now = effect.write(here, now, own)
            part.put(realized, now)
        return realized

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments | None:
        """Closed-form mean and variance of every part, or None where one has none.

        Takes weights and increments of shape ``(M, N)`` as well.
        """
        return self._joined(of_constant, w, increment)

    def realized(self, w: Tensor, increment: ElementMoments) -> ElementMoments:
        """Mean and variance of what is realized of a normally distributed increment.

        Takes shapes ``(N,)`` and ``(M, N)``.

        Raises:
            ValueError: If an effect states no moments.
        """

        def of_part(
            writes: Sequence[WritePath], w: Tensor, mean: Tensor, variance: Tensor
        ) -> ElementMoments:
            return through_writes(writes, w, ElementMoments(mean, variance))

        found = self._joined(of_part, w, increment.mean, increment.variance)
        assert found is not None
        return found

    def _joined(
        self, moments: Callable[..., ElementMoments | None], *values: Tensor
    ) -> ElementMoments | None:
        """What each part makes of its own of some vectors, put together."""
        mean, variance = torch.zeros_like(values[0]), torch.zeros_like(values[0])
        for part in self.parts:
            own = [part.take(value) for value in values]
            found = _by_row(moments, part.writes, own)
            if found is None:
                return None
            part.put(mean, found.mean)
            part.put(variance, found.variance)
        return ElementMoments(mean, variance)


@dataclass(frozen=True)
class LayerWrites(_WritesByPart):
    """Write path: every part of the weights goes through effects of its own; attributes there."""

    def write_outer(
        self,
        w: Tensor,
        layers: Sequence[OuterProducts],
        factor: float,
        generator: torch.Generator,
    ) -> bool:
        """Writes samples one after the other into ``w`` itself: see ``OuterWrite``.

        Taken where each part holds its matrices whole and has one effect at most.
        """
        every = list(layers)
        shares = [part.products(every) for part in self.parts]
        if any(each is None for each in shares) or any(len(p.writes) > 1 for p in self.parts):
            return False
        samples, count = len(every[0].inputs), len(self.parts)
        seeds = [part_seeds(count, generator) for _ in range(samples)]
        for k, (part, share) in enumerate(zip(self.parts, shares, strict=True)):
            held = part.take(w)
            streams = tuple(
                torch.Generator(device=generator.device).manual_seed(own[k])
                for own in (seeds if part.writes else ())
            )
            _write_samples(part.writes, held, share or (), factor, SampleStreams(streams))
            if len(part.places) > 1:
                part.put(w, held)
        return True


@dataclass(frozen=True)
class LayerWritesOnce(_WritesByPart):
    """The same of effects that act once an update, however many writes that is, such as leaks."""

    @property
    def once_an_update(self) -> bool:
        """Always True."""
        return True

    def over_writes(self, writes: float) -> Self:
        """The same with each part's effects over so many writes (``OnceAnUpdate``)."""

        def over(part: PartWrites) -> PartWrites:
            effects: tuple[Any, ...] = part.writes
            return replace(part, writes=tuple(each.over_writes(writes) for each in effects))

        return replace(self, parts=tuple(map(over, self.parts)))


def _write_samples(
    writes: Sequence[WritePath],
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    streams: SampleStreams,
) -> None:
    """Samples one after the other into a part's weights, as products where its effect takes these.

    Args:
        writes: Its effect; none for exact writes.
        w: The weights, in place.
        layers: The gradients in these weights.
        factor: What a gradient is multiplied by to be the increment.
        streams: A generator for each sample.
    """
    effect: Any = writes[0] if writes else None
    if hasattr(effect, "write_outer") and effect.write_outer(w, layers, factor, streams):
        return
    for k, gradient in enumerate(sample_gradients(layers, w)):
        increment = gradient * factor
        w += increment if effect is None else effect.write(w, increment, streams.each[k])


def _by_row(
    moments: Callable[..., ElementMoments | None],
    writes: Sequence[WritePath],
    values: Sequence[Tensor],
) -> ElementMoments | None:
    """Moments of vectors or of stacks of them, row by row where an effect takes no stacks."""
    if values[0].ndim == 1 or all(isinstance(effect, StackedWrite) for effect in writes):
        return moments(writes, *values)
    found = [moments(writes, *row) for row in zip(*values, strict=True)]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    return ElementMoments(
        torch.stack([each.mean for each in known]), torch.stack([each.variance for each in known])
    )
