"""The report as tables on a console."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neurograd.report import format as show
from neurograd.report.content import (
    MITIGATION,
    SMOOTHING,
    TABLES,
    Column,
    contributions,
    heading,
    mitigation_rows,
    mitigation_title,
    smoothing,
    smoothing_rows,
    training_rows,
)

_COLOURS = {"tolerated": "bold green", "not tolerated": "bold red", "inconclusive": "bold yellow"}


def render_report(report: dict[str, Any], console: Console) -> None:
    """Print a report: moments, prediction beside measurement, training, verdict and reasons.

    Args:
        report: The report as JSON types.
        console: Where to print; widths adapt down to 80 columns.
    """
    name = escape(report["spec"]["name"])
    quick = " (quick look)" if report["quick"] else ""
    console.print(f"[bold]{name}[/bold]{quick}")
    console.print(escape(heading(report)), highlight=False)
    console.print()
    if report["points"]:
        for title, columns in TABLES:
            console.print(_points_table(title, columns, report["points"], console.width))
    sentence = smoothing(report)
    if sentence is not None:
        console.print(_smoothing_table(report))
        console.print(Text(sentence + "\n"))
    console.print(_training_table(report))
    ranked = contributions(report)
    if ranked is not None:
        console.print(_contributions_table(*ranked))
    if report["mitigation"] is not None:
        _print_mitigation(report, console)
    _print_verdict(report, console)


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        show_edge=False,
    )


def _points_table(
    title: str, columns: tuple[Column, ...], points: list[dict[str, Any]], width: int
) -> Table:
    """One row a point, or one column a point where that does not fit."""
    cells = [[column.cell(point) for column in columns] for point in points]
    needed = sum(
        max(len(column.title), *(len(row[k]) for row in cells)) + 3
        for k, column in enumerate(columns)
    )
    table = _table(title)
    if needed <= width:
        for column in columns:
            table.add_column(column.title, justify="right", no_wrap=True)
        for row in cells:
            table.add_row(*row)
    else:
        table.add_column(columns[0].title, no_wrap=True)
        for row in cells:
            table.add_column(row[0], justify="right", overflow="fold")
        for k, column in enumerate(columns[1:], start=1):
            table.add_row(column.title, *(row[k] for row in cells))
    return _spaced(table)


def _smoothing_table(report: dict[str, Any]) -> Table:
    table = _table("Bias against the gradient of the smoothed loss, by s")
    for title, _ in SMOOTHING:
        table.add_column(title, justify="right", overflow="fold")
    for row in smoothing_rows(report):
        table.add_row(*row)
    return _spaced(table)


def _training_table(report: dict[str, Any]) -> Table:
    chip = report["training"]["chip"]
    table = _table("Training: clean network and chips side by side")
    table.add_column("", overflow="fold")
    table.add_column("clean", justify="right", no_wrap=True)
    count = f"{chip['chips']} chip{'s' if chip['chips'] != 1 else ''}"
    table.add_column(count, justify="right", no_wrap=True)
    table.add_column("interval", justify="right", overflow="fold")
    for row in training_rows(report):
        table.add_row(*row)
    return _spaced(table)


def _contributions_table(step: int, parts: list[dict[str, Any]]) -> Table:
    table = _table(f"What each effect adds to the predicted cost of a step, at step {step}")
    table.add_column("effect", overflow="fold")
    table.add_column("ΔL without it", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for part in parts:
        table.add_row(
            part["label"], show.number(part["predicted_without"]), show.percent(part["share"])
        )
    return _spaced(table)


def _print_mitigation(report: dict[str, Any], console: Console) -> None:
    """What each effect of a chip that fails costs over the whole training, and what to change."""
    rows = mitigation_rows(report)
    if rows:
        table = _table(mitigation_title(report))
        for title in MITIGATION:
            justify: Any = "right" if title else "left"
            table.add_column(title, justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(_spaced(table))
    console.print(Text("What to change", style="bold"))
    for sentence in report["mitigation"]["advice"]:
        console.print(Text(f"- {sentence}"))
    console.print()


def _spaced(table: Table) -> Table:
    table.caption = " "
    return table


def _print_verdict(report: dict[str, Any], console: Console) -> None:
    verdict = report["verdict"]
    console.print(Text(f"Verdict: {verdict}", style=_COLOURS[verdict]))
    for reason in report["reasons"]:
        console.print(Text(f"- {reason}"))
