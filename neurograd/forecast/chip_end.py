"""The predicted end of one chip's training.

The path is predicted many updates at a time (``path``). Where the mean of a chip's estimates is not
known (rules that are no means over samples, in batches), it would have to be averaged over about as
many estimates as there are updates: the error of an average over M estimates, carried along n
updates, is n/M of their noise; signs of gradients jump from update to update, in whole batches as
well. There the updates are taken one by one, each with an estimate and a
write of its own, at the cost of a training. The writes of a chip that writes every sample of a
batch for itself are followed as updates on single samples (``small_batches.single_writes``). Any
other chip with a recipe has a path of its own (``remembered``), but for recipes that clip random
estimates, whose mean is not known, and for shuffled epochs, whose sums a memory cuts across: they
are taken one by one as well.

Small batches of the rules and networks that ``small_batches`` knows have a path by subsets of the
samples. Where updates see few of many samples, taking them one by one also costs less than a path,
which needs gradients of all samples, or of subsets. There the end is that of a training with draws
of its own, and so it is where reads are too random for a path to know their mean, or single
writes move the weights too far (``regimes``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from device_models import Chip, Manhattan, Minibatch, UnstableRuleError
from neurograd.forecast.costs.subsets import subset_passes
from neurograd.forecast.costs.updates import drawn_passes, path_passes, update_passes
from neurograd.forecast.path import DIVERGENCES, PredictedPath
from neurograd.forecast.perturbed.dynamics import PACE, PerturbedDynamics
from neurograd.forecast.perturbed.estimates import perturbs_whole_set
from neurograd.forecast.regimes import Regime, regime_of
from neurograd.forecast.regimes.path_losses import has_learned
from neurograd.forecast.remembered.path import follow_recipe
from neurograd.forecast.small_batches.dynamics import ORDER
from neurograd.forecast.small_batches.estimates.of_chip import update_estimates
from neurograd.forecast.small_batches.estimates.single_updates import UpdateEstimates
from neurograd.forecast.small_batches.path import SINGLE_FIRST, SINGLE_LAST, SmallBatchPath
from neurograd.forecast.small_batches.single_writes import SingleWrites
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.training.course import Course, epoch_of
from neurograd.training.schedules import ConstantStep, Schedule
from neurograd.training.updates import Updates

Way = Literal["whole_set", "small_batches", "every_update"]
"""Which way a forecast takes: a path by gradients over the whole training set, a path of small
batches by subsets of it, or every update drawn for itself, at the cost of a training."""

LARGE_BATCH = 0.25
"""Part of the training set from which on a batch with a recipe is followed by whole gradients.

A pure number. Not tuned. Normal noise stands for batches there, and a path of small ones takes more
gradients of the whole set than the training takes of its batches. Smaller follows more of them.
"""


@dataclass(frozen=True)
class ForecastChip:
    """The predicted end of one chip's training.

    Attributes:
        weights: Stored weights after the last update, shape ``(N,)``.
        diverged: Whether they left all bounds on the way.
        gradients: Gradients that the prediction took.
        thrown: Whether a path was left for updates drawn one by one.
    """

    weights: Tensor
    diverged: bool
    gradients: int
    thrown: bool = False


def forecast_chip(
    problem: Problem,
    chip: Chip,
    steps: int,
    seed: int,
    *,
    index: int = 0,
    schedule: Schedule | None = None,
    progress: Progress | None = None,
    watch: Callable[[int, Tensor], None] | None = None,
    way: Way | None = None,
) -> ForecastChip:
    """Predict the weights after a training through a chip, without training through it.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        steps: Number T of updates, 1 or more.
        seed: Seed of the noise.
        index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training; 1 when None.
        progress: Called with the number of updates done since the last call.
        watch: Called with the updates done and the stored weights at each state of a path; not
            where updates are taken one by one, nor with a recipe.
        way: Which way it takes: that of ``way_of`` when None. Where small batches have no path by
            subsets, it is one by the whole set.

    Raises:
        ValueError: If there is no update to take.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; allowed: 1 or more")
    asked = _Asked(problem, chip, steps, seed, index, schedule, progress, watch)
    way = way_of(problem, chip, steps) if way is None else way
    if way == "every_update":
        return _take_every_update(asked)
    found = _recipe_end(asked) if chip.recipe is not None else _path_end(asked.followed(), way)
    if not found.thrown:
        return found
    # Steps that curvature or noise throws off lose what was learned, end where nothing is, or
    # nowhere; so does a chip that learns nothing. Real updates, from the start, since no state of
    # such a path can be trusted, tell them apart.
    real = _take_every_update(replace(asked, progress=None))
    return replace(real, gradients=real.gradients + found.gradients, thrown=True)


