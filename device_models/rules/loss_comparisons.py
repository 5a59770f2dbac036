"""Rules that compare losses at perturbed weights or pre-activations, and what chips owe them.

Their mean is the gradient of the loss smoothed by the perturbation. It is that of the loss itself
but for ε², except where the loss is a staircase: behind converters, and where neurons spike.

Two losses that are compared come from passes of their own, each behind a read of its own: what is
new in each read does not cancel in their difference, and a perturbation ε carries it with 1/ε.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from device_models.protocols import PassPath, ReadPath, read_by_all

Read = Callable[[Tensor, torch.Generator], Tensor]
"""What one pass sees of stored weights of shape ``(N,)``, and the source of its noise."""


@runtime_checkable
class DifferenceRule(Protocol):
    """A rule that compares losses at perturbed weights or pre-activations.

    Where the loss is a staircase its mean response to them is no gradient that a pass gives.

    Attributes:
        compares_losses: Always True.
    """

    compares_losses: Literal[True]


@runtime_checkable
class ReadsEachPass(Protocol):
    """A rule each of whose passes may have a read of its own."""

    def reading(self, read: Read) -> Self:
        """The rule whose every pass sees what a read makes of the weights that it is given.

        Args:
            read: Called once a pass; a perturbation of weights is added behind it.
        """
        ...


def seen_weights(read: Read | None, w: Tensor, generator: torch.Generator) -> Tensor:
    """What one pass sees of weights, shape ``(N,)``: themselves without a read of its own."""
    return w if read is None else read(w, generator)


def compares_losses(rule: object) -> bool:
    """Whether a rule, or the one that it wraps, compares losses."""
    inner = getattr(rule, "rule", None)
    return isinstance(rule, DifferenceRule) or (inner is not None and compares_losses(inner))


def compares_steps(rule: object, problem: object, passes: Sequence[PassPath]) -> bool:
    """Whether a rule compares losses of a staircase, whose steps gradients see through.

    Args:
        rule: Any learning rule.
        problem: Network, loss and data; one says ``surrogate_gradient`` where its neurons spike.
        passes: What the arrays' periphery makes of products.
    """
    stepped = bool(passes) or getattr(problem, "surrogate_gradient", False)
    return stepped and compares_losses(rule)


def reading_each_pass(rule: Any, reads: Sequence[ReadPath]) -> Any:
    """A rule, or one that wraps it, whose passes read the weights one by one.

    Args:
        rule: Any learning rule.
        reads: Read effects, in order.

    Returns:
        None where no read is random, or all passes of the rule share one.
    """
    if all(effect.deterministic for effect in reads):
        return None
    return _reading(rule, partial(read_by_all, reads))


def _reading(rule: Any, read: Read) -> Any:
    if isinstance(rule, ReadsEachPass):
        return rule.reading(read)
    inner = getattr(rule, "rule", None)
    found = None if inner is None else _reading(inner, read)
    return None if found is None else replace(rule, rule=found)
