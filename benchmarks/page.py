"""Writes docs/performance.md from the kept records: a pure function of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record import RESULTS, Part, read
from benchmarks.rows import Row

HEAD = """# Performance

What `make bench` (`python -m benchmarks`) measured, as ratios to libraries and to the machine's own
ceilings. Both sides of a ratio run in one process, in turn, several times.

- **ours**, **peer**: medians. Times and rates are of processor time, all threads together, so that
  other work on the machine counts little; rows without a time count loss evaluations or bytes.
  On a GPU they are by the clock.
- Losses, moments and curvature are in float64, as differences of losses are as small as 1e-6.
  Updates of a training are in float32 on both sides where a row does not say otherwise.
- **ratio**: ours over the peer's, the median over repeats, with its quartiles in parentheses.
- **by the clock**: the same ratio from the wall clock.
- **asked**: what the project asks of the ratio, and whether this run has it. Rows whose sides did
  not do the same work (*not alike*) say so in a note below their table, and are no verdict.

This page is made from the kept records by `python -m benchmarks --page docs/performance.md`.
"""

ABOUT = {
    "updates": (
        "**What either side simulates.** aihwkit trains through all that its presets have: inputs "
        "and errors of 7 bits, sums of 9 bits with noise of 0.1 in a range of 20, management of "
        "noise and bounds, devices, and writes by trains of up to 31 random pulses. In our rows "
        "that name a preset alone there are its devices: passes are exact, and numbers of pulses "
        "are rounded at random. That is less work, so their ratios do not say which library is "
        "the faster one. Rows *with aihwkit's converters and pulse trains* have both alike (our "
        "trains are 31 pulses long, aihwkit's as long as an update needs); what the project asks "
        "of a ratio is asked of these.",
        "with aihwkit's converters",
        "This record has none of them yet.",
    ),
    "curvature": (
        "**What either side computes.** curvlinops builds the gradient's graph in each product. "
        "So does ours in a *Hessian-vector product*, but not *on a kept graph*, nor inside our "
        "eigenvalues and traces, which take many products at one point.",
        "on a kept graph",
        "This record has the product on a kept graph only, without that name.",
    ),
}
"""What is to be known of all rows of a benchmark; what names of rows have that older records lack,
and what is said of these."""

COLUMNS = ("what", "ours", "peer", "ratio", "by the clock", "asked")


def records(folder: Path = RESULTS) -> list[Part]:
    """Parts of all kept records, by name.

    Args:
        folder: Where they are.

    Raises:
        NeurogradError: If a record is damaged.
    """
    parts = [part for path in sorted(folder.glob("*.json")) for part in read(path)]
    return sorted(parts, key=lambda part: (part.name != "ceilings", part.name, part.machine))


def page(parts: Sequence[Part]) -> str:
    """The page as Markdown.

    Args:
        parts: From ``records``.
    """
    return "\n".join([HEAD, *(_section(part) for part in parts)])


def _section(part: Part) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in part.versions.items())
    lines = [
        f"## {part.title}",
        "",
        f"`{part.command}` took {part.seconds:.0f} s on {part.machine}; load "
        f"{part.load[0]:.1f} before and {part.load[1]:.1f} after; {libraries}.",
        "",
        *_about(part),
        "| " + " | ".join(COLUMNS) + " |",
        "|" + " --- |" * len(COLUMNS),
        *("| " + " | ".join(map(_escaped, cells(row))) + " |" for row in part.rows),
        "",
    ]
    notes = [f"- {_escaped(row.name)}: {_escaped(row.note)}" for row in part.rows if row.note]
    return "\n".join([*lines, *notes, *([""] if notes else [])])


def _about(part: Part) -> list[str]:
    """The paragraph on all rows of a part; none where there is nothing to be said."""
    if part.name not in ABOUT:
        return []
    text, mark, older = ABOUT[part.name]
    return [text if any(mark in row.name for row in part.rows) else f"{text} {older}", ""]


def cells(row: Row) -> tuple[str, ...]:
    """The row's cells, one a column of ``COLUMNS``."""
    missing = "not measured" if row.ours is None else ""
    return (
        row.name,
        missing or f"{number(row.ours)} {row.unit}",
        row.peer_name if row.peer is None else f"{number(row.peer)} {row.unit} ({row.peer_name})",
        _ratio(row),
        number(row.wall_ratio),
        _asked(row),
    )


def number(value: float | None) -> str:
    """Three digits; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _ratio(row: Row) -> str:
    if row.spread is None:
        return number(row.ratio)
    return f"{number(row.ratio)} ({number(row.spread[0])} to {number(row.spread[1])})"


def _asked(row: Row) -> str:
    if row.allowed is None:
        return ""
    asked = f"{'at most' if row.better == 'below' else 'at least'} {number(row.allowed)}"
    words = {True: "met", False: "not met", None: "not measured" if row.alike else "not alike"}
    return f"{asked}: {words[row.met]}"


def _escaped(text: str) -> str:
    """Text for a cell of a Markdown table: one line, without what Markdown would read."""
    return re.sub(r"([|*_<`])", r"\\\1", " ".join(text.split()))
