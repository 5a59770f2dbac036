"""``neurograd fit``: a device from files of measured data."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurograd.cli.outputs import Content, check_figure, check_outputs, write_outputs
from neurograd.cli.streams import print_text
from neurograd.errors import DataError, OutputError, SpecError
from neurograd.memory import collect_again
from neurograd.output import check_writable, is_same_file

if TYPE_CHECKING:
    from neurograd.fit.device_fit import DeviceFit
    from neurograd.fit.measurements import Measurements


def fit(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...", help="Files of measured data; several are of several devices."
        ),
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="ROLE=HEAD,...",
            help="Name columns: potentiation=LTP:uS,depression=LTD:reversed,time=t.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Hold the curve to one model: constant, nonlinear, soft_bounds, linear, power or "
            "exponential.",
        ),
    ] = None,
    yaml_file: Annotated[
        Path | None,
        typer.Option(
            "--yaml", metavar="FILE", help="Write the device there, and a jump table beside it."
        ),
    ] = None,
    ranges: Annotated[
        bool,
        typer.Option(
            "--ranges", help="Write what the data leave open as ranges, which check forecasts over."
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw data and device there: .png, .svg or .pdf."
        ),
    ] = None,
) -> None:
    """Fit a device to measured data: says what was read, and prints keys for a spec."""
    if plot is not None:
        check_figure(plot)
    from neurograd.fit.reading import read_devices  # noqa: PLC0415  (numpy is slow)

    inputs = [file for each in data for file in _files_of(each)]
    table_file = None if yaml_file is None else _table_beside(yaml_file, inputs)
    files = {"--yaml": yaml_file, "the table of --yaml": table_file, "--plot": plot}
    check_outputs(files, inputs=inputs)
    from neurograd.fit.device_fit import fit_device  # noqa: PLC0415  (scipy is slow)

    collect_again()
    measured = read_devices(data, columns)
    try:
        found = fit_device(measured, model)
    except DataError as error:
        raise DataError(f"{', '.join(map(str, data))}: {error}") from None
    section = _ranges(found, _named(data)) if ranges else None
    name = f"{data[0].stem}_jumps.csv" if table_file is None else table_file.name
    block = found.device_block(None if found.table is None else name)
    _check_device(block, section, found.table, _named(data))
    command = _command(data, columns, model, ranges=ranges)
    text = _comments(command, measured, found, name if table_file is None else None)
    text += _dumped({"device": block})
    text += _dumped({} if section is None else {"ranges": section})
    written: dict[Path, Content] = {} if yaml_file is None else {yaml_file: text}
    if table_file is not None and found.table is not None:
        written[table_file] = found.table
    if plot is not None:
        written[plot] = partial(_image, measured, found, _named(data), plot)
    print_text(text)
    write_outputs(written)


def _files_of(data: Path) -> tuple[Path, ...]:
    """All files that may be read for one of measured data.

    Raises:
        DataError: If there can be no file of its name.
    """
    from neurograd.fit.reading import files_read  # noqa: PLC0415

    try:
        return files_read(data)
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); allowed: a file of measured data"
        raise DataError(f"{data}: {problem}") from None


def _table_beside(yaml_file: Path, inputs: Sequence[Path]) -> Path:
    """The jump table beside a device's file.

    Raises:
        OutputError: If the device's file cannot be written, or the table would take the place of
            one that is read.
    """
    check_writable(yaml_file)  # a folder has no name with another ending
    table_file = yaml_file.with_suffix(".csv")
    if any(is_same_file(table_file, each) for each in inputs):
        raise OutputError(
            f"--yaml {yaml_file}: its jump table would be {table_file}; allowed: another name"
        )
    return table_file


def _ranges(found: DeviceFit, data: str) -> dict[str, Any]:
    from neurograd.fit.joint import SMALL, joint_ranges  # noqa: PLC0415  (numpy and scipy are slow)

    try:
        section = joint_ranges(found)
    except DataError as error:
        raise DataError(f"--ranges: {data}: {error}") from None
    if not section["numbers"]:
        problem = f"all numbers are known to {SMALL:.0%}; allowed: no ranges"
        raise DataError(f"--ranges: {data}: {problem}")
    return {"data": data, **section}


def _named(data: Sequence[Path]) -> str:
    return data[0].name if len(data) == 1 else f"{data[0].name} and {len(data) - 1} more"


def _image(measured: Measurements, found: DeviceFit, title: str, plot: Path) -> bytes:
    from neurograd.report.figures.device_fit import plot_device_fit  # noqa: PLC0415
    from neurograd.report.figures.measured_jumps import plot_jumps  # noqa: PLC0415
    from neurograd.report.plots import to_image  # noqa: PLC0415

    drawn = plot_device_fit(found, title) if measured.runs else plot_jumps(measured, title)
    return to_image(drawn, plot.suffix[1:])


def _command(data: Sequence[Path], columns: str | None, model: str | None, *, ranges: bool) -> str:
    """The command line that was given, but for what it writes."""
    options = [("--columns", columns), ("--model", model)]
    given = [word for name, value in options if value is not None for word in (name, value)]
    given += ["--ranges"] if ranges else []
    return shlex.join(["neurograd", "fit", *map(os.fspath, data), *given])


def _check_device(
    block: dict[str, Any], section: dict[str, Any] | None, table: str | None, data: str
) -> None:
    """A spec takes the device that is written, with its ranges.

    Raises:
        DataError: One line, if it does not.
    """
    from neurograd.spec import validate_spec  # noqa: PLC0415  (slow to import)

    keys: dict[str, Any] = {"device": dict(block), "task": {"name": "digits"}}
    if section is not None:
        keys["ranges"] = section
    with TemporaryDirectory() as folder:
        if table is not None:
            file = Path(folder) / "table.csv"
            file.write_text(table, encoding="utf-8")
            keys["device"]["measured"] = str(file)
        try:
            validate_spec(keys)
        except SpecError as error:
            problem = f"{error.key} {error.problem}".replace(f"{folder}{os.sep}", "")
            raise DataError(f"{data}: no spec takes the device that fits: {problem}") from None


def _comments(command: str, measured: Measurements, found: DeviceFit, unwritten: str | None) -> str:
    """What was read and what is to be known, as comments of YAML.

    Args:
        command: The command line.
        measured: What was read.
        found: The fit.
        unwritten: Name of the jump table where it is not written.
    """
    lines = [command, *(f"read: {line}" for line in measured.understood)]
    lines += [f"note: {line}" for line in measured.notes]
    lines += found.lines()
    if found.table is not None and unwritten is not None:
        lines.append(f"note: --yaml FILE also writes the jump table that {unwritten} stands for")
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def _dumped(keys: dict[str, Any]) -> str:
    """Keys as YAML, nothing of none."""
    import yaml  # noqa: PLC0415

    return yaml.safe_dump(keys, sort_keys=False, allow_unicode=True) if keys else ""
