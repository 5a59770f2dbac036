"""What the units of the work on a spec cost on this machine: updates, points, forecasts."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from device_models import Chip
from neurograd.deployment import deploy
from neurograd.forecast.chip_end import path_passes, takes_every_update
from neurograd.pipeline.build import build_chip, build_clean_chip
from neurograd.pipeline.identity import ChipTask
from neurograd.pipeline.planning.clockwork import PeakMemory, now, seconds_of, seconds_per_call
from neurograd.pipeline.pool import TaskPool
from neurograd.pipeline.stages import DEFAULT_SMOOTHING_DRAWS, Stages
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec
from neurograd.training.snapshots import Snapshot

QUICK_GRADIENT = 0.05
"""Seconds of a gradient up to which all samples are taken; more, and a part of them is."""

FEW_SAMPLES = 32
"""Samples that a part has at least."""

FORECAST_STEPS = (32, 128)
"""Lengths of two short trainings whose forecasts tell how a forecast's cost grows with length."""

SOME_LOSS_DRAWS = 128
"""Loss draws of a point that is measured: as many as its caps on other draws look at."""

SOME_SMOOTHED_DRAWS = 20


@dataclass(frozen=True)
class UnitCosts:
    """Seconds of one core for the units of a spec's work, and the memory that they take.

    Attributes:
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


def measure_units(spec: Spec, problem: Problem, *, quick: bool, pool: TaskPool) -> UnitCosts:
    """Time the units of a spec's work, each alone on one core.

    Updates, losses and draws are timed with all samples. Points and forecasts are timed with so few
    that a gradient takes ``QUICK_GRADIENT`` seconds, and count as many times more as a gradient of
    all samples does; forecasts of two short trainings are extended by the power law through them.

    Args:
        spec: The validated spec, in its quick version if that is planned.
        problem: Its problem.
        quick: Whether it is.
        pool: Shows progress.
    """
    tick = pool.stage("timing the units of the work", 5)
    device, w = problem.device, problem.initial_weights
    chip, clean = build_chip(spec, problem), build_clean_chip(spec, problem)
    clock, begun = time.perf_counter(), now(device)
    with PeakMemory() as memory:
        gradient = seconds_per_call(lambda: problem.gradient(w), device)
        few = _some_samples(problem, gradient)
        scale = gradient / seconds_per_call(lambda: few.gradient(w), device)
        scale = 1.0 if few is problem else max(1.0, scale)
        tick(1)
        clean_update = _update_seconds(problem, clean)
        chip_update = _update_seconds(problem, chip)
        evaluation = seconds_per_call(lambda: _evaluate(chip.see(problem), w), device)
        tick(1)
        stages = Stages(spec, quick, few, build_chip(spec, few), _no_store(spec, few), pool)
        trains = spec.training.trains
        point = _point_seconds(stages, problem, scale) if trains else 0.0
        tick(1)
        forecast = 0.0
        if trains and takes_every_update(problem, chip, stages.steps):
            forecast = stages.steps * chip_update
        elif trains:
            forecast = scale * _forecast_seconds(stages)
        tick(1)
        aged = 0.0
        if spec.deployment is not None:
            aged = seconds_per_call(lambda: deploy(spec, problem.replica(), 0, w), device)
        tick(1)
    return UnitCosts(
        clean_update=clean_update,
        chip_update=chip_update,
        evaluation=evaluation,
        point=point,
        forecast=forecast,
        deployment=aged,
        base_bytes=memory.before,
        worker_bytes=memory.added,
        part=few.num_samples / problem.num_samples,
        idle=min(1.0, (now(device) - begun) / (time.perf_counter() - clock)),
    )


def _some_samples(problem: Problem, gradient: float) -> Problem:
    """The problem on so few samples that a gradient is quick; itself where it already is."""
    count = max(FEW_SAMPLES, int(problem.num_samples * QUICK_GRADIENT / gradient))
    if count >= problem.num_samples:
        return problem
    inputs, targets = problem.data("train")
    tests = problem.data("test") if problem.has_test else (None, None)
    return Problem(
        problem.module,
        problem.loss_function,
        inputs[:count],
        targets[:count],
        test_inputs=None if tests[0] is None else tests[0][:count],
        test_targets=None if tests[1] is None else tests[1][:count],
        dtype=problem.dtype,
        device=problem.device,
        chunk_size=problem.chunk_size,
    )


def _no_store(spec: Spec, problem: Problem) -> StageStore:
    return StageStore(None, ChipTask.of(spec, problem.device, "planned"))


def _update_seconds(problem: Problem, chip: Chip) -> float:
    w = chip.program(problem.initial_weights)
    generator = generator_for(0, "plan", device=w.device)
    state = chip.start(w)
    return seconds_per_call(lambda: chip.advance(problem, w, state, generator), problem.device)


def _evaluate(problem: Problem, w: Tensor) -> None:
    problem.loss(w)
    if problem.has_test and problem.is_classification:
        problem.accuracy(w)


def _point_seconds(stages: Stages, problem: Problem, scale: float) -> float:
    """A point with few draws, and the draws that are left, of all samples."""
    measure = stages.spec.measure
    chip, w, device = stages.chip, problem.initial_weights, problem.device
    generator = generator_for(0, "plan", "draws", device=device)
    spiking = bool(problem.parts.spiking)
    norms = measure.smoothing_draws or DEFAULT_SMOOTHING_DRAWS
    losses = min(measure.loss_draws, SOME_SMOOTHED_DRAWS if spiking else SOME_LOSS_DRAWS)
    few = {
        "draws": min(measure.draws, 2),
        "loss_draws": losses,
        "smoothing_draws": min(norms, SOME_SMOOTHED_DRAWS) if spiking else measure.smoothing_draws,
    }
    short = _changed(stages, measure=measure.model_copy(update=few))
    start = Snapshot(0, w, chip.start(w))
    fixed = scale * seconds_of(partial(short.measured_point, 0, start), device)
    sample = chip.sampler(problem, chip.program(w))
    draw = seconds_per_call(lambda: sample(generator), device)
    loss = seconds_per_call(lambda: problem.loss(w), device)
    left = measure.loss_draws - losses
    if spiking:
        left = 5 * left + max(0, norms - SOME_SMOOTHED_DRAWS)
        return fixed + (measure.draws - 2) * draw + left * loss
    return fixed + (measure.draws - 2) * draw + left * (draw + loss)


def _changed(stages: Stages, **sections: Any) -> Stages:
    return replace(stages, spec=stages.spec.model_copy(update=sections))


def _forecast_seconds(stages: Stages) -> float:
    """A forecast of the spec's length, from those of two shorter trainings."""
    steps = stages.steps
    if takes_every_update(stages.problem, stages.chip, FORECAST_STEPS[0]):
        # Short trainings would be no paths, as long ones are: by what was counted of these.
        gradient = partial(stages.problem.gradient, stages.problem.initial_weights)
        seconds = seconds_per_call(gradient, stages.problem.device)
        return 2.0 * seconds * path_passes(stages.problem, steps) / stages.problem.num_samples
    took = []
    lengths = sorted({min(steps, length) for length in FORECAST_STEPS})
    for length in lengths:
        fewer = {"steps": length, "epochs": None}
        short = _changed(stages, training=stages.spec.training.model_copy(update=fewer))
        took.append(seconds_of(partial(short.predicted_network, 0), stages.problem.device))
    if len(took) == 1 or steps == lengths[-1]:
        return took[-1]
    power = math.log(took[1] / took[0]) / math.log(lengths[1] / lengths[0])
    growth: float = (steps / lengths[1]) ** min(1.0, max(0.0, power))
    return took[1] * growth
