"""What each effect of a chip costs, in one step and in the whole training, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neurograd import words
from neurograd.records.cost import Cost
from neurograd.records.mitigation import EffectCost, MitigationGuide
from neurograd.records.point import ContributionResult, PointResult, change_with
from neurograd.records.record import Number
from neurograd.records.report import CheckReport
from neurograd.report.content.sheet import Column, Sheet, percent

_MIXED = "Some effects lower the cost and others raise it, so parts of the whole would mean little."


def _tell(shares: Iterable[Number]) -> bool:
    """Whether parts of a whole can be told: none is unknown, negative or more than the whole."""
    return all(share is not None and 0 <= share <= 1 for share in shares)


def _shares(guide: MitigationGuide) -> list[Number]:
    """The share of each effect: 0 of one that saves nothing or nothing that is known."""
    if any(part.helps for part in guide.effects) or all(p.share is None for p in guide.effects):
        return [part.share for part in guide.effects]
    return [
        0.0 if part.share is None and part.saves is not None and part.saves <= 0 else part.share
        for part in guide.effects
    ]


def _are_mixed(point: PointResult) -> bool:
    """Whether some effects lower what others raise, at a step."""
    if any(part.share is not None and part.share < 0 for part in point.contributions):
        return True  # a report of an earlier version
    if not point.contributions:
        return False
    whole = change_with(point, point.contributions[0])
    if whole is None:
        return False
    left = [part.predicted_without for part in point.contributions]
    gone = [whole - each for each in left if each is not None]
    known = words.ROUNDING * sum(abs(each) for each in (whole, *left) if each is not None)
    return any(each > known for each in gone) and any(each < -known for each in gone)


def contribution_columns(point: PointResult) -> tuple[Column[ContributionResult], ...]:
    """The columns of ``contributions_sheet`` at a point."""
    scale = point.loss

    def saves(part: ContributionResult) -> str:
        whole = change_with(point, part)
        if whole is None or part.predicted_without is None:
            return words.MISSING
        return words.number(whole - part.predicted_without, scale=scale)

    columns: tuple[Column[ContributionResult], ...] = (
        Column("effect", lambda part: part.label, text=True),
        Column(
            "ΔL without it",
            lambda part: words.number(part.predicted_without, scale=scale),
            term="delta_loss",
        ),
        Column("saves", saves, term="saves"),
    )
    if not _tell(part.share for part in point.contributions):
        return columns
    return (*columns, Column("share", lambda part: percent(part.share), term="share"))


def contributions_sheet(report: CheckReport) -> Sheet[ContributionResult] | None:
    """The effects at the point whose predicted cost is largest, ranked; None where unknown."""
    points = [point for point in report.points if point.contributions]
    if not points:
        return None
    worst = max(points, key=lambda point: point.delta_loss.predicted or 0.0)
    told = _tell(part.share for part in worst.contributions)
    why = _MIXED if _are_mixed(worst) else ""
    whole = words.number(change_with(worst, worst.contributions[0]), scale=worst.loss)
    closed = " in closed form" if worst.contributions[0].saves is not None else ""
    return Sheet(
        f"What each effect adds to the predicted cost of a step, at step {worst.step}",
        contribution_columns(worst),
        worst.contributions,
        note=f"With all effects ΔL is {whole}{closed}. "
        f"{'Shares of effects that need each other do not sum to 100 %.' if told else why}".strip(),
    )


@dataclass(frozen=True)
class MitigationRow:
    """An effect of a chip that fails, or the chip as a whole.

    Attributes:
        label: What it is.
        without: The chip without it, None where that is no question.
        alone: The ideal chip with it only.
        saves: What leaving it out saves.
        share: The same as a part of the whole cost.
        key: The spec's key behind it, empty for the whole chip and for none of its effects.
    """

    label: str
    without: Cost | None
    alone: Cost
    saves: str = ""
    share: str = ""
    key: str = ""

    @classmethod
    def of(cls, part: EffectCost, share: Number) -> MitigationRow:
        """The row of one effect, with its part of the whole."""
        return cls(
            part.label,
            part.without,
            part.alone,
            percent(part.saves),
            percent(share),
            part.key,
        )


def _cost_text(cost: Cost | None) -> str:
    return "" if cost is None else percent(cost.value)


def _cost_ends(cost: Cost | None) -> str:
    # The unit stands beside the value already, and a console has 80 columns.
    return "" if cost is None else words.percent_interval(cost.ci, unit="")


def mitigation_columns(guide: MitigationGuide) -> tuple[Column[MitigationRow], ...]:
    """The columns of ``mitigation_sheet``."""
    at = words.confidence(guide.confidence)
    told = _tell(_shares(guide))
    share: Column[MitigationRow] = Column("share", lambda row: row.share, term="share")
    return (
        Column("", lambda row: row.label, text=True),
        Column("without it", lambda row: _cost_text(row.without)),
        Column(f"at {at}", lambda row: _cost_ends(row.without), term="interval"),
        Column("only it", lambda row: _cost_text(row.alone)),
        Column(f"at {at}", lambda row: _cost_ends(row.alone), term="interval"),
        Column("saves", lambda row: row.saves, term="saves"),
        *([share] if told else []),
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
    shares = _shares(guide)
    mixed = _MIXED if any(part.helps for part in guide.effects) else ""
    rows = (
        MitigationRow(WHOLE, None, guide.whole),
        *(MitigationRow.of(*pair) for pair in zip(guide.effects, shares, strict=True)),
        MitigationRow(NO_EFFECT, None, guide.ideal),
    )
    return Sheet(
        f"What the {guide.noun} comes from, predicted",
        mitigation_columns(guide),
        rows,
        note="Saves: what leaving the effect out takes from the whole chip's cost. "
        f"{_OVERLAP if _tell(shares) else mixed}".strip(),
    )


_OVERLAP = "Shares of effects that act together or overlap do not sum to 100 %."
