"""What the units of the work on a spec cost on this machine: updates, points, forecasts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from device_models import Chip
from neurograd.deployment import deploy
from neurograd.effects.minibatch import is_batched
from neurograd.forecast.chip_end import (
    forecast_passes,
    path_passes,
    update_passes,
)
from neurograd.pipeline.build import build_chip, build_clean_chip
from neurograd.pipeline.identity import Identity
from neurograd.pipeline.planning.clockwork import PeakMemory, now, seconds_of, seconds_per_call
from neurograd.pipeline.points.work import DEFAULT_SMOOTHING_DRAWS, point_budget, smoothed_losses
from neurograd.pipeline.pool import TaskPool
from neurograd.pipeline.predicted.way import forecast_way
from neurograd.pipeline.stages import Stages
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec
from neurograd.training.snapshots import Snapshot

QUICK_GRADIENT = 0.05
"""Seconds of a gradient on the part of the samples that points and forecasts are timed with."""

SLOW_GRADIENT = 1.0
"""Seconds of a gradient from which more samples are not timed, but extended to."""

FEW_SAMPLES = 4
"""Samples that a part has at least."""

FORECAST_STEPS = (32, 128)
"""Lengths of two short trainings whose forecasts tell how a forecast's cost grows with length."""

SHORT_FORECAST_STEPS = (8, 32)
"""The same where a gradient of few samples is slow."""

SOME_LOSS_DRAWS = 128
"""Loss draws of a point that is measured: as many as its caps on other draws look at."""

SOME_SMOOTHED_DRAWS = 20


@dataclass(frozen=True)
class UnitCosts:
    """Seconds of one core for the units of a spec's work, and the memory that they take.

    Attributes:
        ready: What a process's first update through the chip takes beside the update itself:
            numba and compiled loops are loaded, or compiled where they are not on disk yet.
        clean_update: One update of the clean twin.
        chip_update: One update through the chip.
        evaluation: One look at losses and accuracy along a training.
        point: One measured point with all its draws.
        forecast: One forecast of a training of the spec's length.
        deployment: What becomes of one trained chip; 0 without a deployment.
        base_bytes: Resident memory with the problem loaded.
        worker_bytes: Memory that one worker adds while it computes.
        part: Part of the training samples that points and forecasts were timed with.
        idle: Part of the clock's time in which this machine gave the timing its core.
    """

    ready: float
    clean_update: float
    chip_update: float
    evaluation: float
    point: float
    forecast: float
    deployment: float
    base_bytes: int
    worker_bytes: int
    part: float
    idle: float


@dataclass(frozen=True)
class Part:
    """The few samples that are timed, and how times on them are extended to all.

    Attributes:
        whole: The problem.
        few: The same on few samples, itself where a gradient of all of them is quick.
        one: The same on a single one; what it takes does not grow with the samples.
        times: How much longer a gradient of all samples takes than one of few, in their number:
            ``few`` itself counts 1.
        gradient: Seconds of a gradient on few samples.
    """

    whole: Problem
    few: Problem
    one: Problem
    times: float
    gradient: float

    @classmethod
    def of(cls, problem: Problem) -> Part:
        """Samples are doubled until a gradient is slow; one that is quick is of the part."""
        w, device = problem.initial_weights, problem.device
        few, took = None, 0.0
        counts, seconds = [], []
        count = min(FEW_SAMPLES, problem.num_samples)
        while True:
            some = _first_samples(problem, count)
            seconds.append(seconds_per_call(lambda: some.gradient(w), device))  # noqa: B023
            counts.append(count)
            if few is None and (seconds[-1] >= QUICK_GRADIENT or some is problem):
                few, took = some, seconds[-1]
            if seconds[-1] >= SLOW_GRADIENT or some is problem:
                break
            count = min(2 * count, problem.num_samples)
        one = few if few is problem else _first_samples(problem, 1)
        every = seconds[-1] * problem.num_samples / counts[-1]
        return cls(problem, few or problem, one, max(1.0, every / took), took)

    def extended(self, cost: Callable[[Problem], float]) -> float:
        """What something takes on all samples: a part that grows with them, and one that does not.

        Args:
            cost: Seconds of it on some of the samples.
        """
        at_few = cost(self.few)
        if self.few is self.whole:
            return at_few
        growing = max(0.0, at_few - cost(self.one))
        growing *= self.few.num_samples / max(1, self.few.num_samples - 1)
        return at_few + growing * (self.times - 1.0)


