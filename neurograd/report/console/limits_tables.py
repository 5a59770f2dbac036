"""How far each number may move, as a table and as sentences on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from neurograd.records.report import LimitsReport
from neurograd.report.console.layout import print_title, print_verdict, sheet_table
from neurograd.report.content.limits import (
    limit_sentences,
    limits_heading,
    limits_warnings,
    numbers_sheet,
    remedies_sheet,
    verdict_label,
)


def render_limits(report: LimitsReport, console: Console) -> None:
    """Print the limits, what training says of them, what else would help, and the verdict.

    Args:
        report: What was found.
        console: Where to print; widths adapt down to 80 columns.
    """
    print_title(report, console)
    console.print(Text(limits_heading(report)), soft_wrap=True)
    for warning in limits_warnings(report):
        console.print(Text(warning))
    console.print()
    console.print(sheet_table(numbers_sheet(report), console.width), highlight=False)
    for sentence in limit_sentences(report):
        console.print(Text(f"- {sentence}"))
    console.print()
    remedies = remedies_sheet(report)
    if remedies is not None:
        console.print(sheet_table(remedies, console.width), highlight=False)
    print_verdict(verdict_label(report), report.verdict, console)
    for reason in report.reasons:
        console.print(Text(f"- {reason}"))
    for note in report.notes:
        console.print(Text(f"Note: {note}"))
