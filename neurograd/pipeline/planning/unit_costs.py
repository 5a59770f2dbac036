"""What the units of the work on a spec cost on this machine: updates, points, forecasts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from device_models import Chip
from neurograd.deployment import deploy
from neurograd.effects.minibatch import is_batched
from neurograd.pipeline.build import build_chip, build_clean_chip, build_schedule
from neurograd.pipeline.identity import Identity
from neurograd.pipeline.planning.clockwork import (
    SHORT,
    PeakMemory,
    now,
    seconds_of,
    seconds_per_call,
)
from neurograd.pipeline.planning.forecast_costs import (
    OtherChip,
    forecast_seconds,
    others_seconds,
)
from neurograd.pipeline.planning.samples_part import Part, bytes_of_more_samples, first_samples
from neurograd.pipeline.points.work import DEFAULT_SMOOTHING_DRAWS, point_budget, smoothed_losses
from neurograd.pipeline.pool import TaskPool
from neurograd.pipeline.stages import Stages
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.recording import can_be_recorded, sampler_of
from neurograd.seeding import generator_for
from neurograd.spec import Spec
from neurograd.training.course import Course
from neurograd.training.loop import Evaluator, train
from neurograd.training.snapshots import Snapshot
from neurograd.training.updates import one_after_the_other

SOME_LOSS_DRAWS = 128
"""Loss draws of a point that is measured: as many as its caps on other draws look at."""

SOME_SMOOTHED_DRAWS = 20


@dataclass(frozen=True)
class UnitCosts:
    """Seconds of one core for the units of a spec's work, and the memory that they take.

    Attributes:
        ready: What a process's first update through the chip takes beside the update itself:
            numba and compiled loops are loaded, or compiled where they are not on disk yet.
        checking: The look whether losses and the gradient are finite, before the work begins.
        clean_start: What a clean training takes beside its updates and the looks along it but the
            first and the last: the twin is built, and its network judged at the end.
        chip_start: The same of a chip, which is built and programmed, and whose devices differ.
        clean_update: One update of the clean twin.
        chip_update: One update through the chip.
        clean_look: One look at losses and accuracy along a clean training.
        chip_look: The same of a chip, which reads its weights for it.
        point: One measured point with all its draws.
        forecast: One forecast of a training of the spec's length.
        another: The same of a chip without an effect, or with another number; their mean.
        deployment: What becomes of one trained chip; 0 without a deployment.
        base_bytes: Resident memory with the problem loaded.
        worker_bytes: Memory that one worker adds while it computes.
        snapshot_bytes: That of one state of a clean training that is kept for points.
        part: Part of the training samples that points and forecasts were timed with.
        idle: Part of the clock's time in which this machine gave the timing its core.
    """

    ready: float
    checking: float
    clean_start: float
    chip_start: float
    clean_update: float
    chip_update: float
    clean_look: float
    chip_look: float
    point: float
    forecast: float
    another: float
    deployment: float
    base_bytes: int
    worker_bytes: int
    snapshot_bytes: int
    part: float
    idle: float


def measure_units(
    spec: Spec,
    problem: Problem,
    *,
    quick: bool,
    pool: TaskPool,
    points: bool = True,
    forecasts: bool = True,
    others: Callable[[], Sequence[OtherChip]] = tuple,
) -> UnitCosts:
    """Time the units of a spec's work, each alone on one core.

    Everything that takes all samples is timed with so few that a gradient takes ``QUICK_GRADIENT``
    seconds, and with one; what grows in between is extended as a gradient grows. Updates and draws
    of batches are timed as they are, and so are points and forecasts that are quick; others are
    extended from those of fewer draws, and of shorter trainings.

    Args:
        spec: The validated spec, in its quick version if that is planned.
        problem: Its problem.
        quick: Whether it is.
        pool: Shows progress.
        points: Whether points are measured; their time is 0 otherwise.
        forecasts: Whether trainings are predicted; likewise.
        others: Chips that are predicted in the place of the spec's. They are asked for late, so
            that what asks for them loads nothing that the first update is found to wait for.

    Raises:
        NeurogradError: If the network's loss or gradient is not finite on these few.
    """
    tick = pool.stage("timing the units of the work", 5)
    device, w = problem.device, problem.initial_weights
    clock, begun = time.perf_counter(), now(device)
    with PeakMemory() as memory:
        # Before all else: what compiles here others find ready, gradients as well.
        ready = _ready_seconds(spec, problem)
        part = Part.of(problem)
        few = part.few
        checking = part.extended(
            lambda some: seconds_per_call(partial(some.check_finite, w), device)
        )
        grows = bytes_of_more_samples(part, _largest(spec, problem, products=points or forecasts))
        tick(1)
        chip, clean = build_chip(spec, problem), build_clean_chip(spec, problem)
        timed = _timed_update if is_batched(spec, problem.num_samples) else _extended_update
        clean_alone, chip_alone = (timed(part, each) for each in (clean, chip))
        clean_update = _trained_update(spec, part, clean, clean_alone)
        chip_update = _trained_update(spec, part, chip, chip_alone)
        clean_start, chip_start = (_start_seconds(spec, part, clean=each) for each in (True, False))
        clean_look, chip_look = (_look_seconds(part, each) for each in (clean, chip))
        tick(1)
        trains = spec.training.trains
        point = forecast = another = 0.0
        if trains and points:
            point = _point_seconds(spec, part, quick=quick, pool=pool)
        tick(1)
        if trains and forecasts:
            forecast = forecast_seconds(spec, part, chip, (chip_alone, chip_update))
            another = others_seconds(others(), problem, forecast)
        tick(1)
        aged = 0.0
        if spec.deployment is not None:
            aged = part.extended(
                lambda some: seconds_per_call(lambda: deploy(spec, some.replica(), 0, w), device)
            )
        tick(1)
    return UnitCosts(
        ready=ready,
        checking=checking,
        clean_start=clean_start,
        chip_start=chip_start,
        clean_update=clean_update,
        chip_update=chip_update,
        clean_look=clean_look,
        chip_look=chip_look,
        point=point,
        forecast=forecast,
        another=another,
        deployment=aged,
        base_bytes=memory.before,
        worker_bytes=memory.added + grows,
        snapshot_bytes=sum(
            each.nbytes for each in Snapshot(0, w, clean.start(w)).tensors().values()
        ),
        part=few.num_samples / problem.num_samples,
        idle=min(1.0, (now(device) - begun) / (time.perf_counter() - clock)),
    )


def _ready_seconds(spec: Spec, problem: Problem) -> float:
    """What the first update of a process takes beside the update itself."""
    batch = spec.learning_rule.batch_size
    # Of more samples than a batch has: others load other loops.
    some = first_samples(problem, batch + 1 if isinstance(batch, int) else 1)

    def checked() -> None:
        some.check_finite(problem.initial_weights)
        # Its parts are loaded by the chip that is built first.
        _update(some, build_chip(spec, some))()

    first = seconds_of(checked, problem.device)
    return max(0.0, first - seconds_per_call(checked, problem.device))


def _largest(spec: Spec, problem: Problem, *, products: bool) -> Callable[[Problem], object]:
    """Whatever takes most memory of what is computed with a whole chunk of the samples.

    Args:
        spec: The spec.
        problem: Its problem.
        products: Whether Hessian products are made, for points or forecasts; a training alone has
            gradients, of batches that are timed as they are, and losses.
    """
    w = problem.initial_weights
    if products:
        return lambda some: some.hvp(w, w)
    if is_batched(spec, problem.num_samples):
        return lambda some: some.loss(w)
    return lambda some: some.gradient(w)


def _stages(spec: Spec, problem: Problem, quick: bool, pool: TaskPool) -> Stages:
    store = StageStore(None, Identity())
    return Stages(spec, quick, problem, build_chip(spec, problem), store, pool)


def _timed_update(part: Part, chip: Chip) -> float:
    return _update_seconds(part.whole, chip)


def _extended_update(part: Part, chip: Chip) -> float:
    return part.extended(lambda some: _update_seconds(some, chip))


def _trained_update(spec: Spec, part: Part, chip: Chip, alone: float) -> float:
    """An update of a training: a GPU may replay it, in less time than one alone takes."""
    if not can_be_recorded(chip, part.whole):
        return alone
    schedule = build_schedule(spec, part.whole.num_samples)

    def replayed(problem: Problem) -> float:
        course = Course(chip, problem.num_samples, schedule, 0, "plan")
        return seconds_per_call(one_after_the_other(problem, course), problem.device)

    batched = is_batched(spec, part.whole.num_samples)
    return replayed(part.whole) if batched else part.extended(replayed)


def _update_seconds(problem: Problem, chip: Chip) -> float:
    return seconds_per_call(_update(problem, chip), problem.device)


def _update(problem: Problem, chip: Chip) -> Callable[[], object]:
    w = chip.program(problem.initial_weights)
    generator = generator_for(0, "plan", device=w.device)
    return partial(chip.advance, problem, w, chip.start(w), generator)


def _draw_seconds(problem: Problem, chip: Chip) -> float:
    w = chip.program(problem.initial_weights)
    generator = generator_for(0, "plan", "draws", device=w.device)
    sample = sampler_of(chip, problem, w)
    return seconds_per_call(lambda: sample(generator), problem.device)


def _start_seconds(spec: Spec, part: Part, *, clean: bool) -> float:
    """What a training takes beside its updates, and beside all looks but the first and the last.

    Args:
        spec: The spec.
        part: The problem, and the samples that are timed.
        clean: Whether it is the clean twin's, whose snapshots are kept.
    """
    built = build_clean_chip if clean else build_chip
    schedule = build_schedule(spec, part.whole.num_samples)
    steps = min(1, spec.count_updates(part.whole.num_samples))

    def start(problem: Problem) -> float:
        def training() -> None:
            train(
                problem.replica(),
                built(spec, problem),
                steps,
                spec.measure.seed,
                chip_index=1,
                schedule=schedule,
                snapshots=(0, steps) if clean else (),
                curve_points=2,
            )

        updates = steps * _update_seconds(problem, built(spec, problem))
        return max(0.0, seconds_per_call(training, problem.device) - updates)

    return part.extended(start)


def _look_seconds(part: Part, chip: Chip) -> float:
    def look(problem: Problem) -> float:
        evaluator = Evaluator(problem, chip, 0, 0)
        w = chip.program(problem.initial_weights)
        return seconds_per_call(partial(evaluator.add, 0, w), problem.device)

    return part.extended(look)


def _point_seconds(spec: Spec, part: Part, *, quick: bool, pool: TaskPool) -> float:
    """A point with all its draws; as it is where that is quick."""
    about = _extended_point(spec, part, quick=quick, pool=pool)
    if about > SHORT or part.few is not part.whole:
        return about
    stages = _stages(spec, part.whole, quick, pool)
    w = part.whole.initial_weights
    start = Snapshot(0, w, stages.chip.start(w))
    return seconds_of(partial(stages.measured_point, 0, start), w.device)


def _extended_point(spec: Spec, part: Part, *, quick: bool, pool: TaskPool) -> float:
    """A point with few draws, and the draws that are left, of all samples."""
    measure, device = spec.measure, part.whole.device
    spiking = bool(part.whole.parts.spiking)
    norms = measure.smoothing_draws or DEFAULT_SMOOTHING_DRAWS
    losses = min(measure.loss_draws, SOME_SMOOTHED_DRAWS if spiking else SOME_LOSS_DRAWS)
    few = {
        "draws": min(measure.draws, 2),
        "loss_draws": losses,
        "smoothing_draws": min(norms, SOME_SMOOTHED_DRAWS) if spiking else measure.smoothing_draws,
    }
    short = spec.model_copy(update={"measure": measure.model_copy(update=few)})
    chip = build_chip(spec, part.whole)
    budget = point_budget(spec, part.whole, chip, quick=quick)
    judged = 1.0 if budget.samples is None else budget.samples / part.whole.num_samples

    def point(problem: Problem) -> float:
        w, samples = problem.initial_weights, budget.samples
        asked = replace(
            budget,
            draws=min(budget.draws, 2),
            loss_draws=losses,
            samples=None if samples is None else math.ceil(judged * problem.num_samples),
        )
        stages = replace(_stages(short, problem, quick, pool), asked=asked)
        start = Snapshot(0, w, stages.chip.start(w))
        return seconds_of(partial(stages.measured_point, 0, start), device)

    fixed = part.extended(point)
    draw = (
        _draw_seconds(part.whole, chip)
        if is_batched(spec, part.whole.num_samples)
        else part.extended(lambda some: _draw_seconds(some, chip))
    )
    w = part.whole.initial_weights
    loss = part.extended(lambda some: seconds_per_call(lambda: some.loss(w), device))
    left = measure.loss_draws - losses
    if spiking:
        more = smoothed_losses(left, max(0, norms - SOME_SMOOTHED_DRAWS), quick=quick)
        return fixed + (budget.draws - 2 + 2 * left) * draw + more * judged * loss
    return fixed + (budget.draws - 2) * draw + left * (draw + judged * loss)
