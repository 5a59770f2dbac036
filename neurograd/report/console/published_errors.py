"""Published errors of programming on a console."""

from __future__ import annotations

from typing import Any

import torch
from rich.console import Console
from rich.text import Text

from device_models.read.one_over_f import PUBLISHED_READ_NOISE
from device_models.write.programming import PUBLISHED
from neurograd import words
from neurograd.report.console.layout import plain_table
from neurograd.report.console.preset_tables import print_keys

PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Conductances over the largest one at which an error is told."""

TIMES = (3600.0, 31557600.0)
"""Seconds after programming at which a read noise is told."""


def render_errors(console: Console) -> None:
    """List published programming errors with their sources."""
    table = plain_table("Programming errors, 'deployment: {program_error: {model: NAME}}'")
    table.add_column("model", no_wrap=True)
    table.add_column("of", overflow="fold")
    table.add_column("source", overflow="fold")
    for name, error in PUBLISHED.items():
        table.add_row(name, Text(error.title), Text(error.source))
    console.print(table)


def render_published(name: str, console: Console) -> bool:
    """Show a published programming error: its source, its formula, its size, how it is used.

    Args:
        name: As ``deployment.program_error.model`` has it.
        console: Where to print.

    Returns:
        Whether there is one of that name.
    """
    error = PUBLISHED.get(name)
    if error is None:
        return False
    console.print(Text(f"{name}: {error.title}", style="bold"))
    console.print(Text(f"source: {error.source}"))
    terms = " ".join(
        f"{'-' if c < 0 else '+'} {abs(c):g}{('', ' x', f' x^{i}')[min(i, 2)]}"
        for i, c in enumerate(error.microsiemens)
    )
    console.print(
        Text(
            f"standard deviation: {terms.removeprefix('+ ')} uS of each device, "
            f"x = G/G_max, G_max = {error.largest:g} uS; it scales with conductance.max"
        )
    )
    table = plain_table()
    table.add_column("G/G_max", justify="right")
    table.add_column("programming error, of G_max", justify="right")
    places = torch.tensor(PLACES, dtype=torch.float64)
    rows = [error.error.std(places)]
    noise = PUBLISHED_READ_NOISE.get(name)
    noises = [] if noise is None else [noise(time) for time in TIMES]
    for each in noises:
        table.add_column(f"read noise of G after {words.duration(each.time)}", justify="right")
        rows.append(each.part(places))
    for place, *cells in zip(PLACES, *(row.tolist() for row in rows), strict=True):
        table.add_row(f"{place:g}", *(words.percent(cell, significant=3) for cell in cells))
    console.print()
    console.print(table)
    keys: dict[str, Any] = {"program_error": {"model": name}}
    if noise is not None:
        keys["read_noise"] = name
    print_keys({"deployment": keys}, console)
    return True
