"""``neurograd compare``: two designs side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurograd.cli.options import (
    AllowCode,
    DeviceName,
    ExitZero,
    JsonPath,
    Overrides,
    Quick,
    Resume,
    Seed,
)
from neurograd.cli.outputs import check_outputs, show_and_write
from neurograd.cli.streams import say
from neurograd.cli.work import pick_device, read_spec, spec_files, working
from neurograd.errors import NeurogradError

if TYPE_CHECKING:
    from neurograd.pipeline.compare import ComparisonResult

REPORT = ".json"
"""How the name of a report ends; what ends otherwise is a spec."""


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="A spec, or a report's JSON file (.json).")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one of the same kind.")],
    margin: Annotated[
        str | None,
        typer.Option(
            "--margin",
            metavar="PART",
            help="Cost beyond A's that is no harm, '0.5 %'; what A's targets allow by default.",
        ),
    ] = None,
    json_path: JsonPath = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    resume: Resume = None,
    allow_code: AllowCode = False,
    exit_zero: ExitZero = False,
) -> None:
    """Is B worse than A? Chips in pairs, or two reports; exits with 0 no, 1 yes, 3 not known."""
    part = _part(margin)
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.report.console.comparison_tables import render_comparison  # noqa: PLC0415

    kinds = [path.suffix.lower() == REPORT for path in (first, second)]
    if kinds[0] != kinds[1]:
        raise NeurogradError(
            f"{first} and {second}: one is a report and one a spec; allowed: two specs, or two "
            "reports (.json)"
        )
    specs = () if kinds[0] else (first, second)
    inputs = [each for path in specs for each in spec_files(path, overrides)]
    check_outputs({"--json": json_path}, resume, [first, second, *inputs])
    if kinds[0]:
        given = {
            "--quick": quick,
            "--seed": seed is not None,
            "--device": device != "auto",
            "--set": bool(overrides),
            "--resume": resume is not None,
            "--allow-code": allow_code,
        }
        _refuse(given)
        result = _reports(first, second, part)
    else:
        from neurograd.pipeline.compare import compare_specs  # noqa: PLC0415  (torch is slow)

        a, b = (read_spec(path, overrides, seed, allow_code=allow_code) for path in (first, second))
        with working(None, json_path) as progress:
            result = compare_specs(
                a,
                b,
                sources=(str(first), str(second)),
                margin=part,
                device=pick_device(device),
                quick=quick,
                reporter=progress,
                resume=resume,
            )
    written = {} if json_path is None else {json_path: to_json(result.report)}
    show_and_write(partial(render_comparison, result.record), written, json_path)
    raise typer.Exit(0 if exit_zero else result.answer.exit_code)


def _part(margin: str | None) -> float | None:
    """The margin as a fraction."""
    if margin is None:
        return None
    from neurograd.keys.units import parse_fraction  # noqa: PLC0415

    try:
        return parse_fraction(margin)
    except ValueError as error:
        raise NeurogradError(f"--margin: {error}") from None


def _refuse(given: dict[str, bool]) -> None:
    """Raise NeurogradError for options that change nothing of finished reports."""
    names = [name for name, is_given in given.items() if is_given]
    if names:
        raise NeurogradError(
            f"{', '.join(names)}: reports are finished; allowed with two specs, or none of these"
        )


def _reports(first: Path, second: Path, margin: float | None) -> ComparisonResult:
    from neurograd.pipeline.compare import compare_reports  # noqa: PLC0415
    from neurograd.records.json_form import read_report  # noqa: PLC0415

    a, b = (read_report(path, note=say) for path in (first, second))
    return compare_reports(a, b, sources=(str(first), str(second)), margin=margin)
