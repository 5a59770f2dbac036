"""What all tables on a console share: their style, their title and the colours of verdicts."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from neurograd.judge.verdict import Verdict
from neurograd.records.report import Report
from neurograd.report.content import Column, Sheet

COLOURS = {"tolerated": "green", "not tolerated": "red", "inconclusive": "yellow"}
"""Colours of verdicts."""


def print_title(report: Report, console: Console) -> None:
    """The spec's name, and whether it was a quick look."""
    quick = " (quick look)" if report.quick else ""
    console.print(Text.assemble((report.design.name, "bold"), quick))


def print_verdict(label: str, verdict: Verdict, console: Console) -> None:
    """A verdict in its colour."""
    console.print(Text(f"{label}: {verdict.value}", style=f"bold {COLOURS[verdict.value]}"))


def plain_table(title: str | None = None) -> Table:
    """An empty table with a title on its left."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        show_edge=False,
    )


def sheet_table(sheet: Sheet[Any], width: int) -> Table:
    """A sheet as a table, with a line of space below it.

    Args:
        sheet: What to show.
        width: Of the console; a sheet that may be turned is where it does not fit.
    """
    columns, cells = sheet.shown(page=False), sheet.cells(page=False)
    table = plain_table(sheet.title)
    if sheet.turns and _needed(columns, cells) > width:
        table.add_column(columns[0].title, no_wrap=True)
        for row in cells:
            table.add_column(Text(row[0]), justify="right", overflow="fold")
        for k, column in enumerate(columns[1:], start=1):
            table.add_row(column.title, *(Text(row[k]) for row in cells))
    else:
        for column in columns:
            justify: Any = "left" if column.text else "right"
            table.add_column(column.title, justify=justify, overflow="fold", no_wrap=sheet.turns)
        for row, of in zip(cells, sheet.rows, strict=True):
            styles = [column.colour(of) if column.colour else "" for column in columns]
            table.add_row(*(Text(*cell) for cell in zip(row, styles, strict=True)))
    table.caption = " "
    return table


def _needed(columns: list[Column[Any]], cells: list[list[str]]) -> int:
    return sum(
        max(len(column.title), *(len(row[k]) for row in cells)) + 3
        for k, column in enumerate(columns)
    )
