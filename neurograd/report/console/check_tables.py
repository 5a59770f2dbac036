"""The report of a check as tables on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from neurograd.records.mitigation import MitigationGuide
from neurograd.records.report import CheckReport
from neurograd.report.console.layout import print_title, print_verdict, sheet_table
from neurograd.report.content import (
    BESIDE,
    contributions_sheet,
    deployment_sheet,
    heading,
    mitigation_sheet,
    point_sheets,
    ranges_sheet,
    smoothing_sheet,
    training_sheet,
)


def render_report(report: CheckReport, console: Console) -> None:
    """Print a report: moments, prediction beside measurement, training, verdict and reasons.

    Args:
        report: What was found.
        console: Where to print; widths adapt down to 80 columns.
    """
    print_title(report, console)
    console.print(Text(heading(report)))
    console.print()
    for points in point_sheets(report):
        console.print(sheet_table(points, console.width))
    smoothing = smoothing_sheet(report)
    if smoothing is not None:
        console.print(sheet_table(smoothing, console.width))
        console.print(Text(f"{smoothing.note}\n"))
    training = training_sheet(report)
    console.print(sheet_table(training, console.width))
    if training.note:
        console.print(Text(f"{training.note}\n"))
    aged = deployment_sheet(report)
    if aged is not None:
        console.print(sheet_table(aged, console.width))
        console.print(Text(f"{aged.note}\n"))
    _print_ranges(report, console)
    ranked = contributions_sheet(report)
    if ranked is not None:
        console.print(sheet_table(ranked, console.width))
        console.print(Text(f"{ranked.note}\n"))
    effects = mitigation_sheet(report)
    if effects is not None:
        console.print(sheet_table(effects, console.width))
        console.print(Text(f"{effects.note}\n"))
    if report.mitigation is not None:
        _print_advice(report.mitigation, console)
    print_verdict("Verdict", report.verdict, console)
    for reason in report.decided_by:
        console.print(Text(f"- {reason}"))
    if report.beside:
        console.print(Text(BESIDE))
    for sentence in report.beside:
        console.print(Text(f"- {sentence}"))
    for note in report.notes:
        console.print(Text(f"Note: {note}"))


def _print_ranges(report: CheckReport, console: Console) -> None:
    sheet = ranges_sheet(report)
    if report.ranges is None or sheet is None:
        return
    console.print(sheet_table(sheet, console.width))
    for sentence in report.ranges.sentences:
        console.print(Text(f"- {sentence}"))
    console.print()


def _print_advice(guide: MitigationGuide, console: Console) -> None:
    console.print(Text("What to change", style="bold"))
    for sentence in guide.advice:
        console.print(Text(f"- {sentence}"))
    console.print()
