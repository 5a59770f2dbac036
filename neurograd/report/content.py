"""What a report shows, as tables of text: the console and the page have the same content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from neurograd import words
from neurograd.records.cost import Cost, ForecastResult
from neurograd.records.mitigation import EffectCost
from neurograd.records.point import ContributionResult, Descent, PointResult, ReferenceResult
from neurograd.records.record import Ends, Number
from neurograd.records.report import CheckReport

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column of a table.

    Attributes:
        title: Its heading.
        cell: Its text in a row.
        term: Key of its entry in the glossary, empty where there is none.
        text: Whether it holds words, which stand on the left and may be broken.
        page_only: Whether it is left out on a console, which has 80 columns.
    """

    title: str
    cell: Callable[[Row], str]
    term: str = ""
    text: bool = False
    page_only: bool = False


@dataclass(frozen=True)
class Sheet(Generic[Row]):
    """One table of a report.

    Attributes:
        title: Its heading.
        columns: Its columns.
        rows: What its rows are made of.
        turns: Whether a console that is too narrow shows its rows as columns.
        note: A sentence below it.
    """

    title: str
    columns: tuple[Column[Row], ...]
    rows: tuple[Row, ...]
    turns: bool = False
    note: str = ""

    def cells(self, *, page: bool = True) -> list[list[str]]:
        """The texts, row by row."""
        columns = self.shown(page=page)
        return [[column.cell(row) for column in columns] for row in self.rows]

    def shown(self, *, page: bool = True) -> list[Column[Row]]:
        """The columns of a page or of a console."""
        return [column for column in self.columns if page or not column.page_only]


def bound(value: Number, ends: Ends) -> str:
    """A size that cannot be below 0, or its upper bound where none was detected."""
    low, high = ends
    if low == 0:
        return "0" if high == 0 else f"< {words.number(high)}"
    return words.number(value)


def descends(descent: Descent) -> str:
    """Whether the expected step lowers the loss, as far as the interval of the margin tells."""
    low, high = descent.exact_margin_ci
    if low is None or high is None:
        return words.MISSING
    return "yes" if high < 0 else "no" if low > 0 else "unclear"


# -- Points ---------------------------------------------------------------------------------------

STEP: Column[PointResult] = Column("step", lambda p: str(p.step), "step")

MOMENTS: tuple[Column[PointResult], ...] = (
    STEP,
    Column("loss", lambda p: words.number(p.loss), "loss"),
    Column("‖g‖", lambda p: words.number(p.grad_norm), "grad_norm"),
    Column("b", lambda p: bound(p.moments.b, p.moments.b_ci), "b"),
    Column("b, 99 %", lambda p: words.interval(p.moments.b_ci), "b"),
    Column("σ²f(N)", lambda p: words.number(p.moments.total_variance), "total_variance"),
    Column("σ²f(N), 99 %", lambda p: words.interval(p.moments.total_variance_ci), "total_variance"),
    Column(
        "noise/‖g‖", lambda p: words.number(p.moments.inverse_noise_ratio), "inverse_noise_ratio"
    ),
    Column("gain", lambda p: words.number(p.moments.gain), "gain"),
    Column("cosine", lambda p: words.number(p.moments.cosine), "cosine"),
)

LOSS_CHANGE: tuple[Column[PointResult], ...] = (
    STEP,
    Column("by bias", lambda p: words.number(p.delta_loss.predicted_bias), "predicted_bias"),
    Column(
        "by noise", lambda p: words.number(p.delta_loss.predicted_variance), "predicted_variance"
    ),
    Column(
        "if white",
        lambda p: words.number(p.delta_loss.predicted_variance_white),
        "predicted_variance_white",
    ),
    Column("predicted ΔL", lambda p: words.number(p.delta_loss.predicted), "predicted"),
    Column("measured ΔL", lambda p: words.number(p.delta_loss.measured), "measured"),
    Column("measured, 99 %", lambda p: words.interval(p.delta_loss.measured_ci), "measured"),
    Column("agree", lambda p: words.yes_no(p.delta_loss.agree), "agree"),
)

