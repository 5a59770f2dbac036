"""Two designs side by side, as tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurograd import words
from neurograd.records.comparison import (
    ComparisonReport,
    DifferenceResult,
    KeyDifference,
    SideResult,
)
from neurograd.report.content.sheet import Column, Sheet, percent


@dataclass(frozen=True)
class SideRow:
    """A number of A beside that of B."""

    label: str
    a: str
    b: str


def keys_sheet(report: ComparisonReport) -> Sheet[KeyDifference] | None:
    """The keys in which the specs differ; None where they differ in none."""
    if not report.keys:
        return None
    columns: tuple[Column[KeyDifference], ...] = (
        Column("key", lambda each: each.key, text=True),
        Column("A", lambda each: _value(each.a)),
        Column("B", lambda each: _value(each.b)),
    )
    return Sheet("Keys in which the specs differ", columns, report.keys)


def sides_sheet(report: ComparisonReport) -> Sheet[SideRow]:
    """Both designs, each against its own clean twins and its own targets."""
    deployed = any(side.time is not None for side in (report.a, report.b))
    sides = _SIDES if deployed else [each for each in _SIDES if each[0] != _AFTER]
    rows = [SideRow(label, cell(report.a), cell(report.b)) for label, cell in sides]
    columns: tuple[Column[SideRow], ...] = (
        Column("", lambda row: row.label, text=True),
        Column("A", lambda row: row.a),
        Column("B", lambda row: row.b),
    )
    kept = [row for row in rows if {row.a, row.b} != {words.MISSING}]
    return Sheet("Each against its own clean twins", columns, tuple(kept))


def differences_sheet(report: ComparisonReport) -> Sheet[DifferenceResult] | None:
    """What B costs more than A, after training and after programming; None without a number."""
    if not report.differences:
        return None
    columns: tuple[Column[DifferenceResult], ...] = (
        Column("after", lambda d: _after(d.time), text=True),
        Column(
            "pairs" if report.differences[0].paired else "chips", lambda d: _compared(report, d)
        ),
        Column("B − A", lambda d: percent(d.value)),
        Column("interval", lambda d: f"{_ends(d.ci)} at {words.confidence(d.confidence)}"),
        Column("bounds", _bounds),
        Column("margin", lambda d: words.typed_percent(d.margin)),
        Column("B is", lambda d: d.answer.value, text=True),
    )
    return Sheet("What B costs more than A", columns, report.differences)


def _compared(report: ComparisonReport, found: DifferenceResult) -> str:
    """How many chips a difference rests on: of two intervals all that each side has."""
    counts = report.a.chips, report.b.chips
    if found.paired or None in counts or counts[0] == counts[1]:
        return str(found.chips)
    return f"{counts[0]} and {counts[1]}"


def _value(value: Any) -> str:
    if value is None:
        return words.MISSING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ends(ends: tuple[Any, Any]) -> str:
    return words.percent_interval(ends)


def _bounds(found: DifferenceResult) -> str:
    ends = _ends((found.lower_bound, found.upper_bound))
    return f"{ends} at {words.confidence(found.bound_confidence)} each"


def _after(time: float | None) -> str:
    """After what a number is: the training, or a time since programming."""
    return "training" if time is None else words.duration(time)


def _cost(side: SideResult) -> str:
    if side.cost is None:
        return words.MISSING
    ends = words.percent_interval(side.cost.ci, unit="")
    return f"{percent(side.cost.value)} ({ends} at {words.confidence(side.cost.confidence)})"


def _allowed(side: SideResult) -> str:
    return words.MISSING if side.cost is None else words.typed_percent(side.cost.allowed)


_AFTER = "chips after"

_SIDES: tuple[tuple[str, Callable[[SideResult], str]], ...] = (
    ("name", lambda side: side.name),
    ("verdict", lambda side: side.verdict.value),
    (_AFTER, lambda side: words.MISSING if side.cost is None else _after(side.time)),
    ("chips", lambda side: words.MISSING if side.chips is None else str(side.chips)),
    ("clean test accuracy", lambda side: percent(side.clean_accuracy)),
    ("test accuracy", lambda side: percent(side.chip_accuracy)),
    ("clean training loss", lambda side: words.number(side.clean_loss)),
    ("training loss", lambda side: words.number(side.chip_loss)),
    ("cost", _cost),
    ("allowed", _allowed),
)
