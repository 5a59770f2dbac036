"""``--plan``: what a command's work will take, printed in place of the work."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neurograd.cli.outputs import show_and_write
from neurograd.cli.streams import say
from neurograd.cli.work import pick_device, working
from neurograd.errors import OutputError

if TYPE_CHECKING:
    from neurograd.pipeline.planning import Command, Plan
    from neurograd.spec import Spec


def plan_and_exit(
    spec_path: Path,
    spec: Spec,
    command: Command,
    json_path: Path | None,
    device: str,
    *,
    quick: bool,
    jobs: int | None = None,
    scheduler: str | None = None,
    unwritten: Mapping[str, Path | None] | None = None,
    at_corners: bool = False,
    mitigation: bool | None = None,
    confirm: bool = True,
    resume: Path | None = None,
) -> None:
    """Plan the work on a spec, print it, write its JSON, and exit with 0: there is no verdict.

    Args:
        spec_path: The spec's file, for errors.
        spec: The spec.
        command: What is planned.
        json_path: Where the JSON goes, if anywhere.
        device: Where it will compute, as the option names it.
        quick: Whether the smaller version is planned.
        jobs: Processes that would compute.
        scheduler: Address of a cluster that would.
        unwritten: Files of the command's other options, which only its work could fill.
        at_corners: Whether the ends of numbers with ranges would be forecast.
        mitigation: Whether a guide to the effects would be made; where it takes little, when None.
        confirm: Whether ``limits`` would train chips at its limits.
        resume: Folder of finished stages, whose work is planned all the same.

    Raises:
        typer.Exit: Always, with 0.
        NeurogradError: For everything that bad input causes.
    """
    refuse_unwritten(unwritten or {}, "--json")
    from neurograd.pipeline.planning import check_planned, plan  # noqa: PLC0415  (torch is slow)

    check_planned(jobs, scheduler)
    with working(spec_path, json_path) as progress:
        found = plan(
            spec,
            command,
            device=pick_device(device),
            quick=quick,
            processes=jobs,
            reporter=progress,
            at_corners=at_corners,
            mitigation=mitigation,
            confirm=confirm,
        )
    show_plan(found, json_path)
    say_planned_again(resume)
    raise typer.Exit(0)


def refuse_unwritten(files: Mapping[str, Path | None], allowed: str) -> None:
    """Raise OutputError for files that only the work could fill.

    Args:
        files: The file of each option, None where it was not given.
        allowed: What may be given instead.
    """
    for option, path in files.items():
        if path is not None:
            raise OutputError(f"{option}: a plan has nothing to write there; allowed: {allowed}")


def say_planned_again(folder: Path | None) -> None:
    """Say that a plan counts what is finished as well, where something may be."""
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        say(f"neurograd: {folder}: the plan counts what is finished there as well")


def show_plan(found: Plan, json_path: Path | None = None) -> None:
    """Print a plan, and write its JSON where that was asked for."""
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.records.json_form import to_json_dict  # noqa: PLC0415
    from neurograd.report.console.plan_table import render_plan  # noqa: PLC0415

    written = {} if json_path is None else {json_path: to_json(to_json_dict(found))}
    show_and_write(partial(render_plan, found), written, json_path)
