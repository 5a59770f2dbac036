"""Where tables are printed."""

from __future__ import annotations

from typing import TextIO, cast

from rich.console import Console

from neurograd.cli.streams import silence


class TableConsole(Console):
    """A console whose reader may leave early: what follows is dropped, and the command goes on."""

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True
        silence(cast("TextIO", self.file))
