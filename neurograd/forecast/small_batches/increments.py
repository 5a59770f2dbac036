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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from device_models import Backprop, FeedbackAlignment
from device_models.protocols import BatchRule
from neurograd.problem import Problem
from neurograd.problem.layer_stack import Factors, LayerStack

MOST_BATCHES = 32
"""Most updates of more than one sample that are looked at one by one.

A count. Not tuned. Fewer know the mean size of updates less well; more cost time.
"""

_FEWEST_BATCHES = 16
_MOST_NUMBERS = 2**23
"""Numbers that single updates may hold beyond ``_FEWEST_BATCHES``; bounds the memory."""


@dataclass(frozen=True)
class Increments:
    """The estimates of a subset of samples at one point.

    Attributes:
        stack: The network's layers.
        factors: What their gradients are made of, of M samples.
        batch_size: Samples B of an update.
        batches: Updates that the samples make, each with B of them; samples that are left over
            count in the mean only.
    """

    stack: LayerStack
    factors: list[Factors]
    batch_size: int
    batches: int

    @cached_property
    def mean(self) -> Tensor:
        """Mean estimate, shape ``(N,)``."""
        return self._summed(lambda each: each.errors, lambda each: each.inputs) / self._samples

    @cached_property
    def size(self) -> Tensor:
        """E|x| of the estimate x of one update, shape ``(N,)``."""
        if self.batch_size == 1:
            sizes = self._summed(lambda each: each.errors.abs(), lambda each: each.inputs.abs())
            return sizes / self._samples
        # No mean size is below that of the mean, of which left-over samples are a part.
        return torch.maximum(self.single(self.batches).abs().mean(0), self.mean.abs())

    @cached_property
    def square(self) -> Tensor:
        """E x² of one update, shape ``(N,)``."""
        if self.batch_size > 1:
            return self.single(self.batches).square().mean(0)
        total = self._summed(lambda each: each.errors.square(), lambda each: each.inputs.square())
        return total / self._samples

    def noise(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """A draw with the covariance of the estimate of one update, and of its size with it.

        Args:
            normal: Independent standard normal numbers, shape ``(batches,)``.

        Returns:
            ``Σ ξ x`` and ``Σ ξ |x|`` over the updates that the samples make, with one ξ each,
            centred and scaled so that their covariance is that of (x, |x|), shapes ``(N,)``.
        """
        count = self.batches
        centred = (normal - normal.mean()) / math.sqrt(count - 1)
        if self.batch_size > 1:
            single = self.single(count)
            return centred @ single, centred @ single.abs()
        column = torch.zeros_like(self.factors[0].errors[:, :1])
        column[:count, 0] = centred
        return (
            self._summed(lambda each: column * each.errors, lambda each: each.inputs),
            self._summed(lambda each: column * each.errors.abs(), lambda each: each.inputs.abs()),
        )

    def plain_noise(self, normal: Tensor) -> Tensor:
        """A draw with the covariance of the estimate alone, in as many directions as samples.

        Args:
            normal: Independent standard normal numbers, shape ``(M,)``.
        """
        scale = math.sqrt(self.batch_size * (self._samples - 1))
        column = ((normal - normal.mean()) / scale).unsqueeze(1)
        return self._summed(lambda each: column * each.errors, lambda each: each.inputs)

    @property
    def samples(self) -> int:
        """Number M of samples."""
        return self._samples

    def single(self, count: int) -> Tensor:
        """The estimates of the first ``count`` updates, shape ``(count, N)``."""
        if count == self.batches:
            return self._every
        return self._batched(count)

    @cached_property
    def _every(self) -> Tensor:
        return self._batched(self.batches)

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


@dataclass(frozen=True)
class ChangedIncrements:
    """The estimates of many samples, changed as those of a few of them are (a control variate).

    Attributes:
        many: Those of many samples at one point.
        few: Those of a part of the samples at the same point.
        now: Those of the same part elsewhere.
    """

    many: Increments
    few: Increments
    now: Increments

    @cached_property
    def mean(self) -> Tensor:
        """Mean estimate, shape ``(N,)``."""
        return self.many.mean + (self.now.mean - self.few.mean)

    @cached_property
    def size(self) -> Tensor:
        """E|x| of the estimate x of one update, shape ``(N,)``; not below that of the mean.

        That of batches changes as the root mean square of each layer's errors and inputs does.
        """
        if self.now.batch_size == 1:
            size = self.many.size + (self.now.size - self.few.size)
        else:
            size = self.many.size.clone()
            parts = self.now.stack.parameters(size)
            for before, after in zip(self.few.factors, self.now.factors, strict=True):
                growth = _rms_growth(before.errors, after.errors)
                inputs = _rms_growth(before.inputs, after.inputs)
                parts[before.weight].mul_(growth.unsqueeze(1)).mul_(inputs)
                if before.bias is not None:
                    parts[before.bias].mul_(growth)
        return torch.maximum(size, self.mean.abs())

    @property
    def batches(self) -> int:
        """Updates that the few samples make."""
        return self.now.batches

    def single(self, count: int) -> Tensor:
        """The estimates of the first ``count`` updates of the few, shape ``(count, N)``."""
        return self.now.single(count)


def _rms_growth(before: Tensor, after: Tensor) -> Tensor:
    """Root mean square over samples after over before, 1 where that is 0, shape ``(k,)``."""
    one, other = before.norm(dim=0), after.norm(dim=0)
    return torch.where(one > 0, other / one.clamp_min(torch.finfo(one.dtype).tiny), 1.0)


@dataclass(frozen=True)
class LayerEstimates:
    """Estimates of a chip's rule on a network of linear layers.

    Attributes:
        problem: Network, loss and data as the chip computes them.
        stack: The network's layers.
        feedback: What errors go back through in place of a layer's matrix.
        batch_size: Samples B of an update.
    """

    problem: Problem
    stack: LayerStack
    feedback: Mapping[int, Tensor]
    batch_size: int

    @classmethod
    def of(cls, problem: Problem, rule: BatchRule, batch_size: int) -> LayerEstimates | None:
        """Those of a rule, None where its estimates are no products of two vectors a layer."""
        stack = problem.plain_stack
        if stack is None:
            return None
        if isinstance(rule, Backprop):
            return cls(problem, stack, {}, batch_size)
        if isinstance(rule, FeedbackAlignment):
            names = list(problem.parameters_of(problem.initial_weights))
            feedback = {names.index(name): back for name, back in rule.feedback.items()}
            return cls(problem, stack, feedback, batch_size)
        return None

    def at(self, seen: Tensor, index: Tensor) -> Increments:
        """Estimates of some samples at weights as the passes see them, shape ``(N,)``."""
        return self.at_each([seen], index)

    def at_each(self, reads: Sequence[Tensor], index: Tensor) -> Increments:
        """Estimates of some samples, equal parts of them by one read each.

        No batch has samples of two reads, so that some samples may be left out. Where they are too
        few for a batch a read, every read sees all of their whole batches.

        Args:
            reads: Weights as the passes see them, each of shape ``(N,)``.
            index: The samples, a batch or more.
        """
        whole = len(index) // self.batch_size
        size = len(index) if len(reads) == 1 else whole // len(reads) * self.batch_size
        chosen = index.split(size) if size else [index[: whole * self.batch_size]] * len(reads)
        parts = []
        for seen, some in zip(reads, chosen, strict=False):
            inputs, targets = self.problem.batch(some)
            parts.append(self.stack.factors(seen, inputs, targets, feedback=self.feedback))
        factors = (
            parts[0] if len(parts) == 1 else [_joined(each) for each in zip(*parts, strict=True)]
        )
        batches = len(factors[0].errors)
        if self.batch_size > 1:
            fits = max(_FEWEST_BATCHES, _MOST_NUMBERS // len(reads[0]))
            batches = min(batches // self.batch_size, MOST_BATCHES, fits)
        return Increments(self.stack, factors, self.batch_size, batches)


def _joined(parts: Sequence[Factors]) -> Factors:
    """One layer's factors of all samples."""
    return replace(
        parts[0],
        inputs=torch.cat([each.inputs for each in parts]),
        errors=torch.cat([each.errors for each in parts]),
    )
