"""Progress bars on standard error; nothing where that is no terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from neurograd.cli.console import TableConsole


class ProgressBars:
    """Shows each stage as a bar; a `neurograd.progress.Reporter`."""

    def __init__(self) -> None:
        console = TableConsole(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *details: Any) -> None:
        self._progress.stop()

    def stage(self, label: str, total: int) -> Callable[[int], None]:
        """Begin a bar of ``total`` units; the result is called with units done since."""
        task = self._progress.add_task(label, total=total)
        return lambda done: self._progress.advance(task, done)
