"""Gradient estimates of single samples of any network: a row of its own for each.

Where layers tell no products (``increments``), as in convolutions and networks that spike, what is
asked of the estimates of single updates is taken from the gradients of M samples, a matrix of shape
``(M, N)``. Networks of more weights, for whose training set that is no longer small, have none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from device_models import Backprop, SurrogateBptt
from device_models.protocols import BatchRule
from neurograd.forecast.small_batches.estimates.single_updates import (
    Changed,
    Samples,
    centred,
    coefficient,
    ratio,
)
from neurograd.problem import Problem
from neurograd.problem.sample_gradients import MOST_TOGETHER

MOST_NUMBERS = 2**25
"""Numbers of the gradients of a training set's samples, up to which they are kept.

A count. Not tuned: bounds the memory, of which a step has about twice these. Larger networks follow
the mean over all samples, with normal noise.
"""

OWN_LOOK, LOOK = 7.0, 5.0
"""What a sample of a look costs, in passes of one sample, with and without its own step.

Pure numbers. An own step takes the passes once more, with weights of the sample's own. Timed on
whole paths on digits with convolutions of 4 and 8 channels and with 16 neurons that spike, whose
sums over rows of weights are a part of it. Larger take more trainings update by update.
"""


@dataclass(frozen=True)
class SampleIncrements:
    """The gradients of some samples at one point.

    Attributes:
        gradients: A row a sample, one read after the other, shape ``(M, N)``.
        sizes: Numbers of weights of the network's parameters, which add up to N.
        batch_size: Samples B of an update.
        reads: Reads that the samples are seen by, equal parts of them by each.
    """

    gradients: Tensor
    sizes: tuple[int, ...]
    batch_size: int
    reads: int = 1

    @cached_property
    def mean(self) -> Tensor:
        """Mean estimate, shape ``(N,)``."""
        return self.gradients.mean(0)

    @cached_property
    def size(self) -> Tensor:
        """E|x| of the estimate x of one update, shape ``(N,)``."""
        # No mean size is below that of the mean, of which left-over samples are a part.
        return torch.maximum(self._every_size.mean(0), self.mean.abs())

    @cached_property
    def square(self) -> Tensor:
        """E x² of one update, shape ``(N,)``."""
        return self._every.square().mean(0)

    @property
    def samples(self) -> int:
        """Number M of samples."""
        return len(self.gradients)

    @property
    def batches(self) -> int:
        """Updates that the samples make; those that are left over count in the mean only."""
        return self.samples // self.batch_size

    def noise(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """See ``SingleUpdates``."""
        rows = self.centred(normal)
        return rows @ self._every, rows @ self._every_size

    def plain_noise(self, normal: Tensor) -> Tensor:
        """See ``SingleUpdates``."""
        rows = centred(normal, self.samples // self.reads) / math.sqrt(self.batch_size)
        return rows @ self.gradients

    def centred(self, rows: Tensor) -> Tensor:
        """See ``SingleUpdates``."""
        return centred(rows, self.samples // self.reads // self.batch_size)

    def single(self, count: int) -> Tensor:
        """See ``SingleUpdates``."""
        return self._every[:count]

    def first(self, count: int) -> SampleIncrements:
        """See ``SingleUpdates``."""
        return self if count == self.samples else replace(self, gradients=self.gradients[:count])

    def changed(self, few: SampleIncrements, now: SampleIncrements) -> ChangedSamples:
        """See ``SingleUpdates``."""
        return ChangedSamples(self, few, now)

    def growth(self, before: SampleIncrements) -> float:
        """See ``SingleUpdates``."""
        return math.sqrt(ratio(self.gradients.square().sum(), before.gradients.square().sum()))

    @cached_property
    def root_square(self) -> Tensor:
        """Root mean square over samples of every weight's gradient, shape ``(N,)``."""
        root: Tensor = self.gradients.square().mean(0).sqrt_()
        return root

    @cached_property
    def _every(self) -> Tensor:
        if self.batch_size == 1:
            return self.gradients
        whole = self.gradients[: self.batches * self.batch_size]
        means: Tensor = whole.unflatten(0, (self.batches, self.batch_size)).mean(1)
        return means

    @cached_property
    def _every_size(self) -> Tensor:
        return self._every.abs()


