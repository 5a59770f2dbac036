"""What each effect of a chip costs, in one step and in the whole training, as tables."""

from __future__ import annotations

from dataclasses import dataclass

from neurograd import words
from neurograd.records.cost import Cost
from neurograd.records.mitigation import EffectCost
from neurograd.records.point import ContributionResult
from neurograd.records.report import CheckReport
from neurograd.report.content.sheet import Column, Sheet, percent

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
        note=_OPPOSITE
        if all(part.share is None for part in worst.contributions)
        else "Shares of effects that need each other do not sum to 100 %.",
    )


_OPPOSITE = "Some of the effects lower what others raise: such parts are no shares of the whole."


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


def mitigation_columns(confidence: float) -> tuple[Column[MitigationRow], ...]:
    """The columns of ``mitigation_sheet``, whose intervals are at a confidence."""
    at = words.confidence(confidence)
    return (
        Column("", lambda row: row.label, text=True),
        Column("without it", lambda row: _cost_text(row.without)),
        Column(f"at {at}", lambda row: _cost_ends(row.without), term="interval"),
        Column("only it", lambda row: _cost_text(row.alone)),
        Column(f"at {at}", lambda row: _cost_ends(row.alone), term="interval"),
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
        mitigation_columns(guide.confidence),
        rows,
        note=_OPPOSITE
        if all(part.share is None for part in guide.effects)
        else "Share: the part of the whole chip's cost that leaving the effect out saves. Shares "
        "of effects that act together or overlap do not sum to 100 %.",
    )
