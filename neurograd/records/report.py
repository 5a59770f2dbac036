"""The reports of the commands: what their JSON files hold."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from neurograd.judge.verdict import Verdict
from neurograd.records.cost import JudgedCost, deciding_part
from neurograd.records.design import Design
from neurograd.records.limits import DesignChangeResult, LimitResult, Prediction, RangesResult
from neurograd.records.mitigation import MitigationGuide
from neurograd.records.point import PointResult
from neurograd.records.record import Number, Record
from neurograd.records.training import DeploymentResult, DeploymentTrial, TrainingResult

REPORT_VERSION: Literal[2] = 2
"""Raised when a field changes its meaning or disappears; new fields do not raise it.

1: the first reports that say their version. 2: ``inside`` and ``outside`` of a limit are the last
value that is predicted 'tolerated' and the first one that is predicted 'not tolerated', no longer
the values on either side of where the predicted cost is the allowed one.
"""


class DataUsed(Record):
    """The data that a report was made from."""

    digest: str
    """SHA-256 of all samples and targets, to the bit, as the network gets them."""
    train_samples: int
    """Number of training samples."""
    test_samples: int
    """Number of test samples; 0 without a test."""
    sample_shape: tuple[int, ...]
    """Shape of one sample; (time steps, inputs) of spike trains."""
    classes: int | None
    """Number of classes; None (null in JSON) where the targets are values."""
    start_weights: str | None = None
    """SHA-256 of the file of ``network.weights``; None (null in JSON) where weights are drawn."""


class _Report(Record):
    report_version: Literal[2] = REPORT_VERSION
    """Version of the fields and their meaning."""
    kind: str
    """Which command made it."""
    verdict: Verdict
    """The answer."""
    quick: bool
    """Whether it is the smaller version for a first look."""
    spec: dict[str, Any]
    """The spec with every default."""
    versions: dict[str, str]
    """Versions of what the numbers depend on."""
    code: str | None = None
    """Digest of neurograd's own code; None in a report of version 0."""
    data: DataUsed | None = None
    """What it was made from; None (null in JSON) in reports from before it was said."""
    num_parameters: int
    """N, the number of weights."""
    notes: tuple[str, ...] = ()
    """Of the spec, one sentence each: what of a network is frozen or off; of a check or a training
    also keys that change no number of it, and likely slips. Empty where there is nothing to say,
    and in reports from before there were notes."""
    timing: dict[str, float] = Field(default_factory=dict)
    """Seconds of each part of the work, added up over all threads."""

    @cached_property
    def design(self) -> Design:
        """What the report says of its spec."""
        return Design.model_validate(self.spec)


class CheckReport(_Report):
    """What ``neurograd check`` or ``neurograd train`` found."""

    kind: Literal["check", "train"]
    """Which command made it; ``train`` has no points, forecast or mitigation."""
    cause: str | None = None
    """The effect that is named as the cause of the cost; None where the chip is tolerated, where
    no effect stands out, and in older reports."""
    reasons: tuple[str, ...] = ()
    """Why, one sentence each: the cause, the cost with the bound that decided, what to change
    first, then what theory and measurement say."""
    deciding_reasons: int | None = None
    """How many of them decide; the others stand beside. None in older reports."""
    step_size: float
    """Δt of the first update; the largest where layers have their own."""
    effective_step_size: Number = None
    """Δt/(1 − μ) with momentum μ, by which a gradient that stays moves the weights; None without
    momentum and in older reports."""
    steps: int | None = None
    """Updates of the training; None in older reports, whose spec has them."""
    own_chip: str | None = None
    """The parts of a chip that a program has handed over, by their classes; None (null in JSON)
    where the keys of the spec make it, and in older reports."""
    points: tuple[PointResult, ...]
    """Points along the clean training, in its order."""
    training: TrainingResult
    deployment: tuple[DeploymentResult, ...] = ()
    """The chips at each of ``deployment.times``, in their order. The verdict is 'not tolerated' if
    that of the training or of one time is, and 'tolerated' only if all are; a training of 0 steps
    does not count. Empty without a deployment, and in older reports."""
    deployment_trials: tuple[DeploymentTrial, ...] = ()
    """What the first time that is not tolerated would cost without each effect that acts after
    training, and with remedies. Empty where there is none, and in older reports."""
    mitigation: MitigationGuide | None = None
    """Which effects do the damage; None for a chip that does not fail."""
    ranges: RangesResult | None = None
    """What is forecast over numbers that are not known exactly; None (null in JSON) where all are,
    of a training, and in older reports."""

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The reasons that decide; all of them where that is not known."""
        return self.reasons[: self.deciding_reasons]

    @property
    def deciding(self) -> tuple[JudgedCost, float | None]:
        """The part that the verdict rests on most, ``deciding_part``.

        Returns:
            Its cost and the seconds after programming; None for the training.
        """
        trains = self.design.training.steps != 0
        return deciding_part(self.training.cost, self.deployment, trains=trains)

    @property
    def chips_looked_at(self) -> int:
        """Chips that the verdict rests on, in the part that has the fewest.

        Each part stops at its own look; a training of 0 steps does not count beside a deployment.
        """
        counts = [each.chips for each in self.deployment]
        if not counts or self.design.training.steps != 0:
            counts.append(self.training.chip.chips)
        return min(counts)

    @property
    def beside(self) -> tuple[str, ...]:
        """What theory and measurement say beside the verdict."""
        return self.reasons[len(self.decided_by) :]


class LimitsReport(_Report):
    """What ``neurograd limits`` found."""

    kind: Literal["limits"]
    verdict: Verdict
    """The verdict of the spec as it is, trained as a check of it does; the predicted one in older
    reports."""
    cause: str | None = None
    """The effect that ``neurograd train`` names as the cause of the cost; None where the chip is
    tolerated, where several effects are not told apart, and in older reports."""
    reasons: tuple[str, ...] = ()
    """Why, one sentence each, as ``neurograd train`` has them; empty in older reports."""
    trained: JudgedCost | None = None
    """What that verdict rests on: of a training and the times after it the part that has its answer
    and is furthest above what it may cost, or least below; None in older reports."""
    trained_time: float | None = None
    """Seconds after programming of which ``trained`` is; None for the training itself and in older
    reports."""
    now: Prediction
    """What is predicted for the spec as it is."""
    confidence: float
    """Confidence of the intervals."""
    numbers: tuple[LimitResult, ...]
    """How far each number of the spec may move."""
    remedies: tuple[DesignChangeResult, ...]
    """What else would change the cost, best first."""


Report = CheckReport | LimitsReport
