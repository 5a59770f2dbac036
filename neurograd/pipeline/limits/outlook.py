"""What is predicted for variants of one spec, with the same random numbers for all of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import torch

from neurograd.errors import DivergenceError, NeurogradError
from neurograd.judge.forecasts import Forecast, judge_forecasts
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import Interval
from neurograd.output import to_json
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.forecasting import (
    CLEAN,
    allowed_by,
    baseline_of,
    forecast_network,
    forecast_stage,
)
from neurograd.pipeline.identity import ChipTask, CleanTask, content_fingerprint
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.records.training import PredictedNetwork
from neurograd.spec import Spec, spec_to_dict

T = TypeVar("T")
Tick = Callable[[int], None]
"""Told of progress; where the work can be stopped."""


@dataclass(frozen=True)
class PredictedCost:
    """What is predicted for one spec.

    Attributes:
        cost: Predicted cost; infinite where chips cannot compute.
        ci: Its interval at 99 %, the model's own error included.
        verdict: The predicted verdict.
        allowed: Largest cost that the targets allow.
        clean_accuracy: Predicted test accuracy of the clean twin, None where undefined.
        chip_accuracy: Mean predicted test accuracy of the chips, None where undefined.
        kind: ``accuracy_drop`` or ``excess_loss``.
        clean_learned: Whether the clean network has anything to lose.
        problem: Why there is no number, empty where there is one.
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

    @property
    def inside(self) -> bool:
        """Whether the predicted cost is allowed."""
        return self.cost <= self.allowed


class Outlook:
    """Predicts specs that differ in a few keys; what they share is computed once.

    Args:
        device: Where to compute.
        folder: Where finished forecasts are kept, None to keep nothing.
    """

    def __init__(self, device: torch.device, folder: Path | None) -> None:
        self._device, self._folder = device, folder
        self._problems: _Once[Problem] = _Once()
        self._twins: _Once[PredictedNetwork] = _Once()
        self._fingerprints: _Once[str] = _Once()

    def problem(self, spec: Spec) -> Problem:
        """The problem of a spec, built once for a network and a task."""
        full = spec_to_dict(spec)
        key = to_json({name: full[name] for name in ("network", "task", "measure")})
        return self._problems.get(key, lambda: build_problem(spec, self._device))

    def predict(self, spec: Spec, tick: Tick | None = None) -> PredictedCost:
        """The predicted cost and verdict of a spec; ``training.seeds`` chips are predicted.

        Raises:
            DivergenceError: If the clean training is predicted to diverge.
        """
        shared = self.problem(spec)
        twin = self.clean(spec, tick)
        task = ChipTask.of(spec, self._device, self._data(shared))
        store = StageStore(self._folder, task)
        problem = shared.replica()
        try:
            chips = [
                store.run_record(
                    forecast_stage(index),
                    PredictedNetwork,
                    partial(self._network, spec, problem, index, tick),
                )
                for index in range(spec.training.seeds)
            ]
        except NeurogradError as error:
            # A rule that cannot compute at this value, such as a relaxation that diverges.
            return _nothing(self._judged(spec, problem, twin, [twin]), str(error))
        return _estimate(self._judged(spec, problem, twin, chips))

    def _judged(
        self,
        spec: Spec,
        problem: Problem,
        twin: PredictedNetwork,
        chips: Sequence[PredictedNetwork],
    ) -> Forecast:
        return judge_forecasts(baseline_of(problem), allowed_by(spec), twin, chips)

    def clean(self, spec: Spec, tick: Tick | None = None) -> PredictedNetwork:
        """The clean twin's forecast, which the device's numbers do not change.

        Raises:
            DivergenceError: If it is predicted to diverge.
        """
        task = CleanTask.of(spec, self._device)

        def compute() -> PredictedNetwork:
            shared = self.problem(spec)
            store = StageStore(self._folder, task.on(self._data(shared)))
            network = partial(self._network, spec, shared.replica(), CLEAN, tick)
            return store.run_record(forecast_stage(CLEAN), PredictedNetwork, network)

        twin = self._twins.get(task.digest, compute)
        if twin.diverged or not math.isfinite(twin.loss):
            raise DivergenceError(
                f"training.step_size: the clean training is predicted to diverge at step size "
                f"{spec.training.largest_step_size:g}; allowed: a step size at which it trains"
            )
        return twin

    def _network(
        self, spec: Spec, problem: Problem, index: int, tick: Tick | None
    ) -> PredictedNetwork:
        watch = None if tick is None else lambda done: tick(0)
        return forecast_network(spec, problem, index, progress=watch)

    def _data(self, problem: Problem) -> str:
        return self._fingerprints.get(str(id(problem)), lambda: content_fingerprint(problem))


class _Once(Generic[T]):
    """Values that are made once, also when several threads ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._made: dict[str, T] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        with self._lock:
            own = self._locks.setdefault(key, threading.Lock())
        with own:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


def _estimate(found: Forecast) -> PredictedCost:
    judged = found.judgement
    return PredictedCost(
        cost=judged.cost.value,
        ci=judged.cost.ci,
        verdict=judged.verdict,
        allowed=judged.allowed,
        clean_accuracy=found.clean_accuracy,
        chip_accuracy=found.chip_accuracy,
        kind=judged.kind,
        clean_learned=judged.clean_learned,
    )


def _nothing(like: Forecast, problem: str) -> PredictedCost:
    judged = like.judgement
    return PredictedCost(
        math.inf, (math.inf, math.inf), Verdict.NOT_TOLERATED, judged.allowed,
        like.clean_accuracy, None, judged.kind, judged.clean_learned, " ".join(problem.split()),
    )  # fmt: skip
