"""What a sweep does at each point, and which numbers of it become the row of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from neurograd.errors import DivergenceError, NeurogradError
from neurograd.output import plain
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.check import (
    CheckResult,
    CleanTraining,
    check,
    clean_task,
    quick_spec,
    train_beside,
    train_clean,
)
from neurograd.pipeline.forecasting import CLEAN, forecast, forecast_network
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
        evaluate: Makes a report of a spec, where to compute, whether quick, and the clean twin.
        row: Takes the columns from the report.
    """

    columns: tuple[str, ...]
    needs_snapshots: bool
    clean: Callable[[Spec, str, bool], CleanTraining]
    evaluate: Callable[[Spec, str, bool, CleanTraining], dict[str, Any]]
    row: Callable[[dict[str, Any]], Row]


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
    chosen = MODES[mode]
    return {**chosen.row(chosen.evaluate(spec, device, quick, clean)), ERROR: None}


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


def _train(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> dict[str, Any]:
    return _report(train_beside(spec, device=device, quick=quick, clean=clean))


def _check(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> dict[str, Any]:
    # Rows have no room for a guide to the effects.
    return _report(check(spec, device=device, quick=quick, clean=clean, mitigation=False))


def _predict_clean(spec: Spec, device: str, quick: bool) -> CleanTraining:
    spec = quick_spec(spec) if quick else spec
    predicted = forecast_network(spec, build_problem(spec, device), CLEAN)
    if predicted["diverged"]:
        raise DivergenceError(
            f"training.step_size: the clean training is predicted to diverge at step size "
            f"{spec.training.step_size:g}; allowed: a step size at which it trains"
        )
    return CleanTraining(clean_task(spec, torch.device(device)), plain(predicted), {})


def _predict(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> dict[str, Any]:
    """The forecast in the form of a report's training."""
    spec = quick_spec(spec) if quick else spec
    problem = build_problem(spec, device)
    found = forecast(spec, problem, clean=clean.result)
    training = {
        "cost": found.judgement.cost_dict(),
        "clean": {"test_accuracy": found.clean_accuracy, "loss": found.clean_loss},
        "chip": {
            "test_accuracy": found.chip_accuracy,
            "test_accuracy_ci": None,
            "loss": found.chip_loss,
            "chips": spec.training.seeds,
            "diverged": found.diverged,
        },
    }
    report: dict[str, Any] = plain(
        {
            "verdict": found.judgement.verdict.value,
            "num_parameters": problem.num_parameters,
            "training": training,
        }
    )
    return report


def _report(result: CheckResult) -> dict[str, Any]:
    return result.report


def _trained_row(report: dict[str, Any]) -> Row:
    training = report["training"]
    cost, clean, chip = training["cost"], training["clean"], training["chip"]
    accuracy = chip["test_accuracy_ci"] or (None, None)
    values = (
        report["verdict"],
        cost["kind"],
        cost["value"],
        *cost["ci"],
        cost["confidence"],
        cost["allowed"],
        cost["clean_learned"],
        clean["test_accuracy"],
        chip["test_accuracy"],
        *accuracy,
        clean["loss"],
        chip["loss"],
        chip["chips"],
        chip["diverged"],
        report["num_parameters"],
    )
    return dict(zip(_TRAINED, values, strict=True))


def _checked_row(report: dict[str, Any]) -> Row:
    """The trained row with the numbers of the last point of the clean training."""
    training, point = report["training"], report["points"][-1]
    moments, change = point["moments"], point["delta_loss"]
    values = (
        moments["b"],
        *moments["b_ci"],
        moments["total_variance"],
        moments["inverse_noise_ratio"],
        moments["gain"],
        moments["cosine"],
        change["predicted"],
        change["measured"],
        *change["measured_ci"],
        point["descent"]["exact_margin"],
        training["predicted_excess_loss"],
        training["measured_excess_loss"],
    )
    return {**_trained_row(report), **dict(zip(_MEASURED, values, strict=True))}


MODES: Mapping[str, Mode] = {
    "train": Mode(_TRAINED, False, _clean, _train, _trained_row),
    "check": Mode((*_TRAINED, *_MEASURED), True, _clean, _check, _checked_row),
    "predict": Mode(_TRAINED, False, _predict_clean, _predict, _trained_row),
}
"""The modes by name."""
