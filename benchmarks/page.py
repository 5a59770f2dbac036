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
- **asked**: what the project asks of the ratio, and whether this run has it.

This page is made from the kept records by `python -m benchmarks --page docs/performance.md`.
"""

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
        "| " + " | ".join(COLUMNS) + " |",
        "|" + " --- |" * len(COLUMNS),
        *("| " + " | ".join(map(_escaped, cells(row))) + " |" for row in part.rows),
        "",
    ]
    notes = [f"- {_escaped(row.name)}: {_escaped(row.note)}" for row in part.rows if row.note]
    return "\n".join([*lines, *notes, *([""] if notes else [])])


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
    words = {True: "met", False: "not met", None: "not measured"}
    return f"{asked}: {words[row.met]}"


def _escaped(text: str) -> str:
    """Text for a cell of a Markdown table: one line, without what Markdown would read."""
    return re.sub(r"([|*_<`])", r"\\\1", " ".join(text.split()))
