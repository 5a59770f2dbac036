"""Trained, predicted and deployed networks, one by one and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from neurograd.forecast.bursts import Burst
from neurograd.forecast.chip_end import Way
from neurograd.judge.cost import Judgement
from neurograd.judge.networks import correct_table
from neurograd.judge.verdict import Verdict, mean_over_chips
from neurograd.measure.intervals import CONFIDENCE
from neurograd.records.cost import ForecastResult, JudgedCost, VariantCost
from neurograd.records.record import Ends, Loss, Number, Record


def _from_digits(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if set(value) - {"0", "1"}:
        raise ValueError("is no row of digits; allowed: 0 and 1, one for each test sample")
    return np.frombuffer(value.encode("ascii"), dtype=np.uint8) == ord("1")


def _to_digits(value: np.ndarray | None) -> str | None:
    return None if value is None else "".join("01"[int(c)] for c in value)


def _rows(networks: Sequence[NetworkRecord]) -> tuple[str, ...]:
    """The digits of each network, none where accuracy is undefined."""
    digits = (_to_digits(network.correct) for network in networks)
    return tuple(row for row in digits if row is not None)


Correct = Annotated[
    np.ndarray | None,
    BeforeValidator(_from_digits),
    PlainSerializer(_to_digits),
    WithJsonSchema({"type": ["string", "null"], "pattern": "^[01]*$"}),
]
"""Which test samples are classified correctly: truth values of shape ``(n,)``, one digit each in
JSON; None where accuracy is undefined."""


class Curve(Record):
    """Loss and accuracy along a training, as the chip reads its own weights."""

    steps: tuple[int, ...]
    """Number of steps taken at each entry."""
    train_loss: tuple[Number, ...]
    """Mean loss on the training set; None (null in JSON) where it is not finite."""
    test_accuracy: tuple[Number, ...]
    """Accuracy on the test set; empty without one or without classes. None (null in JSON) where it
    is not finite."""


class CleanResult(Record):
    """The end of the clean training."""

    loss: Loss
    """Mean training loss; infinite (null in JSON) where it is not finite."""
    test_loss: Number
    """Mean test loss; None (null in JSON) without a test set or where it is not finite."""
    test_accuracy: float | None
    """Accuracy on the test set, None where undefined."""
    curve: Curve
    """That of the first chip's twin."""
    twins: int = 1
    """Number of clean trainings, whose mean the numbers are: one of each chip where batches are
    random, else one."""

    @classmethod
    def of(cls, twins: Sequence[TrainedNetwork]) -> CleanResult:
        """Means of clean twins, one of each chip; the same one where clean trainings are alike."""
        if all(twin is twins[0] for twin in twins):
            twins = twins[:1]
        known = [twin.test_accuracy for twin in twins if twin.test_accuracy is not None]
        test = [np.nan if twin.test_loss is None else twin.test_loss for twin in twins]
        return cls(
            loss=float(np.mean([twin.loss for twin in twins])),
            test_loss=float(np.mean(test)),
            test_accuracy=float(np.mean(known)) if known else None,
            curve=twins[0].curve,
            twins=len(twins),
        )


