"""What a sweep does at each point, and which numbers of it become the row of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neurograd.errors import DivergenceError, NeurogradError
from neurograd.output import plain
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import (
    CleanTraining,
    check,
    quick_spec,
    train_beside,
    train_clean,
)
from neurograd.pipeline.forecasting import CLEAN, forecast, forecast_network
from neurograd.pipeline.identity import CleanTask
from neurograd.records.cost import ForecastResult, JudgedCost
from neurograd.records.report import CheckReport
from neurograd.records.training import PredictedNetwork, TrainedNetwork
from neurograd.spec import Spec

Row = dict[str, Any]
"""Column names to a text, a number, a truth value or None."""

_TRAINED = (
    "verdict",
    "cost_kind",
    "cost",
    "cost_low",
    "cost_high",
    "confidence",
    "allowed",
    "clean_learned",
    "clean_accuracy",
    "chip_accuracy",
    "chip_accuracy_low",
    "chip_accuracy_high",
    "clean_loss",
    "chip_loss",
    "chips",
    "diverged",
    "num_parameters",
)
_MEASURED = (
    "final_b",
    "final_b_low",
    "final_b_high",
    "final_total_variance",
    "final_inverse_noise_ratio",
    "final_gain",
    "final_cosine",
    "final_predicted_loss_change",
    "final_measured_loss_change",
    "final_measured_loss_change_low",
    "final_measured_loss_change_high",
    "final_exact_margin",
    "predicted_excess_loss",
    "measured_excess_loss",
)
ERROR = "error"
"""Last column: why a point has no numbers; empty where it has."""


@dataclass(frozen=True)
class Mode:
    """What is evaluated at a point.

    Attributes:
        columns: Columns of the row behind the swept keys, without the error.
        needs_snapshots: Whether it needs the weights along the clean training.
        clean: Makes the clean twin of a spec, given where to compute and whether quick; points
            that differ only in the device, the targets or the number of chips share it.
        clean_kind: The record of that clean twin.
        evaluate: Makes the columns of a spec, where to compute, whether quick, and the clean twin.
    """

    columns: tuple[str, ...]
    needs_snapshots: bool
    clean: Callable[[Spec, str, bool], CleanTraining]
    clean_kind: type[TrainedNetwork | PredictedNetwork]
    evaluate: Callable[[Spec, str, bool, CleanTraining], Row]


def evaluate(spec: Spec, mode: str, *, device: str, quick: bool, clean: CleanTraining) -> Row:
    """One point of a sweep as the row of its table, without the swept keys.

    Args:
        spec: The point's spec.
        mode: A name of ``MODES``.
        device: Where to compute.
        quick: Whether the spec is the smaller version (``quick_spec``).
        clean: The clean twin's training.

    Raises:
        NeurogradError: If the point cannot be evaluated.
    """
    return {**MODES[mode].evaluate(spec, device, quick, clean), ERROR: None}


def empty_row(mode: str, error: str) -> Row:
    """The row of a point that has no numbers."""
    return {**dict.fromkeys(MODES[mode].columns), ERROR: error}


def check_mode(mode: str) -> None:
    """Refuse a mode that is not there.

    Raises:
        NeurogradError: With one line that names those that are.
    """
    if mode not in MODES:
        raise NeurogradError(f"--mode: {mode!r} is unknown; allowed: {', '.join(MODES)}")


def _clean(spec: Spec, device: str, quick: bool) -> CleanTraining:
    return train_clean(spec, device=device, quick=quick)


def _train(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> Row:
    return _trained_row(train_beside(spec, device=device, quick=quick, clean=clean).record)


def _check(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> Row:
    # Rows have no room for a guide to the effects.
    found = check(spec, device=device, quick=quick, clean=clean, mitigation=False)
    return _checked_row(found.record)


def _predict_clean(spec: Spec, device: str, quick: bool) -> CleanTraining:
    spec = quick_spec(spec) if quick else spec
    predicted = forecast_network(spec, build_problem(spec, device), CLEAN)
    if predicted.diverged:
        raise DivergenceError(
            f"training.step_size: the clean training is predicted to diverge at step size "
            f"{spec.training.step_size:g}; allowed: a step size at which it trains"
        )
    return CleanTraining(CleanTask.of(spec, device), predicted, {})


def _predict(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> Row:
    """The forecast in the columns of a training."""
    spec = quick_spec(spec) if quick else spec
    problem = build_problem(spec, device)
    assert isinstance(clean.result, PredictedNetwork)
    found = ForecastResult.of(forecast(spec, problem, clean=clean.result))
    return _row(
        _TRAINED,
        found.verdict.value,
        *_cost_columns(found.cost),
        found.clean_accuracy,
        found.chip_accuracy,
        None,
        None,
        found.clean_loss,
        found.chip_loss,
        spec.training.seeds,
        found.diverged,
        problem.num_parameters,
    )


def _trained_row(report: CheckReport) -> Row:
    training = report.training
    clean, chip = training.clean, training.chip
    return _row(
        _TRAINED,
        report.verdict.value,
        *_cost_columns(training.cost),
        clean.test_accuracy,
        chip.test_accuracy,
        *(chip.test_accuracy_ci or (None, None)),
        clean.loss,
        chip.loss,
        chip.chips,
        chip.diverged,
        report.num_parameters,
    )


def _cost_columns(cost: JudgedCost) -> tuple[Any, ...]:
    return cost.kind, cost.value, *cost.ci, cost.confidence, cost.allowed, cost.clean_learned


def _checked_row(report: CheckReport) -> Row:
    """The trained row with the numbers of the last point of the clean training."""
    training, point = report.training, report.points[-1]
    moments, change = point.moments, point.delta_loss
    measured = _row(
        _MEASURED,
        moments.b,
        *moments.b_ci,
        moments.total_variance,
        moments.inverse_noise_ratio,
        moments.gain,
        moments.cosine,
        change.predicted,
        change.measured,
        *change.measured_ci,
        point.descent.exact_margin,
        training.predicted_excess_loss,
        training.measured_excess_loss,
    )
    return {**_trained_row(report), **measured}


def _row(columns: tuple[str, ...], *values: Any) -> Row:
    row: Row = plain(dict(zip(columns, values, strict=True)))
    return row


MODES: Mapping[str, Mode] = {
    "train": Mode(_TRAINED, False, _clean, TrainedNetwork, _train),
    "check": Mode((*_TRAINED, *_MEASURED), True, _clean, TrainedNetwork, _check),
    "predict": Mode(_TRAINED, False, _predict_clean, PredictedNetwork, _predict),
}
"""The modes by name."""
