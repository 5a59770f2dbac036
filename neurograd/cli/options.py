"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC.yaml", help="The device spec.")]
JsonPath = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write the report; - prints it, and tables go to stderr."
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="A smaller version, for a first look.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="In place of measure.seed.")]
DeviceName = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one key of the spec; repeatable."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume", metavar="FOLDER", help="Keep finished stages there, and go on from them."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", help="Processes at once here. Default: threads; of sweep, processes."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="A dask.distributed cluster."),
]
AllowCode = Annotated[
    bool,
    typer.Option("--allow-code", help="Run the Python file that the spec names (network.file)."),
]
ExitZero = Annotated[
    bool, typer.Option("--exit-zero", help="Exit with 0 when finished, whatever the verdict.")
]
PlanOnly = Annotated[
    bool,
    typer.Option("--plan", help="Say how long it will take and how much memory; no verdict."),
]
