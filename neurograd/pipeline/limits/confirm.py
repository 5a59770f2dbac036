"""Training of the spec as it is, and at both numbers of a predicted limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurograd.errors import DivergenceError
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import Interval
from neurograd.pipeline.check import Checking, CleanTraining, train_clean
from neurograd.pipeline.identity import CleanTask
from neurograd.pipeline.limits.knobs import turn
from neurograd.pipeline.limits.limit import Limit, Tried
from neurograd.pipeline.pool.workers import Workers
from neurograd.pipeline.predicted.refused import CAUSED_BY_VALUES
from neurograd.pipeline.store import StageStore
from neurograd.problem import Problem
from neurograd.progress import Reporter
from neurograd.records.report import CheckReport
from neurograd.records.training import TrainedNetwork
from neurograd.spec import Spec


@dataclass(frozen=True)
class TrainedCost:
    """What training gave at one value, and the times after it where there are any.

    Attributes:
        value: The value.
        verdict: Its verdict.
        cost: Mean cost of the trained chips, that of the part which decides; infinite where there
            is none.
        ci: Its interval at 99 %.
        allowed: Largest cost that the targets allow there.
        problem: Why there is no number, empty where there is one.
    """

    value: float
    verdict: str
    cost: float
    ci: Interval
    allowed: float
    problem: str = ""


@dataclass(frozen=True)
class Confirmation:
    """The two numbers of a limit, trained.

    Attributes:
        inside: At the value that is predicted to be tolerated, None without one.
        outside: At the one that is predicted not to be, None without one.
    """

    inside: TrainedCost | None
    outside: TrainedCost | None

    @property
    def status(self) -> str:
        """What training says of the limit.

        ``confirmed``: the verdicts are the predicted ones; ``not confirmed``: one of them is the
        opposite; ``agrees``: the trained costs lie on their sides of the allowed one, but an
        interval holds it; ``unclear``: anything else.
        """
        sides = [
            (trained, verdict, on_its_side)
            for trained, verdict, on_its_side in (
                (self.inside, Verdict.TOLERATED, lambda found: found.cost <= found.allowed),
                (self.outside, Verdict.NOT_TOLERATED, lambda found: found.cost > found.allowed),
            )
            if trained is not None
        ]
        found = [trained.verdict == verdict for trained, verdict, _ in sides]
        if any(
            not right and trained.verdict != Verdict.INCONCLUSIVE
            for right, (trained, _, _) in zip(found, sides, strict=True)
        ):
            return "not confirmed"
        if all(found):
            return "confirmed"
        fits = all(
            on_its_side(trained) and not trained.problem for trained, _, on_its_side in sides
        )
        return "agrees" if fits else "unclear"


class Trainer:
    """Trains variants of one spec; those that share their clean twin train it once.

    Args:
        device: Where to compute.
        folder: Where finished trainings are kept, None to keep nothing.
        reporter: Shows progress.
        problem: The problem of a spec, which variants share.
        workers: What computes; None where the threads of this process do.
    """

    def __init__(
        self,
        device: str,
        folder: Path | None,
        reporter: Reporter,
        problem: Callable[[Spec], Problem],
        workers: Workers | None = None,
    ) -> None:
        self._device, self._folder, self._reporter = device, folder, reporter
        self._problem, self._workers = problem, workers
        self._twins: dict[str, CleanTraining] = {}

    def as_it_is(self, spec: Spec, data: str, *, quick: bool) -> CheckReport:
        """The training of a check of the same spec, with the same seeds and stages.

        Args:
            spec: The spec, in its smaller version where the check is.
            data: Fingerprint of the data.
            quick: Whether it is.
        """
        return self._beside(spec, data, quick=quick)

    def confirm(self, spec: Spec, limit: Limit, data: str) -> Confirmation:
        """Train at both numbers of a limit, where there are two.

        Args:
            spec: The spec as it is.
            limit: A limit with at least one number.
            data: Fingerprint of the data.
        """
        inside, outside = (
            None if tried is None else self._train(_at(tried, limit, spec), tried, data)
            for tried in (limit.inside, limit.outside)
        )
        return Confirmation(inside, outside)

    def _train(self, spec: Spec, tried: Tried, data: str) -> TrainedCost:
        """What training gives at a value; one with which chips cannot compute is lost."""
        try:
            found = self._beside(spec, data, quick=False)
        except DivergenceError as error:
            # The clean training, of which the forecast said nothing such: no number of the chips.
            return _no_number(tried, Verdict.INCONCLUSIVE, error)
        except CAUSED_BY_VALUES as error:
            return _no_number(tried, Verdict.NOT_TOLERATED, error)
        cost, _ = found.deciding
        return TrainedCost(tried.value, found.verdict.value, cost.value, cost.ci, cost.allowed)

    def _beside(self, spec: Spec, data: str, *, quick: bool) -> CheckReport:
        known = self._clean(spec, data)
        kept = (self._reporter, self._folder, known, self._workers, self._problem(spec))
        return Checking(spec, self._device, quick, *kept).run(measure=False).record

    def _clean(self, spec: Spec, data: str) -> CleanTraining:
        task = CleanTask.of(spec, self._device)
        key = task.digest
        if key not in self._twins:
            store = StageStore(self._folder, task.on(data))
            known = store.known_record_tensors("clean", TrainedNetwork)
            if known is None:
                problem = self._problem(spec)
                trained = train_clean(
                    spec, device=self._device, workers=self._workers, problem=problem
                )
                assert isinstance(trained.result, TrainedNetwork)
                known = store.keep_record_tensors("clean", trained.result, trained.snapshots)
            self._twins[key] = CleanTraining(task, *known)
        return self._twins[key]


def _no_number(tried: Tried, verdict: Verdict, error: Exception) -> TrainedCost:
    """A value at which nothing could be trained."""
    ends, problem = (math.inf, math.inf), " ".join(str(error).split())
    return TrainedCost(tried.value, verdict.value, math.inf, ends, tried.estimate.allowed, problem)


def _at(tried: Tried, limit: Limit, spec: Spec) -> Spec:
    """The spec with the number at a value; an infinite one is its present one, ideal."""
    return turn(limit.knob, spec, tried.value) if math.isfinite(tried.value) else spec