THRESHOLDS: tuple[Column[PointResult], ...] = (
    STEP,
    Column("margin", lambda p: words.number(p.descent.exact_margin), "exact_margin"),
    Column("descent", lambda p: descends(p.descent), "exact_margin"),
    Column("λ max", lambda p: words.number(p.curvature.lambda_max), "lambda_max"),
    Column("λ min", lambda p: words.number(p.curvature.lambda_min), "lambda_min"),
    Column("λ limit", lambda p: words.number(p.descent.noise_threshold), "noise_threshold"),
    Column("r", lambda p: bound(p.descent.bias_ratio, p.descent.bias_ratio_ci), "bias_ratio"),
    Column("r safe", lambda p: words.number(p.descent.bias_threshold_safe), "bias_threshold_safe"),
    Column(
        "r printed",
        lambda p: words.number(p.descent.bias_threshold_published),
        "bias_threshold_published",
    ),
    Column("Tr H", lambda p: words.number(p.curvature.trace), "trace"),
    Column("ψ", lambda p: words.number(p.curvature.frobenius), "frobenius"),
    Column("aniso.", lambda p: words.number(p.curvature.anisotropy), "anisotropy"),
)


def point_sheets(report: CheckReport) -> list[Sheet[PointResult]]:
    """What is measured at the points; none where nothing was."""
    if not report.points:
        return []
    return [
        Sheet(title, columns, report.points, turns=True)
        for title, columns in (
            ("Moments of the chip's update", MOMENTS),
            ("Cost of one step: predicted and measured", LOSS_CHANGE),
            ("Descent: margins and thresholds", THRESHOLDS),
        )
    ]


# -- Smoothed loss --------------------------------------------------------------------------------


@dataclass(frozen=True)
class SmoothedRow:
    """A point with one s of its smoothed loss."""

    point: PointResult
    reference: ReferenceResult


SMOOTHING: tuple[Column[SmoothedRow], ...] = (
    Column("step", lambda r: str(r.point.step), term="step"),
    Column("s", lambda r: words.number(r.reference.s), term="smoothing"),
    Column("‖g‖", lambda r: words.number(r.reference.grad_norm), term="grad_norm"),
    Column("b", lambda r: bound(r.reference.b, r.reference.b_ci), term="b"),
    Column("b, 99 %", lambda r: words.interval(r.reference.b_ci), term="b"),
    Column("gain", lambda r: words.number(r.reference.gain), term="gain"),
    Column("cosine", lambda r: words.number(r.reference.cosine), term="cosine"),
    Column("cosine, 99 %", lambda r: words.interval(r.reference.cosine_ci), term="cosine"),
)


def smoothing_sheet(report: CheckReport) -> Sheet[SmoothedRow] | None:
    """The bias as a function of s, one row a point and s; None for a rate network."""
    rows = tuple(
        SmoothedRow(point, reference)
        for point in report.points
        if point.smoothing is not None
        for reference in point.smoothing.series
    )
    if not rows:
        return None
    s = next(point.smoothing.s for point in report.points if point.smoothing is not None)
    note = (
        "A spiking network's loss has no gradient: the reference is that of the loss smoothed over "
        f"normal noise of the weights with s = {words.number(s)}, and ΔL is counted from the loss "
        "before the step."
    )
    title = "Bias against the gradient of the smoothed loss, by s"
    return Sheet(title, SMOOTHING, rows, note=note)


# -- Training -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingRow:
    """A number of the clean network beside that of the chips."""

    label: str
    clean: str
    chip: str
    interval: str


def training_sheet(report: CheckReport) -> Sheet[TrainingRow]:
    """Clean network and chips side by side."""
    count = report.training.chip.chips
    columns: tuple[Column[TrainingRow], ...] = (
        Column("", lambda r: r.label, text=True),
        Column("clean", lambda r: r.clean, term="clean"),
        Column(f"{count} chip{'s' if count != 1 else ''}", lambda r: r.chip),
        Column("interval", lambda r: r.interval, term="interval"),
    )
    title = "Training: clean network and chips side by side"
    return Sheet(title, columns, tuple(_training_rows(report)))


def _training_rows(report: CheckReport) -> list[TrainingRow]:
    training, at = report.training, f" at {report.design.targets.confidence:.0%}"
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
    rows.append(_cost_row(f"{cost.noun}, allowed {percent(cost.allowed)}", cost, at))
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


