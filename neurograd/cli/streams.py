"""Standard output and standard error; a reader that has gone is no mistake of anyone."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


def tolerate_encoding() -> None:
    """Let characters that the terminal's encoding lacks be question marks, not failures."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(line: str) -> None:
    """Print a line on standard error, if anyone reads it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def print_text(text: str) -> None:
    """Print text on standard output as UTF-8, whatever the terminal's encoding; JSON is UTF-8."""
    stream = sys.stdout
    if stream is None:  # the process was started with its output closed
        return
    buffer = getattr(stream, "buffer", None)
    try:
        if buffer is None:  # a stream of text in place of a file, such as io.StringIO
            stream.write(text)
        else:
            stream.flush()
            buffer.write(text.encode("utf-8"))
        stream.flush()
    except BrokenPipeError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Send a stream whose reader has gone to nowhere, so that its last flush does not fail."""
    with suppress(OSError, ValueError):  # a stream without a descriptor has nothing to send
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
