"""Samples written one by one: a crossbar writes every sample of a batch for itself.

A parallel update is the outer product of one sample's input and error, so an array without a memory
for the sum of a batch writes its samples one after the other. Their increments partly cancel, and
what cancels has been written twice: a weight gets

    κ = Σₙ|gₙ| / |Σₙgₙ|

times the pulses that the sum would take, and the noise of all of them.

Source: κ and its use in Wu, Gokmen, Rasch and Chen, NeurIPS 2024, where batches of ten are written
sample by sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, Self, get_args, runtime_checkable

import torch
from torch import Tensor

from device_models.outer_products import (
    OuterProducts,
    OuterWrite,
    ReadSpread,
    TrainSettings,
    sample_gradients,
)
from device_models.protocols import LearningRule, Problem, ReadPath, WritePath, read_by_all
from device_models.rules.backprop import Backprop
from device_models.rules.loss_comparisons import reading_each_pass
from device_models.rules.minibatch import Minibatch
from device_models.updates.batch_reads import read_spread
from device_models.updates.pulse_trains import PulseTrains

WriteEach = Literal["batch", "sample"]
"""What is written at a time: the sum over a batch, or every sample for itself."""


KEPT_ELEMENTS = 2**22
"""Numbers of fixed estimates, one a sample, that are kept between draws; bounds the memory."""


@runtime_checkable
class SampleRule(Protocol):
    """A rule that is no mean over samples, and knows what it makes of one sample of a batch."""

    def of_one_in(self, samples: int) -> Self:
        """The rule for one sample of a batch of ``samples``.

        Its estimates, divided by ``samples`` and summed over them, are those of the batch.
        """
        ...


class OnceAnUpdate(Protocol):
    """A write effect that acts once an update, however many writes that is."""

    @property
    def once_an_update(self) -> bool:
        """Always True."""
        ...

    def over_writes(self, writes: float) -> Self:
        """What acts with each of so many writes as this does once."""
        ...


def check_write_each(mode: str, rule: LearningRule) -> None:
    """Raise ValueError for an unknown mode, or a rule whose samples cannot be written alone."""
    if mode not in get_args(WriteEach):
        raise ValueError(f"write_each is {mode!r}; allowed: {', '.join(get_args(WriteEach))}")
    inner = rule.rule if isinstance(rule, Minibatch) else rule
    if mode == "sample" and not (inner.mean_over_samples or isinstance(inner, SampleRule)):
        raise ValueError(
            f"write_each is 'sample' for {type(inner).__name__}, whose estimate of a batch is no "
            "mean over its samples; allowed: 'batch', or batches of one sample"
        )


def samples_written(rule: LearningRule, problem: Problem) -> int:
    """Writes of one update where every sample is written for itself."""
    if isinstance(rule, Minibatch) and not rule.is_whole(problem.num_samples):
        return rule.batch_size
    return problem.num_samples


@dataclass(frozen=True)
class SampleEstimates:
    """The estimates of the samples of one batch, which sum to an estimate of the batch.

    Drawn or computed one at a time, so that the memory does not grow with the batch; exact ones of
    a plain network from one pass over all of them. A batch has the order in which it is drawn; the
    whole set has the order of the data.

    Attributes:
        rule: The rule on a batch.
        problem: Network, loss and data as the chip computes them.
        seen: Weights as the passes of this batch see them, shape ``(N,)``; stored ones where each
            pass has a read of its own.
        generator: Source of what the rule draws.
        index: The samples of the batch, in the order in which they are written; all when None.
        noise: Of the read, where it is not in ``seen``.
    """

    rule: LearningRule
    problem: Problem
    seen: Tensor
    generator: torch.Generator
    index: Tensor | None = None
    noise: ReadSpread | None = None

    def __iter__(self) -> Iterator[Tensor]:
        """One sample's part of the estimate after the other, each of shape ``(N,)``."""
        products = self.products()
        if products is not None:
            for layers in products:
                yield from self.of_products(layers)
            return
        samples, rule = self._samples(), self.rule
        count = len(samples)
        single: Any = rule.of_one_in(count) if isinstance(rule, SampleRule) else rule
        for sample in samples.split(1):
            yield single.gradient(self.problem, self.seen, self.generator, sample) / count

    @classmethod
    def read_by(
        cls,
        reads: Sequence[ReadPath],
        rule: LearningRule,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None,
    ) -> Self:
        """The estimates behind a read of ``w``.

        Normal noise is drawn by what the passes multiply it by, where they are known to. A rule
        whose passes have a read each (``ReadsEachPass``) gets ``w`` and reads it itself.
        """
        each = reading_each_pass(rule, reads)
        if each is not None:
            return cls(each, problem, w, generator, index)
        noise = read_spread(reads, generator)
        if noise is not None:
            made = cls(rule, problem, w, generator, index, noise)
            if made._are_products:
                return made
        return cls(rule, problem, read_by_all(reads, w, generator), generator, index)

    def products(self) -> Iterator[Sequence[OuterProducts]] | None:
        """The estimates as outer products, some samples at a time; None where they are none."""
        if not isinstance(self.rule, Backprop | PulseTrains):
            return None
        return self.rule.sample_products(self.problem, self.seen, self._samples(), self.noise)

    def of_products(self, layers: Sequence[OuterProducts]) -> Iterator[Tensor]:
        """One sample's part of the estimate after the other, from outer products of these."""
        if not isinstance(self.rule, PulseTrains):
            return sample_gradients(layers, self.seen)
        samples = len(self._samples())
        return self.rule.sample_estimates(layers, samples, self.seen, self.generator)

    @property
    def trains(self) -> TrainSettings | None:
        """The pulse trains that outer products are written by; None where they have none."""
        rule = self.rule
        return rule.of_samples(len(self._samples())) if isinstance(rule, PulseTrains) else None

    @property
    def at_once(self) -> bool:
        """Whether the first outer products are those of all samples."""
        some: int = getattr(self.problem, "chunk_size", 0)
        return self._samples().numel() <= some and self._are_products

    @cached_property
    def _are_products(self) -> bool:
        return self.products() is not None

    def kept(self) -> Iterable[Tensor]:
        """Estimates that are the same every time, computed now where they are few."""
        if len(self._samples()) * self.seen.numel() > KEPT_ELEMENTS:
            return self
        products = None if self.trains else self.products()
        return list(self) if products is None else KeptProducts(tuple(products), self.seen)

    def _samples(self) -> Tensor:
        if self.index is not None:
            return self.index
        return torch.arange(self.problem.num_samples, device=self.seen.device)