@dataclass(frozen=True)
class _Asked:
    """A training whose end is asked for, as ``forecast_chip`` has it.

    Attributes:
        writes_a_read: Writes of single samples behind one random read, 1 or more.
    """

    problem: Problem
    chip: Chip
    steps: int
    seed: int
    index: int
    schedule: Schedule | None
    progress: Progress | None
    watch: Callable[[int, Tensor], None] | None
    writes_a_read: float = 1.0

    def followed(self) -> _Asked:
        """What a path follows: this training, or that of single samples with the same writes."""
        single = SingleWrites.of(self.problem, self.chip)
        if single is None:
            return self
        return replace(
            self,
            chip=single.chip,
            steps=single.writes(self.steps),
            schedule=single.schedule(self.schedule),
            progress=single.progress(self.progress),
            watch=single.watch(self.watch),
            writes_a_read=single.writes_a_read,
        )


def _recipe_end(asked: _Asked) -> ForecastChip:
    """The end of a path with a recipe, thrown as that of any other one."""
    problem, chip, steps = asked.problem, asked.chip, asked.steps
    guarded = isinstance(chip.rule, Minibatch)
    course = (asked.seed, asked.index, asked.schedule, asked.progress)
    found = ForecastChip(*follow_recipe(problem, chip, steps, *course, guarded=guarded))
    return _judged(problem, found) if guarded else found


def _judged(problem: Problem, found: ForecastChip) -> ForecastChip:
    """A path in batches, thrown where it ends nowhere or has learned nothing."""
    ended = not (found.diverged or found.thrown)
    if ended and has_learned(problem.loss, problem.initial_weights, found.weights):
        return found
    return replace(found, thrown=True)


def _path_end(asked: _Asked, way: Way) -> ForecastChip:
    """The end of a path, thrown where one in batches ends nowhere or has learned nothing.

    So is one of a rule that perturbs, whose noise may let a chip learn next to nothing as well.
    """
    problem, chip = asked.problem, asked.chip
    perturbs = perturbs_whole_set(chip)
    guarded = isinstance(chip.rule, Minibatch) or perturbs
    estimates = update_estimates(problem, chip) if guarded and way == "small_batches" else None
    path = _path(asked, estimates, perturbs=perturbs)
    found = _follow(path, asked, guarded=guarded)
    return _judged(problem, found) if guarded else found


def _path(
    asked: _Asked, estimates: UpdateEstimates | None, *, perturbs: bool
) -> PredictedPath | SmallBatchPath:
    """The path of a training by what is known of its updates.

    Where nothing else is, normal noise stands for that of batches, which throws networks off as
    well.
    """
    problem, chip, reads = asked.problem, asked.chip, asked.writes_a_read
    course = asked.seed, asked.index, asked.schedule
    if estimates is not None:
        return SmallBatchPath(problem, chip, estimates, *course, writes_a_read=reads)
    if perturbs:
        dynamics = partial(PerturbedDynamics, problem, chip)
        return PredictedPath(problem, chip, *course, dynamics, PACE)
    return PredictedPath(problem, chip, *course, writes_a_read=reads)


def _follow(path: PredictedPath | SmallBatchPath, asked: _Asked, *, guarded: bool) -> ForecastChip:
    """The end of a path; a guarded one is left where its loss rises or is forced up too far."""
    done, steps = 0, asked.steps
    while done < steps:
        try:
            length = path.advance(done, steps)
        except DIVERGENCES:
            return ForecastChip(torch.full_like(path.w, torch.nan), True, path.gradients)
        done += length
        if asked.progress is not None:
            asked.progress(length)
        if not bool(torch.isfinite(path.w).all()):
            return ForecastChip(path.w, True, path.gradients)
        if asked.watch is not None:
            asked.watch(done, path.w)
        # Paths in batches that learn nothing are told at their end: slow ones do learn.
        if not guarded and path.is_held_by_noise(done, steps):
            break
        if guarded and path.losses.lost(steps):
            return ForecastChip(path.w, False, path.gradients, thrown=True)
    return ForecastChip(path.w, False, path.gradients)


