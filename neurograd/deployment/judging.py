"""The verdict of a training and of every time after it, from the same chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from neurograd.deployment.programming import deployment_of
from neurograd.judge.cost import Allowed, Baseline, Judgement, judge_chips
from neurograd.judge.looks import Plan
from neurograd.judge.verdict import Verdict
from neurograd.records.training import AgedNetwork, DeployedNetworks, TrainedNetwork
from neurograd.spec import Spec


@dataclass(frozen=True)
class Judged:
    """A training and what comes after it, each with a verdict of its own.

    Attributes:
        training: The training; of 0 steps, the network that each chip was given.
        deployment: Each time of the deployment; empty without one.
        counts: Whether the training was asked for, and counts in the verdict.
    """

    training: Judgement
    deployment: tuple[Judgement, ...] = ()
    counts: bool = True

    @property
    def verdict(self) -> Verdict:
        """Not tolerated if one part is not, tolerated only if all are."""
        return Verdict.of_all(part.verdict for part in self._parts)

    @property
    def more(self) -> int | None:
        """Chips of the next look; None where there is none.

        The training is looked at as it is without a deployment. For the times after it there are
        no further looks once one part is not tolerated.
        """
        parts = self._parts
        if self.verdict is Verdict.NOT_TOLERATED:
            parts = parts[: int(self.counts)]
        wanted = [part.more for part in parts if part.more is not None]
        return min(wanted, default=None)

    @property
    def _parts(self) -> tuple[Judgement, ...]:
        return (self.training, *self.deployment) if self.counts else self.deployment


def judge_all(
    spec: Spec,
    baseline: Baseline,
    allowed: Allowed,
    twins: Sequence[TrainedNetwork],
    chips: Sequence[TrainedNetwork],
    deployed: Sequence[DeployedNetworks],
    plan: Plan,
) -> Judged:
    """Judge chips after training and at every time after it, each against its clean twin.

    Args:
        spec: The validated spec.
        baseline: The network before it learned.
        allowed: What training may cost.
        twins: The clean twin of each chip.
        chips: The chips.
        deployed: The same chips as they age; empty without a deployment.
        plan: When the chips are looked at.
    """

    def after_training(size: int) -> Judgement:
        return judge_chips(baseline, allowed, twins[:size], chips[:size], plan)

    training = _first_decided(after_training, plan, len(chips))
    if spec.deployment is None:
        return Judged(training)
    parts = []
    for place in range(len(deployment_of(spec).times)):
        aged = [chip.networks[place] for chip in deployed]

        def at_time(size: int, aged: Sequence[AgedNetwork] = aged) -> Judgement:
            return judge_chips(
                baseline, allowed_after(spec, allowed), twins[:size], aged[:size], plan
            )

        parts.append(_first_decided(at_time, plan, len(chips)))
    return Judged(training, tuple(parts), counts=spec.training.trains)


def allowed_after(spec: Spec, allowed: Allowed) -> Allowed:
    """What a deployed chip may have lost."""
    drop = spec.targets.max_accuracy_drop_deployed
    if drop is None:
        return allowed
    return Allowed(drop, allowed.excess_loss, allowed.confidence)


def _first_decided(judge: Callable[[int], Judgement], plan: Plan, chips: int) -> Judgement:
    """The judgement at the first look after which there is none.

    Chips that were trained for the verdict on another part do not open this one again.
    """
    for size in (*(size for size in plan.sizes if size < chips), chips):
        judged = judge(size)
        if judged.more is None:
            break
    return judged
