"""The forecast of one network of a spec."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from device_models import Chip
from neurograd.effects.effect import Effect
from neurograd.effects.minibatch import is_batched
from neurograd.forecast.bursts import BurstWatch, plan_bursts
from neurograd.forecast.chip_end import ForecastChip, Way, forecast_chip
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
"""Index of the first chip's clean twin among the networks of a forecast."""


def forecast_stage(index: int, way: Way | None, twins: int = 1, *, own_twin: bool = False) -> str:
    """Under which name the forecast of a network is kept, wherever it was made.

    Args:
        index: Which chip, or ``CLEAN``.
        way: As for ``stage_of``.
        twins: Of ``CLEAN``, how many there are (``count_twins``).
        own_twin: Of a chip, whether it has its clean twin with it (``has_own_twin``), which
            depends on the number of chips.
    """
    if index != CLEAN:
        name = stage_of(f"forecast-{index + 1}", way)
        return f"{name}-own-twin" if own_twin and way != "every_update" else name
    # What is kept of clean twins does not depend on the device, which the way of its chips does.
    return f"forecast-clean-{twins}-{way}"


def stage_of(name: str, way: Way | None) -> str:
    """The stage of a forecast: one whose every update is drawn lies beside that of its path.

    Which of them a spec's chips are depends on their number, on which nothing else that is kept of
    a chip does.

    Args:
        name: Of the forecast.
        way: Which way it takes.
    """
    return f"{name}-drawn" if way == "every_update" else name


def way_of_all(
    spec: Spec,
    problem: Problem,
    *,
    without: Collection[Effect] = (),
    first: Chip | None = None,
) -> Way | None:
    """The one way that all networks of a spec's forecast take; None where there is no training.

    All chips of a spec go the way of its first, since those near a limit would differ; without an
    effect likewise, and so does the clean twin, so that what ways are off by cancels and is not
    taken for a cost. It is one that all of them can take.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        without: Effects that are left out.
        first: The spec's first chip, of which the way may be known already; built when None.
    """
    firsts = [build_chip(spec, problem) if first is None else first]
    if without:
        firsts.append(build_chip(spec, problem, without=without))
    ways = [forecast_way(spec, problem, each)[0] for each in firsts]
    return next((way for way in _MOST_GENERAL if way in ways), None)


_MOST_GENERAL: tuple[Way, ...] = ("every_update", "whole_set", "small_batches")


def count_twins(spec: Spec, problem: Problem) -> int:
    """How many clean twins ``CLEAN`` has: one of each chip where clean trainings are random."""
    return spec.training.seeds if _twins_differ(spec, problem) else 1


def has_own_twin(spec: Spec, problem: Problem, index: int) -> bool:
    """Whether a chip that follows a path comes with its clean twin, which ``CLEAN`` lacks then.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip.
    """
    return index >= spec.training.seeds and _twins_differ(spec, problem)


def _twins_differ(spec: Spec, problem: Problem) -> bool:
    return spec.training.trains and is_batched(spec, problem.num_samples)


def serves(spec: Spec, problem: Problem, clean: PredictedNetwork, way: Way | None) -> bool:
    """Whether clean twins that were predicted for another spec are those of this one's chips.

    Args:
        spec: A spec with the same network, task, batches and training.
        problem: The spec's problem.
        clean: The twins, as ``forecast_network`` gives them for ``CLEAN``.
        way: Which way its chips take.
    """
    if way == "every_update":
        return True  # each chip has its own
    needed = count_twins(spec, problem)
    return clean.way == way and 1 + len(clean.beside) >= needed


