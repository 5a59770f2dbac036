"""Independent tasks on the cores of one machine, with the same numbers on any number of cores.

Networks of this size gain little from two cores inside one matrix product; two tasks of one core
each are half as fast again. Every task runs on one core, so its sums are taken in the same order
whatever the machine has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

import torch

from neurograd.progress import Progress, Reporter

T = TypeVar("T")


class _Stopped(Exception):
    """Another task failed or the user interrupted the work."""


class TaskPool:
    """Runs tasks on threads; leaving it because of an error stops those that still run.

    Args:
        device: Where the tasks compute; on an accelerator they run one after the other.
        reporter: Shows the progress of the tasks, which is also where they can be stopped.
    """

    def __init__(self, device: torch.device, reporter: Reporter) -> None:
        self.workers = torch.get_num_threads() if device.type == "cpu" else 1
        self._threads = torch.get_num_threads()
        self._reporter = reporter
        self._stop = threading.Event()
        self._executor = ThreadPoolExecutor(
            self.workers, initializer=torch.set_num_threads, initargs=(1,)
        )

    def __enter__(self) -> TaskPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stop.set()
        self._executor.shutdown(wait=True, cancel_futures=error is not None)
        torch.set_num_threads(self._threads)

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Run a task as soon as a worker is free, in the order of submission."""
        return self._executor.submit(task)

    def stage(self, label: str, total: int) -> Progress:
        """Begin a stage of a task; it can be stopped wherever it reports its progress."""
        advance = self._reporter.stage(label, total)

        def report(done: int) -> None:
            if self._stop.is_set():
                raise _Stopped
            advance(done)

        return report