def way_of(problem: Problem, chip: Chip, steps: int) -> Way:
    """Which way a forecast takes: of a path and of every update the cheaper one, where both can be.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        steps: Number T of updates.
    """
    path, regime = path_and_regime(problem, chip, steps)
    return path if regime is None else "every_update"


def path_and_regime(problem: Problem, chip: Chip, steps: int) -> tuple[Way, Regime | None]:
    """The way that costs least, and the regime that keeps it from a path; None without one.

    Arguments as for ``way_of``.
    """
    followed, turns = _followed(problem, chip, steps)
    way = _cheapest_way(problem, followed, turns)
    return way, None if way == "every_update" else regime_of(problem, followed)


def _followed(problem: Problem, chip: Chip, steps: int) -> tuple[Chip, int]:
    """What a path follows one after the other: updates, or writes of single samples."""
    single = SingleWrites.of(problem, chip)
    return (chip, steps) if single is None else (single.chip, single.writes(steps))


def _cheapest_way(problem: Problem, chip: Chip, steps: int) -> Way:
    """The same whatever the regime."""
    unknown = chip.writes_samples or not chip.knows_mean(problem)
    if unknown or _has_odd_recipe(problem, chip) or _takes_signs(chip.rule):
        return "every_update"
    if not isinstance(chip.rule, Minibatch):
        return "whole_set"
    if chip.recipe is not None:
        few = chip.rule.batch_size < LARGE_BATCH * problem.num_samples
        return "every_update" if few else "whole_set"
    path: Way = "whole_set"
    update, passes = update_passes(problem, chip), path_passes(problem, steps)
    estimates = update_estimates(problem, chip)
    if estimates is not None:
        path = "small_batches"
        passes = subset_passes(problem, chip, steps, update, estimates.look)
        if steps <= SINGLE_FIRST + SINGLE_LAST:
            return "every_update"  # such a path has no other updates
    return "every_update" if drawn_passes(problem, chip, steps) <= passes else path


def forecast_passes(problem: Problem, chip: Chip, steps: int, way: Way | None = None) -> float:
    """What a forecast costs at least, in passes of one sample through the network.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        steps: Number T of updates.
        way: Which way it takes; that of ``way_of`` when None.
    """
    way = way_of(problem, chip, steps) if way is None else way
    if way == "every_update":
        return drawn_passes(problem, chip, steps)
    followed, turns = _followed(problem, chip, steps)
    estimates = update_estimates(problem, followed) if way == "small_batches" else None
    if estimates is None:
        return path_passes(problem, turns)
    update = update_passes(problem, followed)
    return subset_passes(problem, followed, turns, update, estimates.look)


def _takes_signs(rule: object) -> bool:
    """Whether updates are signs, which have no slope that a step of many of them could follow."""
    inner = getattr(rule, "rule", None)
    return isinstance(rule, Manhattan) or (inner is not None and _takes_signs(inner))


def _has_odd_recipe(problem: Problem, chip: Chip) -> bool:
    """Whether a recipe has no mean that is known, or meets shuffled epochs."""
    if chip.recipe is None:
        return False
    clips = chip.recipe.clip is not None and not chip.deterministic_gradient
    return clips or epoch_of(chip, problem.num_samples) is not None


def _take_every_update(asked: _Asked) -> ForecastChip:
    """The end of a path whose updates are drawn one by one, as the chip draws them."""
    problem, chip, seed, index = asked.problem, asked.chip, asked.seed, asked.index
    w = chip.program(problem.initial_weights).clone()
    state = chip.start(w)
    factors = asked.schedule or ConstantStep()
    course = Course(chip, problem.num_samples, factors, seed, ORDER, index)
    updates = Updates(problem, course, asked.steps, seed, "forecast", index)
    for done in range(asked.steps):
        try:
            w, state = updates.take(done, w, state)
        except UnstableRuleError:
            return ForecastChip(torch.full_like(w, torch.nan), True, done + 1)
        if asked.progress is not None:
            asked.progress(1)
        if not bool(torch.isfinite(w).all()):
            return ForecastChip(w, True, done + 1)
    return ForecastChip(w, False, asked.steps)
