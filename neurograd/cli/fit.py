"""``neurograd fit``: a device from a file of measured data."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurograd.cli.outputs import check_figure, check_outputs, write_outputs
from neurograd.cli.streams import print_text
from neurograd.errors import DataError

if TYPE_CHECKING:
    from neurograd.effects.measured_block import MeasuredBlock
    from neurograd.fit import Measurements


def fit(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file of measured data.")],
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="ROLE=HEAD,...",
            help="Name columns: potentiation=LTP:uS,depression=LTD:reversed,time=t.",
        ),
    ] = None,
    yaml_file: Annotated[
        Path | None,
        typer.Option(
            "--yaml", metavar="FILE", help="Write the device there, and its table beside it."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw data and device there: .png, .svg or .pdf."
        ),
    ] = None,
) -> None:
    """Make a device of measured data: says what was read, and prints keys for a spec."""
    if plot is not None:
        check_figure(plot)
    table_file = None if yaml_file is None else yaml_file.with_suffix(".csv")
    check_outputs({"--yaml": yaml_file, "the table of --yaml": table_file, "--plot": plot})
    from neurograd.effects.measured_block import measured_block  # noqa: PLC0415  (numpy is slow)
    from neurograd.fit.reading import read_measurements  # noqa: PLC0415

    measured = read_measurements(data, columns)
    try:
        found = measured_block(measured, data if table_file is None else Path(table_file.name))
    except ValueError as error:
        raise DataError(f"{data}: {error}") from None
    if table_file is None and columns is not None:
        found = found.noted("--yaml FILE also writes the table that 'measured' has to name")
    text = _text(data, columns, measured, found)
    files: dict[Path, str | bytes] = {}
    if yaml_file is not None and table_file is not None:
        files |= {yaml_file: text, table_file: found.table}
    if plot is not None:
        from neurograd.report.figures.measured_runs import plot_measured  # noqa: PLC0415
        from neurograd.report.plots import to_image  # noqa: PLC0415

        files[plot] = to_image(plot_measured(measured, found, data.name), plot.suffix[1:])
    print_text(text)
    write_outputs(files)


def _text(data: Path, columns: str | None, measured: Measurements, found: MeasuredBlock) -> str:
    """The device as YAML, below what was read and what is to be known, as comments."""
    import yaml  # noqa: PLC0415

    command = f"neurograd fit {shlex.quote(os.fspath(data))}"
    if columns is not None:
        command += f" --columns {shlex.quote(columns)}"
    lines = [command, *(f"read: {line}" for line in measured.understood)]
    lines += [f"note: {line}" for line in (*measured.notes, *found.notes)]
    comments = "".join(f"# {' '.join(line.split())}\n" for line in lines)
    return comments + yaml.safe_dump({"device": found.block}, sort_keys=False, allow_unicode=True)
