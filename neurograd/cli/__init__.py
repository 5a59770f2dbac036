"""The command line, one command a file.

Exit codes: `check`, `train` and `limits` give 0 tolerated, 1 not tolerated, 3 inconclusive,
`compare` 0 not worse, 1 worse, 3 not told apart, only when they finished; the other commands 0. 2
is bad input, 130 interrupted, 70 anything unexpected.
A reader that closes the pipe changes no code. SIGTERM ends the process at once, as everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurograd.cli.entry import main

if TYPE_CHECKING:
    from neurograd.cli.application import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> Any:
    if name == "app":  # typer is imported within `main`, where a broken installation is caught
        from neurograd.cli.application import app  # noqa: PLC0415

        return app
    raise AttributeError(f"module 'neurograd.cli' has no attribute {name!r}")
