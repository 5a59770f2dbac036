"""Where the results of a command go: checked before the work, written after it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from neurograd.cli.console import TableConsole
from neurograd.cli.streams import print_text
from neurograd.errors import OutputError
from neurograd.output import check_apart, check_folder, check_writable, write_atomically

STANDARD_OUTPUT = Path("-")
"""What ``--json`` takes in place of a file."""


def check_outputs(
    files: Mapping[str, Path | None], folder: Path | None = None, inputs: Iterable[Path] = ()
) -> None:
    """Fail before long work if a result cannot be written.

    Args:
        files: The file of each option, None where it was not given.
        folder: Folder of finished stages, if any.
        inputs: Files that the command reads.

    Raises:
        OutputError: If two options name one file, or one that is read, or a place cannot be written
            to.
    """
    seen, read = set[str](), tuple(inputs)
    for option, path in files.items():
        if path is None:
            continue
        if path == STANDARD_OUTPUT:
            if option != "--json":
                raise OutputError(f"{option} -: only --json can be printed; allowed: a file's name")
            continue
        place = os.path.realpath(path)
        if place in seen:
            raise OutputError(f"{path}: is given twice; allowed: another file for each report")
        seen.add(place)
        check_writable(path)
        check_apart(path, read)
    if folder is not None:
        from neurograd.pipeline.store import say_if_of_another_version  # noqa: PLC0415  (slow)

        check_folder(folder)
        say_if_of_another_version(folder)


def check_figure(path: Path) -> None:
    """Fail before long work if a file's name does not say which kind of figure it is.

    Raises:
        OutputError: If it ends in none of .png, .svg and .pdf.
    """
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise OutputError(f"{path}: is no figure; allowed: a name that ends in .png, .svg or .pdf")


def tables(json_path: Path | None = None) -> TableConsole:
    """The console for tables: standard output, unless that takes the JSON."""
    return TableConsole(stderr=json_path == STANDARD_OUTPUT)


def write_outputs(files: Mapping[Path, str | bytes]) -> None:
    """Write every file whole, or print what goes to standard output.

    Raises:
        OutputError: If a file cannot be written.
    """
    for path, content in files.items():
        if path == STANDARD_OUTPUT and isinstance(content, str):
            print_text(content)
        else:
            write_atomically(path, content)
            say_written(path)


def say_written(*paths: Path) -> None:
    """Say on standard error which files were written."""
    for path in paths:
        TableConsole(stderr=True).print(f"wrote {path}", highlight=False, soft_wrap=True)