def forecast_network(
    spec: Spec,
    problem: Problem,
    index: int,
    *,
    without: Collection[Effect] = (),
    bursts: bool = False,
    way: Way | None = None,
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
        way=way,
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
    way: Way | None = None,
    first: Chip | None = None,
    progress: Progress | None = None,
) -> tuple[PredictedNetwork, Tensor]:
    """Predict the training of one network, and the weights that it ends with.

    Of 0 steps it ends with what the chip makes of its start weights, which is no prediction.

    Where clean trainings are random each chip has a clean twin with the seeds of the chip, since
    what is random in one twin alone would be taken for the cost of all chips. ``CLEAN`` has those
    of the first ``training.seeds`` chips, which the chip without an effect or with other numbers
    shares; a chip after these, and one whose every update is drawn, has its own.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip, or ``CLEAN``.
        without: Effects that are left out.
        bursts: Whether real updates are taken from states of the path, to look whether it holds.
        way: Which way it takes; that of the spec's forecasts (``way_of_all``) when None.
        first: The spec's first chip, of which the way may be known already; built when None.
        progress: Called with the number of updates done since the last call.

    Returns:
        The network as the chip reads it, and the stored weights, shape ``(N,)``; NaN where the
        training is predicted to diverge.
    """
    if way is None:
        way = way_of_all(spec, problem, without=without, first=first)
    if index == CLEAN:
        return _clean_twins(spec, problem, way, progress)
    chip = build_chip(spec, problem, index=index, without=without)
    steps, place = spec.count_updates(problem.num_samples), index + 1
    plan = plan_bursts(steps)
    watch = None
    if bursts and way != "every_update" and plan is not None:
        schedule, loss = build_schedule(spec, problem.num_samples), small_loss(problem)
        watch = BurstWatch(problem, chip, plan, spec.measure.seed, place, schedule, loss)
    network, weights = _followed(spec, problem, chip, place, way, progress, watch)
    if watch is not None and not network.thrown:
        taken = tuple(BurstRecord.of(burst) for burst in watch.bursts)
        network = network.model_copy(update={"bursts": taken})
    twin = _own_twin(spec, problem, index, network)
    if twin is not None:
        told = {"twin": twin, "gradients": network.gradients + twin.gradients}
        network = network.model_copy(update=told)
    return network, weights


def _own_twin(
    spec: Spec, problem: Problem, index: int, network: PredictedNetwork
) -> PredictedNetwork | None:
    """The clean twin of one chip alone; None where ``CLEAN`` has it."""
    if not spec.training.trains:
        return None
    of_draws = network.drawn and (index == 0 or _twins_differ(spec, problem))
    if not of_draws and not has_own_twin(spec, problem, index):
        return None
    clean = build_clean_chip(spec, problem)
    way = "every_update" if network.drawn else network.way
    return _followed(spec, problem, clean, index + 1, way)[0]


def _clean_twins(
    spec: Spec, problem: Problem, way: Way | None, progress: Progress | None
) -> tuple[PredictedNetwork, Tensor]:
    """The first chip's clean twin, with those of the others where they differ."""
    clean = build_clean_chip(spec, problem)
    if way == "every_update":
        # Each chip has a twin that was drawn beside it; this one only says what is to be learned.
        own = forecast_way(spec, problem, clean)[0]
        return _followed(spec, problem, clean, 1, own, progress)
    first, weights = _followed(spec, problem, clean, 1, way, progress)
    places = range(2, count_twins(spec, problem) + 1)
    if not places:
        return first, weights
    beside = tuple(_followed(spec, problem, clean, k, way, progress)[0] for k in places)
    gradients = first.gradients + sum(each.gradients for each in beside)
    return first.model_copy(update={"beside": beside, "gradients": gradients}), weights


def _followed(
    spec: Spec,
    problem: Problem,
    chip: Chip,
    place: int,
    way: Way | None,
    progress: Progress | None = None,
    watch: BurstWatch | None = None,
) -> tuple[PredictedNetwork, Tensor]:
    """The end of one training and its weights, without a twin.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        chip: What trains.
        place: Of its seeds, which a chip and its clean twin share.
        way: Which way it takes.
        progress: As for ``forecast_weights``.
        watch: Takes bursts from the states of a path.
    """
    samples = problem.num_samples
    steps, schedule = spec.count_updates(samples), build_schedule(spec, samples)
    if steps == 0:
        started = ForecastChip(chip.program(problem.initial_weights), diverged=False, gradients=0)
        return _as_read(spec, problem, chip, place, started), started.weights
    ended = forecast_chip(
        problem,
        chip,
        steps,
        spec.measure.seed,
        index=place,
        schedule=schedule,
        progress=progress,
        watch=watch,
        way=way,
    )
    drawn = way == "every_update" or ended.thrown
    told = {"drawn": drawn, "thrown": ended.thrown, "way": way}
    network = _as_read(spec, problem, chip, place, ended).model_copy(update=told)
    weights = torch.full_like(ended.weights, torch.nan) if ended.diverged else ended.weights
    return network, weights


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
