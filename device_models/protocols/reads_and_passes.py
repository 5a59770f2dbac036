"""What the passes see of the stored weights, and what becomes of their products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from device_models.protocols.element_moments import ElementMoments
from device_models.protocols.rules import LearningRule


@runtime_checkable
class ReadPath(Protocol):
    """What the forward and the backward pass see of the stored weights."""

    @property
    def deterministic(self) -> bool:
        """Whether two reads of the same weights are equal."""
        ...

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Effective weights of one read, shape ``(N,)``."""
        ...

    def moments(self, w: Tensor) -> ElementMoments | None:
        """Closed-form mean and variance of a read, or None where there is none."""
        ...


@runtime_checkable
class ComposedRead(ReadPath, Protocol):
    """A read path that is made of others."""

    def mean_read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """What ``mean_read`` makes of the parts, shape ``(N,)``."""
        ...


def read_by_all(reads: Sequence[ReadPath], w: Tensor, generator: torch.Generator) -> Tensor:
    """Weights as the passes see them, behind all read effects in order, shape ``(N,)``."""
    for effect in reads:
        w = effect.read(w, generator)
    return w


def mean_read(reads: Iterable[ReadPath], w: Tensor, generator: torch.Generator) -> Tensor:
    """Mean of what read effects, in order, make of stored weights; one read where unknown.

    Each effect gets the mean of what the one before it makes.
    """
    for effect in reads:
        if isinstance(effect, ComposedRead):
            w = effect.mean_read(w, generator)
            continue
        moments = effect.moments(w)
        w = effect.read(w, generator) if moments is None else moments.mean
    return w


@runtime_checkable
class PassPath(Protocol):
    """What the arrays' periphery makes of the products in the forward and the backward pass."""

    @property
    def deterministic(self) -> bool:
        """Whether two passes over the same values give the same result."""
        ...

    @property
    def by_sample(self) -> bool:
        """Whether what becomes of a sample does not depend on how many a mean loss is over."""
        ...

    def applied(self) -> AbstractContextManager[object]:
        """A fresh context; the products of every forward pass inside it go through the arrays."""
        ...


@runtime_checkable
class ArrayPass(PassPath, Protocol):
    """A pass path of arrays, which may be noisy: it has its mean unless told where to draw from."""

    def check_rule(self, rule: LearningRule) -> None:
        """Refuse a rule that the arrays are not there for.

        Raises:
            ValueError: One line that says why.
        """
        ...

    def drawn_from(self, generator: torch.Generator) -> PassPath:
        """The same pass path, whose noise comes from a generator."""
        ...
