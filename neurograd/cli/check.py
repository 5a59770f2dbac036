"""``neurograd check``: measure, predict and train."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

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
from neurograd.cli.outputs import Content, check_outputs, show_and_write
from neurograd.cli.planning import plan_and_exit
from neurograd.cli.work import pick_device, read_spec, spec_files, working


def check(
    spec_path: SpecPath,
    json_path: JsonPath = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write each claim as a test of JUnit XML."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write a summary for a pull request."),
    ] = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    resume: Resume = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    allow_code: AllowCode = False,
    exit_zero: ExitZero = False,
    mitigation: Annotated[
        bool | None,
        typer.Option(
            "--mitigation/--no-mitigation",
            help="What each effect costs: always, or never. Default: where it takes little beside "
            "the training.",
        ),
    ] = None,
    corners: Annotated[
        bool,
        typer.Option(
            "--corners",
            help="Forecast the smallest and largest values of numbers with ranges as well.",
        ),
    ] = False,
    plan: PlanOnly = False,
) -> None:
    """Measure, predict and train: will training on this chip work?"""
    spec = read_spec(spec_path, overrides, seed, allow_code=allow_code)
    files = {"--html": html_path, "--junit": junit, "--markdown": markdown}
    inputs = spec_files(spec_path, overrides)
    check_outputs({"--json": json_path, **files}, resume, inputs)
    if plan:
        plan_and_exit(
            spec_path,
            spec,
            "check",
            json_path,
            device,
            quick=quick,
            jobs=jobs,
            scheduler=scheduler,
            resume=resume,
            unwritten=files,
            at_corners=corners,
            mitigation=mitigation,
        )
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.pipeline.check import check as run_check  # noqa: PLC0415  (torch is slow)
    from neurograd.report import (  # noqa: PLC0415
        render_html,
        render_junit,
        render_markdown,
        render_report,
    )

    with working(spec_path, json_path) as progress:
        result = run_check(
            spec,
            device=pick_device(device),
            quick=quick,
            reporter=progress,
            resume=resume,
            jobs=jobs,
            scheduler=scheduler,
            mitigation=mitigation,
            at_corners=corners,
        )
    written: dict[Path, Content] = {}
    if json_path is not None:
        written[json_path] = to_json(result.report)
    if html_path is not None:
        written[html_path] = partial(render_html, result.record)
    if junit is not None:
        written[junit] = partial(render_junit, result.record)
    if markdown is not None:
        written[markdown] = partial(render_markdown, result.record)
    show_and_write(partial(render_report, result.record), written, json_path)
    raise typer.Exit(0 if exit_zero else result.verdict.exit_code)
