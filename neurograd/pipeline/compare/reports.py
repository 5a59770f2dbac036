"""Two reports: the difference of their costs, in pairs of chips where both hold them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.judge.difference import Difference, Terms, compare_chips, compare_intervals
from neurograd.judge.verdict import Cost
from neurograd.pipeline.compare.result import ComparisonResult, Placed, result_of
from neurograd.records.comparison import KeptChip, SideResult, kept_chips
from neurograd.records.cost import JudgedCost
from neurograd.records.report import CheckReport, Report

OWN_TWINS = (
    "The difference is that of two costs, each against its own clean twins and with an interval of "
    "its own: as if they had no test sample in common, so that it may be wider than need be."
)
"""What is to be known of a difference that is not in pairs."""

_Costs = tuple[JudgedCost, JudgedCost]


def compare_reports(
    a: Report, b: Report, *, sources: tuple[str, str] = ("A", "B"), margin: float | None = None
) -> ComparisonResult:
    """Say of two reports whether the second one's chips are worse; nothing is trained.

    Chips are compared in pairs, sample by sample, where both reports hold them and were made from
    the same data; otherwise the intervals of the two costs are compared.

    Args:
        a: The report that the second one is compared with.
        b: The second report.
        sources: What the result calls them, such as their files.
        margin: Cost beyond A's that is no harm, 0 to 1; what A's report allows when None.
    """
    sides = [SideResult.of(report, source) for report, source in zip((a, b), sources, strict=True)]
    first, second = _costs(a), _costs(b)
    if a.design.training.steps == b.design.training.steps == 0:
        first.pop(None, None)
    found: list[Placed] = []
    notes = _notes(a, b, sides)
    for time in [time for time in first if time in second]:
        costs = first[time], second[time]
        if not all(math.isfinite(cost.value) for cost in costs):
            notes.append(
                "Chips diverged in a report of an earlier version: its cost has no number."
            )
        elif costs[0].kind != costs[1].kind:
            notes.append(f"A has {costs[0].a_noun}, B {costs[1].a_noun}: they are not compared.")
        else:
            found.append((time, _difference(a, b, time, costs, margin)))
    if found:
        notes += _of_chips(sides, paired=all(each.paired for _, each in found))
    if any(not each.paired for _, each in found):
        notes.append(OWN_TWINS)
    return result_of(sides[0], sides[1], found, notes)


def _costs(report: Report) -> dict[float | None, JudgedCost]:
    """The trained costs of a report by their seconds after programming, None for the training.

    Empty for a report of limits from before the spec as it is was trained.
    """
    if isinstance(report, CheckReport):
        found: dict[float | None, JudgedCost] = {None: report.training.cost}
        found.update({part.time: part.cost for part in report.deployment})
        return found
    return {} if report.trained is None else {report.trained_time: report.trained}


def _difference(
    a: Report, b: Report, time: float | None, costs: _Costs, margin: float | None
) -> Difference:
    first, second = costs
    pairs = _pairs(a, b, time)
    terms = Terms(
        kind=first.kind,
        margin=first.allowed if margin is None else margin,
        confidence=first.bound_confidence or 0.5 * (1.0 + first.confidence),
        start_loss=_start_loss(a),
        clean_loss=a.training.clean.loss if isinstance(a, CheckReport) else 0.0,
        learned=first.clean_learned,
    )
    if pairs is not None:
        return compare_chips(terms, *pairs)
    chips = min(_chips(a, first), _chips(b, second))
    return compare_intervals(terms, _cost(first), _cost(second), chips)


def _chips(report: Report, cost: JudgedCost) -> int:
    """Chips that a cost was measured on; 0 where that is not kept."""
    if cost.looks:
        return cost.looks[-1].chips
    return report.training.chip.chips if isinstance(report, CheckReport) else 0


def _start_loss(report: Report) -> float:
    """Training loss before the first step, 0 where it is not kept."""
    if not isinstance(report, CheckReport):
        return 0.0
    return report.training.clean.curve.train_loss[0] or 0.0


def _cost(cost: JudgedCost) -> Cost:
    return Cost(cost.value, cost.ci, cost.confidence)


def _pairs(
    a: Report, b: Report, time: float | None
) -> tuple[list[KeptChip], list[KeptChip]] | None:
    """Chips that are compared one by one; None where the reports do not hold them."""
    if not (isinstance(a, CheckReport) and isinstance(b, CheckReport)):
        return None
    if a.data is None or b.data is None or a.data.digest != b.data.digest:
        return None
    first, second = kept_chips(a, time), kept_chips(b, time)
    steps = a.design.training.steps
    if not first or not second or (not a.training.cost.is_accuracy and steps == 0):
        return None
    count = min(len(first), len(second))
    return first[:count], second[:count]


def _of_chips(sides: Sequence[SideResult], *, paired: bool) -> list[str]:
    """Which chips are compared, where one report has more of them."""
    counts = [side.chips for side in sides]
    if None in counts or counts[0] == counts[1]:
        return []
    compared = (
        "as many of each as both have are compared"
        if paired
        else "all of each are compared, by the intervals of their costs"
    )
    return [f"A has {counts[0]} chips and B {counts[1]}: {compared}."]


def _notes(a: Report, b: Report, sides: Sequence[SideResult]) -> list[str]:
    """What differs beside the keys, and what was not compared."""
    notes = []
    if sides[0].data is None or sides[1].data is None:
        notes.append("A report does not say which data it was made from.")
    elif sides[0].data != sides[1].data:
        notes.append("Made from other data: test samples are not the same ones.")
    if set(_costs(a)) != set(_costs(b)):
        notes.append("The reports have costs at other times: what both have is compared.")
    return notes
