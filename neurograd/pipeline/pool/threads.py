"""Tasks on the cores of one machine, with the same numbers on any number of cores.

Networks of this size gain little from two cores inside one matrix product; two tasks of one core
each are half as fast again. Every task runs on one core, so its sums are taken in the same order
whatever the machine has.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

import torch

from neurograd.pipeline.pool.interface import Stopped
from neurograd.pipeline.pool.ledger import MOMENT, LedgerPool, TaskFuture
from neurograd.progress import Reporter

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds that a stopped task has for a report of its progress, before it is interrupted."""

_INSTRUCTIONS = 100
"""Turns of a loop, each of which notices an error that another thread raised in this one."""

_TASK = threading.local()
"""Of which pool a thread is, as ``pool``."""


class Threads(LedgerPool):
    """A ``TaskPool`` of threads of this process, one for each core that torch may use.

    A task that was stopped ends at its next report of progress; one that reports nothing for a
    while ends between two of its Python instructions. Either way nothing runs on when the ``with``
    statement has ended.

    Args:
        device: Where the tasks compute; on an accelerator they run one after the other.
        reporter: Shows the progress of the tasks.
        waiting: Number of threads where tasks wait for others that compute; None where they
            compute themselves.
    """

    def __init__(
        self,
        device: torch.device,
        reporter: Reporter | None = None,
        waiting: int | None = None,
    ) -> None:
        self._threads = torch.get_num_threads()
        self._workers = waiting or (self._threads if device.type == "cpu" else 1)
        self._around: Threads | None = getattr(_TASK, "pool", None)
        super().__init__(reporter, None if self._around is None else self._around._ledger)
        self._waiting: SimpleQueue[tuple[TaskFuture, Callable[[], Any]] | None] = SimpleQueue()
        self._running: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._ended: set[int] = set()
        self._spared: set[int] = set()
        self._all_ended = threading.Event()

    def __enter__(self) -> Threads:
        """Begin; threads start with the tasks that need them."""
        if self._around is not None:
            self._around._spare(threading.get_ident(), spared=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End when all threads have, and give torch its number of threads back."""
        try:
            if error is not None:
                self._ledger.stop()
            self._join()
        finally:
            self._ledger.stop()  # nothing is taken from here on
            torch.set_num_threads(self._threads)
            if self._around is not None:
                self._around._spare(threading.get_ident(), spared=False)
        self._ledger.tell(error)

    def submit(self, task: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Run a task as soon as a thread is free, in the order of submission."""
        future = self._ledger.add()
        self._waiting.put((future, partial(task, *arguments)))
        with self._lock:
            if len(self._running) < self._workers:
                thread = threading.Thread(target=self._work, name=f"task-{len(self._running)}")
                self._running.append(thread)
                thread.start()
        return future

    def capacity(self) -> int:
        """One for each thread."""
        return self._workers

    # -- threads --------------------------------------------------------------------------------

    def _join(self) -> None:
        """Wait until all threads have ended, which those of a stopped pool do at once."""
        for _ in self._running:
            self._waiting.put(None)
        try:
            while len(self._ended) < len(self._running):
                # Not Thread.join, after whose interruption a thread no longer counts as alive.
                self._all_ended.wait(PATIENCE)
                if self._ledger.stopped:
                    self._ledger.stop()
                    self._interrupt()
        except BaseException:
            # The last tasks are waited for here, so Ctrl-C comes here as well.
            self._ledger.stop()
            self._interrupt()
            raise
        for thread in self._running:
            thread.join()

    def _work(self) -> None:
        begun = False
        while True:
            try:
                if not begun:
                    begun = True
                    self._serve()
                self._end()
                break
            except Stopped:  # came between two tasks
                continue
        # From here on nothing is raised in this thread, where no one would catch it.
        with self._lock:
            if len(self._ended) == len(self._running):
                self._all_ended.set()

    def _end(self) -> None:
        """Count this thread as ended, and wait for what was raised in it before.

        A pending error must come: one that is withdrawn leaves the interpreter checking for it for
        good, and standing still where it is traced, as for coverage.
        """
        with self._lock:
            self._ended.add(threading.get_ident())
        for _ in range(_INSTRUCTIONS):
            pass

    def _serve(self) -> None:
        """Run tasks until there are no more."""
        torch.set_num_threads(1)
        _TASK.pool = self
        while True:
            try:
                given = self._waiting.get(timeout=MOMENT)
            except Empty:
                if self._ledger.stopped:
                    return
                continue
            if given is None:
                return
            if not self._ledger.stopped:
                self._run(*given)

    def _interrupt(self) -> None:
        """Raise ``Stopped`` in every thread that still works."""
        with self._lock:
            for thread in self._running:
                ident = thread.ident
                if ident is not None and ident not in self._ended | self._spared:
                    _raise_in(ident, Stopped)

    def _spare(self, ident: int, *, spared: bool) -> None:
        """A thread with a pool of its own is stopped by that pool, which ends its threads first."""
        with self._lock:
            (self._spared.add if spared else self._spared.discard)(ident)


def _raise_in(ident: int, error: type[BaseException]) -> None:
    """Have a thread raise an error before one of its next instructions."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))
