"""How long work says where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Progress = Callable[[int], None]
"""Called with the number of units done since the last call."""


class Reporter(Protocol):
    """Shows the progress of a stage."""

    def stage(self, label: str, total: int) -> Callable[[int], None]:
        """Begin a stage of ``total`` units; the result is called with units done since."""
        ...


class Silent:
    """Shows nothing."""

    def stage(self, label: str, total: int) -> Callable[[int], None]:
        """Begin a stage that nobody watches."""
        return lambda done: None