def _forecast_row(forecast: ForecastResult, noun: str, at: str) -> TrainingRow:
    return _cost_row(f"{noun}, predicted without training", forecast.cost, at)


def percent(value: Number) -> str:
    """A fraction in percent, in a column's digits."""
    return words.percent(value, decimals=1)


# -- Effects --------------------------------------------------------------------------------------

CONTRIBUTIONS: tuple[Column[ContributionResult], ...] = (
    Column("effect", lambda part: part.label, text=True),
    Column("ΔL without it", lambda part: words.number(part.predicted_without), term="delta_loss"),
    Column("share", lambda part: percent(part.share), term="share"),
)


def contributions_sheet(report: CheckReport) -> Sheet[ContributionResult] | None:
    """The effects at the point whose predicted cost is largest, ranked; None where unknown."""
    points = [point for point in report.points if point.contributions]
    if not points:
        return None
    worst = max(points, key=lambda point: point.delta_loss.predicted or 0.0)
    return Sheet(
        f"What each effect adds to the predicted cost of a step, at step {worst.step}",
        CONTRIBUTIONS,
        worst.contributions,
        note="Shares of effects that need each other do not sum to 100 %.",
    )


@dataclass(frozen=True)
class MitigationRow:
    """An effect of a chip that fails, or the chip as a whole.

    Attributes:
        label: What it is.
        without: The chip without it, None where that is no question.
        alone: The ideal chip with it only.
        share: What it stands for.
        key: The spec's key behind it, empty for the whole chip and for none of its effects.
    """

    label: str
    without: Cost | None
    alone: Cost
    share: str = ""
    key: str = ""

    @classmethod
    def of(cls, part: EffectCost) -> MitigationRow:
        """The row of one effect."""
        return cls(part.label, part.without, part.alone, percent(part.share), part.key)


def _cost_text(cost: Cost | None) -> str:
    return "" if cost is None else percent(cost.value)


def _cost_ends(cost: Cost | None) -> str:
    # The unit stands beside the value already, and a console has 80 columns.
    return "" if cost is None else words.percent_interval(cost.ci, unit="")


MITIGATION: tuple[Column[MitigationRow], ...] = (
    Column("", lambda row: row.label, text=True),
    Column("without it", lambda row: _cost_text(row.without)),
    Column("interval", lambda row: _cost_ends(row.without), term="interval"),
    Column("only it", lambda row: _cost_text(row.alone)),
    Column("interval", lambda row: _cost_ends(row.alone), term="interval"),
    Column("share", lambda row: row.share, term="share"),
    Column("key of the spec", lambda row: row.key, text=True, page_only=True),
)

WHOLE, NO_EFFECT = "the whole chip", "none of them"


def mitigation_sheet(report: CheckReport) -> Sheet[MitigationRow] | None:
    """The effects by what leaving them out saves, below the whole chip and above none of them.

    None where there is nothing to compare.
    """
    guide = report.mitigation
    if guide is None or not guide.effects or guide.ideal is None:
        return None
    rows = (
        MitigationRow(WHOLE, None, guide.whole),
        *(MitigationRow.of(part) for part in guide.effects),
        MitigationRow(NO_EFFECT, None, guide.ideal),
    )
    return Sheet(
        f"What the {guide.noun} comes from, predicted",
        MITIGATION,
        rows,
        note="Share: the part of the whole chip's cost that leaving the effect out saves. Shares "
        "of effects that act together or overlap do not sum to 100 %.",
    )


# -- Heading --------------------------------------------------------------------------------------


def heading(report: CheckReport) -> str:
    """One line that says what was checked."""
    design = report.design
    network, rule = design.network, design.learning_rule
    layers = network.channels if network.architecture == "cnn" else network.hidden
    shape = "×".join(str(width) for width in layers or ()) or "single layer"
    batch = rule.batch_size
    batches = "full batch" if batch == "full" else f"batches of {batch}"
    if network.kind == "spiking" and network.surrogate is not None:
        neurons = f"spiking, {network.surrogate.name}, {network.time_steps} steps"
    else:
        neurons = f"{network.activation}"
    return (
        f"{report.num_parameters} weights ({network.architecture} {shape}, {neurons}), "
        f"{design.task.name}, {rule.name}, {batches}, Δt = {words.number(report.step_size)}, "
        f"{design.training.steps} steps"
    )
