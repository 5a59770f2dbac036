"""The commands, put together."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import typer
from typer.main import get_command

from neurograd.cli.check import check
from neurograd.cli.compare import compare
from neurograd.cli.fit import fit
from neurograd.cli.limits import limits
from neurograd.cli.migrate import migrate
from neurograd.cli.presets import presets
from neurograd.cli.schema import schema
from neurograd.cli.streams import say, silence
from neurograd.cli.sweep import sweep
from neurograd.cli.train import train
from neurograd.errors import ChangedKeyWarning, FitWarning, NeurogradError, StageWarning

app = typer.Typer(
    name="neurograd",
    help="Learn before fabrication whether training on a neuromorphic chip will work.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (check, train, sweep, limits, compare, presets, fit, schema, migrate):
    app.command()(command)

_SAID = (ChangedKeyWarning, FitWarning, StageWarning)
"""Warnings that are for the user, and not for who writes the program."""
_OF_CHIPS = "device_models"
"""All warnings of this package are, too; it takes a second to import."""


def run(arguments: Sequence[str]) -> int:
    """Run a command and give its exit code; without arguments the help, which is bad input.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    if not arguments:
        run(["--help"])
        return 2
    program = get_command(app)
    try:
        # Not `program(...)`, which turns closed pipes and interruptions into codes of its own.
        with (
            _said_in_lines(),
            program.make_context("neurograd", list(arguments)) as context,
        ):
            program.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as error:
        raise NeurogradError(error.format_message()) from None
    except (BrokenPipeError, SystemExit):
        if "--help" not in arguments:
            raise
        silence(sys.stdout)  # the reader of the help has gone
    return 0


@contextmanager
def _said_in_lines() -> Iterator[None]:
    """What the user is to know (``_SAID`` and ``_OF_CHIPS``) is one line each, said once."""
    said = set()
    with warnings.catch_warnings():
        for category in _SAID:
            warnings.simplefilter("always", category)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, _SAID) and not category.__module__.startswith(_OF_CHIPS):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in said:
                said.add(str(message))
                say(f"neurograd: {message}")

        warnings.showwarning = show
        yield
