"""From the arguments to an exit code: what a mistake, an interruption and a failure look like.

Only the standard library is imported here, so that a package that is missing or broken is reported
as 70 and is never mistaken for a verdict.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress

from neurograd.cli.streams import say, silence, tolerate_encoding
from neurograd.errors import NeurogradError
from neurograd.memory import uncollected

BAD_INPUT = 2
UNEXPECTED = 70
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; every mistake of a user is one line and exit code 2.

    Args:
        arguments: What follows the program's name; those of the process when None.

    Raises:
        SystemExit: Always, with the exit code.
    """
    tolerate_encoding()
    sys.exit(_flushed(_run(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    """The exit code of a command, whatever happens in it."""
    try:
        with uncollected():
            from neurograd.cli.application import run  # noqa: PLC0415  (see above)

            return run(arguments)
    except NeurogradError as error:
        say(f"neurograd: error: {' '.join(str(error).split())}")
        return BAD_INPUT
    except KeyboardInterrupt:
        say("neurograd: interrupted")
        return INTERRUPTED
    except BaseException as error:  # also SystemExit: no library's exit code is a verdict
        with suppress(Exception):  # standard error may be gone, or memory still short
            traceback.print_exception(error)
        say(f"neurograd: unexpected error: {_one_line(error)}{_hint(error)}")
        return UNEXPECTED


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _hint(error: BaseException) -> str:
    if isinstance(error, ImportError):
        return "; is everything installed? allowed: pip install neurograd-chip"
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return "; a smaller measure.chunk_size needs less memory and changes no result"
    return ""


def _flushed(code: int) -> int:
    """The exit code once everything is written; a reader that has gone does not change it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            silence(stream)
        except OSError as error:
            silence(stream)
            say(f"neurograd: unexpected error: {stream.name}: {_one_line(error)}")
            code = UNEXPECTED
    return code
