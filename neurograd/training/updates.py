"""Takes the updates of a training; on a GPU one is recorded and replayed (``recording``)."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models import Chip, Minibatch
from device_models.updates.optimizer import OptimizerState
from neurograd.problem import Problem
from neurograd.recording import TAKEN_BEFORE, Recording, can_be_recorded, record_update
from neurograd.seeding import generator_for, seed_for
from neurograd.training.course import Course

WORTH_RECORDING = 20
"""Updates that are left, from which a recording, which takes as long as a few, is made."""

MOST_RECORDINGS = 4
"""Recordings of one training: each holds the memory of an update."""


@dataclass(frozen=True)
class _Kind:
    """What updates have in common that one recording serves.

    Attributes:
        step_size: Δt.
        samples: Samples of the batch that the update is given; None where it draws its own.
    """

    step_size: float
    samples: int | None


@dataclass
class _Record:
    """What is known of a kind of update.

    Attributes:
        taken: Updates taken one by one so far.
        batch: Where a recording reads the samples that it is given.
        recording: The update; None before it is recorded.
    """

    taken: int = 0
    batch: Tensor | None = None
    recording: Recording | None = None


class Updates:
    """Takes the updates of a training, one after the other.

    Args:
        problem: Network, loss and data.
        course: The chip of each update.
        steps: Number of updates.
        seed: Seed of what they draw.
        path: What they are for (``generator_for``): update t draws at ``(*path, t)``.
    """

    def __init__(
        self, problem: Problem, course: Course, steps: int, seed: int, *path: int | str
    ) -> None:
        self._problem, self._course, self._steps = problem, course, steps
        self._seed, self._path = seed, path
        self._kinds: dict[_Kind, _Record] = {}
        self._w = torch.empty(0)
        self._generator: torch.Generator | None = None
        self._one_by_one = not can_be_recorded(course.chip, problem)

    def take(
        self, t: int, w: Tensor, state: OptimizerState | None
    ) -> tuple[Tensor, OptimizerState | None]:
        """Weights after update ``t``, the first of which is 0, and the recipe's memory after it.

        Args:
            t: The update.
            w: Weights, shape ``(N,)``; overwritten.
            state: The recipe's memory; None before the first update, or without a recipe.

        Raises:
            UnstableRuleError: If the rule diverges.
        """
        chip = self._course.at(t, w.device)
        record = None if self._one_by_one else self._record_of(chip, t, w)
        if record is None or record.recording is None:
            generator = generator_for(self._seed, *self._path, t, device=w.device)
            return chip.advance(self._problem, w, state, generator, in_place=True)
        assert self._generator is not None
        if w is not self._w:
            self._w.copy_(w)
        batch = given_batch(chip)
        if record.batch is not None and batch is not None:
            record.batch.copy_(batch)
        self._generator.manual_seed(seed_for(self._seed, *self._path, t))
        record.recording.replay()
        return self._w, None

    def _record_of(self, chip: Chip, t: int, w: Tensor) -> _Record | None:
        """What is known of the kind of an update, which is recorded when its time has come."""
        batch = given_batch(chip)
        kind = _Kind(chip.step_size, None if batch is None else len(batch))
        record = self._kinds.get(kind)
        if record is None:
            if len(self._kinds) >= MOST_RECORDINGS:
                return None
            record = self._kinds[kind] = _Record()
        record.taken += 1
        due = record.recording is None and record.taken > TAKEN_BEFORE
        if due and self._steps - t >= WORTH_RECORDING:
            self._record(record, chip, w)
        return record

    def _record(self, record: _Record, chip: Chip, w: Tensor) -> None:
        """Record an update of a kind, or none from now on where one cannot be recorded."""
        if self._generator is None:
            self._generator, self._w = torch.Generator(w.device), w
        generator, now, batch = self._generator, self._w, given_batch(chip)
        if batch is not None:
            assert isinstance(chip.rule, Minibatch)
            record.batch = batch.clone()
            chip = replace(chip, rule=chip.rule.on(record.batch))

        def update() -> None:
            after = chip.advance(self._problem, now, None, generator, in_place=True)[0]
            if after is not now:
                now.copy_(after)

        record.recording = record_update(update, now, generator)
        self._one_by_one = record.recording is None


def given_batch(chip: Chip) -> Tensor | None:
    """The samples that an update of a chip is given, shape ``(B,)``; None where it draws them."""
    return chip.rule.batch if isinstance(chip.rule, Minibatch) else None


def one_after_the_other(problem: Problem, course: Course) -> Callable[[], None]:
    """What takes one update at a call, as in the middle of a long training.

    Args:
        problem: Network, loss and data.
        course: The chip of each update.
    """
    chip = course.chip
    updates = Updates(problem, course, sys.maxsize, 0, "train", 0)
    w, steps = chip.program(problem.initial_weights).clone(), itertools.count()
    state = chip.start(w)

    def take() -> None:
        nonlocal w, state
        w, state = updates.take(next(steps), w, state)

    if can_be_recorded(chip, problem):
        for _ in range(TAKEN_BEFORE + 1):
            take()
    return take
