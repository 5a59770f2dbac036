"""Tasks in this thread, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import torch

from neurograd.pipeline.pool.ledger import LedgerPool
from neurograd.progress import Reporter

T = TypeVar("T")


class Inline(LedgerPool):
    """A ``TaskPool`` that computes a task when it is submitted; Ctrl-C stops it there and then.

    For tasks that use the cores of the machine themselves.

    Args:
        reporter: Shows the progress of the tasks.
    """

    def __init__(self, reporter: Reporter | None = None) -> None:
        super().__init__(reporter)
        self._threads = torch.get_num_threads()

    def __enter__(self) -> Inline:
        """Begin, with one core for each task."""
        torch.set_num_threads(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, and give torch its number of threads back."""
        self._ledger.stop()
        torch.set_num_threads(self._threads)
        self._ledger.tell(error)

    def submit(self, task: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Compute a task."""
        future = self._ledger.add()
        self._run(future, partial(task, *arguments))
        return future

    def capacity(self) -> int:
        """One."""
        return 1