def measure_units(
    spec: Spec,
    problem: Problem,
    *,
    quick: bool,
    pool: TaskPool,
    points: bool = True,
    forecasts: bool = True,
) -> UnitCosts:
    """Time the units of a spec's work, each alone on one core.

    Everything that takes all samples is timed with so few that a gradient takes ``QUICK_GRADIENT``
    seconds, and with one; what grows in between is extended as a gradient grows. Updates and draws
    of batches are timed as they are. Forecasts of two short trainings are extended by the power law
    through them.

    Args:
        spec: The validated spec, in its quick version if that is planned.
        problem: Its problem.
        quick: Whether it is.
        pool: Shows progress.
        points: Whether points are measured; their time is 0 otherwise.
        forecasts: Whether trainings are predicted; likewise.

    Raises:
        NeurogradError: If the network's loss or gradient is not finite on these few.
    """
    tick = pool.stage("timing the units of the work", 5)
    device, w = problem.device, problem.initial_weights
    chip, clean = build_chip(spec, problem), build_clean_chip(spec, problem)
    clock, begun = time.perf_counter(), now(device)
    with PeakMemory() as memory:
        # Before all else: what compiles here others find ready, gradients as well.
        ready = _ready_seconds(spec, problem)
        part = Part.of(problem)
        few = part.few
        few.check_finite(w)
        grows = _bytes_of_more_samples(part, _largest(spec, problem, products=points or forecasts))
        tick(1)
        timed = _timed_update if is_batched(spec, problem.num_samples) else _extended_update
        clean_update, chip_update = (timed(part, each) for each in (clean, chip))
        evaluation = part.extended(
            lambda some: seconds_per_call(lambda: _evaluate(chip.see(some), w), device)
        )
        tick(1)
        trains = spec.training.trains
        point, forecast = 0.0, 0.0
        if trains and points:
            point = _point_seconds(spec, part, quick=quick, pool=pool)
        tick(1)
        steps = spec.count_updates(problem.num_samples)
        way, _ = forecast_way(spec, problem, chip)
        if trains and forecasts and way != "whole_set":
            # By counts of samples: of short trainings every update would be taken.
            updates = forecast_passes(problem, chip, steps, way) / update_passes(problem, chip)
            forecast = updates * chip_update
        elif trains and forecasts:
            forecast = part.extended(
                lambda some: _forecast_seconds(_stages(spec, some, quick, pool), part)
            )
        tick(1)
        aged = 0.0
        if spec.deployment is not None:
            aged = part.extended(
                lambda some: seconds_per_call(lambda: deploy(spec, some.replica(), 0, w), device)
            )
        tick(1)
    return UnitCosts(
        ready=ready,
        clean_update=clean_update,
        chip_update=chip_update,
        evaluation=evaluation,
        point=point,
        forecast=forecast,
        deployment=aged,
        base_bytes=memory.before,
        worker_bytes=memory.added + grows,
        part=few.num_samples / problem.num_samples,
        idle=min(1.0, (now(device) - begun) / (time.perf_counter() - clock)),
    )


def _ready_seconds(spec: Spec, problem: Problem) -> float:
    """What the first update of a process takes beside the update itself."""
    one = _first_samples(problem, 1)
    update = _update(one, build_chip(spec, one))

    def checked() -> None:
        one.check_finite(problem.initial_weights)
        update()

    first = seconds_of(checked, problem.device)
    return max(0.0, first - seconds_per_call(checked, problem.device))


