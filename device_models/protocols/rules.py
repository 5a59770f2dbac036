"""What the chip computes in place of the gradient, and what is known of a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from device_models.protocols.problem import Problem


@runtime_checkable
class LearningRule(Protocol):
    """What the chip computes in place of the gradient."""

    @property
    def deterministic(self) -> bool:
        """Whether two calls with the same weights give the same estimate."""
        ...

    @property
    def mean_over_samples(self) -> bool:
        """Whether the mean estimate over a batch is the mean of those over its samples."""
        ...

    def gradient(self, problem: Problem, w: Tensor, generator: torch.Generator) -> Tensor:
        """One estimate of the gradient at ``w``, shape ``(N,)``."""
        ...


class BatchRule(LearningRule, Protocol):
    """A learning rule that can be restricted to a batch."""

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """One estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        ...


@runtime_checkable
class SummedRule(BatchRule, Protocol):
    """A rule that is no mean over samples, but in batches of one size a sum over them."""

    def in_batches_of(self, samples: int) -> BatchRule:
        """The rule whose estimate over any samples is the mean of those over batches of a size.

        Args:
            samples: Size of the batches.
        """
        ...


class UnstableRuleError(ValueError):
    """A rule's own dynamics diverge at these weights, as they would on the chip."""


@runtime_checkable
class ExpectedRule(Protocol):
    """A random rule whose mean is known without averaging estimates."""

    def expected(self, problem: Problem, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean of an estimate over the whole training set at ``w``, shape ``(N,)``.

        Rules that can be restricted to a batch take its ``index``, too.
        """
        ...


@runtime_checkable
class PerturbingRule(LearningRule, Protocol):
    """A rule that perturbs, and whose total variance is known in closed form."""

    def total_variance(self, problem: Problem, w: Tensor) -> float:
        """Total variance of an estimate over the whole training set at ``w``.

        Raises:
            ValueError: If there is no closed form for this network.
        """
        ...


@runtime_checkable
class RuleAboutMean(PerturbingRule, Protocol):
    """One whose estimates are known by their mean alone."""

    def estimates_about(self, mean: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Independent estimates about their mean, of shape ``(N,)``; shape ``(count, N)``."""
        ...


def expected_gradient(
    rule: Any,
    problem: Problem,
    w: Tensor,
    generator: torch.Generator,
    index: Tensor | None = None,
) -> Tensor:
    """Mean of a rule's estimate where it is known, else one estimate, shape ``(N,)``.

    Args:
        rule: Any learning rule.
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        generator: Drawn from only where the mean is not known.
        index: Samples of the estimate; all when None.
    """
    known = isinstance(rule, ExpectedRule)
    make: Callable[..., Tensor] = rule.expected if known else rule.gradient
    return make(problem, w, generator) if index is None else make(problem, w, generator, index)


@runtime_checkable
class AveragedRule(Protocol):
    """A rule whose stated mean may be an average over draws, with an error of its own."""

    def mean_is_averaged(self, problem: Problem) -> bool:
        """Whether ``expected`` averages over draws on this problem."""
        ...


@runtime_checkable
class CallRule(Protocol):
    """A rule that takes what a layer gets and gives from its calls, a sample after the other.

    Arrays that hold a part of a layer each give it no such call, and those that scale their inputs
    give other values.

    Attributes:
        takes_calls: ``values``, or only ``products`` of an input and its error, which no scale of
            the input changes.
    """

    takes_calls: Literal["values", "products"]


def taken_of_calls(rule: object) -> Literal["values", "products"] | None:
    """What a rule, or the one that it wraps, takes from the calls of layers; None for nothing."""
    if isinstance(rule, CallRule):
        return rule.takes_calls
    inner = getattr(rule, "rule", None)
    return None if inner is None else taken_of_calls(inner)


def has_known_mean(rule: LearningRule, problem: Problem) -> bool:
    """Whether ``expected_gradient`` is the mean of a rule's estimate itself, without an error."""
    if isinstance(rule, AveragedRule) and rule.mean_is_averaged(problem):
        return False
    return rule.deterministic or isinstance(rule, ExpectedRule)


@runtime_checkable
class StepSized(Protocol):
    """A rule whose estimate depends on the step size, such as one that counts pulses."""

    def with_step_size(self, step_size: float) -> Self:
        """The same rule for another Δt, above 0."""
        ...