class ChangedSamples(Changed[SampleIncrements]):
    """Estimates by rows of samples; every parameter of the network keeps a part."""

    @cached_property
    def kept(self) -> list[float]:
        """What every parameter keeps, its coefficient from 0 to 1."""
        both = (self.now.gradients * self.few.gradients).sum(0).split(self.now.sizes)
        own = self.few.gradients.square().sum(0).split(self.now.sizes)
        pairs = zip(both, own, strict=True)
        return [coefficient(part, whole) for part, whole in pairs]

    def _kept(self, rest: Tensor) -> Tensor:
        """What every parameter keeps of ``rest``, shape ``(N,)``, which is changed."""
        for part, kept in zip(rest.split(self.now.sizes), self.kept, strict=True):
            part.mul_(kept)
        return rest

    def _grown(self, size: Tensor) -> Tensor:
        before = self.few.root_square
        grown = self.now.root_square / before
        return size.mul_(torch.where(before > 0, grown, torch.ones_like(grown)))


@dataclass(frozen=True)
class SampleEstimates:
    """Gradients of a network's samples.

    Attributes:
        problem: Network, loss and data as the chip computes them.
        batch_size: Samples B of an update.
        smooth: Whether samples take own steps. Surrogate gradients are no gradients of a loss: they
            jump where a step moves a spike, and the flow that their updates follow is not known to
            second order. Trainings follow their mean.
    """

    problem: Problem
    batch_size: int
    smooth: bool = True

    @classmethod
    def of(cls, problem: Problem, rule: BatchRule, batch_size: int) -> SampleEstimates | None:
        """Those of backpropagation; None of another rule, and where samples are not taken apart."""
        exact = type(rule) is Backprop
        if not exact and rule != SurrogateBptt():
            return None
        if problem.num_samples * problem.num_parameters > MOST_NUMBERS:
            return None
        return cls(problem, batch_size, exact) if problem.has_sample_gradients else None

    @property
    def look(self) -> float:
        """What a sample of a look costs, in passes of one sample."""
        return OWN_LOOK if self.smooth else LOOK

    def gathered(self, index: Tensor, pairs: int = 0) -> Samples:
        """See ``UpdateEstimates``."""
        return Samples.gathered(self.problem, index, self.batch_size, pairs)

    def at(self, seen: Tensor, samples: Samples, step_size: float = 0.0) -> SampleIncrements:
        """See ``UpdateEstimates``."""
        # The last batch of an epoch alone may be smaller.
        batch = min(self.batch_size, samples.count)
        rows = seen.new_empty(samples.count, seen.shape[-1])
        each_read = samples.count // samples.reads
        together = max(1, MOST_TOGETHER // seen.shape[-1])
        for read, w in enumerate(seen.view(samples.reads, -1)):
            for first in range(read * each_read, (read + 1) * each_read, together):
                part = slice(first, min(first + together, (read + 1) * each_read))
                data = samples.inputs[part], samples.targets[part]
                rows[part] = self._after_own_step(w, *data, 0.5 * step_size / batch)
        return SampleIncrements(rows, self.problem.sizes, batch, samples.reads)

    def _after_own_step(self, w: Tensor, inputs: Tensor, targets: Tensor, scale: float) -> Tensor:
        """Gradients of samples where each has moved uphill by a part of its own, ``(n, N)``."""
        rows = self.problem.sample_gradients(w, inputs, targets)
        if not scale or not self.smooth:
            return rows
        return self.problem.sample_gradients(torch.add(w, rows, alpha=scale), inputs, targets)

    def loss(self, w: Tensor, samples: Samples) -> float:
        """See ``UpdateEstimates``."""
        with torch.no_grad():
            parameters = self.problem.parameters_of(w)
            outputs = self.problem.outputs(parameters, samples.inputs)
            return float(self.problem.sample_losses(outputs, samples.targets).mean())
