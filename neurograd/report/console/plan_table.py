"""What work will take, as a table on a console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from neurograd import words
from neurograd.pipeline.planning import Plan
from neurograd.report.console.layout import plain_table

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_IDLE = 0.8
"""Part of a core's time below which the machine counts as busy."""

_GIBIBYTE = 2.0**30


def render_plan(plan: Plan, console: Console) -> None:
    """Print the kinds of work, how long all of it takes, and the memory.

    Args:
        plan: What was found.
        console: Where to print.
    """
    quick = " (quick look)" if plan.quick else ""
    console.print(Text.assemble((str(plan.spec["name"]), "bold"), quick))
    console.print(
        f"{plan.num_parameters} weights, {plan.train_samples} training samples, "
        f"{plan.workers} {'task' if plan.workers == 1 else 'tasks'} at once"
        + (f", {plan.points} points" if plan.points > 1 else ""),
        highlight=False,
    )
    table = plain_table()
    table.add_column("work" if plan.points == 1 else "work at a point")
    for name in ("each takes", "at first", "at most"):
        table.add_column(name, justify="right")
    for stage in plan.stages:
        numbers = (str(stage.first), str(stage.most))
        table.add_row(stage.label, duration(stage.each_seconds), *numbers)
    console.print()
    console.print(table, highlight=False)
    for line in _sentences(plan):
        console.print(Text(line))


def _sentences(plan: Plan) -> list[str]:
    """Time, memory, and how they were found."""
    first, most = duration(plan.first_seconds), duration(plan.most_seconds)
    lines = [f"Time: about {first} where the first look decides, {most} at most."]
    memory = f"Memory: about {plan.memory_bytes / _GIBIBYTE:.1f} GiB"
    available = f"{plan.available_bytes / _GIBIBYTE:.1f} GiB"
    if plan.memory_bytes > plan.available_bytes:
        lines.append(
            f"{memory}, which is more than the {available} that this machine has left; a smaller "
            "measure.chunk_size needs less."
        )
    else:
        lines.append(f"{memory}, of {available} that this machine has left.")
    part = ""
    if plan.timed_part < 1:
        part = f" with {words.percent(plan.timed_part, significant=2)} of the samples"
    lines.append(
        f"Each was timed here, alone on a core{part}; how long forecasts take is extended from "
        "short ones, and can be twice or half of that."
    )
    if plan.idle < _IDLE:
        lines.append(
            f"The machine is busy: it gave {words.percent(plan.idle, significant=2)} of a core. "
            "The times are those of cores that do nothing else."
        )
    lines.append("No verdict: nothing was trained.")
    return lines


def duration(seconds: float) -> str:
    """A time in its largest unit that is not above it, such as '3.5 min'."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{words.number(seconds / size, 2 if seconds < 100 * size else 3)} {unit}"
    return f"{words.number(1000 * seconds, 2 if seconds < 0.1 else 3)} ms"
