"""Numbers that are not known exactly, as a table."""

from __future__ import annotations

from neurograd import words
from neurograd.records.limits import RangedNumber
from neurograd.records.report import CheckReport
from neurograd.report.content.sheet import Column, Sheet


def ranges_sheet(report: CheckReport) -> Sheet[RangedNumber] | None:
    """What is known of each number and what the forecasts over it say; None where all are known."""
    found = report.ranges
    if found is None:
        return None
    level = words.confidence(found.confidence)
    columns: tuple[Column[RangedNumber], ...] = (
        Column("number", lambda n: n.key.removeprefix("device."), text=True),
        Column("known as", lambda n: n.known, text=True),
        Column("part of the variance", lambda n: words.percent(n.share, decimals=0)),
        Column(f"roughly, at {level}", _interval),
    )
    title = f"Numbers that are not known exactly: {len(found.draws)} draws, predicted"
    return Sheet(title, columns, found.numbers, note=" ".join(found.sentences))


def _interval(number: RangedNumber) -> str:
    if number.share is None:
        return words.MISSING
    return words.percent_interval(number.share_ci)
