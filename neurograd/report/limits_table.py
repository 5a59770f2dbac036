"""How far each number may move, as a table and as sentences on a console."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neurograd.report import format as show

_COLOURS = {"tolerated": "bold green", "not tolerated": "bold red", "inconclusive": "bold yellow"}
_TRAINING = {
    "confirmed": "green",
    "agrees": "green",
    "not confirmed": "bold red",
    "unclear": "yellow",
}
_STATUS = {"open": "none found", "hopeless": "not enough alone", "best": "not what limits"}
_KINDS = {"accuracy_drop": "test accuracy lost", "excess_loss": "loss not gained"}


def render_limits(report: dict[str, Any], console: Console) -> None:
    """Print the limits, what training says of them, what else would help, and the verdict.

    Args:
        report: The report as JSON types.
        console: Where to print; widths adapt down to 80 columns.
    """
    name = escape(report["spec"]["name"])
    quick = " (quick look)" if report["quick"] else ""
    console.print(f"[bold]{name}[/bold]{quick}")
    now = report["now"]
    console.print(
        f"{report['num_parameters']} weights; predicted {_KINDS[now['kind']]} "
        f"{cost(now['cost'])} ({show.percent_interval(now['ci'])}), "
        f"allowed {show.percent(now['allowed'])}",
        highlight=False,
        soft_wrap=True,
    )
    if not now["clean_learned"]:
        console.print("The clean network learned nothing that a chip could lose.")
    console.print()
    console.print(_numbers(report["numbers"]), highlight=False)
    for each in report["numbers"]:
        console.print(Text(f"- {each['sentence']}{_training(each)}"))
    console.print()
    if report["remedies"]:
        console.print(_remedies(report["remedies"]), highlight=False)
    verdict = report["verdict"]
    console.print(Text(f"Predicted verdict: {verdict}", style=_COLOURS[verdict]))


def cost(value: float | None) -> str:
    """A predicted cost; one that is not finite is a chip that does not train at all."""
    return "no training" if value is None else show.percent(value)


def _numbers(rows: list[dict[str, Any]]) -> Table:
    table = _table("How far each number may move, with the predicted cost on both sides")
    table.add_column("what", overflow="fold")
    for title in ("now", "tolerated", "cost", "beyond", "cost"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("training", overflow="fold")
    for row in rows:
        inside, outside = row["inside"], row["outside"]
        if inside is None or outside is None:
            cells = [_STATUS[row["status"]], "", "", ""]
        else:
            cells = [inside["shown"], cost(inside["cost"]), outside["shown"], cost(outside["cost"])]
        training = row["training"]
        status = "" if training is None else training["status"]
        colour = _TRAINING.get(status, "")
        table.add_row(
            escape(row["label"]),
            row["now_shown"],
            *cells,
            f"[{colour}]{status}[/{colour}]" if colour else "",
        )
    table.caption = " "
    return table


def _training(row: dict[str, Any]) -> str:
    """What training gave at the neighbours of a limit, in words."""
    training = row["training"]
    if training is None:
        return ""
    parts = [
        f"{row[side]['shown']} {training[side]['verdict']}, {cost(training[side]['cost'])} "
        f"({show.percent_interval(training[side]['ci'])})"
        for side in ("inside", "outside")
    ]
    words = {
        "confirmed": "training confirms it",
        "agrees": "training agrees, but its intervals hold the limit",
        "not confirmed": "training does NOT confirm it",
        "unclear": "training cannot tell",
    }[training["status"]]
    return f"; {words}: {'; '.join(parts)}"


def _remedies(rows: list[dict[str, Any]]) -> Table:
    table = _table("What else would change the cost, best first (predicted)")
    table.add_column("change", overflow="fold")
    for title in ("cost", "interval"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in rows:
        if row["problem"]:
            table.add_row(escape(row["label"]), show.MISSING, show.MISSING, "", row["problem"])
            continue
        table.add_row(
            escape(row["label"]),
            cost(row["cost"]),
            show.percent_interval(row["ci"]),
            row["verdict"],
            row["why"],
        )
    table.caption = " "
    return table


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
