"""How far each number may move, as a table and as sentences on a console."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neurograd import words
from neurograd.records.limits import DesignChangeResult, LimitResult, TrainedValue, TriedValue
from neurograd.records.report import LimitsReport
from neurograd.report.console.layout import plain_table, print_title, print_verdict
from neurograd.report.content import percent

_TRAINING = {
    "confirmed": "green",
    "agrees": "green",
    "not confirmed": "bold red",
    "unclear": "yellow",
}
_STATUS = {"open": "none found", "hopeless": "not enough alone", "best": "not what limits"}
_KINDS = {"accuracy_drop": "test accuracy lost", "excess_loss": "loss not gained"}


def render_limits(report: LimitsReport, console: Console) -> None:
    """Print the limits, what training says of them, what else would help, and the verdict.

    Args:
        report: What was found.
        console: Where to print; widths adapt down to 80 columns.
    """
    print_title(report, console)
    now = report.now
    console.print(
        f"{report.num_parameters} weights; predicted {_KINDS[now.kind]} "
        f"{cost(now.cost)} ({words.percent_interval(now.ci)}), allowed {percent(now.allowed)}",
        highlight=False,
        soft_wrap=True,
    )
    if not now.clean_learned:
        console.print("The clean network learned nothing that a chip could lose.")
    console.print()
    console.print(_numbers(report.numbers), highlight=False)
    for each in report.numbers:
        console.print(Text(f"- {each.sentence}{_training(each)}"))
    console.print()
    if report.remedies:
        console.print(_remedies(report.remedies), highlight=False)
    print_verdict("Predicted verdict", report.verdict, console)


def cost(value: float) -> str:
    """A predicted cost; one that is not finite is a chip that does not train at all."""
    return percent(value) if math.isfinite(value) else "no training"


def _numbers(rows: Sequence[LimitResult]) -> Table:
    table = plain_table("How far each number may move, with the predicted cost on both sides")
    table.add_column("what", overflow="fold")
    for title in ("now", "tolerated", "cost", "beyond", "cost"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("training", overflow="fold")
    for row in rows:
        inside, outside = row.inside, row.outside
        if inside is None or outside is None:
            cells = [_STATUS[row.status], "", "", ""]
        else:
            cells = [inside.shown, cost(inside.cost), outside.shown, cost(outside.cost)]
        status = "" if row.training is None else row.training.status
        colour = _TRAINING.get(status, "")
        table.add_row(
            escape(row.label),
            row.now_shown,
            *cells,
            f"[{colour}]{status}[/{colour}]" if colour else "",
        )
    table.caption = " "
    return table


def _training(row: LimitResult) -> str:
    """What training gave at the neighbours of a limit, in words."""
    training = row.training
    if training is None or row.inside is None or row.outside is None:
        return ""
    sides = ((row.inside, training.inside), (row.outside, training.outside))
    words_of = {
        "confirmed": "training confirms it",
        "agrees": "training agrees, but its intervals hold the limit",
        "not confirmed": "training does NOT confirm it",
        "unclear": "training cannot tell",
    }[training.status]
    return f"; {words_of}: {'; '.join(_trained(*side) for side in sides)}"


def _trained(tried: TriedValue, trained: TrainedValue) -> str:
    ends = words.percent_interval(trained.ci)
    return f"{tried.shown} {trained.verdict.value}, {cost(trained.cost)} ({ends})"


def _remedies(rows: Sequence[DesignChangeResult]) -> Table:
    table = plain_table("What else would change the cost, best first (predicted)")
    table.add_column("change", overflow="fold")
    for title in ("cost", "interval"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in rows:
        if row.cost is None or row.problem:
            table.add_row(escape(row.label), words.MISSING, words.MISSING, "", row.problem)
            continue
        verdict = "" if row.verdict is None else row.verdict.value
        table.add_row(
            escape(row.label), cost(row.cost), words.percent_interval(row.ci), verdict, row.why
        )
    table.caption = " "
    return table
