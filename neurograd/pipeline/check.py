"""The main job: a spec in, a verdict with its reasons out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from device_models import Chip
from neurograd.deployment import Judged
from neurograd.effects.recipe_keys import effective_step_size
from neurograd.explain.guide import ChipInWords
from neurograd.explain.with_reasons import with_reasons
from neurograd.judge.cost import Judgement
from neurograd.judge.forecasts import Forecast
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.chip_group import ChipGroup
from neurograd.pipeline.forecasting import grown_forecast
from neurograd.pipeline.identity import (
    ChipTask,
    CleanTask,
    code_digest,
    content_fingerprint,
    data_fingerprint,
    data_used,
    versions,
)
from neurograd.pipeline.mitigating import chip_in_words, guide_to
from neurograd.pipeline.notes import notes
from neurograd.pipeline.own.handed_over import OWN_CHIP, own_parts
from neurograd.pipeline.points.work import measured_less
from neurograd.pipeline.pool import TaskPool, Threads
from neurograd.pipeline.pool.workers import Workers, open_workers, waiting_for
from neurograd.pipeline.predicted.network import CLEAN
from neurograd.pipeline.ranges import RangedSpecs, RangeForecasts, typical_notes
from neurograd.pipeline.stages import Stages
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.progress import Reporter, Silent
from neurograd.records.cost import ForecastResult, JudgedCost
from neurograd.records.json_form import to_json_dict
from neurograd.records.mitigation import MitigationGuide
from neurograd.records.point import MeasuredPoint
from neurograd.records.report import CheckReport
from neurograd.records.training import (
    ChipsResult,
    CleanResult,
    DeploymentResult,
    DeploymentTrial,
    PredictedNetwork,
    TrainedNetwork,
    TrainingResult,
    deployment_results,
)
from neurograd.spec import Spec, spec_to_dict
from neurograd.training.snapshots import snapshots_of

T = TypeVar("T")


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes:
        record: Verdict, reasons and all numbers.
    """

    record: CheckReport

    @property
    def verdict(self) -> Verdict:
        """The answer."""
        return self.record.verdict

    @cached_property
    def report(self) -> dict[str, Any]:
        """The record as JSON types; the contract of the JSON file."""
        return to_json_dict(self.record)


@dataclass(frozen=True)
class CleanTraining:
    """The clean twin's training, which checks of other chips on the same problem can share.

    Attributes:
        task: All that it depends on, but for the content of a folder's files.
        result: The trained network; a predicted one where chips are only predicted.
        snapshots: Tensors of shape ``(N,)`` of snapshots along it (``Snapshot.tensors``).
    """

    task: CleanTask
    result: TrainedNetwork | PredictedNetwork
    snapshots: dict[str, Tensor]


