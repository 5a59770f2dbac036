"""What is predicted for variants of one spec, with the same random numbers for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from neurograd.deployment import deploy
from neurograd.errors import DivergenceError
from neurograd.forecast.chip_end import Way
from neurograd.judge.forecasts import Forecast
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import Interval
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.forecasting import judge_forecast, training_of
from neurograd.pipeline.identity import ChipTask, CleanTask, content_fingerprint
from neurograd.pipeline.pool import Threads
from neurograd.pipeline.pool.once import Once
from neurograd.pipeline.pool.workers import Workers, problem_keys
from neurograd.pipeline.predicted.network import (
    CLEAN,
    count_twins,
    forecast_network,
    forecast_stage,
    forecast_weights,
    serves,
)
from neurograd.pipeline.predicted.refused import CAUSED_BY_VALUES
from neurograd.pipeline.predicted.way import forecast_way, off_path_by, thrown_off
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.records.training import DeployedNetworks, PredictedNetwork
from neurograd.spec import Spec

T = TypeVar("T")
Tick = Callable[[int], None]
"""Told of progress; where the work can be stopped."""

End = tuple[PredictedNetwork, Tensor]
"""The forecast of a network with the weights that it ends with, shape ``(N,)``."""


@dataclass(frozen=True)
class PredictedCost:
    """What is predicted for one spec.

    Of a training and the times after it, numbers are those of the part whose cost is furthest above
    what it may be, or least below.

    Attributes:
        cost: Predicted cost; infinite where chips cannot compute.
        ci: Its interval at 99 %, the model's own error included.
        verdict: The predicted verdict.
        allowed: Largest cost that the targets allow.
        clean_accuracy: Predicted test accuracy of the clean twin, None where undefined.
        chip_accuracy: Mean predicted test accuracy of the chips, None where undefined.
        kind: ``accuracy_drop`` or ``excess_loss``.
        clean_learned: Whether the clean network has anything to lose.
        problem: Why there is no number, or why it decides nothing; empty otherwise.
        time: Seconds after programming of which the numbers are; None for those of the training.
        off_path: Why no path of means describes the training, which is predicted along one all the
            same, or how many paths were thrown off beside others that are kept; empty where neither
            is so.
        clean_loss: Predicted training loss of the clean twin; NaN where that is not known.
    """

    cost: float
    ci: Interval
    verdict: Verdict
    allowed: float
    clean_accuracy: float | None
    chip_accuracy: float | None
    kind: str
    clean_learned: bool
    problem: str = ""
    time: float | None = None
    off_path: str = ""
    clean_loss: float = math.nan

    @property
    def inside(self) -> bool:
        """Whether the predicted cost is allowed."""
        return self.cost <= self.allowed

    @property
    def unknown(self) -> bool:
        """Whether there is no number, for a reason that says nothing of the chips."""
        return self.verdict is Verdict.INCONCLUSIVE and not math.isfinite(self.cost)

    @property
    def excess(self) -> float:
        """Cost above what is allowed, which differs between a training and the times after it."""
        return self.cost - self.allowed


class Outlook:
    """Predicts specs that differ in a few keys; what they share is computed once.

    Args:
        device: Where to compute.
        folder: Where finished forecasts are kept, None to keep nothing.
        workers: What computes; None where the thread that asks does.
    """

    def __init__(
        self, device: torch.device, folder: Path | None, workers: Workers | None = None
    ) -> None:
        self._device, self._folder, self._workers = device, folder, workers
        self._problems: Once[Problem] = Once()
        self._twins: Once[PredictedNetwork] = Once()
        self._fingerprints: Once[str] = Once()
        self._ends: Once[End] = Once()
        self._first: Once[str] = Once()
        self._known_twin: tuple[str, Callable[[], PredictedNetwork]] | None = None

    def problem(self, spec: Spec) -> Problem:
        """The problem of a spec, built once for a network and a task."""
        return self._problems.get(problem_keys(spec), lambda: build_problem(spec, self._device))

    def know(
        self,
        spec: Spec,
        problem: Problem,
        content: str,
        twin: Callable[[], PredictedNetwork] | None = None,
    ) -> None:
        """Take the problem of a spec that is built already, in place of building another one.

        Args:
            spec: The spec.
            problem: Its problem, whose replicas will compute.
            content: Its fingerprint (``content_fingerprint``).
            twin: Gives the forecast of its clean twin, where that has begun already.
        """
        if twin is not None:
            self._known_twin = (CleanTask.of(spec, self._device).digest, twin)
        self._problems.get(problem_keys(spec), lambda: problem)
        self._fingerprints.get(str(id(problem)), lambda: content)

    def predict(self, spec: Spec, tick: Tick | None = None) -> PredictedCost:
        """The predicted cost and verdict of a spec; ``training.seeds`` chips are predicted.

        Raises:
            DivergenceError: If the clean training is predicted to diverge.
            NeurogradError: For all that says nothing of the chips, such as a full disk.
        """
        shared = self.problem(spec)
        task = ChipTask.of(spec, self._device, self._data(shared))
        store = StageStore(self._folder, task)
        problem = shared.replica()
        try:
            trained = training_of(spec)
            way, regime = forecast_way(trained, problem, build_chip(trained, problem))
        except CAUSED_BY_VALUES as error:
            twin = self.clean(spec, tick)
            return _nothing(judge_forecast(spec, problem, twin, [twin]), str(error))
        twin = self.clean(spec, tick, way)
        try:
            off = off_path_by(way, regime)
            if spec.deployment is None:
                chips = self._each(spec, partial(self._chip, spec, store, tick, way))
                off = off or thrown_off([twin, *chips])
                return _estimate(judge_forecast(spec, problem, twin, chips), off)
            ends = self._each(spec, partial(self._end, spec, tick, way))
            aged = self._each(spec, partial(self._aged, spec, store, way, ends))
            networks = [network for network, _ in ends]
            off = off or thrown_off([twin, *networks])
            return _estimate(judge_forecast(spec, problem, twin, networks, aged), off)
        except CAUSED_BY_VALUES as error:
            # Such as a relaxation that diverges at this value.
            return _nothing(judge_forecast(spec, problem, twin, [twin]), str(error))

    def _each(self, spec: Spec, work: Callable[[int], T]) -> list[T]:
        """The results for each chip, which workers compute at the same time."""
        chips = range(spec.training.seeds)
        if self._workers is None:
            return [work(index) for index in chips]
        with Threads(self._device, waiting=len(chips)) as pool:
            return [task.result() for task in [pool.submit(work, index) for index in chips]]

    def _computed(
        self, spec: Spec, tick: Tick | None, work: Callable[..., T], *arguments: Any
    ) -> T:
        """What a function of a spec and its problem gives, here or on a worker."""
        shared = self.problem(spec)
        if self._workers is None:
            watch = {} if tick is None else {"progress": lambda done: tick(0)}
            return work(spec, shared.replica(), *arguments, **watch)
        found: T = self._workers.compute(work, spec, self._data(shared), *arguments)
        if tick is not None:
            tick(0)
        return found

    def _chip(
        self, spec: Spec, store: StageStore, tick: Tick | None, way: Way | None, index: int
    ) -> PredictedNetwork:
        """The forecast of one chip, which goes the way of all."""
        forecast = partial(forecast_network, way=way)
        work = partial(self._computed, spec, tick, forecast, index)
        return store.run_record(forecast_stage(index, way), PredictedNetwork, work)

    def _aged(
        self,
        spec: Spec,
        store: StageStore,
        way: Way | None,
        ends: Sequence[End],
        index: int,
    ) -> DeployedNetworks:
        """What becomes of one forecast chip's network."""
        work = partial(self._computed, spec, None, deploy, index, ends[index][1])
        stage = f"deployed-{forecast_stage(index, way)}"
        return store.run_record(stage, DeployedNetworks, work)

    def _end(self, spec: Spec, tick: Tick | None, way: Way | None, index: int) -> End:
        """The forecast of one chip with its weights, which what comes after training shares.

        Those of the first training stay in memory: numbers of a deployment do not change them.
        """
        trained, problem = training_of(spec), self.problem(spec)
        task = ChipTask.of(trained, self._device, self._data(problem))
        # Beside the forecasts of the same chips without their weights.
        stage = f"weights-{forecast_stage(index, way)}"
        forecast = partial(forecast_weights, way=way)

        def predicted() -> tuple[PredictedNetwork, dict[str, Tensor]]:
            network, weights = self._computed(trained, tick, forecast, index)
            return network, {"weights": weights}

        def compute() -> End:
            network, tensors = StageStore(self._folder, task).run_record_tensors(
                stage, PredictedNetwork, predicted, problem.initial_weights
            )
            return network, tensors["weights"]

        # Threads that begin together agree on which training is the first.
        if task.digest != self._first.get("", lambda: task.digest):
            return compute()
        return self._ends.get(f"{task.digest}-{stage}", compute)

    def clean(
        self, spec: Spec, tick: Tick | None = None, way: Way | None = "every_update"
    ) -> PredictedNetwork:
        """The forecast of the clean twins, which the device's numbers do not change.

        Args:
            spec: The spec.
            tick: Called when something is done.
            way: Which way its chips take; of those whose every update is drawn each has its own
                twin, and this one says what there is to learn.

        Raises:
            DivergenceError: If the first is predicted to diverge.
        """
        task, shared = CleanTask.of(spec, self._device), self.problem(spec)
        count = count_twins(spec, shared)

        def compute() -> PredictedNetwork:
            known = self._known_twin
            if known is not None and known[0] == task.digest:
                given = known[1]()
                if serves(spec, shared, given, way):
                    return given
            store = StageStore(self._folder, task.on(self._data(shared)))
            forecast = partial(forecast_network, way=way)
            work = partial(self._computed, spec, tick, forecast, CLEAN)
            stage = forecast_stage(CLEAN, way, count)
            return store.run_record(stage, PredictedNetwork, work)

        twin = self._twins.get(f"{task.digest}-{way}-{count}", compute)
        if twin.diverged or not math.isfinite(twin.loss):
            raise DivergenceError(
                f"training.step_size: the clean training is predicted to diverge at step size "
                f"{spec.training.largest_step_size:g}; allowed: a step size at which it trains"
            )
        return twin

    def _data(self, problem: Problem) -> str:
        return self._fingerprints.get(str(id(problem)), lambda: content_fingerprint(problem))


def _estimate(found: Forecast, off: str) -> PredictedCost:
    judged, time, accuracy = found.deciding
    return PredictedCost(
        cost=judged.cost.value,
        ci=judged.cost.ci,
        verdict=found.verdict,
        allowed=judged.allowed,
        clean_accuracy=found.clean_accuracy,
        chip_accuracy=accuracy,
        kind=judged.kind,
        clean_learned=judged.clean_learned,
        time=time,
        off_path=off,
        clean_loss=found.clean_loss,
    )


def _nothing(like: Forecast, problem: str) -> PredictedCost:
    judged = like.judgement
    return PredictedCost(
        math.inf, (math.inf, math.inf), Verdict.NOT_TOLERATED, judged.allowed,
        like.clean_accuracy, None, judged.kind, judged.clean_learned, " ".join(problem.split()),
        clean_loss=like.clean_loss,
    )  # fmt: skip
