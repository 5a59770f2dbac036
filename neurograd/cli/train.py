"""``neurograd train``: train through the chip beside a clean twin."""

from __future__ import annotations

from functools import partial

import typer

from neurograd.cli.options import (
    AllowCode,
    DeviceName,
    ExitZero,
    Jobs,
    JsonPath,
    Overrides,
    PlanOnly,
    Quick,
    Resume,
    Scheduler,
    Seed,
    SpecPath,
)
from neurograd.cli.outputs import check_outputs, show_and_write
from neurograd.cli.planning import plan_and_exit
from neurograd.cli.work import pick_device, read_spec, spec_files, working


def train(
    spec_path: SpecPath,
    json_path: JsonPath = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    resume: Resume = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    allow_code: AllowCode = False,
    exit_zero: ExitZero = False,
    plan: PlanOnly = False,
) -> None:
    """Train through the chip beside a clean twin, without measuring moments."""
    spec = read_spec(spec_path, overrides, seed, allow_code=allow_code)
    check_outputs({"--json": json_path}, resume, spec_files(spec_path, overrides))
    if plan:
        plan_and_exit(
            spec_path,
            spec,
            "train",
            json_path,
            device,
            quick=quick,
            jobs=jobs,
            scheduler=scheduler,
            resume=resume,
        )
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.pipeline.check import train_beside  # noqa: PLC0415  (torch is slow to import)
    from neurograd.report import render_report  # noqa: PLC0415

    with working(spec_path, json_path) as progress:
        result = train_beside(
            spec,
            device=pick_device(device),
            quick=quick,
            reporter=progress,
            resume=resume,
            jobs=jobs,
            scheduler=scheduler,
        )
    written = {} if json_path is None else {json_path: to_json(result.report)}
    show_and_write(partial(render_report, result.record), written, json_path)
    raise typer.Exit(0 if exit_zero else result.verdict.exit_code)
