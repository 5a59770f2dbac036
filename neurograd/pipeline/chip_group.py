"""The chips of a check and their clean twins, more from look to look, and their verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from torch import Tensor

from neurograd.deployment import (
    Judged,
    Variant,
    first_failure,
    judge_all,
    judge_trial,
    variants,
)
from neurograd.judge.cost import Baseline
from neurograd.judge.looks import Plan
from neurograd.pipeline.forecasting import allowed_by, baseline_of, plan_of
from neurograd.pipeline.stages import Stages
from neurograd.records.training import DeployedNetworks, DeploymentTrial, TrainedNetwork
from neurograd.training.untrained import untrained_loss


class ChipGroup:
    """Chips and their clean twins, more of them from look to look.

    Attributes:
        first: The task of the clean training.

    Args:
        stages: What trains them.
        submit: Runs a stage by the name of its time.
        first: The task of the clean training.
        beside: A group whose clean twins are those of this one as well.
    """

    def __init__(
        self,
        stages: Stages,
        submit: Callable[..., Any],
        first: Future[Any],
        beside: ChipGroup | None = None,
    ) -> None:
        self._stages, self._submit, self.first = stages, submit, first
        self._chips: list[Future[tuple[TrainedNetwork, Tensor | None]]] = []
        self._twins: list[Future[TrainedNetwork]] = [] if beside is None else beside._twins
        self._deployed: list[Future[DeployedNetworks]] = []

    def judged_by(self, stages: Stages) -> ChipGroup:
        """The same chips, with the targets of another spec."""
        group = ChipGroup(stages, self._submit, self.first, self)
        group._chips, group._deployed = self._chips, self._deployed
        return group

    def grow(self, size: int) -> None:
        """Train more chips, and a twin of each where clean trainings differ."""
        for index in range(len(self._chips), size):
            self._chips.append(self._submit("chip_training", self._stages.trained_chip, index))
            if index > len(self._twins) and self._stages.clean_is_random:
                self._twins.append(self._submit("clean_training", self._stages.clean_twin, index))

    def results(self) -> tuple[list[TrainedNetwork], list[TrainedNetwork]]:
        """The clean twin of each chip, and the chips; waits for all of them."""
        chips = [task.result()[0] for task in self._chips]
        first = self.first.result()[0]
        if not self._stages.clean_is_random:
            return [first] * len(chips), chips
        twins = self._twins[: len(chips) - 1]
        return [first, *(task.result() for task in twins)], chips

    def deployed(self) -> list[DeployedNetworks]:
        """What becomes of each chip's network after training; empty without a deployment."""
        self._deployed += self._deploy(range(len(self._deployed), len(self._chips)))
        return [task.result() for task in self._deployed]

    def _deploy(
        self, indices: Iterable[int], variant: Variant | None = None, at: int | None = None
    ) -> list[Future[DeployedNetworks]]:
        held = ((index, self._chips[index].result()[1]) for index in indices)
        return [
            self._submit("deployment", self._stages.deployed_chip, index, weights, variant, at)
            for index, weights in held
            if weights is not None
        ]

    # -- judged -----------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """When the chips are looked at."""
        return plan_of(self._stages.spec)

    def judged(self) -> Judged:
        """Verdicts on all chips so far, after training and at each time of a deployment."""
        twins, chips = self.results()
        baseline, allowed = self.baseline(twins), allowed_by(self._stages.spec)
        spec, plan = self._stages.spec, self.plan
        return judge_all(spec, baseline, allowed, twins, chips, self.deployed(), plan)

    def trials(self, judged: Judged) -> tuple[DeploymentTrial, ...]:
        """What the first time that is not tolerated would cost if it were deployed otherwise."""
        place = first_failure(judged)
        if place is None:
            return ()
        size = judged.deployment[place].looks[-1].chips
        twins = self.results()[0][:size]
        baseline, allowed = self.baseline(twins), allowed_by(self._stages.spec)
        whole = [chip.networks[place] for chip in self.deployed()[:size]]
        # All of them are begun before the first is waited for.
        begun = [
            (each, self._deploy(range(size), each, place))
            for each in variants(self._stages.spec, self._stages.problem, self._held(size))
        ]
        found = ((each, [task.result().networks[0] for task in tasks]) for each, tasks in begun)
        return tuple(
            judge_trial(each, baseline, allowed, twins, whole, aged) for each, aged in found
        )

    def _held(self, size: int) -> list[Tensor]:
        """What chips, first to last, are programmed with: what they learned, or were given."""
        if not self._stages.spec.training.trains:
            return [self._stages.problem.initial_weights] * size
        weights = (task.result()[1] for task in self._chips[:size])
        return [each for each in weights if each is not None]

    def baseline(self, twins: Sequence[TrainedNetwork]) -> Baseline:
        """What is lost before it is learned."""
        spec, problem = self._stages.spec, self._stages.problem
        start = twins[0].start_loss if spec.training.trains else untrained_loss(problem)
        return baseline_of(problem, start)
