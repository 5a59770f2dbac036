"""The trainings of the clean network and of the chips, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from neurograd import words
from neurograd.records.cost import Cost, ForecastResult, JudgedCost
from neurograd.records.report import CheckReport
from neurograd.report.content.sheet import Column, Sheet, percent

_DIGITS = 12
"""Digits of a digest that are shown; the JSON has all."""


@dataclass(frozen=True)
class TrainingRow:
    """A number of the clean network beside that of the chips."""

    label: str
    clean: str
    chip: str
    interval: str


def training_sheet(report: CheckReport) -> Sheet[TrainingRow]:
    """Clean network and chips side by side."""
    count, twins = report.training.chip.chips, report.training.clean.twins
    columns: tuple[Column[TrainingRow], ...] = (
        Column("", lambda r: r.label, text=True),
        Column("clean" if twins == 1 else f"{twins} clean", lambda r: r.clean, term="clean"),
        Column(f"{count} chip{'s' if count != 1 else ''}", lambda r: r.chip),
        Column("interval", lambda r: r.interval, term="interval"),
    )
    title = "Training: clean network and chips side by side"
    return Sheet(title, columns, tuple(_training_rows(report)), note=" ".join(_of_data(report)))


def _of_data(report: CheckReport) -> list[str]:
    """Which test set the cost is on, and which data the report was made from."""
    cost, data = report.training.cost, report.data
    found = []
    if cost.test_samples is not None:
        found.append(
            f"The cost is that on this test set of {words.counted(cost.test_samples, 'sample')}."
        )
    if data is not None:
        shape = "×".join(str(size) for size in data.sample_shape)
        kind = "values" if data.classes is None else f"{data.classes} classes"
        found.append(
            f"Data: {data.train_samples} training and "
            f"{words.counted(data.test_samples, 'test sample')} of {shape} "
            f"inputs, {kind} as targets, digest {data.digest[:_DIGITS]}."
        )
        if data.start_weights is not None:
            found.append(f"Start weights: digest {data.start_weights[:_DIGITS]}.")
    return found


def _training_rows(report: CheckReport) -> list[TrainingRow]:
    training, at = report.training, f" at {words.confidence(report.training.cost.confidence)}"
    clean, chip, cost = training.clean, training.chip, training.cost
    rows = [
        TrainingRow("training loss", words.number(clean.loss), words.number(chip.loss), ""),
        TrainingRow("test loss", words.number(clean.test_loss), words.number(chip.test_loss), ""),
    ]
    if clean.test_accuracy is not None:
        rows.append(
            TrainingRow(
                "test accuracy",
                percent(clean.test_accuracy),
                percent(chip.test_accuracy),
                f"{words.percent_interval(chip.test_accuracy_ci)}{at}",
            )
        )
    rows.append(_cost_row(f"{cost.noun}, allowed {words.typed_percent(cost.allowed)}", cost, at))
    if cost.bound_confidence is not None:
        rows.append(_bounds_row(cost, cost.bound_confidence))
    if training.forecast is not None:
        rows.append(_forecast_row(training.forecast, cost.noun, at))
    rows.append(
        TrainingRow(
            "excess loss, measured",
            "",
            words.number(training.measured_excess_loss),
            f"{words.interval(training.measured_excess_loss_ci)}{at}",
        )
    )
    if training.predicted_excess_loss is not None:
        rows.append(
            TrainingRow(
                "excess loss, predicted",
                "",
                words.number(training.predicted_excess_loss),
                f"{words.interval(training.predicted_excess_loss_ci)}{at}",
            )
        )
    return rows


def _cost_row(label: str, cost: Cost, at: str) -> TrainingRow:
    return TrainingRow(label, "", percent(cost.value), f"{words.percent_interval(cost.ci)}{at}")


def _bounds_row(cost: JudgedCost, level: float) -> TrainingRow:
    """The two one-sided bounds, of which one may decide."""
    ends = words.percent_interval((cost.lower_bound, cost.upper_bound))
    return TrainingRow("its one-sided bounds", "", "", f"{ends} at {words.confidence(level)} each")


def _forecast_row(forecast: ForecastResult, noun: str, at: str) -> TrainingRow:
    return _cost_row(f"{noun}, predicted without training", forecast.cost, at)
