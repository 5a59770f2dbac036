"""Gradient estimates of a chip's rule on linear layers: of which samples, seen by which reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from device_models.protocols import BatchRule
from neurograd.forecast.small_batches.estimates.backward import Backward, backward_of
from neurograd.forecast.small_batches.estimates.increments import Increments
from neurograd.forecast.small_batches.estimates.own_step import factors_after_own_step
from neurograd.problem import Problem
from neurograd.problem.written_out.layer_stack import LayerStack

MOST_BATCHES = 32
"""Most updates of more than one sample that are looked at one by one.

A count. Not tuned. Fewer know the mean size of updates less well; more cost time.
"""

_FEWEST_BATCHES = 16
_MOST_NUMBERS = 2**23
"""Numbers that single updates may hold beyond ``_FEWEST_BATCHES``; bounds the memory."""


@dataclass(frozen=True)
class Samples:
    """Samples that are looked at more than once.

    Attributes:
        inputs: Their inputs, shape ``(n, inputs)``, or those of m that each of R reads sees, shape
            ``(R, m, inputs)``.
        targets: Their targets, one read after the other, first dimension n or R·m.
    """

    inputs: Tensor
    targets: Tensor

    @cached_property
    def squares(self) -> Tensor:
        """Squared norms of the inputs, one read after the other, shape ``(n,)`` or ``(R·m,)``."""
        squares: Tensor = torch.linalg.vecdot(self.inputs, self.inputs)
        return squares.flatten()

    @property
    def count(self) -> int:
        """Number of samples, once for each read that sees them."""
        return len(self.targets)

    @property
    def reads(self) -> int:
        """Number of reads that see equal parts of them."""
        return len(self.inputs) if self.inputs.dim() == 3 else 1

    def first(self, count: int) -> Samples:
        """The first samples of those that one read sees."""
        return Samples(self.inputs[:count], self.targets[:count])


@dataclass(frozen=True)
class LayerEstimates:
    """Estimates of a chip's rule on a network of linear layers.

    Attributes:
        problem: Network, loss and data as the chip computes them.
        stack: The network's layers.
        backward: What the rule's errors become behind a layer.
        batch_size: Samples B of an update.
    """

    problem: Problem
    stack: LayerStack
    backward: Backward
    batch_size: int

    @classmethod
    def of(cls, problem: Problem, rule: BatchRule, batch_size: int) -> LayerEstimates | None:
        """Those of a rule, None where its estimates are no products of two vectors a layer."""
        stack, backward = problem.plain_stack, backward_of(problem, rule)
        if stack is None or backward is None:
            return None
        return cls(problem, stack, backward, batch_size)

    def gathered(self, index: Tensor, pairs: int = 0) -> Samples:
        """Some samples, for estimates at several places; equal parts of them for a pair of reads.

        Both reads of a pair, which are mirrored, see the same samples: what they do to the mean is
        then of second order. No batch has samples of two reads, so that some may be left out.

        Args:
            index: The samples, a batch or more for each pair.
            pairs: Number of pairs of reads; 0 for one read of all samples.
        """
        if pairs:
            size = self.batches_of(len(index), pairs) * self.batch_size
            index = index[: size * pairs].unflatten(0, (pairs, size)).repeat_interleave(2, 0)
        inputs, targets = self.problem.batch(index.flatten())
        inputs = inputs.flatten(1)
        return Samples(inputs.unflatten(0, index.shape) if pairs else inputs, targets)

    def batches_of(self, samples: int, pairs: int) -> int:
        """Batches that each pair of reads sees of some samples.

        Args:
            samples: Their number.
            pairs: Number of pairs.
        """
        return samples // self.batch_size // pairs

    def at(self, seen: Tensor, samples: Samples, step_size: float = 0.0) -> Increments:
        """Estimates of some samples.

        Args:
            seen: Weights as the passes see them, shape ``(N,)``, or as each of R reads has them,
                shape ``(R, N)``.
            samples: The samples, a part of them for each read.
            step_size: Δt of updates whose mean flow is asked for: each sample is looked at where
                half of its own part of an update has moved it uphill (``own_step``).
        """
        # The last batch of an epoch alone may be smaller.
        batch = min(self.batch_size, samples.count)
        scale, of = 0.5 * step_size / batch, (samples.inputs, samples.targets)
        factors = factors_after_own_step(self.stack, seen, *of, scale, self.backward)
        batches = samples.count
        if batch > 1:
            fits = max(_FEWEST_BATCHES, _MOST_NUMBERS // seen.shape[-1])
            batches = min(batches // batch, MOST_BATCHES, fits)
        return Increments(self.stack, factors, samples.squares, batch, batches, samples.reads)

    def loss(self, w: Tensor, samples: Samples) -> float:
        """Mean loss of some samples at weights as the passes see them, shape ``(N,)``."""
        with torch.no_grad():
            outputs = self.stack.outputs(w, samples.inputs)
            return float(self.problem.sample_losses(outputs, samples.targets).mean())
