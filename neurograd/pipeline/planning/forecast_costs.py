"""What a forecast costs here: timed as it is where it is quick, extended to elsewhere."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from device_models import Chip
from neurograd.effects.effect import Effect
from neurograd.errors import NeurogradError
from neurograd.forecast.chip_end import forecast_chip, forecast_passes
from neurograd.forecast.costs.updates import path_passes, update_passes
from neurograd.pipeline.build import build_chip, build_schedule
from neurograd.pipeline.planning.clockwork import SHORT, seconds_of, seconds_per_call
from neurograd.pipeline.planning.samples_part import SLOW_GRADIENT, Part
from neurograd.pipeline.predicted.network import forecast_network
from neurograd.pipeline.predicted.way import forecast_way
from neurograd.problem import Problem
from neurograd.spec import Spec

FORECAST_STEPS = (32, 128)
"""Lengths of two short trainings whose forecasts tell how a forecast's cost grows with length."""

SHORT_FORECAST_STEPS = (8, 32)
"""The same where a gradient of few samples is slow."""

SHORTEST_PATH = 256
"""Updates that a path in small batches has at least where a longer one is extended from it: with
fewer, most are taken one by one at its ends."""

SOME_OTHERS = 4
"""Forecasts of other chips that are timed, of all that there would be."""


@dataclass(frozen=True)
class OtherChip:
    """A chip that is predicted in the place of the spec's own.

    Attributes:
        spec: The spec, with a number changed or as it is.
        without: Effects that the chip is without.
    """

    spec: Spec
    without: tuple[Effect, ...] = ()


def forecast_seconds(spec: Spec, part: Part, chip: Chip, updates: tuple[float, float]) -> float:
    """A forecast of the spec's length.

    Args:
        spec: The validated spec, one that trains.
        part: Its problem, and the samples that are timed.
        chip: Its first chip.
        updates: Seconds of one of that chip's updates alone, and in a training.
    """
    problem = part.whole
    way, _ = forecast_way(spec, problem, chip)
    update = updates[way == "every_update"]
    if way == "whole_set":
        about = part.extended(lambda some: _by_shorter(spec, some, part))
    else:
        # By counts of samples: of short trainings every update would be taken.
        steps = spec.count_updates(problem.num_samples)
        about = forecast_passes(problem, chip, steps, way) / update_passes(problem, chip) * update
    if about <= SHORT:
        # Each on a replica of its own, which knows nothing of the others.
        return seconds_per_call(
            lambda: forecast_network(spec, problem.replica(), 0, first=chip), problem.device
        )
    return _by_shorter_path(spec, problem, chip, update) if way == "small_batches" else about


def others_seconds(others: Sequence[OtherChip], problem: Problem, whole: float) -> float:
    """The mean forecast of other chips, some of which are timed where a forecast is quick.

    Args:
        others: The chips, in the order in which they are predicted.
        problem: The spec's problem.
        whole: Seconds of a forecast of the spec's own chip.
    """
    if not others or not 0.0 < whole <= SHORT:
        return whole
    count = min(SOME_OTHERS, len(others))
    some = [others[(2 * k + 1) * len(others) // (2 * count)] for k in range(count)]
    return sum(seconds_of(partial(_other, each, problem), problem.device) for each in some) / count


def _other(other: OtherChip, problem: Problem) -> None:
    # What a rule refuses at a value takes until it does.
    with contextlib.suppress(NeurogradError):
        forecast_network(other.spec, problem.replica(), 0, without=other.without)


def _of_length(spec: Spec, steps: int) -> Spec:
    """The spec with a training of another length."""
    fewer = spec.training.model_copy(update={"steps": steps, "epochs": None})
    return spec.model_copy(update={"training": fewer})


def _by_shorter(spec: Spec, problem: Problem, part: Part) -> float:
    """A forecast by gradients of all samples, by the power law through those of two trainings.

    Args:
        spec: The spec.
        problem: Its problem, on some of the samples.
        part: What says how slow a gradient is.
    """
    steps, device = spec.count_updates(part.whole.num_samples), problem.device
    few = FORECAST_STEPS if part.gradient < SLOW_GRADIENT else SHORT_FORECAST_STEPS
    lengths = sorted({min(steps, length) for length in few})
    chip = build_chip(spec, problem)
    if forecast_way(_of_length(spec, lengths[0]), problem, chip)[0] == "every_update":
        # Short trainings would be no paths, as long ones are: by what was counted of these.
        seconds = seconds_per_call(partial(problem.gradient, problem.initial_weights), device)
        return 2.0 * seconds * path_passes(problem, steps) / problem.num_samples
    shorter = [_of_length(spec, length) for length in lengths]
    took = [
        seconds_of(partial(forecast_network, each, problem.replica(), 0, first=chip), device)
        for each in shorter
    ]
    if len(took) == 1 or steps == lengths[-1]:
        return took[-1]
    power = math.log(took[1] / took[0]) / math.log(lengths[1] / lengths[0])
    growth: float = (steps / lengths[1]) ** min(1.0, max(0.0, power))
    return took[1] * growth


def _by_shorter_path(spec: Spec, problem: Problem, chip: Chip, update: float) -> float:
    """A path in small batches, from a shorter one that is timed, as passes are counted of both."""

    def counted(steps: int) -> float:
        passes = forecast_passes(problem, chip, steps, "small_batches")
        return passes / update_passes(problem, chip) * update

    all_steps = spec.count_updates(problem.num_samples)
    steps = all_steps
    while steps >= 2 * SHORTEST_PATH and counted(steps) > SHORT:
        steps //= 2
    found = []
    schedule = build_schedule(spec, problem.num_samples)
    took = seconds_of(
        lambda: found.append(
            forecast_chip(problem.replica(), chip, steps, 0, schedule=schedule, way="small_batches")
        ),
        problem.device,
    )
    if found[0].thrown:
        # It is short enough to have learned next to nothing: what is drawn then is no part of it.
        took = max(counted(steps), took - steps * update)
    return took * counted(all_steps) / counted(steps)
