"""How far each number may move, as a table and as sentences on a console."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neurograd import words
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import Interval
from neurograd.records.limits import DesignChangeResult, LimitResult, TriedValue
from neurograd.records.report import LimitsReport
from neurograd.report.console.layout import plain_table, print_title, print_verdict
from neurograd.report.content import percent

_TRAINING = {
    "confirmed": "green",
    "agrees": "green",
    "not confirmed": "bold red",
    "unclear": "yellow",
}
_STATUS = {
    "open": "none found",
    "hopeless": "not enough alone",
    "best": "not what limits",
    "undecided": "not decided",
}
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
        f"{report.num_parameters} weights; {_KINDS[now.kind]} {_as_it_is(report)}, "
        f"allowed {percent(now.allowed)}",
        highlight=False,
        soft_wrap=True,
    )
    if {now.verdict, report.verdict} == {Verdict.TOLERATED, Verdict.NOT_TOLERATED}:
        console.print(
            f"The forecast says '{now.verdict.value}' of the spec as it is, which training "
            "contradicts: the limits below are predicted, and as uncertain as that."
        )
    if not now.clean_learned:
        console.print("The clean network learned nothing that a chip could lose.")
    console.print()
    console.print(_numbers(report.numbers), highlight=False)
    for each in report.numbers:
        if each.status != "best":
            console.print(Text(f"- {each.sentence}{_training(each, report.confidence)}"))
    harmless = [each.label for each in report.numbers if each.status == "best"]
    if harmless:
        console.print(Text(f"- as harmless as they can be: {words.listed(harmless)}"))
    console.print()
    if report.remedies:
        console.print(_remedies(report.remedies, report.confidence), highlight=False)
    label = "Predicted verdict" if report.trained is None else "Verdict"
    print_verdict(label, report.verdict, console)
    for reason in report.reasons:
        console.print(Text(f"- {reason}"))
    for note in report.notes:
        console.print(Text(f"Note: {note}"))


def _as_it_is(report: LimitsReport) -> str:
    """What the spec costs as it is: trained where it is, and predicted."""
    now, trained = report.now, report.trained
    predicted = f"predicted {_ranged(now.cost, now.ci, report.confidence)}"
    if now.time is not None:
        predicted += f" {words.after_programming(now.time)}"
    if trained is None:
        return predicted
    measured = _ranged(trained.value, trained.ci, trained.confidence)
    after = report.trained_time
    where = "in training" if after is None else words.after_programming(after)
    return f"{measured} {where}, {predicted}"


def _ranged(value: float, ends: Interval, confidence: float) -> str:
    return words.ranged_percent(value, ends, confidence, missing="no training")


def cost(value: float) -> str:
    """A predicted cost; one that is not finite is a chip that does not train at all."""
    return percent(value) if math.isfinite(value) else "no training"


def _numbers(rows: Sequence[LimitResult]) -> Table:
    table = plain_table("How far each number may move, with the cost that is predicted there")
    table.add_column("what", overflow="fold")
    for title in ("now", "tolerated to", "cost", "lost from", "cost"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("training", overflow="fold")
    for row in rows:
        if row.inside is None and row.outside is None:
            cells = [_STATUS[row.status], "", "", ""]
        else:
            cells = [*_cells(row.inside), *_cells(row.outside)]
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


def _cells(tried: TriedValue | None) -> list[str]:
    return ["not known", ""] if tried is None else [tried.shown, cost(tried.cost)]


def _training(row: LimitResult, confidence: float) -> str:
    """What training gave at the two numbers of a limit, in words."""
    training = row.training
    if training is None:
        return ""
    sides = ((row.inside, training.inside), (row.outside, training.outside))
    words_of = {
        "confirmed": "training confirms it",
        "agrees": "training agrees, but its intervals hold the limit",
        "not confirmed": "training does NOT confirm it",
        "unclear": "training cannot tell",
    }[training.status]
    said = [
        f"{tried.shown} {trained.verdict.value}, {_ranged(trained.cost, trained.ci, confidence)}"
        for tried, trained in sides
        if tried is not None and trained is not None
    ]
    return f"; {words_of}: {'; '.join(said)}"


def _remedies(rows: Sequence[DesignChangeResult], confidence: float) -> Table:
    table = plain_table("What else would change the cost, best first (predicted)")
    table.add_column("change", overflow="fold")
    for title in ("cost", f"at {words.confidence(confidence)}"):
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
