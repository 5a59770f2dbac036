"""Follows a predicted path and takes bursts of real updates from some of its states."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models import Chip, UnstableRuleError
from neurograd.forecast.bursts.plan import BurstPlan
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.training.course import Course, epoch_of
from neurograd.training.schedules import ConstantStep, Schedule

STATES_OF_BURST = 5
"""States that a burst looks at: three of the path, and its own two."""

EVERY_UPDATE = "every update is drawn for itself, as in training"
"""Why there is no path to look at."""

State = tuple[float, float]
"""Logarithms of the training loss and of the squared length of the weights."""


@dataclass(frozen=True)
class Burst:
    """A state of a path, its neighbours, and real updates from it.

    A state is (logarithm of the loss, logarithm of the squared length of the weights); infinite
    where weights or loss are not finite. Of a loss that may be negative asinh(loss/s) stands for
    the logarithm, which it is, but for a constant, far above a small loss s.

    Attributes:
        place: Which place of the plan.
        done: Updates that the path had taken there.
        before: Updates since the state of the path before it.
        after: Updates to the state after it.
        path: States of the path before, here and after.
        settled: State after ``settling`` real updates from here.
        end: State after ``measured`` more.
        settling: The first half of the burst: modes that relax within it are given time to, since
            a path claims their spread at its end only.
        measured: The rest of it.
    """

    place: int
    done: int
    before: int
    after: int
    path: tuple[State, State, State]
    settled: State
    end: State
    settling: int
    measured: int


class BurstWatch:
    """Sees the states of one path, first to last.

    A burst draws from (seed, chip, update) generators of its own; of shuffled epochs it takes the
    batches of one that begins with it, and only from states where an epoch of the path has ended.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        plan: Where, and how long.
        seed: Seed of the bursts.
        index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training; 1 when None.
        small_loss: A loss that is small, above 0, where losses may be negative.

    Attributes:
        bursts: What was found so far.
    """

    def __init__(
        self,
        problem: Problem,
        chip: Chip,
        plan: BurstPlan,
        seed: int,
        index: int,
        schedule: Schedule | None,
        small_loss: float | None = None,
    ) -> None:
        self._problem, self._chip, self._plan = problem, chip, plan
        self._seed, self._index = seed, index
        self._schedule = schedule or ConstantStep()
        self._epoch = epoch_of(chip, problem.num_samples)
        self._small_loss = small_loss
        self._place = 0
        self._last: tuple[int, Tensor] | None = None
        self._open: tuple[int, int, int, State, State, Tensor] | None = None
        self.bursts: list[Burst] = []

    def __call__(self, done: int, w: Tensor) -> None:
        """The path stands at ``w``, shape ``(N,)``, after ``done`` updates."""
        here: State | None = None
        if self._open is not None:
            here = self._state(w)
            self._take(done, here)
        if self._last is not None and self._is_place(done):
            before, earlier = self._last
            state = self._state(w) if here is None else here
            place = self._pass(done)
            self._open = (place, done, done - before, self._state(earlier), state, w.clone())
        self._last = (done, w.clone())

    def _is_place(self, done: int) -> bool:
        targets = self._plan.targets
        if self._place >= len(targets) or done < targets[self._place]:
            return False
        return self._epoch is None or done % self._epoch == 0

    def _pass(self, done: int) -> int:
        """The place of a state, which is the last one whose target lies behind it."""
        targets = self._plan.targets
        while self._place < len(targets) and targets[self._place] <= done:
            self._place += 1
        return self._place - 1

    def _take(self, now: int, after: State) -> None:
        """The burst from the state before, now that the path's slope to either side is known."""
        assert self._open is not None
        place, done, since, before, here, w = self._open
        self._open = None
        settling = self._plan.length // 2
        measured = self._plan.length - settling
        settled, end = self._burst(done, w, settling, measured)
        burst = Burst(
            place=place,
            done=done,
            before=since,
            after=now - done,
            path=(before, here, after),
            settled=settled,
            end=end,
            settling=settling,
            measured=measured,
        )
        self.bursts.append(burst)

    def _burst(self, done: int, w: Tensor, *lengths: int) -> list[State]:
        """States after each of some numbers of real updates, one after the other."""
        path = ("burst order", self._index, done)
        course = Course(self._chip, self._problem.num_samples, self._schedule, self._seed, *path)
        states: list[State] = []
        now = done
        for length in lengths:
            for _ in range(length):
                generator = generator_for(self._seed, "burst", self._index, now, device=w.device)
                try:
                    chip = course.at(now, w.device)
                    w, _ = chip.advance(self._problem, w, None, generator)
                except UnstableRuleError:
                    w = torch.full_like(w, torch.nan)
                now += 1
            states.append(self._state(w))
        return states

    def _state(self, w: Tensor) -> State:
        generator = generator_for(self._seed, "burst", self._index, "read", device=w.device)
        seen = self._chip.mean_read(w, generator)
        loss, square = self._chip.see(self._problem).loss(seen), float(w.square().sum())
        return self._level(loss), _log(square)

    def _level(self, loss: float) -> float:
        if self._small_loss is None or not math.isfinite(loss):
            return _log(loss)
        return math.asinh(loss / self._small_loss)


def _log(value: float) -> float:
    """Logarithm of a number of 0 or more, infinite where it has none."""
    if not math.isfinite(value):
        return math.inf
    return math.log(max(value, torch.finfo(torch.float64).tiny))


def why_unwatched(chip: Chip, plan: BurstPlan | None, *, every_update: bool) -> str | None:
    """Why no bursts are taken from a path; None where they are.

    Args:
        chip: The chip.
        plan: That of the training.
        every_update: Whether the forecast draws every update for itself.
    """
    if every_update:
        return EVERY_UPDATE
    if chip.recipe is not None:
        return "states of the path have no memory of the optimizer from which real updates start"
    return "the training is too short" if plan is None else None
