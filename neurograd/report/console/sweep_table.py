"""The rows of a sweep as a table on a console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from neurograd import words
from neurograd.records.sweep import decided
from neurograd.report.console.layout import COLOURS, plain_table
from neurograd.report.content import percent

MAX_ROWS = 40


def render_sweep(
    rows: Sequence[dict[str, Any]],
    keys: Sequence[str],
    console: Console,
    notes: Sequence[str] = (),
) -> None:
    """Print the swept values, verdict, cost and accuracies of the first rows.

    Cost and accuracy of the chips are those of the part that decides (``decided``); with
    deployments that do a column says after what.

    Args:
        rows: One row a point.
        keys: The swept keys.
        console: Where to print.
        notes: What is to be said of the networks.
    """
    table = plain_table()
    for name in _short(keys):
        table.add_column(Text(name), justify="right")
    rows = [decided(row) for row in rows]
    levels = {row["confidence"] for row in rows} - {None}
    at = f"at {words.confidence(next(iter(levels)))}" if len(levels) == 1 else "interval"
    deployed = any(row.get("decided_by") == "deployment" for row in rows)
    after = ("after",) if deployed else ()
    for name in ("verdict", *after, "cost", at, "clean", "chip"):
        justify: Any = "left" if name in ("verdict", "after") else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    named = any(row["cause"] for row in rows)
    if named:
        table.add_column("cause", overflow="fold")
    for row in rows[:MAX_ROWS]:
        verdict = row["verdict"]
        colour = COLOURS.get(verdict, "")
        shown = Text(verdict, style=colour) if colour else Text("no result")
        table.add_row(
            *(Text(row[key]) for key in keys),
            shown,
            *([_after(row)] if deployed else []),
            percent(row["cost"]),
            _interval(row, labelled=len(levels) > 1),
            percent(row["clean_accuracy"]),
            percent(row["chip_accuracy"]),
            *([Text(row["cause"] or "")] if named else []),
        )
    console.print(table, highlight=False)
    if len(rows) > MAX_ROWS:
        console.print(f"and {len(rows) - MAX_ROWS} more rows")
    for note in notes:
        console.print(Text(f"Note: {note}"))


def _after(row: dict[str, Any]) -> str:
    """After what a row's cost is: the training, or a time since programming."""
    if row.get("decided_by") == "deployment":
        return words.duration(row["deployed_time"])
    return words.MISSING if row["verdict"] is None else "training"


def _interval(row: dict[str, Any], *, labelled: bool) -> str:
    """The interval of a row's cost, with its confidence where that differs from row to row."""
    if row["cost"] is None:
        return words.MISSING
    shown = words.percent_interval((row["cost_low"], row["cost_high"]))
    return f"{shown} at {words.confidence(row['confidence'])}" if labelled else shown


def _short(keys: Sequence[str]) -> list[str]:
    """The keys' last words where these are different."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else list(keys)
