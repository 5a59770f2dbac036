"""A chip that writes every sample of a batch for itself, as one that trains on single samples.

The estimates of a batch are made at the weights before its first write, and summed they are that of
the batch: its B writes are B updates on single samples with Δt/B, each of which finds the weights
as the writes before have left them, but not its gradient there. What the gradient changes by within
a batch is of second order in Δt, and is what a path leaves out of the noise of batches as well. An
epoch of shuffled batches has one write a sample, and all of its updates together the same Δt.

Samples of a batch share one random read. On a path each write has a read of its own, and what all
have together is added to its noise (``writes_a_read``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from device_models import Chip, Minibatch
from device_models.rules.loss_comparisons import reading_each_pass
from device_models.updates.sample_writes import SampleRule, acts_once
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.training.course import epoch_of, with_step_size
from neurograd.training.schedules import ConstantStep, Numbers, Schedule

Watch = Callable[[int, Tensor], None]


@dataclass(frozen=True)
class SingleWrites:
    """The writes of a training whose every sample is written for itself.

    Attributes:
        chip: What takes them: the chip on single samples.
        batch: Samples B of an update, and so its writes.
        samples: Size n of the training set.
        epoch: Updates of a shuffled epoch, None in another order.
        writes_a_read: Writes behind one random read, in the mean; 1 where reads are not random.
    """

    chip: Chip
    batch: int
    samples: int
    epoch: int | None
    writes_a_read: float = 1.0

    @staticmethod
    def of(problem: Problem, chip: Chip) -> SingleWrites | None:
        """Those of a chip; None where it writes batches, or single samples are no description.

        Args:
            problem: Network, loss and data.
            chip: The chip.
        """
        rule = chip.rule
        if not chip.writes_samples or not isinstance(rule, Minibatch) or rule.batch is not None:
            return None
        if rule.batch_size >= problem.num_samples:
            return None
        # Trains of one sample are those of its part of the step, which is that of its own update.
        if not (rule.mean_over_samples or (rule.by_sample and isinstance(rule.rule, SampleRule))):
            return None
        samples, epoch = problem.num_samples, epoch_of(chip, problem.num_samples)
        each = rule.batch_size if epoch is None else samples / epoch
        writes = tuple(_shared(effect, each) for effect in chip.writes)
        single = replace(chip, rule=replace(rule, batch_size=1), writes=writes, write_each="batch")
        single = with_step_size(single, chip.step_size / each)
        own_reads = reading_each_pass(rule, chip.reads) is not None
        shared = 1.0 if chip.deterministic_reads or own_reads else each
        return SingleWrites(single, rule.batch_size, samples, epoch, shared)

    def writes(self, updates: int) -> int:
        """Writes of the first updates."""
        if self.epoch is None:
            return updates * self.batch
        epochs, place = divmod(updates, self.epoch)
        return epochs * self.samples + place * self.batch

    def updates(self, writes: int) -> int:
        """Updates that are whole after some writes."""
        return int(self._updates(np.array([writes], dtype=np.float64))[0])

    def _updates(self, writes: Numbers) -> Numbers:
        if self.epoch is None:
            return np.floor(writes / self.batch)
        epochs, place = np.divmod(writes, self.samples)
        found: Numbers = epochs * self.epoch + np.floor(place / self.batch)
        return found

    def schedule(self, schedule: Schedule | None) -> Schedule:
        """The factors on Δt at each write."""
        if schedule is None or isinstance(schedule, ConstantStep):
            return ConstantStep()
        return _AtWrites(self, schedule)

    def progress(self, progress: Progress | None) -> Progress | None:
        """What is called with the writes done since the last call, and counts whole updates."""
        if progress is None:
            return None
        told = [0, 0]

        def advanced(writes: int) -> None:
            told[0] += writes
            whole = self.updates(told[0])
            progress(whole - told[1])
            told[1] = whole

        return advanced

    def watch(self, watch: Watch | None) -> Watch | None:
        """What is called with the writes done, and sees the weights at whole updates of a path."""
        if watch is None:
            return None
        told = [0]

        def at(writes: int, w: Tensor) -> None:
            whole = self.updates(writes)
            if whole > told[0]:
                told[0] = whole
                watch(whole, w)

        return at


@dataclass(frozen=True)
class _AtWrites:
    """Factors of the updates that writes belong to."""

    turns: SingleWrites
    updates: Schedule

    def factors(self, steps: Numbers) -> Numbers:
        """See ``Schedule``."""
        return self.updates.factors(self.turns._updates(steps))


def _shared(effect: Any, writes: float) -> Any:
    """An effect that acts once an update as one that acts with each of its writes."""
    return effect.over_writes(writes) if acts_once(effect) else effect
