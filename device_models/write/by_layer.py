"""Layers that are written in different ways: another device for each, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import torch
from torch import Tensor

from device_models.moments import of_constant, through_writes
from device_models.protocols import ElementMoments, StackedWrite, WritePath
from device_models.weight_parts import WeightPart, check_parts, part_generators


@dataclass(frozen=True)
class PartWrites(WeightPart):
    """Some of the weights, with the write effects that they go through, in order.

    Attributes:
        writes: The write effects of as many synapses; none where writes are exact.
    """

    writes: tuple[WritePath, ...] = ()


@dataclass(frozen=True)
class LayerWrites:
    """Write path: every part of the weights goes through effects of its own.

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
class LayerWritesOnce(LayerWrites):
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
