"""How long the work on a spec will take here, and how much memory, before it begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Literal

import psutil
import torch

from device_models import Chip
from neurograd import deployment
from neurograd.effects.chip_builder import matrices_outside_layers
from neurograd.effects.knob import Knob
from neurograd.effects.minibatch import is_batched
from neurograd.errors import NeurogradError
from neurograd.explain.variants import variants
from neurograd.forecast.bursts import STATES_OF_BURST, BurstPlan
from neurograd.pipeline.build import active_effects, build_chip, build_problem
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.forecasting import bursts_beside, forecast_plan, plan_of
from neurograd.pipeline.identity import ChipTask, CleanTask, content_fingerprint, versions
from neurograd.pipeline.limits.design_changes import find_changes
from neurograd.pipeline.limits.knobs import find_knobs, turn
from neurograd.pipeline.limits.search import FULL, QUICK, SearchBudget, harmful_value
from neurograd.pipeline.mitigating import GuideWork, chip_in_words, guide_work
from neurograd.pipeline.planning.forecast_costs import OtherChip
from neurograd.pipeline.planning.unit_costs import UnitCosts, measure_units
from neurograd.pipeline.pool import Threads
from neurograd.pipeline.pool.choose import check_options
from neurograd.pipeline.predicted.way import forecast_way
from neurograd.pipeline.ranges import values_in_ranges
from neurograd.problem import Problem
from neurograd.progress import Reporter, Silent
from neurograd.records.record import Record
from neurograd.spec import Spec, spec_to_dict
from neurograd.training.loop import CURVE_POINTS

Command = Literal["check", "train", "limits", "predict"]
"""What is planned; ``predict`` is a point of a sweep that only forecasts."""

LOADING = "loading data, network and compiled loops"
"""What comes before all stages of a command."""

TRAINING_CLEAN = "training a clean network"
PREDICTING_CLEAN, PREDICTING = "predicting a clean network", "predicting a network"
"""Stages whose clean twin the points of a sweep share."""


class PlannedStage(Record):
    """One kind of work."""

    label: str
    each_seconds: float
    """Seconds of one core for one of them."""
    first: int
    """How many there are where the first look decides."""
    most: int
    """How many there are at most."""


class Plan(Record):
    """What the work on a spec will take; no verdict."""

    kind: Literal["plan"] = "plan"
    verdict: None = None
    """Always null: nothing was judged."""
    command: Command
    quick: bool
    spec: dict[str, object]
    versions: dict[str, str]
    num_parameters: int
    train_samples: int
    workers: int
    """Tasks that compute at once."""
    points: int
    """Points of a sweep; 1 elsewhere."""
    stages: tuple[PlannedStage, ...]
    first_seconds: float
    """Where the first chips decide and the chip is tolerated."""
    most_seconds: float
    """Where all chips are trained and every effect is looked into."""
    memory_bytes: int
    """The most that the process is expected to hold."""
    available_bytes: int
    """What the machine has left now, with what this process already holds."""
    timed_part: float
    """Part of the training samples that points and forecasts were timed with."""
    idle: float
    """Part of the clock's time in which the machine gave the timing its core; the times are those
    of cores that do nothing else."""


def check_planned(jobs: int | None, scheduler: str | None) -> None:
    """Raise NeurogradError if work by these options cannot be planned.

    Args:
        jobs: Processes that would compute.
        scheduler: Address of a cluster that would.
    """
    check_options(jobs, scheduler)
    if scheduler is not None:
        raise NeurogradError(
            "--plan: times of a cluster's workers are not known here; allowed: without --scheduler"
        )


def plan(
    spec: Spec,
    command: Command = "check",
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    workers: int | None = None,
    processes: int | None = None,
    reporter: Reporter | None = None,
    at_corners: bool = False,
    mitigation: bool | None = None,
    confirm: bool = True,
) -> Plan:
    """Time the units of the work on a spec, and count them.

    Args:
        spec: The validated spec.
        command: What will be done.
        device: Where it will compute.
        quick: Whether the smaller version of the spec is planned.
        workers: Tasks that will compute at once; as many as the command takes when None.
        processes: Processes that will compute them, one each, in place of threads.
        reporter: Shows progress; silent when None.
        at_corners: Whether the ends of numbers with ranges will be forecast.
        mitigation: Whether a check makes a guide to the effects; where it takes little, when None.
        confirm: Whether ``limits`` trains chips at both numbers of every limit.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    given = quick_spec(spec) if quick else spec
    ranged = values_in_ranges(given, at_corners=at_corners) if command == "check" else 0
    spec = given.typical
    begun = time.thread_time()
    problem = build_problem(spec, device)
    # What its stages are kept by is known before they begin.
    ChipTask.of(spec, device, content_fingerprint(problem), quick=quick)
    loading = time.thread_time() - begun
    with Threads(problem.device, reporter or Silent()) as pool:
        workers = processes or workers or pool.capacity()
        guide = mitigation if command == "check" else False
        measure = partial(
            measure_units,
            spec,
            problem,
            quick=quick,
            pool=pool,
            points=command == "check",
            forecasts=command != "train",
            others=partial(_other_chips, spec, problem, command, guide=guide, quick=quick),
        )
        units = pool.submit(measure).result()
    ready = loading + units.ready + units.checking
    loaded = PlannedStage(label=LOADING, each_seconds=ready, first=1, most=1)
    parts = (spec, problem, build_chip(spec, problem), units)
    stages = [loaded, *_stages(*parts, command, quick=quick, ranged=ranged, confirm=confirm)]
    if guide is not False:
        stages += _guide(*parts, asked=guide is True)
    own = psutil.Process().memory_info().rss
    # Every process has the libraries and the problem for itself.
    others = 0 if processes is None else processes * units.base_bytes
    snapshots = min(spec.measure.points, spec.count_updates(problem.num_samples) + 1)
    kept = 0 if command == "predict" else snapshots * units.snapshot_bytes
    return Plan(
        command=command,
        quick=quick,
        spec=spec_to_dict(given),
        versions=versions(),
        num_parameters=problem.num_parameters,
        train_samples=problem.num_samples,
        workers=workers,
        points=1,
        stages=tuple(stages),
        first_seconds=_wall([(s.each_seconds, s.first) for s in stages], workers),
        most_seconds=_wall([(s.each_seconds, s.most) for s in stages], workers),
        memory_bytes=units.base_bytes + others + kept + workers * units.worker_bytes,
        available_bytes=psutil.virtual_memory().available + own,
        timed_part=units.part,
        idle=units.idle,
    )