class NetworkRecord(Record):
    """What is judged of a network."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    loss: Loss
    """Mean training loss as read; infinite (null in JSON) where it is not finite."""
    test_loss: Number = None
    """Mean test loss; None (null in JSON) without a test set or where it is not finite."""
    test_accuracy: float | None
    """Accuracy on the test set, None where undefined."""
    correct: Correct
    """Which test samples are classified correctly."""
    diverged: bool
    """Whether weights or loss became infinite or NaN."""
    largest_weight: Number = None
    """Largest |weight| at the end, and where a clean training was looked at on its way; that of a
    forecast as it is read. None where it is not finite, and of a network that was programmed."""

    def __eq__(self, other: object) -> bool:
        """Whether all fields are the same; arrays have no truth value of their own."""
        if not isinstance(other, NetworkRecord) or type(self) is not type(other):
            return False
        return self.model_dump(mode="json") == other.model_dump(mode="json")

    __hash__ = None  # type: ignore[assignment]


class TrainedNetwork(NetworkRecord):
    """A trained network, as a stage keeps it."""

    curve: Curve

    @property
    def start_loss(self) -> float:
        """Training loss before the first step; infinite where it is not finite."""
        start = self.curve.train_loss[0]
        return float("inf") if start is None else start


class BurstRecord(Record):
    """Real updates from a state of a predicted path (``neurograd.forecast.bursts.Burst``).

    Logarithms are infinite (null in JSON) where weights or loss are not finite.
    """

    place: int
    done: int
    before: int
    after: int
    path: tuple[tuple[Loss, Loss], ...]
    """Logarithms of loss and squared length at the states before, here and after."""
    settled: tuple[Loss, Loss]
    end: tuple[Loss, Loss]
    settling: int
    measured: int

    @classmethod
    def of(cls, burst: Burst) -> BurstRecord:
        """From a burst."""
        return cls(**asdict(burst))

    @property
    def burst(self) -> Burst:
        """The burst itself."""
        before, here, after = self.path
        return Burst(**{**self.model_dump(), "path": (before, here, after)})


class PredictedNetwork(NetworkRecord):
    """A network whose training was predicted, as a stage keeps it."""

    gradients: int
    """Gradients that the forecast took, with those of its twin."""
    bursts: tuple[BurstRecord, ...] = ()
    """Real updates from states of the predicted path; empty where none were taken."""
    drawn: bool = False
    """Whether every update was drawn for itself, as in training."""
    thrown: bool = False
    """Whether it was drawn because a path was thrown off."""
    twin: PredictedNetwork | None = None
    """The clean twin of a chip, where it was predicted with it: drawn likewise on the same batches
    where the chip is, else of a chip beyond ``training.seeds``."""
    beside: tuple[PredictedNetwork, ...] = ()
    """Of the first chip's clean twin: those of the other ``training.seeds`` chips, each with the
    seeds of its chip. Empty where nothing of a clean training is random."""
    way: Way | None = None
    """Which way it was predicted, whatever became of a path; None without a training."""


class ChipsResult(Record):
    """The ends of the trainings of all chips."""

    loss: Loss
    """Mean training loss; infinite (null in JSON) where a chip diverged."""
    test_loss: Number
    """Mean test loss; None (null in JSON) without a test set or where it is not finite."""
    test_accuracy: float | None
    """Mean accuracy on the test set, None where undefined."""
    test_accuracy_ci: Ends | None
    """Its two-sided interval at 99 %, within 0 and 1; None where undefined."""
    chips: int
    """Number of chips."""
    diverged: int
    """How many of them diverged."""
    curves: tuple[Curve, ...]
    correct: tuple[str, ...] = ()
    """Which test samples each chip classifies correctly, one digit 0 or 1 a sample; empty where
    accuracy is undefined and in reports from before it was kept. ``compare`` pairs chips by it."""

    @classmethod
    def of(cls, chips: Sequence[TrainedNetwork]) -> ChipsResult:
        """Means of chips, and the interval of their accuracy."""
        classified = chips[0].correct is not None
        accuracy = mean_over_chips(correct_table(chips), CONFIDENCE) if classified else None
        test = [float("inf") if chip.test_loss is None else chip.test_loss for chip in chips]
        return cls(
            loss=float(np.mean([chip.loss for chip in chips])),
            test_loss=float(np.mean(test)),
            test_accuracy=None if accuracy is None else accuracy.value,
            test_accuracy_ci=None if accuracy is None else accuracy.within(0.0, 1.0).ci,
            chips=len(chips),
            diverged=sum(chip.diverged for chip in chips),
            curves=tuple(chip.curve for chip in chips),
            correct=_rows(chips),
        )


class TrainingResult(Record):
    """The trainings: clean, through the chips, and as predicted."""

    clean: CleanResult
    chip: ChipsResult
    cost: JudgedCost
    """What the verdict rests on."""
    forecast: ForecastResult | None
    """The verdict that was predicted without training; None where nothing was predicted."""
    predicted_excess_loss: Number
    """Predicted training loss above the clean twin's; None (null in JSON) where chips diverge or
    nothing was predicted."""
    predicted_excess_loss_ci: Ends | None
    """Its interval, None where nothing was predicted."""
    frozen_excess_loss: Number
    """Excess loss by the theory of many steps around the last point, with its Hessian held fixed;
    None (null in JSON) where the theory has no value: with a recipe or a schedule, and where
    epochs are shuffled."""
    frozen_excess_loss_range: Ends | None
    """Smallest and largest over the later half of the points, None without a value."""
    measured_excess_loss: Number
    """Training loss above the clean twin's; None (null in JSON) where chips diverged."""
    measured_excess_loss_ci: Ends
    """Its interval; None (null in JSON) for an end without bound."""


