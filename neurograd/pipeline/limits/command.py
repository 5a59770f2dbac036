"""``neurograd limits``: from a spec to how far each of its numbers may move."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from neurograd import words
from neurograd.effects.chip_builder import matrices_outside_layers
from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import CONFIDENCE
from neurograd.pipeline.build import build_chip
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.identity import (
    code_digest,
    content_fingerprint,
    data_fingerprint,
    data_used,
    versions,
)
from neurograd.pipeline.limits.clean_twin import predict_turned, twin_notes
from neurograd.pipeline.limits.confirm import Confirmation, Trainer
from neurograd.pipeline.limits.design_changes import (
    DesignChange,
    PredictedChange,
    best_first,
    find_changes,
    try_change,
)
from neurograd.pipeline.limits.knobs import find_knobs, length_notes, turn
from neurograd.pipeline.limits.limit import Limit
from neurograd.pipeline.limits.limits_report import change_result, limit_result, prediction
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost
from neurograd.pipeline.limits.search import FULL, QUICK, SearchBudget, find_limit
from neurograd.pipeline.own.chip_numbers import numbers_notes
from neurograd.pipeline.own.handed_over import has_own_chip, own_chip_notes
from neurograd.pipeline.own.network_notes import network_notes
from neurograd.pipeline.pool import TaskPool, Threads
from neurograd.pipeline.pool.workers import Workers, open_workers, waiting_for
from neurograd.pipeline.ranges import typical_notes
from neurograd.progress import Reporter, Silent
from neurograd.records.json_form import to_json_dict
from neurograd.records.report import LimitsReport
from neurograd.spec import Spec, spec_to_dict

_PARTS = 12
"""Units of the progress bar for one knob."""


@dataclass(frozen=True)
class LimitsResult:
    """What was found.

    Attributes:
        record: Verdict and all numbers.
    """

    record: LimitsReport

    @property
    def verdict(self) -> Verdict:
        """The verdict of the spec as it is, from the training that a check of it does."""
        return self.record.verdict

    @cached_property
    def report(self) -> dict[str, Any]:
        """The record as JSON types; the contract of the JSON file."""
        return to_json_dict(self.record)


def find_limits(
    spec: Spec,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    confirm: bool = True,
    reporter: Reporter | None = None,
    resume: Path | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> LimitsResult:
    """How far each number of a spec may move, and what else would save it.

    Args:
        spec: The validated spec.
        device: Where to compute.
        quick: Take the smaller version of the spec (``quick_spec``) and look less closely.
        confirm: Train chips at both numbers of every limit; the spec as it is is always trained.
        reporter: Shows progress; silent when None.
        resume: Folder of finished forecasts and trainings; after an interruption the same call
            goes on from there and gives the same numbers.
        jobs: Processes that compute; the threads of this one when None.
        scheduler: Address of a dask scheduler whose workers compute in their place.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    with open_workers(jobs, scheduler, device, spec) as workers:
        return _found(
            spec, torch.device(device), quick, confirm, reporter or Silent(), resume, workers
        )


def _found(
    spec: Spec,
    place: torch.device,
    quick: bool,
    confirm: bool,
    reporter: Reporter,
    resume: Path | None,
    workers: Workers | None,
) -> LimitsResult:
    """The limits, by whoever computes."""
    start = time.perf_counter()
    given = quick_spec(spec) if quick else spec
    spec = given.typical
    outlook, waiting = Outlook(place, resume, workers), waiting_for(workers)
    with Threads(place, reporter, waiting) as pool:
        now, knobs = pool.submit(partial(_look_at, spec, outlook, pool)).result()
    found = time.perf_counter()
    samples = data_fingerprint(outlook.problem(spec))
    data = content_fingerprint(outlook.problem(spec), samples)
    trainer = Trainer(str(place), resume, reporter, outlook.problem, workers)
    trained = trainer.as_it_is(spec, data, quick=quick)
    trained_seconds = time.perf_counter() - found
    with Threads(place, reporter, waiting) as pool:
        changes = find_changes(spec, outlook.problem(spec).num_samples)
        tick = pool.stage(f"predicting {len(knobs)} numbers", _PARTS * len(knobs) + len(changes))
        budget = QUICK if quick else FULL
        searches = [
            pool.submit(partial(_search, spec, knob, now, outlook, budget, tick)) for knob in knobs
        ]
        others: list[Future[PredictedChange]] = [
            pool.submit(partial(_change, spec, change, outlook, now, tick)) for change in changes
        ]
        limits = [each.result() for each in searches]
        changed = best_first([each.result() for each in others])
    limits, idle = _acting(spec, limits)
    predicted = time.perf_counter()
    confirmed = _confirm(spec, limits, data, trainer, reporter) if confirm else {}
    trained_seconds += time.perf_counter() - predicted
    problem = outlook.problem(spec)
    cost, trained_time = trained.deciding
    record = LimitsReport(
        kind="limits",
        verdict=trained.verdict,
        quick=quick,
        spec=spec_to_dict(spec),
        versions=versions(),
        code=code_digest(),
        data=data_used(spec, problem, samples),
        num_parameters=outlook.problem(spec).num_parameters,
        notes=(
            *typical_notes(given, "limits"),
            *network_notes(spec, problem),
            *path_notes(now, [*tried_values(limits), *tried_changes(changed)]),
            *twin_notes(tried_values(limits)),
            *length_notes(spec, problem.num_samples),
            *_not_turned(spec, idle),
        ),
        now=prediction(now),
        trained=cost,
        trained_time=trained_time,
        cause=trained.cause,
        reasons=trained.decided_by,
        confidence=CONFIDENCE,
        numbers=tuple(limit_result(limit, confirmed.get(limit.knob.key)) for limit in limits),
        remedies=tuple(change_result(each) for each in changed),
        timing={
            "prediction_seconds": round(time.perf_counter() - start - trained_seconds, 3),
            "training_seconds": round(trained_seconds, 3),
        },
    )
    return LimitsResult(record)


