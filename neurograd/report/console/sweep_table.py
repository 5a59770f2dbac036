"""The rows of a sweep as a table on a console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from neurograd import words
from neurograd.report.console.layout import COLOURS, plain_table
from neurograd.report.content import percent

MAX_ROWS = 40


def render_sweep(rows: Sequence[dict[str, Any]], keys: Sequence[str], console: Console) -> None:
    """Print the swept values, verdict, cost and accuracies of the first rows.

    Args:
        rows: One row a point.
        keys: The swept keys.
        console: Where to print.
    """
    table = plain_table()
    for name in _short(keys):
        table.add_column(escape(name), justify="right")
    for name in ("verdict", "cost", "interval", "clean", "chip"):
        justify: Any = "left" if name == "verdict" else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for row in rows[:MAX_ROWS]:
        verdict = row["verdict"]
        colour = COLOURS.get(verdict, "")
        shown = f"[{colour}]{verdict}[/{colour}]" if colour else "no result"
        table.add_row(
            *(escape(row[key]) for key in keys),
            shown,
            percent(row["cost"]),
            words.percent_interval(
                None if row["cost"] is None else (row["cost_low"], row["cost_high"])
            ),
            percent(row["clean_accuracy"]),
            percent(row["chip_accuracy"]),
        )
    console.print(table, highlight=False)
    if len(rows) > MAX_ROWS:
        console.print(f"and {len(rows) - MAX_ROWS} more rows")


def _short(keys: Sequence[str]) -> list[str]:
    """The keys' last words where these are different."""
    last = [key.rpartition(".")[2] for key in keys]
    return last if len(set(last)) == len(last) else list(keys)
