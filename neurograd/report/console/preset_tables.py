"""The shipped devices on a console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from neurograd.report.console.layout import plain_table
from neurograd.spec import Preset

_CHECKED = "checked against the simulator's table or code (THIRD_PARTY.md), not against the paper"
"""What the numbers of a verified preset were."""


def render_presets(
    devices: Sequence[Preset], programmed: Sequence[Preset], console: Console
) -> None:
    """List the shipped presets, with their sources.

    Args:
        devices: Presets of ``device.preset``.
        programmed: Those of ``deployment.preset``.
        console: Where to print.
    """
    console.print(Text(f"verified: {_CHECKED}"))
    console.print(_presets("Devices, 'device: {preset: NAME}'", devices))
    console.print(_presets("Programmed once, 'deployment: {preset: NAME}'", programmed))


def _presets(title: str, presets: Sequence[Preset]) -> Table:
    table = plain_table(title)
    table.add_column("preset", no_wrap=True)
    table.add_column("device", overflow="fold")
    table.add_column("verified", no_wrap=True)
    table.add_column("source", overflow="fold")
    for preset in presets:
        verified = "yes" if preset.verified else "no"
        table.add_row(preset.name, Text(preset.title), verified, Text(preset.source))
    table.caption = " "
    return table


def render_preset(preset: Preset, console: Console) -> None:
    """Show one device: its source, what it leaves out, and its keys as a spec has them."""
    console.print(Text(f"{preset.name}: {preset.title}", style="bold"))
    console.print(Text(f"source: {preset.source}"))
    for name in ("url", "doi"):
        if getattr(preset, name):
            console.print(Text(f"{name}: {getattr(preset, name)}"), soft_wrap=True)
    state = f"yes, {_CHECKED}" if preset.verified else "no, not checked against the source"
    console.print(Text(f"verified: {state}"))
    console.print(Text(f"notes: {preset.notes}"))
    print_keys({"device": preset.device}, console)
    if preset.deployment:
        print_keys({"deployment": preset.deployment}, console)


def render_device(name: str, device: Mapping[str, Any], console: Console) -> None:
    """Show the device of a spec, every default and preset filled in.

    Args:
        name: That of the spec.
        device: Its device's keys.
        console: Where to print.
    """
    console.print(Text(f"the device of {name}", style="bold"))
    print_keys({"device": dict(device)}, console)


def print_keys(keys: Mapping[str, Any], console: Console) -> None:
    """Print keys as a spec has them, after an empty line."""
    text = yaml.safe_dump(dict(keys), sort_keys=False, allow_unicode=True)
    console.print()
    console.print(Text(text.rstrip()))