# -- After training --------------------------------------------------------------------------------


class AgedNetwork(NetworkRecord):
    """A programmed network at one time, as a stage keeps it."""

    time: float
    """Seconds after it was programmed."""


class DeployedNetworks(Record):
    """One chip at each time of a deployment, in its order."""

    networks: tuple[AgedNetwork, ...]


class DeploymentResult(Record):
    """All chips at one time after they were programmed."""

    time: float
    """Seconds after programming."""
    accuracy: float | None
    """Mean accuracy on the test set, None where undefined."""
    accuracy_ci: Ends | None
    """Its two-sided interval at 99 %, within 0 and 1; None where undefined."""
    accuracy_spread: float | None
    """Standard deviation of the accuracy over chips; None where undefined and for one chip."""
    loss: Loss
    """Mean training loss as read; infinite (null in JSON) where a chip diverged."""
    test_loss: Number
    """Mean test loss; None (null in JSON) without a test set or where it is not finite."""
    chips: int
    """Number of chips."""
    cost: JudgedCost
    """What it costs against the clean twins, which are those of the training."""
    verdict: Verdict
    """That of this time alone, with the error rate of ``cost.bound_confidence``."""
    correct: tuple[str, ...] = ()
    """As for the trained chips."""

    @classmethod
    def of(cls, chips: Sequence[AgedNetwork], judged: Judgement) -> DeploymentResult:
        """Means of chips at one time, and what they were judged to be."""
        classified = chips[0].correct is not None
        accuracy = mean_over_chips(correct_table(chips), CONFIDENCE) if classified else None
        each = [chip.test_accuracy for chip in chips if chip.test_accuracy is not None]
        test = [np.nan if chip.test_loss is None else chip.test_loss for chip in chips]
        return cls(
            time=chips[0].time,
            accuracy=None if accuracy is None else accuracy.value,
            accuracy_ci=None if accuracy is None else accuracy.within(0.0, 1.0).ci,
            accuracy_spread=float(np.std(each, ddof=1)) if len(each) > 1 else None,
            loss=float(np.mean([chip.loss for chip in chips])),
            test_loss=float(np.mean(test)),
            chips=len(chips),
            cost=JudgedCost.of(judged),
            verdict=judged.verdict,
            correct=_rows(chips),
        )


class DeploymentTrial(Record):
    """The same networks, deployed otherwise, at the first time that is not tolerated."""

    label: str
    """The effect that is left out, or the keys of a remedy."""
    leaves_out: bool
    """Whether an effect is left out, or all that act after training; otherwise it is a remedy."""
    effects: int = 1
    """How many effects are left out; 0 for a remedy. 1 in a report of an earlier version."""
    remedy: str | None = None
    """What makes the effect that is left out smaller; None where no key does, for several of them,
    for a remedy and in a report of an earlier version."""
    time: float
    """Seconds after programming."""
    cost: VariantCost
    """What it costs then, measured on the chips that the deployment was judged by."""
    saves: Number = None
    """What the deployment costs more than this, chip by chip; None in a report of an earlier
    version and where it is not finite."""
    saves_ci: Ends | None = None
    """Its two-sided interval at 99 %; above 0 where leaving the effect out is known to save
    something. None in a report of an earlier version."""


def deployment_results(
    chips: Sequence[DeployedNetworks], judged: Sequence[Judgement]
) -> tuple[DeploymentResult, ...]:
    """What a report says of each time, from the chips that were looked at for its verdict.

    Args:
        chips: All chips; empty without a deployment.
        judged: What each time was judged to be.
    """
    return tuple(
        DeploymentResult.of([chip.networks[place] for chip in chips[: part.looks[-1].chips]], part)
        for place, part in enumerate(judged)
    )
