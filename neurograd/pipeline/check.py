"""The main job: a spec in, a verdict with its reasons out."""

from __future__ import annotations

import hashlib
import platform
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import neurograd
from device_models import Chip, ReadNoise
from neurograd.effects.effect import Effect
from neurograd.errors import DivergenceError
from neurograd.explain.mitigation import Variant, guide, variants
from neurograd.explain.reasons import explain
from neurograd.forecast.frozen import predict_excess_loss, summarize_point
from neurograd.judge.cost import Judgement, judge_chips
from neurograd.judge.verdict import Verdict
from neurograd.measure.curvature.spectrum import FULL, QUICK
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.measure.smoothed_point import measure_smoothed_point
from neurograd.measure.smoothed_reference import SmoothedBudget
from neurograd.output import plain
from neurograd.pipeline.build import active_effects, build_chip, build_clean_chip, build_problem
from neurograd.pipeline.forecasting import CLEAN, Forecast, forecast_network, judge_forecasts
from neurograd.pipeline.json_form import (
    chips_dict,
    number,
    point_dict,
    public,
    smoothed_dict,
    trained_dict,
)
from neurograd.pipeline.pool import TaskPool, Threads
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.progress import Reporter, Silent
from neurograd.spec import Spec, spec_to_dict
from neurograd.training.loop import train

COVARIANCE_DRAWS = 64
DEFAULT_SMOOTHING = 0.02
"""s in weight units of a spiking network on a chip without read noise."""

DEFAULT_SMOOTHING_DRAWS = 500


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes:
        verdict: The answer.
        report: All numbers as JSON types; the contract of the JSON file.
    """

    verdict: Verdict
    report: dict[str, Any]


@dataclass(frozen=True)
class CleanTraining:
    """The clean twin's training, which checks of other chips on the same problem can share.

    Attributes:
        task: All that it depends on (``clean_task``).
        result: As ``trained_dict`` gives it.
        snapshots: Weights along the training by the step's number, each of shape ``(N,)``.
    """

    task: dict[str, Any]
    result: dict[str, Any]
    snapshots: dict[str, Tensor]


def quick_spec(spec: Spec) -> Spec:
    """A smaller version of a spec for a first look: fewer draws, points, steps and chips."""
    measure, training = spec.measure, spec.training
    return spec.model_copy(
        update={
            "measure": measure.model_copy(
                update={
                    "draws": min(measure.draws, 200),
                    "loss_draws": min(measure.loss_draws, 50),
                    "points": min(measure.points, 3),
                    "smoothing_draws": None
                    if measure.smoothing_draws is None
                    else min(measure.smoothing_draws, 100),
                }
            ),
            "training": training.model_copy(
                update={"steps": min(training.steps, 200), "seeds": min(training.seeds, 3)}
            ),
        }
    )


def smoothing_of(spec: Spec) -> float:
    """S of a spiking network's smoothed loss in weight units: the read noise where there is one."""
    if spec.measure.smoothing is not None:
        return spec.measure.smoothing
    device = spec.device
    if device is None or device.read.noise == 0:
        return DEFAULT_SMOOTHING
    pair = device.conductance.mapping == "differential_pair"
    devices, gain = (2, 1.0) if pair else (1, 2.0)
    return ReadNoise.of_range(
        device.read.noise, gain * device.conductance.weight_range, devices
    ).std


