"""Layers whose products go through different periphery: converters of their own, or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from device_models.layer_hooks import LayerCall, LayerHook, begin_pass
from device_models.protocols import ArrayPass, LearningRule


class HookPass(Protocol):
    """A pass that acts on calls of layers."""

    @property
    def deterministic(self) -> bool:
        """Whether two passes over the same values give the same result."""
        ...

    @property
    def by_sample(self) -> bool:
        """Whether what becomes of a sample does not depend on how many a mean loss is over."""
        ...

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """What the product gets in place of the layer's input ``x``."""
        ...

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """The layer's output for the input ``x``."""
        ...

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """What the network goes on with in place of the layer's output ``y``."""
        ...


@dataclass(frozen=True)
class LayerPasses:
    """Pass path: what acts on calls of some layers only; all others pass unchanged.

    Attributes:
        inner: What acts on them.
        weights: Parameter names of the weights of these layers.
    """

    inner: HookPass
    weights: frozenset[str]

    def check_rule(self, rule: LearningRule) -> None:
        """Refuse a rule that the arrays are not there for.

        Raises:
            ValueError: One line that says why.
        """
        if isinstance(self.inner, ArrayPass):
            self.inner.check_rule(rule)

    def drawn_from(self, generator: torch.Generator) -> LayerPasses:
        """The same passes, whose noise comes from a generator."""
        if not isinstance(self.inner, ArrayPass):
            return self
        drawn: Any = self.inner.drawn_from(generator)
        return replace(self, inner=drawn)

    @property
    def deterministic(self) -> bool:
        """Whether what acts is."""
        return self.inner.deterministic

    @property
    def by_sample(self) -> bool:
        """Whether it takes each sample for itself."""
        return self.inner.by_sample

    def applied(self) -> AbstractContextManager[object]:
        """A fresh context; it learns at the begin of the pass which weights are its layers'."""
        return _Some(self.inner, self.weights).applied()


class _Some(LayerHook):
    """Gives calls of some layers to a hook, during one forward pass."""

    def __init__(self, inner: HookPass, weights: frozenset[str]) -> None:
        self._inner, self._weights = inner, weights
        self._here: frozenset[int] = frozenset()

    def begin_pass(self, inputs: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Layers are known by the identity of their weight, which lives as long as the pass."""
        self._here = frozenset(
            id(tensor) for name, tensor in parameters.items() if name in self._weights
        )
        return begin_pass(inputs, parameters)

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """The input as its array gets it."""
        return self._inner.before(call, x) if id(call.weight) in self._here else x

    def product(self, call: LayerCall, x: Tensor) -> Tensor:
        """The product of its array."""
        if id(call.weight) in self._here:
            return self._inner.product(call, x)
        return super().product(call, x)

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """The product as it leaves its array."""
        return self._inner.after(call, y) if id(call.weight) in self._here else y
