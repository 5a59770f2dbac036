"""Two designs side by side, as tables on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from neurograd.records.comparison import ComparisonReport
from neurograd.report.console.layout import sheet_table
from neurograd.report.content.comparisons import differences_sheet, keys_sheet, sides_sheet

_COLOURS = {"not worse": "green", "worse": "red", "not told apart": "yellow"}


def render_comparison(report: ComparisonReport, console: Console) -> None:
    """Print a comparison: the keys that differ, both designs, the difference and the answer.

    Args:
        report: What was found.
        console: Where to print; widths adapt down to 80 columns.
    """
    for letter, side in (("A", report.a), ("B", report.b)):
        console.print(Text.assemble((letter, "bold"), f" {side.source}"), soft_wrap=True)
    console.print()
    for sheet in (keys_sheet(report), sides_sheet(report), differences_sheet(report)):
        if sheet is not None:
            console.print(sheet_table(sheet, console.width))
    answer = report.answer.value
    console.print(Text(f"B is {answer}", style=f"bold {_COLOURS[answer]}"))
    for line in (
        *(f"- {reason}" for reason in report.reasons),
        *(f"Note: {n}" for n in report.notes),
    ):
        console.print(Text(line))