def check(
    spec: Spec,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | None = None,
    clean: CleanTraining | None = None,
    mitigation: bool = True,
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
        mitigation: Whether a chip that is not tolerated gets a guide to its effects.

    Raises:
        NeurogradError: For everything that bad input causes.
        ValueError: If ``clean`` is the training of another problem.
    """
    spec = quick_spec(spec) if quick else spec
    work = _Check(spec, torch.device(device), quick, reporter or Silent(), resume, clean)
    return work.run(mitigation=mitigation)


def train_beside(
    spec: Spec,
    *,
    device: torch.device | str = "cpu",
    quick: bool = False,
    reporter: Reporter | None = None,
    resume: Path | None = None,
    clean: CleanTraining | None = None,
) -> CheckResult:
    """Train chips beside a clean twin and judge, without measuring moments.

    Arguments and errors as for ``check``; the report has no points, forecast or mitigation.
    """
    spec = quick_spec(spec) if quick else spec
    reporter = reporter or Silent()
    return _Check(spec, torch.device(device), quick, reporter, resume, clean).run(measure=False)


def train_clean(
    spec: Spec, *, device: torch.device | str = "cpu", quick: bool = False
) -> CleanTraining:
    """Train the clean twin alone, for ``check`` and ``train_beside`` of several chips.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    spec = quick_spec(spec) if quick else spec
    work = _Check(spec, torch.device(device), quick, Silent(), None)
    work.problem.check_finite(work.problem.initial_weights)
    with Threads(work.problem.device, Silent()) as pool:
        result, snapshots = pool.submit(partial(work._clean, pool)).result()
    return CleanTraining(work.clean_task, result, snapshots)


def clean_task(spec: Spec, device: torch.device | str = "cpu") -> dict[str, Any]:
    """All that the clean twin's training depends on, but for the content of a folder's files.

    Args:
        spec: The spec, in its quick version if that is trained.
        device: Where the training computes.
    """
    full = spec_to_dict(spec)
    return {
        "network": full["network"],
        "task": full["task"],
        "batch_size": full["learning_rule"]["batch_size"],
        "step_size": full["training"]["step_size"],
        "steps": full["training"]["steps"],
        "measure": {k: full["measure"][k] for k in ("points", "seed", "chunk_size", "precision")},
        "versions": versions(),
        "device": torch.device(device).type,
    }


class _Check:
    """One check: the stages share spec, problem and clock."""

    def __init__(
        self,
        spec: Spec,
        device: torch.device,
        quick: bool,
        reporter: Reporter,
        resume: Path | None,
        clean: CleanTraining | None = None,
    ) -> None:
        self.spec, self.quick, self.reporter = spec, quick, reporter
        self.versions = versions()
        self.problem: Problem = build_problem(spec, device)
        self.chip: Chip = build_chip(spec, self.problem)
        self.timing: dict[str, float] = {}
        self.clock = threading.Lock()
        task = {
            "spec": spec_to_dict(spec),
            "table": table_fingerprint(spec),
            "versions": self.versions,
            "device": device.type,
            "quick": quick,
            "data": data_fingerprint(self.problem),
        }
        self.store = StageStore(resume, task)
        self.clean_task = clean_task(spec, device)
        if clean is not None and clean.task != self.clean_task:
            raise ValueError("clean is the training of another problem; allowed: train_clean(spec)")
        self.clean = clean

    def run(self, *, measure: bool = True, mitigation: bool = True) -> CheckResult:
        start = time.perf_counter()
        self.problem.check_finite(self.problem.initial_weights)
        with Threads(self.problem.device, self.reporter) as pool:
            training = pool.submit(partial(self._timed, "clean_training", self._clean, pool))
            trained = [
                pool.submit(partial(self._timed, "chip_training", self._chip, pool, index))
                for index in range(self.spec.training.seeds)
            ]
            clean, snapshots = training.result()
            places = sorted((int(name), weights) for name, weights in snapshots.items())
            measured = [
                pool.submit(
                    partial(self._timed, "measurement", self._point, pool, index, step, weights)
                )
                for index, (step, weights) in enumerate(places if measure else ())
            ]
            # The clean twin (CLEAN) is predicted as well: errors of the method cancel.
            predicted = [
                pool.submit(partial(self._timed, "forecast", self._forecast, pool, index))
                for index in (range(CLEAN, self.spec.training.seeds) if measure else ())
            ]
            chips = [task.result() for task in trained]
            points = [task.result() for task in measured]
            networks = [task.result() for task in predicted]
            judged = self._judged(clean, chips)
            forecast = self._judged_forecast(pool, networks) if measure else None
            explained = self._mitigation(pool, networks, judged) if measure and mitigation else None
        report = self._report(
            clean,
            chips,
            judged,
            [p["report"] for p in points],
            [p["summary"] for p in points],
            forecast,
            explained,
        )
        self.timing["total"] = time.perf_counter() - start
        report["timing"] = {f"{k}_seconds": round(v, 3) for k, v in self.timing.items()}
        return CheckResult(Verdict(report["verdict"]), plain(report))

    def _timed(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = work(*arguments)
        with self.clock:
            self.timing[name] = self.timing.get(name, 0.0) + time.perf_counter() - start
        return result

    # -- stages -----------------------------------------------------------------------------

    def _clean(self, pool: TaskPool) -> tuple[dict[str, Any], dict[str, Tensor]]:
        if self.clean is not None:
            like = self.problem.initial_weights
            return self.clean.result, {k: w.to(like) for k, w in self.clean.snapshots.items()}
        steps = self.spec.training.steps
        places = sorted({round(t) for t in np.linspace(0, steps, self.spec.measure.points)})
        if self.spec.measure.points == 1:
            places = [0]

        def compute() -> tuple[dict[str, Any], dict[str, Tensor]]:
            trained = train(
                self.problem.replica(),
                build_clean_chip(self.spec, self.problem),
                steps,
                self.spec.measure.seed,
                snapshots=places,
                progress=pool.stage("training the clean network", steps),
            )
            if trained.diverged:
                raise DivergenceError(
                    f"training.step_size: the clean training diverged after "
                    f"{trained.stopped_at} steps at step size {self.spec.training.step_size:g}; "
                    "allowed: a step size at which the clean network trains"
                )
            return trained_dict(trained), {str(t): trained.snapshots[t] for t in places}

        return self.store.run_tensors("clean", compute, self.problem.initial_weights)

    def _point(self, pool: TaskPool, index: int, step: int, weights: Tensor) -> dict[str, Any]:
        measure = self.spec.measure

        def compute() -> dict[str, Any]:
            if self.spec.network.kind == "spiking":
                return self._smoothed_point(pool, index, step, weights)
            effects = active_effects(self.spec, self.problem)
            measured = measure_point(
                self.problem.replica(),
                self.chip,
                weights,
                step,
                index,
                MeasurementBudget(
                    draws=measure.draws,
                    loss_draws=measure.loss_draws,
                    covariance_draws=min(measure.loss_draws, COVARIANCE_DRAWS),
                    seed=measure.seed,
                    spectrum=QUICK if self.quick else FULL,
                ),
                variants={
                    (effect.name, effect.label): build_chip(
                        self.spec, self.problem, without=[effect]
                    )
                    for effect in effects
                },
                progress=pool.stage(
                    f"measuring at step {step}", measure.draws + measure.loss_draws
                ),
            )
            excess, _ = predict_excess_loss(
                [summarize_point(measured)], self.spec.training.step_size, self.spec.training.steps
            )
            return {"report": point_dict(measured), "summary": {"excess_loss": excess}}

        return self.store.run(f"point-{index}", compute)

    def _smoothed_point(
        self, pool: TaskPool, index: int, step: int, weights: Tensor
    ) -> dict[str, Any]:
        """A point of a spiking network, whose reference is the gradient of its smoothed loss."""
        measure, std = self.spec.measure, smoothing_of(self.spec)
        norm_draws = measure.smoothing_draws or DEFAULT_SMOOTHING_DRAWS
        other_std = () if self.quick else (0.5 * std, 2.0 * std)
        total = 5 * measure.loss_draws + norm_draws
        measured = measure_smoothed_point(
            self.problem.replica(),
            self.chip,
            weights,
            step,
            index,
            std,
            SmoothedBudget(
                draws=measure.draws,
                loss_draws=measure.loss_draws,
                norm_draws=norm_draws,
                seed=measure.seed,
            ),
            other_std=other_std,
            progress=pool.stage(f"measuring at step {step}", total),
        )
        return {"report": smoothed_dict(measured), "summary": {"excess_loss": None}}

    def _chip(self, pool: TaskPool, index: int) -> dict[str, Any]:
        training = self.spec.training

        def compute() -> dict[str, Any]:
            trained = train(
                self.problem.replica(),
                build_chip(self.spec, self.problem, index=index),
                training.steps,
                self.spec.measure.seed,
                chip_index=index + 1,
                progress=pool.stage(
                    f"training chip {index + 1} of {training.seeds}", training.steps
                ),
            )
            return trained_dict(trained)

        return self.store.run(f"chip-{index}", compute)

    def _forecast(self, pool: TaskPool, index: int) -> dict[str, Any]:
        name = "the clean twin" if index == CLEAN else f"chip {index + 1}"
        return self._predicted_stage(pool, f"forecast-{index + 1}", name, index, ())

    def _variant(self, pool: TaskPool, variant: Variant, index: int) -> dict[str, Any]:
        stage = f"mitigation-{variant.name}-{index + 1}"
        name = f"chip {index + 1} {variant.label}"
        return self._predicted_stage(pool, stage, name, index, variant.left_out)

    def _predicted_stage(
        self, pool: TaskPool, stage: str, name: str, index: int, without: Collection[Effect]
    ) -> dict[str, Any]:
        def compute() -> dict[str, Any]:
            return forecast_network(
                self.spec,
                self.problem.replica(),
                index,
                without=without,
                progress=pool.stage(f"predicting {name}", self.spec.training.steps),
            )

        return self.store.run(stage, compute)

    # -- verdicts ---------------------------------------------------------------------------

    def _judged(self, clean: dict[str, Any], chips: list[dict[str, Any]]) -> Judgement:
        start = number(clean["curve"]["train_loss"][0])
        return judge_chips(self.problem, start, clean, chips, self.spec.targets)

    def _judged_forecast(self, pool: TaskPool, networks: list[dict[str, Any]]) -> Forecast:
        # On a worker, whose one core gives the same sums on every machine.
        judging = partial(judge_forecasts, self.spec, self.problem, networks[0], networks[1:])
        return pool.submit(judging).result()

    def _mitigation(
        self, pool: TaskPool, networks: list[dict[str, Any]], trained: Judgement
    ) -> dict[str, Any] | None:
        """The guide to the effects of a chip that fails; None where there is no damage."""
        if trained.verdict is Verdict.TOLERATED or not trained.clean_learned:
            return None
        tasks = {
            variant.name: [
                pool.submit(partial(self._timed, "mitigation", self._variant, pool, variant, index))
                for index in range(self.spec.training.seeds)
            ]
            for variant in variants(active_effects(self.spec, self.problem))
        }
        predicted = {name: [task.result() for task in each] for name, each in tasks.items()}
        guiding = partial(
            guide, self.spec, self.problem, networks[0], networks[1:], predicted, trained
        )
        return pool.submit(guiding).result()

    # -- report -----------------------------------------------------------------------------

    def _report(
        self,
        clean: dict[str, Any],
        chips: list[dict[str, Any]],
        judged: Judgement,
        points: list[dict[str, Any]],
        summaries: list[dict[str, Any]],
        predicted: Forecast | None,
        mitigation: dict[str, Any] | None,
    ) -> dict[str, Any]:
        late = [s["excess_loss"] for s in summaries[len(summaries) // 2 :]]
        training = {
            "clean": public(clean),
            "chip": chips_dict(chips, self.spec.targets.confidence),
            "cost": judged.cost_dict(),
            **_predicted(predicted),
            "frozen_excess_loss": late[-1] if late else None,
            "frozen_excess_loss_range": _range(late),
            "measured_excess_loss": judged.excess_loss.value,
            "measured_excess_loss_ci": judged.excess_loss.ci,
        }
        report: dict[str, Any] = {
            "verdict": judged.verdict.value,
            "reasons": [],
            "quick": self.quick,
            "spec": spec_to_dict(self.spec),
            "versions": self.versions,
            "num_parameters": self.problem.num_parameters,
            "step_size": self.spec.training.step_size,
            "points": points,
            "training": training,
            "mitigation": mitigation,
        }
        effects = active_effects(self.spec, self.problem)
        report["reasons"] = explain(plain(report), [effect.label for effect in effects])
        return report


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    names = ("torch", "snntorch", "numpy", "scipy")
    here = {"python": platform.python_version(), "neurograd": neurograd.__version__}
    return {**here, **{name: _version(name) for name in names}}


@cache  # reading a package's metadata takes milliseconds, and sweeps ask thousands of times
def _version(name: str) -> str:
    return metadata.version(name)


def _predicted(predicted: Forecast | None) -> dict[str, Any]:
    """The forecast's part of a report's training; nulls where nothing was predicted."""
    if predicted is None:
        return {"forecast": None, "predicted_excess_loss": None, "predicted_excess_loss_ci": None}
    judged = predicted.judgement
    return {
        "forecast": {
            "verdict": judged.verdict.value,
            "cost": judged.cost_dict(),
            "clean_loss": predicted.clean_loss,
            "clean_accuracy": predicted.clean_accuracy,
            "chip_loss": predicted.chip_loss,
            "chip_accuracy": predicted.chip_accuracy,
            "diverged": predicted.diverged,
            "gradients": predicted.gradients,
        },
        "predicted_excess_loss": judged.excess_loss.value,
        "predicted_excess_loss_ci": judged.excess_loss.ci,
    }


def _range(values: list[Any]) -> tuple[float, float] | None:
    finite = [float(v) for v in values if v is not None]
    return (min(finite), max(finite)) if finite else None


def table_fingerprint(spec: Spec) -> str | None:
    """Enough of a measured device's file to notice that its content has changed."""
    if spec.device is None or spec.device.measured is None:
        return None
    return hashlib.sha256(Path(spec.device.measured).read_bytes()).hexdigest()


def data_fingerprint(problem: Problem) -> dict[str, Any]:
    """Enough of the data to notice that a folder's content has changed."""
    inputs, targets = problem.data("train")
    return {
        "shape": list(inputs.shape),
        "inputs": float(inputs.sum()),
        "squares": float(inputs.square().sum()),
        "targets": float(targets.to(torch.float64).sum()),
    }