def check(
    spec: Spec,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | None = None,
    clean: CleanTraining | None = None,
    mitigation: bool | None = None,
    at_corners: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> CheckResult:
    """Check a spec: measure along a clean training, train chips beside it, and judge.

    Args:
        spec: The validated spec.
        device: Where to compute.
        quick: Take a smaller version of the spec (``quick_spec``).
        reporter: Shows progress; silent when None.
        resume: Folder that keeps finished stages; an interrupted check goes on from there and
            gives the same numbers.
        clean: The clean twin's training from ``train_clean``; trained here when None.
        mitigation: Whether a chip that is not tolerated gets a guide to its effects; where it is
            not too much work beside the training of the chips when None.
        at_corners: Whether the ends of numbers with ranges are forecast beside their draws.
        jobs: Processes that compute; the threads of this one when None.
        scheduler: Address of a dask scheduler whose workers compute in their place.

    Raises:
        NeurogradError: For everything that bad input causes.
        ValueError: If ``clean`` is the training of another problem.
    """
    spec = quick_spec(spec) if quick else spec
    with open_workers(jobs, scheduler, device, spec) as workers:
        work = Checking(spec, device, quick, reporter, resume, clean, workers)
        return work.run(mitigation=mitigation, at_corners=at_corners)


def train_beside(
    spec: Spec,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | None = None,
    clean: CleanTraining | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> CheckResult:
    """Train chips beside a clean twin and judge, without measuring moments.

    Arguments and errors as for ``check``; the report has no points, forecast or mitigation.
    """
    spec = quick_spec(spec) if quick else spec
    with open_workers(jobs, scheduler, device, spec) as workers:
        work = Checking(spec, device, quick, reporter, resume, clean, workers)
        return work.run(measure=False)


def train_clean(
    spec: Spec,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    workers: Workers | None = None,
    problem: Problem | None = None,
) -> CleanTraining:
    """Train the clean twin alone, for ``check`` and ``train_beside`` of several chips.

    ``problem`` is the spec's where it is built already.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    spec = quick_spec(spec) if quick else spec
    work = Checking(spec, device, quick, workers=workers, problem=problem)
    work.problem.check_finite(work.problem.initial_weights)
    with Threads(work.problem.device, Silent()) as pool:
        result, snapshots = pool.submit(work.stages(pool).clean).result()
    return CleanTraining(work.clean_task, result, snapshots)


class Checking:
    """One check: train, measure, forecast, judge, explain, report.

    Attributes:
        given: The validated spec, in its quick version if that is checked.
        spec: The same with its numbers known, at their typical values.
        problem: Its problem.
        task: All that its chips depend on.
    """

    def __init__(
        self,
        spec: Spec,
        device: torch.device | str,
        quick: bool,
        reporter: Reporter | None = None,
        resume: Path | None = None,
        clean: CleanTraining | None = None,
        workers: Workers | None = None,
        problem: Problem | None = None,
    ) -> None:
        self.given, self.quick, self.reporter = spec, quick, reporter or Silent()
        self.spec = spec = spec.typical
        self.problem: Problem = build_problem(spec, device) if problem is None else problem
        self.chip: Chip = build_chip(spec, self.problem)
        self.timing: dict[str, float] = {}
        self.clock = threading.Lock()
        self.data = data_fingerprint(self.problem)
        self.content = content_fingerprint(self.problem, self.data)
        self.task = ChipTask.of(spec, device, self.content, quick=quick)
        self.store, self.resume = StageStore(resume, self.task), resume
        self.clean_task = CleanTask.of(spec, device)
        if clean is not None and clean.task != self.clean_task:
            raise ValueError("clean is the training of another problem; allowed: train_clean(spec)")
        self.known_clean, self.workers = clean, workers

    def stages(self, pool: TaskPool) -> Stages:
        """What is computed, on a pool."""
        parts = (self.spec, self.quick, self.problem, self.chip, self.store, pool)
        return Stages(*parts, self.workers, self.content)

    def run(
        self, *, measure: bool = True, mitigation: bool | None = None, at_corners: bool = False
    ) -> CheckResult:
        """Do all of it, or train and judge only."""
        start = time.perf_counter()
        kind: Literal["check", "train"] = "check" if measure else "train"
        # Values that do not go together are bad input, which is found before anything is trained.
        in_ranges = RangedSpecs.of(self.given, at_corners=at_corners) if measure else None
        # Without steps there are no updates whose moments or whose sum could be looked at.
        measure = measure and self.spec.training.trains
        self.problem.check_finite(self.problem.initial_weights)
        chips = range(self.spec.training.seeds)
        with Threads(self.problem.device, self.reporter, waiting_for(self.workers)) as pool:
            stages = self.stages(pool)

            def submit(name: str, work: Callable[..., T], *arguments: Any) -> Any:
                return pool.submit(partial(self.timed, name, work, *arguments))

            training = submit("clean_training", self._clean, stages)
            group = ChipGroup(stages, submit, training)
            group.grow(group.plan.sizes[0])
            _, snapshots = training.result()
            places = snapshots_of(snapshots, with_state=self.chip.recipe is not None)
            measured = [
                submit("measurement", stages.measured_point, index, clean)
                for index, clean in enumerate(places if measure else ())
            ]
            predicting = partial(submit, "forecast", stages.predicted_network)
            # The clean twin (CLEAN) is predicted as well: errors of the method cancel.
            predicted = [predicting(index) for index in ((CLEAN, *chips) if measure else ())]
            ranged = None
            if in_ranges is not None:
                twin = predicted[0] if predicted else None
                ranged = RangeForecasts.begin(in_ranges, stages, submit, self.resume, twin)
            judged = group.judged()
            while judged.more is not None:
                group.grow(judged.more)
                judged = group.judged()
            points: list[MeasuredPoint] = [task.result() for task in measured]
            forecasts: list[PredictedNetwork] = [task.result() for task in predicted]
            forecast, explained = None, None
            if measure:
                whole = (self.spec, self.problem, self.chip)
                forecast = grown_forecast(*whole, forecasts, predicting, pool)
            # A chip that was handed over is a whole, which cannot be told without a part.
            told = own_parts(self.spec) is None
            wanted = measure and told and mitigation is not False
            chip = self._in_words(group)
            if wanted and _failed(judged.training):
                asked = mitigation is True
                first = forecasts[: len(chips) + 1]
                explained = guide_to(chip, stages, submit, first, judged.training, asked=asked)
            aged = deployment_results(group.deployed(), judged.deployment)
            trials = () if mitigation is False else group.trials(judged)
            over_ranges = None if ranged is None else pool.submit(ranged.result).result()
        result = self._training_result(*group.results(), judged.training, points, forecast)
        self.timing["total"] = time.perf_counter() - start
        report = self._report(kind, judged, chip, points, result, explained, aged, trials)
        return CheckResult(report.model_copy(update={"ranges": over_ranges}))

    def report_of(self, group: ChipGroup) -> CheckReport:
        """The report of chips that are trained already, as ``train_beside`` has it."""
        judged = group.judged()
        result = self._training_result(*group.results(), judged.training, (), None)
        aged = deployment_results(group.deployed(), judged.deployment)
        return self._report("train", judged, self._in_words(group), (), result, None, aged, ())

    def timed(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """The result of work, whose time is added to what is kept by its name."""
        start = time.perf_counter()
        result = work(*arguments)
        with self.clock:
            self.timing[name] = self.timing.get(name, 0.0) + time.perf_counter() - start
        return result

    def _clean(self, stages: Stages) -> tuple[TrainedNetwork, dict[str, Tensor]]:
        known = self.known_clean
        if known is None:
            return stages.clean()
        if not isinstance(known.result, TrainedNetwork):
            raise ValueError("clean was predicted only; allowed: train_clean(spec)")
        like = self.problem.initial_weights
        return known.result, {name: w.to(like) for name, w in known.snapshots.items()}

    def _in_words(self, group: ChipGroup) -> ChipInWords:
        """What sentences say of the chip beside its first clean twin."""
        clean = group.results()[0][0]
        return chip_in_words(self.spec, self.problem, clean.largest_weight)

    # -- report -----------------------------------------------------------------------------

    def _training_result(
        self,
        twins: Sequence[TrainedNetwork],
        chips: Sequence[TrainedNetwork],
        judged: Judgement,
        points: Sequence[MeasuredPoint],
        predicted: Forecast | None,
    ) -> TrainingResult:
        looked_at = judged.looks[-1].chips
        twins, chips = twins[:looked_at], chips[:looked_at]
        late = [point.frozen_excess_loss for point in points[len(points) // 2 :]]
        excess = None if predicted is None else predicted.judgement.excess_loss
        return TrainingResult(
            clean=CleanResult.of(twins),
            chip=ChipsResult.of(chips),
            cost=JudgedCost.of(judged),
            forecast=None if predicted is None else ForecastResult.of(predicted),
            predicted_excess_loss=None if excess is None else excess.value,
            predicted_excess_loss_ci=None if excess is None else excess.ci,
            frozen_excess_loss=late[-1] if late else None,
            frozen_excess_loss_range=_range(late),
            measured_excess_loss=judged.excess_loss.value,
            measured_excess_loss_ci=judged.excess_loss.ci,
        )

    def _report(
        self,
        kind: Literal["check", "train"],
        judged: Judged,
        chip: ChipInWords,
        points: Sequence[MeasuredPoint],
        training: TrainingResult,
        mitigation: MitigationGuide | None,
        aged: tuple[DeploymentResult, ...],
        trials: tuple[DeploymentTrial, ...],
    ) -> CheckReport:
        work = (self.spec, self.problem, self.chip)
        less = measured_less(*work, quick=self.quick) if points else ()
        report = CheckReport(
            kind=kind,
            verdict=judged.training.verdict,
            quick=self.quick,
            spec=spec_to_dict(self.given),
            versions=versions(),
            code=code_digest(),
            data=data_used(self.spec, self.problem, self.data),
            num_parameters=self.problem.num_parameters,
            step_size=self.spec.training.largest_step_size,
            effective_step_size=effective_step_size(self.spec.training),
            steps=self.spec.count_updates(self.problem.num_samples),
            points=tuple(point.point for point in points),
            notes=typical_notes(self.given, kind) + notes(self.spec, self.problem, kind) + less,
            training=training,
            own_chip=own_parts(self.spec),
            deployment=aged,
            deployment_trials=trials,
            mitigation=mitigation,
            timing={f"{name}_seconds": round(took, 3) for name, took in self.timing.items()},
        )
        handed_over = None if report.own_chip is None else OWN_CHIP
        return with_reasons(self.spec, report, judged, chip, handed_over)


def _failed(judged: Judgement) -> bool:
    """Whether there is damage to explain."""
    return judged.verdict is not Verdict.TOLERATED and judged.clean_learned


def _range(values: Sequence[float | None]) -> tuple[float, float] | None:
    finite = [value for value in values if value is not None]
    return (min(finite), max(finite)) if finite else None