def plan_points(
    specs: Sequence[Spec],
    command: Command,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    processes: int = 1,
    reporter: Reporter | None = None,
) -> Plan:
    """Time the work on many specs, of which the first, the middle and the last are looked at.

    Args:
        specs: One a point, 1 or more.
        command: What will be done at each.
        device: Where it will compute.
        quick: Whether the smaller versions are planned.
        processes: Points that will be done at once, each by a process of one core.
        reporter: Shows progress; silent when None.

    Returns:
        The middle one's plan with the times of all points, and memory of all processes.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    places = sorted({0, (len(specs) - 1) // 2, len(specs) - 1})
    looked_at = [
        plan(
            specs[k],
            command,
            device=device,
            quick=quick,
            workers=1,
            reporter=reporter,
            mitigation=False,  # a point of a sweep has no guide
        )
        for k in places
    ]
    turns = len(specs) / processes / len(places)
    # A process loads libraries and loops once, which the first look here waited for.
    loaded = [each.stages[0].each_seconds for each in looked_at]
    once = max(0.0, loaded[0] - max(loaded[1:], default=loaded[0]))
    # Points that differ in nothing that a clean twin depends on share theirs.
    twins = len({CleanTask.of(each.typical, device).digest for each in specs})
    twice = (1.0 - twins / len(specs)) * sum(map(_twin_seconds, looked_at))
    beside = once + twice
    shown = looked_at[(len(places) - 1) // 2]
    return shown.model_copy(
        update={
            "points": len(specs),
            "workers": processes,
            "first_seconds": once + turns * (sum(p.first_seconds for p in looked_at) - beside),
            "most_seconds": once + turns * (sum(p.most_seconds for p in looked_at) - beside),
            "memory_bytes": processes * max(each.memory_bytes for each in looked_at),
        }
    )


def _twin_seconds(planned: Plan) -> float:
    """What points share of clean twins: the first that trains, or all that are predicted."""
    if planned.command != "predict":
        return sum(each.each_seconds for each in planned.stages if each.label == TRAINING_CLEAN)
    twins = [each for each in planned.stages if each.label == PREDICTING_CLEAN]
    return sum(each.each_seconds * each.first for each in twins)


def _stages(
    spec: Spec,
    problem: Problem,
    chip: Chip,
    units: UnitCosts,
    command: Command,
    *,
    quick: bool,
    ranged: int,
    confirm: bool,
) -> tuple[PlannedStage, ...]:
    """The kinds of work of a command, without those that it has none of."""
    training = spec.training
    steps, chips = spec.count_updates(problem.num_samples), training.seeds
    most = plan_of(spec).sizes[-1]
    way, regime = forecast_way(spec, problem, chip)
    looks_ahead = forecast_plan(spec, way, regime)
    predicted = chips if looks_ahead is None else looks_ahead.sizes[-1]
    looks = max(0, min(steps + 1, CURVE_POINTS) - 2)  # beside the first and the last
    batched = is_batched(spec, problem.num_samples)
    twins = (chips, most) if batched else (1, 1)
    # Of chips whose every update is drawn each has its clean twin in its own forecast.
    ahead = (chips, predicted) if batched and way != "every_update" else (1, 1)
    # Of twins on batches of their own only the first is looked at along its training.
    clean = units.clean_start + steps * units.clean_update + looks * units.clean_look / twins[0]
    noisy = units.chip_start + steps * units.chip_update + looks * units.chip_look
    rows: list[tuple[str, float, int, int]] = []
    if command != "predict":
        rows.append((TRAINING_CLEAN, clean, *twins))
        rows.append(("training a chip", noisy, chips, most))
    if command == "check":
        rows.append(("measuring at a point", units.point, spec.measure.points, spec.measure.points))
    if command in ("check", "predict"):
        rows.append((PREDICTING_CLEAN, units.forecast, *ahead))
        rows.append((PREDICTING, units.forecast, chips, predicted))
    if command == "check":
        bursts = _burst_seconds(bursts_beside(spec, problem, chip), units)
        rows.append(("real updates beside a forecast", bursts, chips, predicted))
    if ranged:
        # The clean twin is that of the check's own forecast, where there is a training.
        count = ranged * chips + (0 if steps else 1)
        rows.append(("predicting a network in the ranges", units.forecast, count, count))
    # Trained or predicted, a chip is deployed; the forecast of a check is that of its training.
    deployed = [(chips, predicted if command == "predict" else most)]
    if ranged:
        deployed.append((ranged * chips, ranged * chips))
    if command == "limits":
        budget = QUICK if quick else FULL
        forecasts, ends = _limits(spec, problem, budget)
        confirmed = ends if confirm else 0
        rows.append((PREDICTING_CLEAN, units.forecast, ahead[0], ahead[0]))
        rows.append((PREDICTING, units.forecast, chips, chips))
        least, top = (count * chips for count in forecasts)
        rows.append(("predicting a chip with another number", units.another, least, top))
        rows.append(("training a chip at a limit", noisy, confirmed * chips, confirmed * most))
        deployed += [(chips, chips), (least, top), (confirmed * chips, confirmed * most)]
    if spec.deployment is not None:
        first, top = (sum(each) for each in zip(*deployed, strict=True))
        rows.append(("deploying a chip", units.deployment, first, top))
        if command == "check":
            otherwise = len(deployment.variants(spec, problem, [problem.initial_weights]))
            once = units.deployment / len(spec.deployment.times)
            rows.append(("deploying a chip otherwise", once, 0, otherwise * most))
    return tuple(
        PlannedStage(label=label, each_seconds=each, first=first, most=top)
        for label, each, first, top in rows
        if top > 0 and each > 0
    )


def _burst_seconds(bursts: BurstPlan | str, units: UnitCosts) -> float:
    """Real updates from places on a chip's predicted path, with the losses before and after them.

    Args:
        bursts: What a check takes, or why nothing.
        units: What an update and a look at the losses cost.
    """
    if isinstance(bursts, str):
        return 0.0
    each = bursts.length * units.chip_update + STATES_OF_BURST * units.clean_look
    return len(bursts.targets) * each


def _guide(
    spec: Spec, problem: Problem, chip: Chip, units: UnitCosts, *, asked: bool
) -> list[PlannedStage]:
    """The guide to a chip that fails; none where it would not be begun."""
    work = _guide_work(spec, problem, chip, asked=asked)
    if work is None or not units.another:
        return []
    label, most = "predicting a chip without an effect", work.chips * work.each
    return [PlannedStage(label=label, each_seconds=units.another, first=0, most=most)]


def _guide_work(spec: Spec, problem: Problem, chip: Chip, *, asked: bool) -> GuideWork | None:
    """What such a guide takes; None where it would not be begun, or tries nothing."""
    told = chip_in_words(spec, problem)
    work = guide_work(spec, problem, chip, told, spec.training.seeds)
    return work if work.each and (asked or work.is_little) else None


def _other_chips(
    spec: Spec, problem: Problem, command: Command, *, guide: bool | None, quick: bool
) -> list[OtherChip]:
    """What is predicted beside the spec's own chips; of a number's search one value that harms."""
    if command == "limits":
        budget = QUICK if quick else FULL
        return [
            OtherChip(turn(knob, spec, harmful_value(knob, budget)))
            for knob in _knobs(spec, problem)
        ]
    if guide is False or not spec.training.trains:
        return []
    chip = build_chip(spec, problem)
    if _guide_work(spec, problem, chip, asked=guide is True) is None:
        return []
    return [OtherChip(spec, each.left_out) for each in variants(active_effects(spec, problem))]


def _knobs(spec: Spec, problem: Problem) -> list[Knob]:
    layers = not matrices_outside_layers(problem)
    return find_knobs(spec, problem.num_samples, layers=layers)


def _limits(spec: Spec, problem: Problem, budget: SearchBudget) -> tuple[tuple[int, int], int]:
    """Values that are predicted by ``limits``, at least and at most, and those that confirm them.

    At least a scan of a few values and one bisection for each number.
    """
    knobs = len(_knobs(spec, problem))
    changes = len(find_changes(spec, problem.num_samples))
    least = knobs * (2 + budget.bisections)
    return (least + changes, knobs * budget.most + changes), 2 * knobs


def _wall(work: Sequence[tuple[float, int]], workers: int) -> float:
    """Seconds of work that several workers share: none is done by two of them."""
    total = sum(each * count for each, count in work)
    return max([total / workers, *(each for each, count in work if count)], default=0.0)
