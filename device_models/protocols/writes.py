"""What the synapses make of a requested weight increment, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from device_models.protocols.element_moments import ElementMoments


@runtime_checkable
class WritePath(Protocol):
    """What the synapses make of a requested weight increment."""

    @property
    def deterministic(self) -> bool:
        """Whether two writes of the same increment are equal."""
        ...

    def program(self, w: Tensor) -> Tensor:
        """The state nearest to ``w`` that the synapses can hold, shape ``(N,)``."""
        ...

    def write(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        """Realized increment for a requested one, both in weight units, shape ``(N,)``."""
        ...

    def moments(self, w: Tensor, increment: Tensor) -> ElementMoments | None:
        """Closed-form mean and variance of the realized increment, or None."""
        ...


@runtime_checkable
class PulseWise(WritePath, Protocol):
    """A write path whose closed form is for one pulse a weight at most."""

    def train_moments(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Mean and variance of what trains of any number of pulses realize, shape ``(N,)``."""
        ...


@runtime_checkable
class DiscreteWrite(WritePath, Protocol):
    """A write path whose realized increment is one of a few values, such as a rounding."""

    def outcomes(self, w: Tensor, increment: ElementMoments) -> Iterator[tuple[Tensor, Tensor]]:
        """Chance of each value and the value; chances of one element sum to 1, shape ``(N,)``.

        The increment is constant, or normally distributed where it has a variance.
        """
        ...


@runtime_checkable
class AffineWrite(WritePath, Protocol):
    """A write path whose realized increment is ``offset + kept·increment``, without noise."""

    def affine(self, w: Tensor) -> tuple[Tensor | float, Tensor]:
        """What is kept of an increment, and what is realized without one, shape ``(N,)``."""
        ...


@runtime_checkable
class ComposedWrite(WritePath, Protocol):
    """A write path that is made of others."""

    def realized(self, w: Tensor, increment: ElementMoments) -> ElementMoments:
        """Mean and variance of what is realized of a normally distributed increment."""
        ...


@runtime_checkable
class StackedWrite(WritePath, Protocol):
    """A write path whose moments take weights and increments of shape ``(M, N)`` as well.

    Moments of many increments then cost few calls.

    Attributes:
        takes_stacks: Always True.
    """

    takes_stacks: Literal[True]


UpdateSampler = Callable[[torch.Generator], Tensor]
"""Draws one sample of Δw in gradient units, shape ``(N,)``."""
