"""The shipped devices on a console."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from rich.console import Console
from rich.text import Text

from neurograd.report.console.layout import plain_table
from neurograd.spec import Preset


def render_presets(presets: Sequence[Preset], console: Console) -> None:
    """List devices with their sources."""
    table = plain_table()
    table.add_column("preset", no_wrap=True)
    table.add_column("device", overflow="fold")
    table.add_column("verified", no_wrap=True)
    table.add_column("source", overflow="fold")
    for preset in presets:
        verified = "yes" if preset.verified else "no"
        table.add_row(preset.name, Text(preset.title), verified, Text(preset.source))
    console.print(table)
    console.print("\n'neurograd presets NAME' shows one; 'device: {preset: NAME}' uses it.")


def render_preset(preset: Preset, console: Console) -> None:
    """Show one device: its source, what it leaves out, and its keys as a spec has them."""
    console.print(Text(f"{preset.name}: {preset.title}", style="bold"))
    console.print(Text(f"source: {preset.source}"))
    for name in ("url", "doi"):
        if getattr(preset, name):
            console.print(Text(f"{name}: {getattr(preset, name)}"), soft_wrap=True)
    state = "yes" if preset.verified else "no, not checked against the source"
    console.print(Text(f"verified: {state}"))
    console.print(Text(f"notes: {preset.notes}"))
    keys = yaml.safe_dump({"device": preset.device}, sort_keys=False, allow_unicode=True)
    console.print()
    console.print(Text(keys.rstrip()))
