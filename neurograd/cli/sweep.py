"""``neurograd sweep``: a grid or a random design over keys of a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurograd.cli.options import (
    AllowCode,
    DeviceName,
    Jobs,
    Overrides,
    PlanOnly,
    Quick,
    Resume,
    Scheduler,
    Seed,
    SpecPath,
)
from neurograd.cli.outputs import say_written, show_and_write
from neurograd.cli.planning import refuse_unwritten, say_planned_again, show_plan
from neurograd.cli.progress import ProgressBars
from neurograd.cli.streams import say
from neurograd.cli.work import with_seed
from neurograd.memory import collect_again


def sweep(
    spec_path: SpecPath,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over",
            metavar="KEY=V1,V2,...",
            help="Values of a key, or a range LOW:HIGH:COUNT or LOW:HIGH:COUNTlog; repeatable.",
        ),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option("--random", metavar="COUNT", help="A random design in place of the grid."),
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", metavar="train|check|predict", help="What is done at a point.")
    ] = "train",
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="Where the rows go: .csv or .parquet."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw a heat map or a line.")
    ] = None,
    resume: Resume = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    allow_code: AllowCode = False,
    plan: PlanOnly = False,
) -> None:
    """Evaluate a grid or a random design over any keys; after a kill the same command goes on."""
    from neurograd.pipeline.sweep.command import Request, plan_sweep  # noqa: PLC0415
    from neurograd.pipeline.sweep.command import sweep as run_sweep  # noqa: PLC0415
    from neurograd.report.console.sweep_table import render_sweep  # noqa: PLC0415
    from neurograd.report.figures.sweep_map import SweepFigure  # noqa: PLC0415

    request = Request(
        spec_path, tuple(over or ()), tuple(with_seed(overrides, seed)), random, mode, table, plot,
        resume, jobs, scheduler, device, quick, SweepFigure(), allow_code,
    )  # fmt: skip
    collect_again()
    if plan:
        refuse_unwritten({"--table": table, "--plot": plot}, "--plan without it")
        with ProgressBars() as progress:
            found = plan_sweep(request, progress)
        show_plan(found)
        say_planned_again(request.folder)
        return
    try:
        with ProgressBars() as progress:
            result = run_sweep(request, progress)
    except KeyboardInterrupt:
        if request.folder.is_dir():
            say(f"what is finished is kept in {request.folder}: the same command goes on")
        raise
    say_written(*result.written)
    show_and_write(
        lambda console: render_sweep(result.rows, result.keys, console, result.notes), {}
    )
