"""Training at both neighbours of a predicted limit: does the verdict flip there?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurograd.measure.intervals import Interval
from neurograd.pipeline.check import CleanTraining, train_beside, train_clean
from neurograd.pipeline.identity import CleanTask
from neurograd.pipeline.limits.knobs import turn
from neurograd.pipeline.limits.search import Limit
from neurograd.pipeline.store import StageStore
from neurograd.progress import Reporter
from neurograd.records.training import TrainedNetwork
from neurograd.spec import Spec


@dataclass(frozen=True)
class TrainedCost:
    """What training gave at one value.

    Attributes:
        value: The value.
        verdict: Its verdict.
        cost: Mean cost of the trained chips, infinite where they diverged.
        ci: Its interval at ``targets.confidence``.
    """

    value: float
    verdict: str
    cost: float
    ci: Interval


@dataclass(frozen=True)
class Confirmation:
    """Both neighbours, trained.

    Attributes:
        inside: At the neighbour that is predicted to be tolerated.
        outside: At the other one.
        allowed: Largest cost that the targets allow.
    """

    inside: TrainedCost
    outside: TrainedCost
    allowed: float

    @property
    def status(self) -> str:
        """What training says of the limit.

        ``confirmed``: tolerated inside and not outside, intervals and all; ``agrees``: the trained
        costs lie on these sides, but an interval holds the allowed cost; ``not confirmed``: a
        verdict is the opposite; ``unclear``: anything else.
        """
        inside, outside = self.inside, self.outside
        if inside.verdict == "not tolerated" or outside.verdict == "tolerated":
            return "not confirmed"
        if (inside.verdict, outside.verdict) == ("tolerated", "not tolerated"):
            return "confirmed"
        return "agrees" if inside.cost <= self.allowed < outside.cost else "unclear"


class Trainer:
    """Trains variants of one spec; those that share their clean twin train it once.

    Args:
        device: Where to compute.
        folder: Where finished trainings are kept, None to keep nothing.
        reporter: Shows progress.
    """

    def __init__(self, device: str, folder: Path | None, reporter: Reporter) -> None:
        self._device, self._folder, self._reporter = device, folder, reporter
        self._twins: dict[str, CleanTraining] = {}

    def confirm(self, spec: Spec, limit: Limit, allowed: float, data: str) -> Confirmation:
        """Train at both neighbours of a limit.

        Args:
            spec: The spec as it is.
            limit: A limit with neighbours.
            allowed: Largest cost that the targets allow.
            data: Fingerprint of the data.
        """
        assert limit.inside is not None
        assert limit.outside is not None
        trained = [
            self._train(turn(limit.knob, spec, tried.value), tried.value, data)
            for tried in (limit.inside, limit.outside)
        ]
        return Confirmation(trained[0], trained[1], allowed)

    def _train(self, spec: Spec, value: float, data: str) -> TrainedCost:
        found = train_beside(
            spec,
            device=self._device,
            reporter=self._reporter,
            resume=self._folder,
            clean=self._clean(spec, data),
        ).record
        cost = found.training.cost
        return TrainedCost(value, found.verdict.value, cost.value, cost.ci)

    def _clean(self, spec: Spec, data: str) -> CleanTraining:
        task = CleanTask.of(spec, self._device)
        key = task.digest
        if key not in self._twins:
            store = StageStore(self._folder, task.on(data))
            known = store.known_record_tensors("clean", TrainedNetwork)
            if known is None:
                trained = train_clean(spec, device=self._device)
                assert isinstance(trained.result, TrainedNetwork)
                known = store.keep_record_tensors("clean", trained.result, trained.snapshots)
            self._twins[key] = CleanTraining(task, *known)
        return self._twins[key]
