"""``neurograd limits``: how far each number of a spec may move."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from neurograd.cli.outputs import Content, check_figure, check_outputs, show_and_write
from neurograd.cli.planning import plan_and_exit
from neurograd.cli.work import pick_device, read_spec, spec_files, working

if TYPE_CHECKING:
    from neurograd.records.report import LimitsReport


def limits(
    spec_path: SpecPath,
    json_path: JsonPath = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw a tornado plot: .png, .svg or .pdf."),
    ] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
    ] = None,
    no_confirm: Annotated[
        bool, typer.Option("--no-confirm", help="Train the spec as it is, no chips at limits.")
    ] = False,
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
    """How far each number may move before the verdict flips, and what else would save a design."""
    spec = read_spec(spec_path, overrides, seed, allow_code=allow_code)
    if plot is not None:
        check_figure(plot)
    files = {"--plot": plot, "--html": html_path}
    inputs = spec_files(spec_path, overrides)
    check_outputs({"--json": json_path, **files}, resume, inputs)
    if plan:
        plan_and_exit(
            spec_path,
            spec,
            "limits",
            json_path,
            device,
            quick=quick,
            jobs=jobs,
            scheduler=scheduler,
            resume=resume,
            unwritten=files,
            confirm=not no_confirm,
        )
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.pipeline.limits import find_limits  # noqa: PLC0415  (torch is slow to import)
    from neurograd.report.console.limits_tables import render_limits  # noqa: PLC0415

    with working(spec_path, json_path) as progress:
        result = find_limits(
            spec,
            device=pick_device(device),
            quick=quick,
            confirm=not no_confirm,
            reporter=progress,
            resume=resume,
            jobs=jobs,
            scheduler=scheduler,
        )
    written: dict[Path, Content] = {}
    if json_path is not None:
        written[json_path] = to_json(result.report)
    if plot is not None:
        written[plot] = partial(_tornado, result.record, plot)
    if html_path is not None:
        from neurograd.report import render_limits_html  # noqa: PLC0415

        written[html_path] = partial(render_limits_html, result.record)
    show_and_write(partial(render_limits, result.record), written, json_path)
    raise typer.Exit(0 if exit_zero else result.verdict.exit_code)


def _tornado(report: LimitsReport, plot: Path) -> bytes:
    from neurograd.report.figures.tornado import plot_tornado  # noqa: PLC0415  (matplotlib is slow)
    from neurograd.report.plots import to_image  # noqa: PLC0415

    return to_image(plot_tornado(report), plot.suffix[1:])