@dataclass(frozen=True)
class KeptProducts:
    """Estimates of samples that have been computed, as outer products.

    Attributes:
        layers: Some samples after the other.
        like: A vector of as many numbers as there are weights, shape ``(N,)``.
    """

    layers: tuple[Sequence[OuterProducts], ...]
    like: Tensor

    def __iter__(self) -> Iterator[Tensor]:
        """One sample's part of the estimate after the other, each of shape ``(N,)``."""
        return (g for layers in self.layers for g in sample_gradients(layers, self.like))

    def products(self) -> Iterator[Sequence[OuterProducts]]:
        """The estimates as outer products, some samples at a time."""
        return iter(self.layers)

    def of_products(self, layers: Sequence[OuterProducts]) -> Iterator[Tensor]:
        """One sample's part of the estimate after the other, from some of these."""
        return sample_gradients(layers, self.like)

    @property
    def trains(self) -> None:
        """Always None."""
        return


def acts_once(effect: WritePath) -> bool:
    """Whether an effect is ``OnceAnUpdate``."""
    return getattr(effect, "once_an_update", False)


def outer_write(writes: Sequence[WritePath]) -> OuterWrite | None:
    """The first effect, where it may take outer products and all others act once an update."""
    if not writes or not all(acts_once(effect) for effect in writes[1:]):
        return None
    first: Any = writes[0]
    # By the name: a look at a whole protocol takes as long as a small write.
    return first if hasattr(first, "write_outer") else None


def writes_one_product(rule: LearningRule, writes: Sequence[WritePath]) -> bool:
    """Whether one sample's outer product, or its trains, are all that an update writes."""
    if not isinstance(rule, Minibatch) or rule.batch_size != 1:
        return False
    return isinstance(rule.rule, Backprop | PulseTrains) and outer_write(writes) is not None


def write_one_by_one(
    writes: Sequence[WritePath],
    w: Tensor,
    estimates: Iterable[Tensor],
    factor: float,
    generator: torch.Generator,
    *,
    in_place: bool = False,
) -> Tensor:
    """Weights after a sequence of writes, shape ``(N,)``.

    Each estimate, times the factor, goes through all effects, at the weights that the writes before
    it have left. What acts once an update (``OnceAnUpdate``, such as a leak) comes after all of
    them. Outer products go as such to a write that takes them.

    Args:
        writes: Write effects in order.
        w: Stored weights before, shape ``(N,)``.
        estimates: Of the samples, each of shape ``(N,)``.
        factor: What an estimate is multiplied by to be the requested increment.
        generator: Source of the write noise.
        in_place: Whether ``w`` may be overwritten: it is where no estimate is made behind a write.
    """
    each = [effect for effect in writes if not acts_once(effect)]
    once = [effect for effect in writes if acts_once(effect)]
    now = w if in_place and not once and _known_at_once(estimates) else w.clone()
    for some in _for_writes(writes, now, estimates, factor, generator):
        increment = some * factor
        for effect in each:
            increment = effect.write(now, increment, generator)
        now += increment
    if not once:
        return now
    realized = now - w
    for effect in once:
        realized = effect.write(w, realized, generator)
    return w + realized


def _known_at_once(estimates: Iterable[Tensor]) -> bool:
    """Whether all estimates are made, at the weights before, when the first one is written."""
    return isinstance(estimates, SampleEstimates) and estimates.at_once


def _for_writes(
    writes: Sequence[WritePath],
    now: Tensor,
    estimates: Iterable[Tensor],
    factor: float,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """The estimates that are left to be written whole; the others are written into ``now``."""
    outer: Any = outer_write(writes)
    if outer is None or not isinstance(estimates, SampleEstimates | KeptProducts):
        yield from estimates
        return
    products, trains = estimates.products(), estimates.trains
    if products is None:
        yield from estimates
        return
    for layers in products:
        if trains is None:
            written = outer.write_outer(now, layers, factor, generator)
        else:
            known = hasattr(outer, "write_trains")
            written = known and outer.write_trains(now, layers, trains, factor, generator)
        if not written:
            yield from estimates.of_products(layers)
