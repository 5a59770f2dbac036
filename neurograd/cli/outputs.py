"""Where the results of a command go: checked before the work, written after it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import typer

from neurograd.cli.console import TableConsole
from neurograd.cli.entry import UNEXPECTED
from neurograd.cli.streams import print_text, say, silence
from neurograd.errors import OutputError
from neurograd.output import (
    check_apart,
    check_folder,
    check_places,
    check_writable,
    write_atomically,
)

STANDARD_OUTPUT = Path("-")
"""What ``--json`` takes in place of a file."""

Content = str | bytes | Callable[[], str | bytes]
"""What a file holds, or what makes it once all before it are written."""


def check_outputs(
    files: Mapping[str, Path | None], folder: Path | None = None, inputs: Iterable[Path] = ()
) -> None:
    """Fail before long work if a result cannot be written.

    Args:
        files: The file of each option, None where it was not given.
        folder: Folder of finished stages, if any.
        inputs: Files that the command reads.

    Raises:
        OutputError: If two options name one place, or one in the other, or a file that is read, or
            a place cannot be written to.
    """
    read, written = tuple(inputs), []
    for option, path in files.items():
        if path is None:
            continue
        if path == STANDARD_OUTPUT:
            if option != "--json":
                raise OutputError(f"{option} -: only --json can be printed; allowed: a file's name")
            continue
        written.append(path)
    check_places(written, folder)
    for path in written:
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


def show_and_write(
    show: Callable[[TableConsole], None],
    files: Mapping[Path, Content],
    json_path: Path | None = None,
) -> None:
    """Print tables and write every file; files are written although nothing can be printed.

    Args:
        show: Prints the tables.
        files: As for ``write_outputs``.
        json_path: What ``--json`` was given, if anything.

    Raises:
        OutputError: If a file cannot be written.
        typer.Exit: With 70, after one line, if what is printed goes to a full disk, say.
    """
    refused: OSError | None = None
    try:
        show(tables(json_path))
    except OSError as error:
        refused = error
        silence(sys.stderr if json_path == STANDARD_OUTPUT else sys.stdout)
    write_outputs({path: given for path, given in files.items() if path != STANDARD_OUTPUT})
    try:
        write_outputs({path: given for path, given in files.items() if path == STANDARD_OUTPUT})
    except OSError as error:
        refused = error
        silence(sys.stdout)
    if refused is not None:
        say(f"neurograd: unexpected error: cannot print ({refused.strerror or refused})")
        raise typer.Exit(UNEXPECTED)


def write_outputs(files: Mapping[Path, Content]) -> None:
    """Write every file whole, or print what goes to standard output, each before the next is made.

    Args:
        files: What each of them holds, or what makes it.

    Raises:
        OutputError: If a file cannot be written.
    """
    for path, given in files.items():
        content = given() if callable(given) else given
        if path == STANDARD_OUTPUT and isinstance(content, str):
            print_text(content)
        else:
            write_atomically(path, content)
            say_written(path)


def say_written(*paths: Path) -> None:
    """Say on standard error which files were written."""
    for path in paths:
        say(f"wrote {path}")
