"""Gradient estimates of a chip's rule on linear layers: of which samples, seen by which reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import BatchRule
from neurograd.forecast.small_batches.estimates.backward import Backward, backward_of
from neurograd.forecast.small_batches.estimates.increments import Increments
from neurograd.forecast.small_batches.estimates.own_step import factors_after_own_step
from neurograd.forecast.small_batches.estimates.single_updates import Samples
from neurograd.problem import Problem
from neurograd.problem.written_out.layer_stack import LayerStack

MOST_BATCHES = 32
"""Most updates of more than one sample that are looked at one by one.

A count. Not tuned. Fewer know the mean size of updates less well; more cost time.
"""

LOOK = 1.3
"""What a sample of a look costs, in passes of one sample.

A pure number. Its own step takes the passes once more, but for the sums over samples; timed on
784-256-128-10 in float64. Larger takes more trainings update by update.
"""

_FEWEST_BATCHES = 16
_MOST_NUMBERS = 2**23
"""Numbers that single updates may hold beyond ``_FEWEST_BATCHES``; bounds the memory."""


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

    @property
    def look(self) -> float:
        """What a sample of a look costs, in passes of one sample."""
        return LOOK

    def gathered(self, index: Tensor, pairs: int = 0) -> Samples:
        """See ``UpdateEstimates``."""
        return Samples.gathered(self.problem, index, self.batch_size, pairs)

    def at(self, seen: Tensor, samples: Samples, step_size: float = 0.0) -> Increments:
        """See ``UpdateEstimates``."""
        # The last batch of an epoch alone may be smaller.
        batch = min(self.batch_size, samples.count)
        scale, of = 0.5 * step_size / batch, (samples.vectors, samples.targets)
        factors = factors_after_own_step(self.stack, seen, *of, scale, self.backward)
        batches = samples.count
        if batch > 1:
            fits = max(_FEWEST_BATCHES, _MOST_NUMBERS // seen.shape[-1])
            batches = min(batches // batch, MOST_BATCHES, fits)
        return Increments(self.stack, factors, samples.squares, batch, batches, samples.reads)

    def loss(self, w: Tensor, samples: Samples) -> float:
        """See ``UpdateEstimates``."""
        with torch.no_grad():
            outputs = self.stack.outputs(w, samples.vectors)
            return float(self.problem.sample_losses(outputs, samples.targets).mean())
