"""Training a problem through a chip; the clean twin is a chip without effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from device_models import Chip, UnstableRuleError
from device_models.updates.optimizer import OptimizerState
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for
from neurograd.training.course import Course
from neurograd.training.outcome import Outcome
from neurograd.training.schedules import ConstantStep, Schedule
from neurograd.training.updates import Updates

CURVE_POINTS = 25
REPORT_EVERY = 20


@dataclass(frozen=True)
class Curve:
    """Loss and accuracy along a training, as the chip reads its own weights.

    Attributes:
        steps: Number of steps taken at each entry.
        train_loss: Mean loss on the training set.
        test_accuracy: Accuracy on the test set; empty without one or without classes.
    """

    steps: tuple[int, ...]
    train_loss: tuple[float, ...]
    test_accuracy: tuple[float, ...]


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        weights: Stored weights after the last step, shape ``(N,)``.
        train_loss: Mean training loss of the network as read; infinite where it diverged.
        test_loss: Mean test loss, NaN without a test set; infinite where it diverged.
        correct: Which test samples are classified correctly, None where accuracy is undefined;
            none of them where it diverged.
        diverged: Whether weights or loss became infinite or NaN; training stopped there.
        stopped_at: Number of steps taken.
        curve: Loss and accuracy along the training.
        snapshots: Stored weights at the steps that were asked for.
        states: Memory of the recipe's optimizer there; empty without a recipe.
    """

    weights: Tensor
    train_loss: float
    test_loss: float
    correct: Tensor | None
    diverged: bool
    stopped_at: int
    curve: Curve
    snapshots: dict[int, Tensor] = field(default_factory=dict)
    states: dict[int, OptimizerState] = field(default_factory=dict)

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on the test set, None where it is undefined."""
        return None if self.correct is None else float(self.correct.to(torch.float64).mean())


def train(
    problem: Problem,
    chip: Chip,
    steps: int,
    seed: int,
    *,
    chip_index: int = 0,
    schedule: Schedule | None = None,
    snapshots: Sequence[int] = (),
    initial: Tensor | None = None,
    curve_points: int = CURVE_POINTS,
    progress: Progress | None = None,
) -> Trained:
    """Train through a chip with ``w ← w + Δt·Δw``; the memory of its recipe goes along.

    Step t draws from a generator made from (seed, chip, t), and the order of a shuffled epoch from
    (seed, chip, epoch): what a step draws does not depend on how many were taken before it.

    Args:
        problem: Network, loss and data.
        chip: Rule, read and write effects, step size.
        steps: Number of steps; 0 evaluates the weights as they are programmed.
        seed: Seed of the noise.
        chip_index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training; 1 when None.
        snapshots: Steps (0 is before the first) after which the weights are kept.
        initial: Weights before they are programmed, shape ``(N,)``, of the problem's type; its own
            when None.
        curve_points: Entries of the curve, first and last step among them, 2 or more. Divergence
            is noticed at these.
        progress: Called with the number of steps done since the last call.

    Raises:
        ValueError: If the number of steps is negative, the curve has no two points, or there are
            other initial weights than the problem has.
        UnstableRuleError: If the rule diverges at the first step; later the training has diverged.
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}; allowed: 0 or more")
    if curve_points < 2:
        raise ValueError(f"curve_points is {curve_points}; allowed: 2 or more")
    w = chip.program(
        problem.initial_weights if initial is None else _like(problem, initial)
    ).clone()
    state = chip.start(w)
    kept = {0: w.clone()} if 0 in snapshots else {}
    states = {} if state is None or not kept else {0: state}
    wanted = set(snapshots)
    curve_steps = {int(t) for t in np.linspace(0, steps, min(steps + 1, curve_points))}
    evaluator = Evaluator(problem, chip, seed, chip_index)
    evaluator.add(0, w)
    course = Course(
        chip, problem.num_samples, schedule or ConstantStep(), seed, "order", chip_index
    )
    updates = Updates(problem, course, steps, seed, "train", chip_index)
    taken, diverged, reported = 0, False, 0
    for t in range(steps):
        taken = t + 1
        try:
            w, state = updates.take(t, w, state)
        except UnstableRuleError:
            if t == 0:
                raise
            # What the chip would write has no value.
            w, diverged = torch.full_like(w, torch.nan), True
            evaluator.add(taken, w)
            break
        if taken in wanted:
            kept[taken] = w.clone()
            if state is not None:
                states[taken] = state
        if progress is not None and (taken % REPORT_EVERY == 0 or taken == steps):
            progress(taken - reported)
            reported = taken
        if taken in curve_steps:
            diverged = not evaluator.add(taken, w)
            if diverged:
                break
    end = Outcome.of(evaluator.seen(taken), evaluator.read(taken, w), diverged=diverged)
    return Trained(
        weights=w,
        train_loss=end.loss,
        test_loss=float("nan") if end.test_loss is None else end.test_loss,
        correct=end.correct,
        diverged=diverged,
        stopped_at=taken,
        curve=evaluator.curve(),
        snapshots=kept,
        states=states,
    )


def _like(problem: Problem, initial: Tensor) -> Tensor:
    """Initial weights, which have to be as many as the problem's and of their type."""
    own = problem.initial_weights
    if (initial.shape, initial.dtype) != (own.shape, own.dtype):
        raise ValueError(
            f"initial has shape {tuple(initial.shape)} and type {initial.dtype}; allowed: "
            f"{tuple(own.shape)} and {own.dtype}"
        )
    return initial


class Evaluator:
    """Collects a training curve from the weights as the chip reads them.

    Args:
        problem: Network, loss and data.
        chip: The chip that reads and computes.
        seed: Seed of its noise there.
        chip_index: Which of several chips with one seed this is.
    """

    def __init__(self, problem: Problem, chip: Chip, seed: int, chip_index: int) -> None:
        self._problem, self._chip = problem, chip
        self._path = (seed, "evaluate", chip_index)
        self.has_accuracy = problem.has_test and problem.is_classification
        self._rows: list[tuple[int, float, float]] = []

    def read(self, step: int, w: Tensor) -> Tensor:
        """Stored weights after a step as the chip reads them, shape ``(N,)``."""
        seed, name, index = self._path
        return self._chip.read(w, generator_for(seed, name, index, step, device=w.device))

    def seen(self, step: int) -> Problem:
        """The chip's own outputs: its arrays compute the test accuracy as well."""
        path = (*self._path, "passes", step)
        return self._chip.see(self._problem, generator_for(*path, device=self._problem.device))

    def add(self, step: int, w: Tensor) -> bool:
        """Evaluate; False when weights or loss are not finite."""
        weights, seen = self.read(step, w), self.seen(step)
        loss = seen.loss(weights)
        finite = bool(np.isfinite(loss)) and bool(torch.isfinite(w).all())
        accuracy = float("nan")
        if self.has_accuracy:
            accuracy = seen.accuracy(weights) if finite else 0.0
        self._rows.append((step, loss, accuracy))
        return finite

    def curve(self) -> Curve:
        """What was added."""
        steps, losses, accuracies = zip(*self._rows, strict=True)
        return Curve(steps, losses, accuracies if self.has_accuracy else ())