def _first_samples(problem: Problem, count: int) -> Problem:
    """The problem on its first samples, and as large a part of the test set; itself on all."""
    if count >= problem.num_samples:
        return problem
    inputs, targets = problem.data("train")
    tests = problem.data("test") if problem.has_test else (None, None)
    tested = 0 if tests[0] is None else -(-count * len(tests[0]) // problem.num_samples)
    return Problem(
        problem.module,
        problem.loss_function,
        inputs[:count],
        targets[:count],
        test_inputs=None if tests[0] is None else tests[0][:tested],
        test_targets=None if tests[1] is None else tests[1][:tested],
        dtype=problem.dtype,
        device=problem.device,
        chunk_size=problem.chunk_size,
    )


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


def _bytes_of_more_samples(part: Part, takes: Callable[[Problem], object]) -> int:
    """Memory of the samples of one chunk that the few ones are fewer than.

    Args:
        part: The few.
        takes: What is computed with a chunk.
    """
    more = min(part.whole.chunk_size, part.whole.num_samples) - part.few.num_samples
    if more <= 0 or part.few is part.one:
        return 0
    peaks = []
    for some in (part.one, part.few):
        with PeakMemory() as memory:
            takes(some)
        peaks.append(memory.peak)
    return max(0, (peaks[1] - peaks[0]) * more // (part.few.num_samples - 1))


def _stages(spec: Spec, problem: Problem, quick: bool, pool: TaskPool) -> Stages:
    store = StageStore(None, Identity())
    return Stages(spec, quick, problem, build_chip(spec, problem), store, pool)


def _timed_update(part: Part, chip: Chip) -> float:
    return _update_seconds(part.whole, chip)


def _extended_update(part: Part, chip: Chip) -> float:
    return part.extended(lambda some: _update_seconds(some, chip))


def _update_seconds(problem: Problem, chip: Chip) -> float:
    return seconds_per_call(_update(problem, chip), problem.device)


def _update(problem: Problem, chip: Chip) -> Callable[[], object]:
    w = chip.program(problem.initial_weights)
    generator = generator_for(0, "plan", device=w.device)
    return partial(chip.advance, problem, w, chip.start(w), generator)


def _draw_seconds(problem: Problem, chip: Chip) -> float:
    w = chip.program(problem.initial_weights)
    generator = generator_for(0, "plan", "draws", device=w.device)
    sample = chip.sampler(problem, w)
    return seconds_per_call(lambda: sample(generator), problem.device)


def _evaluate(problem: Problem, w: Tensor) -> None:
    problem.loss(w)
    if problem.has_test and problem.is_classification:
        problem.accuracy(w)


def _point_seconds(spec: Spec, part: Part, *, quick: bool, pool: TaskPool) -> float:
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


def _of_length(stages: Stages, steps: int) -> Stages:
    """The stages of a training of another length."""
    fewer = stages.spec.training.model_copy(update={"steps": steps, "epochs": None})
    return replace(stages, spec=stages.spec.model_copy(update={"training": fewer}))


def _forecast_seconds(stages: Stages, part: Part) -> float:
    """A forecast of the spec's length, from those of two shorter trainings."""
    steps = stages.steps
    shortest = _of_length(stages, FORECAST_STEPS[0])
    if forecast_way(shortest.spec, stages.problem, stages.chip)[0] == "every_update":
        # Short trainings would be no paths, as long ones are: by what was counted of these.
        gradient = partial(stages.problem.gradient, stages.problem.initial_weights)
        seconds = seconds_per_call(gradient, stages.problem.device)
        return 2.0 * seconds * path_passes(stages.problem, steps) / stages.problem.num_samples
    took = []
    few = FORECAST_STEPS if part.gradient < SLOW_GRADIENT else SHORT_FORECAST_STEPS
    lengths = sorted({min(steps, length) for length in few})
    for length in lengths:
        short = _of_length(stages, length)
        took.append(seconds_of(partial(short.predicted_network, 0), stages.problem.device))
    if len(took) == 1 or steps == lengths[-1]:
        return took[-1]
    power = math.log(took[1] / took[0]) / math.log(lengths[1] / lengths[0])
    growth: float = (steps / lengths[1]) ** min(1.0, max(0.0, power))
    return took[1] * growth
