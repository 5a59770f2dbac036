"""What a sweep does at each point, and which numbers of it become the row of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neurograd.errors import DivergenceError, NeurogradError
from neurograd.explain.cause import cause_of
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.check import (
    CleanTraining,
    check,
    train_beside,
    train_clean,
)
from neurograd.pipeline.forecasting import forecast
from neurograd.pipeline.identity import CleanTask
from neurograd.pipeline.mitigating import chip_in_words
from neurograd.pipeline.predicted.network import CLEAN, forecast_network
from neurograd.records.cost import ForecastResult
from neurograd.records.json_form import to_json_dict
from neurograd.records.sweep import CheckedColumns, TrainedColumns
from neurograd.records.training import PredictedNetwork, TrainedNetwork
from neurograd.spec import Spec

Row = dict[str, Any]
"""Column names to a text, a number, a truth value or None."""

ERROR = "error"
"""Last column: why a point has no numbers; empty where it has."""


@dataclass(frozen=True)
class Mode:
    """What is evaluated at a point.

    Attributes:
        kind: The record whose fields are the columns of the row behind the swept keys, without
            the error.
        needs_snapshots: Whether it needs the weights along the clean training.
        clean: Makes the clean twin of a spec, given where to compute and whether quick; points
            that differ only in the device, the targets or the number of chips share it.
        clean_kind: The record of that clean twin.
        evaluate: Makes that record of a spec, where to compute, whether quick, and the clean twin.
    """

    kind: type[TrainedColumns]
    needs_snapshots: bool
    clean: Callable[[Spec, str, bool], CleanTraining]
    clean_kind: type[TrainedNetwork | PredictedNetwork]
    evaluate: Callable[[Spec, str, bool, CleanTraining], TrainedColumns]


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
    return {**to_json_dict(MODES[mode].evaluate(spec, device, quick, clean)), ERROR: None}


def empty_row(mode: str, error: str) -> Row:
    """The row of a point that has no numbers."""
    return {**dict.fromkeys(MODES[mode].kind.model_fields), ERROR: error}


def check_mode(mode: str) -> None:
    """Refuse a mode that is not there.

    Raises:
        NeurogradError: With one line that names those that are.
    """
    if mode not in MODES:
        raise NeurogradError(f"--mode: {mode!r} is unknown; allowed: {', '.join(MODES)}")


def check_trains(spec: Spec, mode: str) -> None:
    """Refuse a mode that measures updates for a spec that makes none.

    Raises:
        NeurogradError: With one line that names another mode.
    """
    if MODES[mode].needs_snapshots and not spec.training.trains:
        raise NeurogradError(
            f"--mode: {mode} measures updates, and training.steps is 0; allowed: train"
        )


def _clean(spec: Spec, device: str, quick: bool) -> CleanTraining:
    return train_clean(spec, device=device, quick=quick)


def _train(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> TrainedColumns:
    return TrainedColumns.of(train_beside(spec, device=device, quick=quick, clean=clean).record)


def _check(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> CheckedColumns:
    # Rows have no room for a guide to the effects.
    found = check(spec, device=device, quick=quick, clean=clean, mitigation=False)
    return CheckedColumns.of(found.record)


def _predict_clean(spec: Spec, device: str, quick: bool) -> CleanTraining:
    spec = quick_spec(spec) if quick else spec
    predicted = forecast_network(spec, build_problem(spec, device), CLEAN)
    if predicted.diverged:
        raise DivergenceError(
            f"training.step_size: the clean training is predicted to diverge at step size "
            f"{spec.training.largest_step_size:g}; allowed: a step size at which it trains"
        )
    return CleanTraining(CleanTask.of(spec, device), predicted, {})


def _predict(spec: Spec, device: str, quick: bool, clean: CleanTraining) -> TrainedColumns:
    """The forecast in the columns of a training."""
    spec = quick_spec(spec) if quick else spec
    problem = build_problem(spec, device)
    assert isinstance(clean.result, PredictedNetwork)
    found = forecast(spec, problem, clean=clean.result)
    chip = chip_in_words(spec, problem, clean.result.largest_weight)
    labels = [effect.label for effect in chip.effects]
    cause = cause_of(found.verdict, labels, window=chip.other_cause).label
    result = ForecastResult.of(found)
    counted = found.chips, problem.num_parameters
    return TrainedColumns.predicted(result, *counted, cause, trains=spec.training.trains)


MODES: Mapping[str, Mode] = {
    "train": Mode(TrainedColumns, False, _clean, TrainedNetwork, _train),
    "check": Mode(CheckedColumns, True, _clean, TrainedNetwork, _check),
    "predict": Mode(TrainedColumns, False, _predict_clean, PredictedNetwork, _predict),
}
"""The modes by name."""
