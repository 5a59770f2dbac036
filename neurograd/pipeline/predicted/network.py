"""The forecast of one network of a spec."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from device_models import Chip
from neurograd.effects.effect import Effect
from neurograd.forecast.bursts import BurstWatch, plan_bursts
from neurograd.forecast.chip_end import ForecastChip, forecast_chip
from neurograd.forecast.regimes.path_losses import small_loss
from neurograd.pipeline.build import build_chip, build_clean_chip, build_schedule
from neurograd.pipeline.predicted.way import forecast_way
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.records.measured import predicted_network
from neurograd.records.training import BurstRecord, PredictedNetwork
from neurograd.seeding import generator_for
from neurograd.spec import Spec

CLEAN = -1
"""Index of the clean twin among the networks of a forecast."""


def forecast_stage(index: int, *, drawn: bool = False) -> str:
    """Under which name the forecast of a network is kept, wherever it was made.

    Args:
        index: Which chip, or ``CLEAN``.
        drawn: As for ``stage_of``.
    """
    return stage_of(f"forecast-{index + 1}", drawn=drawn)


def stage_of(name: str, *, drawn: bool) -> str:
    """The stage of a forecast: one whose every update is drawn lies beside that of its path.

    Which of them a spec's chips are depends on their number, on which nothing else that is kept of
    a chip does.

    Args:
        name: Of the forecast.
        drawn: Whether every update is drawn, from the start.
    """
    return f"{name}-drawn" if drawn else name


def draws_every_update(
    spec: Spec,
    problem: Problem,
    index: int,
    *,
    without: Collection[Effect] = (),
    first: Chip | None = None,
) -> bool:
    """Whether every update of a network is drawn, by the way that the spec's forecasts take.

    All chips of a spec go the way of its first, since those near a limit would differ; without an
    effect likewise, so that what ways are off by is not taken for the cost of the effect.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip, or ``CLEAN``.
        without: Effects that are left out.
        first: The spec's first chip, of which the way may be known already; built when None.
    """
    if index == CLEAN:
        firsts = [build_clean_chip(spec, problem)]
    else:
        firsts = [build_chip(spec, problem) if first is None else first]
        if without:
            firsts.append(build_chip(spec, problem, without=without))
    return any(forecast_way(spec, problem, each)[0] == "every_update" for each in firsts)


def forecast_network(
    spec: Spec,
    problem: Problem,
    index: int,
    *,
    without: Collection[Effect] = (),
    bursts: bool = False,
    every_update: bool | None = None,
    first: Chip | None = None,
    progress: Progress | None = None,
) -> PredictedNetwork:
    """Predict the training of one network; loss and accuracy are as the chip itself reads it.

    Arguments as for ``forecast_weights``.
    """
    return forecast_weights(
        spec,
        problem,
        index,
        without=without,
        bursts=bursts,
        every_update=every_update,
        first=first,
        progress=progress,
    )[0]


def forecast_weights(
    spec: Spec,
    problem: Problem,
    index: int,
    *,
    without: Collection[Effect] = (),
    bursts: bool = False,
    every_update: bool | None = None,
    first: Chip | None = None,
    progress: Progress | None = None,
) -> tuple[PredictedNetwork, Tensor]:
    """Predict the training of one network, and the weights that it ends with.

    Of 0 steps it ends with what the chip makes of its start weights, which is no prediction.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip, or ``CLEAN``.
        without: Effects that are left out.
        bursts: Whether real updates are taken from states of the path, to look whether it holds.
        every_update: Whether every update is drawn; by the way that the spec's forecasts take
            (``draws_every_update``) when None.
        first: The spec's first chip, of which the way may be known already; built when None.
        progress: Called with the number of updates done since the last call.

    Returns:
        The network as the chip reads it, and the stored weights, shape ``(N,)``; NaN where the
        training is predicted to diverge.
    """
    clean = build_clean_chip(spec, problem)
    chip = clean if index == CLEAN else build_chip(spec, problem, index=index, without=without)
    steps, place = spec.count_updates(problem.num_samples), index + 1
    if steps == 0:
        started = ForecastChip(chip.program(problem.initial_weights), diverged=False, gradients=0)
        return _as_read(spec, problem, chip, place, started), started.weights
    drawn = every_update
    if drawn is None:
        drawn = draws_every_update(spec, problem, index, without=without, first=first)
    schedule, plan = build_schedule(spec, problem.num_samples), plan_bursts(steps)
    watch = None
    if bursts and not drawn and plan is not None:
        watch = BurstWatch(
            problem, chip, plan, spec.measure.seed, place, schedule, small_loss(problem)
        )

    ended = forecast_chip(
        problem,
        chip,
        steps,
        spec.measure.seed,
        index=place,
        schedule=schedule,
        progress=progress,
        watch=watch,
        every_update=drawn,
    )
    drawn = drawn or ended.thrown
    network = _as_read(spec, problem, chip, place, ended)
    told: dict[str, object] = {"drawn": drawn, "thrown": ended.thrown}
    if watch is not None and not ended.thrown:
        told["bursts"] = tuple(BurstRecord.of(burst) for burst in watch.bursts)
    if drawn and index != CLEAN and (index == 0 or not clean.deterministic_gradient):
        twin = _drawn_twin(spec, problem, clean, place)
        told |= {"twin": twin, "gradients": network.gradients + twin.gradients}
    weights = torch.full_like(ended.weights, torch.nan) if ended.diverged else ended.weights
    return network.model_copy(update=told), weights


def _drawn_twin(spec: Spec, problem: Problem, clean: Chip, place: int) -> PredictedNetwork:
    """The clean twin of a chip, whose every update is drawn on the same batches."""
    samples = problem.num_samples
    schedule, steps = build_schedule(spec, samples), spec.count_updates(samples)
    seed = spec.measure.seed
    ended = forecast_chip(
        problem, clean, steps, seed, index=place, schedule=schedule, every_update=True
    )
    return _as_read(spec, problem, clean, place, ended)


def _as_read(
    spec: Spec, problem: Problem, chip: Chip, place: int, ended: ForecastChip
) -> PredictedNetwork:
    """A predicted network as its chip reads it."""
    device = ended.weights.device
    generator = generator_for(spec.measure.seed, "forecast", place, "evaluate", device=device)
    return predicted_network(
        chip.see(problem, generator),
        chip.read(ended.weights, generator),
        diverged=ended.diverged,
        gradients=ended.gradients,
    )
