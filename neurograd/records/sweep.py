"""The numbers of one point of a sweep: the columns of its row, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from neurograd.judge.verdict import Verdict
from neurograd.records.cost import (
    AgedForecastResult,
    ForecastResult,
    JudgedCost,
    deciding_part,
)
from neurograd.records.record import Number, Record
from neurograd.records.report import CheckReport
from neurograd.records.training import DeploymentResult


class TrainedColumns(Record):
    """What a training, or a forecast in its place, says at a point."""

    verdict: Verdict
    cost_kind: str
    """``accuracy_drop`` or ``excess_loss``."""
    cost: Number
    """None (empty in the table) where chips diverged, in a table of an earlier version."""
    cost_low: Number
    cost_high: Number
    confidence: float
    """Confidence of the intervals but those of the last point."""
    allowed: float
    """Largest cost that the targets allow."""
    clean_learned: bool
    """Whether the clean network has anything to lose."""
    clean_accuracy: Number
    """None (empty in the table) where accuracy is undefined, as the three that follow."""
    chip_accuracy: Number
    chip_accuracy_low: Number
    """None (empty in the table) for a forecast, as the upper end."""
    chip_accuracy_high: Number
    clean_loss: Number
    chip_loss: Number
    """None (empty in the table) where a chip diverged."""
    chips: int
    diverged: int
    num_parameters: int
    cause: str | None
    """The effect that is named as the cause of the cost; None (empty in the table) where the chip
    is tolerated or no single effect is named."""
    deployed_time: Number = None
    """Seconds after programming at which the deployment costs most, as the five that follow; None
    (empty in the table) without a deployment, as these. The verdict counts all of its times."""
    deployed_accuracy: Number = None
    deployed_cost: Number = None
    deployed_cost_low: Number = None
    deployed_cost_high: Number = None
    deployed_allowed: Number = None
    """Largest cost that the targets allow a deployment."""
    decided_by: Literal["training", "deployment"] | None = None
    """Whose cost the verdict rests on most; None (empty in the table) without a deployment."""

    @classmethod
    def of(cls, report: CheckReport) -> TrainedColumns:
        """The columns of a trained point."""
        clean, chip = report.training.clean, report.training.chip
        low, high = chip.test_accuracy_ci or (None, None)
        return TrainedColumns(
            verdict=report.verdict,
            **_cost_columns(report.training.cost),
            clean_accuracy=clean.test_accuracy,
            chip_accuracy=chip.test_accuracy,
            chip_accuracy_low=low,
            chip_accuracy_high=high,
            clean_loss=clean.loss,
            chip_loss=chip.loss,
            chips=chip.chips,
            diverged=chip.diverged,
            num_parameters=report.num_parameters,
            cause=report.cause,
            **_deployed_columns(report.deployment, report.deciding[1]),
        )

    @classmethod
    def predicted(
        cls,
        found: ForecastResult,
        chips: int,
        num_parameters: int,
        cause: str | None,
        *,
        trains: bool = True,
    ) -> TrainedColumns:
        """The columns of a point whose training is predicted.

        Args:
            found: The forecast.
            chips: Number of chips that were predicted.
            num_parameters: N.
            cause: The effect that is named as the cause, None where none is.
            trains: Whether there is a training, whose cost counts beside a deployment's.
        """
        _, time = deciding_part(found.cost, found.deployment, trains=trains)
        return TrainedColumns(
            verdict=found.verdict,
            **_cost_columns(found.cost),
            clean_accuracy=found.clean_accuracy,
            chip_accuracy=found.chip_accuracy,
            chip_accuracy_low=None,
            chip_accuracy_high=None,
            clean_loss=found.clean_loss,
            chip_loss=found.chip_loss,
            chips=chips,
            diverged=found.diverged,
            num_parameters=num_parameters,
            cause=cause,
            **_deployed_columns(found.deployment, time),
        )


class CheckedColumns(TrainedColumns):
    """The same with what is measured at the last point of the clean training."""

    final_b: Number
    final_b_low: Number
    final_b_high: Number
    final_total_variance: Number
    final_inverse_noise_ratio: Number
    final_gain: Number
    final_cosine: Number
    final_predicted_loss_change: Number
    final_measured_loss_change: Number
    final_measured_loss_change_low: Number
    final_measured_loss_change_high: Number
    final_exact_margin: Number
    predicted_excess_loss: Number
    measured_excess_loss: Number

    @classmethod
    def of(cls, report: CheckReport) -> CheckedColumns:
        """The columns of a point that was measured as well."""
        training, point = report.training, report.points[-1]
        moments, change = point.moments, point.delta_loss
        return CheckedColumns(
            **TrainedColumns.of(report).model_dump(),
            final_b=moments.b,
            final_b_low=moments.b_ci[0],
            final_b_high=moments.b_ci[1],
            final_total_variance=moments.total_variance,
            final_inverse_noise_ratio=moments.inverse_noise_ratio,
            final_gain=moments.gain,
            final_cosine=moments.cosine,
            final_predicted_loss_change=change.predicted,
            final_measured_loss_change=change.measured,
            final_measured_loss_change_low=change.measured_ci[0],
            final_measured_loss_change_high=change.measured_ci[1],
            final_exact_margin=point.descent.exact_margin,
            predicted_excess_loss=training.predicted_excess_loss,
            measured_excess_loss=training.measured_excess_loss,
        )


DEPLOYED = {
    "chip_accuracy": "deployed_accuracy",
    "cost": "deployed_cost",
    "cost_low": "deployed_cost_low",
    "cost_high": "deployed_cost_high",
    "allowed": "deployed_allowed",
}
"""Columns of the training by those of the deployment that say the same of it."""


def decided(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for a reader: the numbers of the deployment where it decides, else of the training.

    A cost beside a verdict is that of the part which the verdict rests on most.
    """
    if row.get("decided_by") != "deployment":
        return dict(row)
    return {**row, **{name: row[other] for name, other in DEPLOYED.items()}}


def _deployed_columns(
    results: Sequence[DeploymentResult | AgedForecastResult], decided_time: float | None
) -> dict[str, Any]:
    if not results:
        return {}
    at_decided = [result for result in results if result.time == decided_time]
    worst = max(at_decided or results, key=lambda result: result.cost.value)
    return {
        "deployed_time": worst.time,
        "deployed_accuracy": worst.accuracy,
        "deployed_cost": worst.cost.value,
        "deployed_cost_low": worst.cost.ci[0],
        "deployed_cost_high": worst.cost.ci[1],
        "deployed_allowed": worst.cost.allowed,
        "decided_by": "training" if decided_time is None else "deployment",
    }


def _cost_columns(cost: JudgedCost) -> dict[str, Any]:
    return {
        "cost_kind": cost.kind,
        "cost": cost.value,
        "cost_low": cost.ci[0],
        "cost_high": cost.ci[1],
        "confidence": cost.confidence,
        "allowed": cost.allowed,
        "clean_learned": cost.clean_learned,
    }
