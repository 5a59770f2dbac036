"""The protocols that device models and learning rules keep, and what they ask of a problem.

Weights, increments and updates are flat vectors of shape ``(N,)`` in weight units; an update in
gradient units is an increment divided by the step size. Randomness comes only from the generator
that the caller hands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor


@dataclass(frozen=True)
class ElementMoments:
    """Closed-form mean and variance of a vector whose elements are independent.

    Attributes:
        mean: Mean, shape ``(N,)``.
        variance: Variance of every element, shape ``(N,)``.
    """

    mean: Tensor
    variance: Tensor

    @classmethod
    def constant(cls, value: Tensor) -> Self:
        """Moments of what is not random, shape ``(N,)``."""
        return cls(value, torch.zeros_like(value))

    def shaped(self, shape: Sequence[int]) -> ElementMoments:
        """The same in another shape."""
        return ElementMoments(self.mean.view(shape), self.variance.view(shape))

    @property
    def total_variance(self) -> float:
        """Trace of the covariance, the paper's σ²f(N)."""
        return float(self.variance.sum())


class Problem(Protocol):
    """What a learning rule may ask of the network, its loss and its data."""

    @property
    def num_samples(self) -> int:
        """Number of samples of the training set."""
        ...

    @property
    def num_parameters(self) -> int:
        """Number N of trainable weights."""
        ...

    def gradient(self, w: Tensor, index: Tensor | None = None) -> Tensor:
        """Gradient of the mean loss over the samples ``index`` (all when None), shape ``(N,)``."""
        ...

    def parameters_of(self, w: Tensor) -> dict[str, Tensor]:
        """Named parameter tensors that view into ``w``."""
        ...

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Named tensors as one vector of shape ``(N,)``; the inverse of ``parameters_of``."""
        ...

    def chunks(
        self, split: Literal["train", "test"] = "train", index: Tensor | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of the samples ``index`` (all when None), as many as a pass takes."""
        ...

    def batch(self, index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Training inputs and targets of the samples ``index`` (all when None)."""
        ...

    def outputs(self, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Network outputs for named parameters, differentiable, shape ``(n, ...)``."""
        ...

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, differentiable in the outputs, shape ``(n,)``."""
        ...

    def through(self, passes: Callable[[], AbstractContextManager[object]]) -> Self:
        """The same problem with every forward pass run inside a fresh context."""
        ...

    def per_sample_gradient_square_norms(self, w: Tensor) -> Tensor:
        """Squared norm of every sample's gradient, shape ``(num_samples,)``."""
        ...


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
class StepSized(Protocol):
    """A rule whose estimate depends on the step size, such as one that counts pulses."""

    def with_step_size(self, step_size: float) -> Self:
        """The same rule for another Δt, above 0."""
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