def _look_at(spec: Spec, outlook: Outlook, pool: TaskPool) -> tuple[PredictedCost, list[Knob]]:
    """The spec as it is; errors of the data, the network and the device come first."""
    problem = outlook.problem(spec)
    problem.check_finite(problem.initial_weights)
    build_chip(spec, problem)
    tick = pool.stage("predicting the spec as it is", 1)
    now = outlook.predict(spec, tick)
    tick(1)
    layers = not matrices_outside_layers(problem)
    return now, find_knobs(spec, problem.num_samples, layers=layers)


def _search(
    spec: Spec,
    knob: Knob,
    now: PredictedCost,
    outlook: Outlook,
    budget: SearchBudget,
    tick: Callable[[int], None],
) -> Limit:
    done = 0

    def predict(value: float) -> PredictedCost:
        nonlocal done
        found = predict_turned(outlook, spec, turn(knob, spec, value), now, tick)
        if done < _PARTS:
            done += 1
            tick(1)
        return found

    limit = find_limit(knob, now, predict, budget)
    tick(_PARTS - done)
    return limit


def _change(
    spec: Spec,
    change: DesignChange,
    outlook: Outlook,
    now: PredictedCost,
    tick: Callable[[int], None],
) -> PredictedChange:
    found = try_change(spec, change, outlook, now, tick)
    tick(1)
    return found


def _acting(spec: Spec, limits: list[Limit]) -> tuple[list[Limit], list[str]]:
    """The numbers that act, and the names of those that change nothing.

    Keys of a spec that trains are known to act; without training, and on a chip that a program has
    handed over, it shows.
    """
    if spec.training.trains and not has_own_chip(spec):
        return limits, []
    idle = [limit.knob.label for limit in limits if not limit.changes_anything]
    return [limit for limit in limits if limit.changes_anything], idle


def _not_turned(spec: Spec, idle: list[str]) -> list[str]:
    """What of the chip is no number that was turned."""
    if has_own_chip(spec):
        return [*own_chip_notes(spec), *numbers_notes(spec.handed_over, idle)]
    return deployment_notes(spec, idle)


def tried_values(limits: Sequence[Limit]) -> list[PredictedCost]:
    """What is predicted at the values of all numbers."""
    return [each.estimate for limit in limits for each in limit.tried]


def tried_changes(changes: Sequence[PredictedChange]) -> list[PredictedCost]:
    """What is predicted for changes of the design, where there is a prediction."""
    return [each.estimate for each in changes if each.estimate is not None]


def path_notes(now: PredictedCost, tried: Sequence[PredictedCost]) -> list[str]:
    """What keeps paths from describing trainings that are predicted by them all the same.

    Args:
        now: What is predicted for the numbers as they are.
        tried: At all other values.
    """
    off = [each.off_path for each in tried if each.off_path]
    if now.off_path:
        where = f"With the numbers as they are {now.off_path}"
    elif off:
        where = f"At {len(off)} of {len(tried)} values that were tried no path describes a training"
        where += f" ({off[0]})"
    else:
        return []
    return [f"{where}: predictions follow paths all the same, which may be off."]


def deployment_notes(spec: Spec, idle: list[str]) -> list[str]:
    """What of a deployment is no number that can be turned."""
    notes = []
    if idle:
        notes.append(
            f"Without training (training.steps: 0) these change nothing: {words.listed(idle)}."
        )
    error = None if spec.deployment is None else spec.deployment.program_error
    if error is not None and error.error is None:
        notes.append(
            f"deployment.program_error is as published ({error.model}) and has no size to turn; "
            "model normal or proportional has."
        )
    return notes


def _confirm(
    spec: Spec,
    limits: list[Limit],
    data: str,
    trainer: Trainer,
    reporter: Reporter,
) -> dict[str, Confirmation]:
    flips = [limit for limit in limits if limit.status == "limit"]
    advance = reporter.stage("confirming by training", len(flips))
    found = {}
    for limit in flips:
        found[limit.knob.key] = trainer.confirm(spec, limit, data)
        advance(1)
    return found
