"""Tasks on processes of one machine, each on one core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from types import ModuleType, TracebackType
from typing import Any, TypeVar

import torch

from neurograd.memory import keep_freed_memory
from neurograd.pipeline.pool.interface import WorkersLost
from neurograd.pipeline.pool.ledger import LedgerPool
from neurograd.progress import Reporter

T = TypeVar("T")

PRELOAD = ["neurograd.pipeline.sweep.work"]
"""What processes need for their tasks, which is imported once for all of them."""


class Processes(LedgerPool):
    """A ``TaskPool`` of processes that end with this one, however it ends.

    Trainings of small networks spend much of their time in Python, which threads of one process
    would share. A task that is stopped dies with its process, wherever it is.

    Args:
        jobs: Number of processes.
        reporter: Shows the progress of stages of this process.
        main_module: Whether processes import the program's main module, as tasks that are functions
            of it need; its body must then be behind ``if __name__ == "__main__":``.
    """

    def __init__(
        self, jobs: int, reporter: Reporter | None = None, *, main_module: bool = False
    ) -> None:
        super().__init__(reporter)
        self._jobs = jobs
        self._beginning = nullcontext if main_module else _without_main

    def __enter__(self) -> Processes:
        """Begin; processes start with the tasks that need them."""
        context = _context()
        # Nothing is ever sent: the workers see the end of the pipe, also after a SIGKILL.
        self._lifeline, self._held = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            self._jobs, mp_context=context, initializer=_begin_worker, initargs=(self._lifeline,)
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End with all processes; those of a stopped pool are ended at once."""
        finished = False
        try:
            if error is None:
                self._ledger.wait()
                finished = not self._ledger.stopped
        finally:
            self._ledger.stop()
            if not finished:
                self._held.close()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._held.close()
            self._lifeline.close()
        self._ledger.tell(error)

    def submit(self, task: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Send a task, which can be pickled with its arguments."""
        future = self._ledger.add()
        try:
            with self._beginning():  # which may begin a process
                sent = self._executor.submit(task, *arguments)
        except BrokenExecutor as error:
            self._ledger.fail(future, WorkersLost(str(error)))
        else:
            sent.add_done_callback(partial(self._take, _died, future))
        return future

    def capacity(self) -> int:
        """One running and one waiting task for each process."""
        return 2 * self._jobs


def _died(error: BaseException) -> bool:
    return isinstance(error, BrokenExecutor)


def _context() -> Any:
    """Forked from a small server that has imported what the workers need, where there is one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    # Ctrl-C reaches the whole process group; only this process answers, and it ends the workers.
    # The tracker is started first because it unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _without_main():
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


_HIDING = threading.Lock()
"""Held while the main module is another one: pools of several threads hide it in turn."""


@contextmanager
def _without_main() -> Iterator[None]:
    """Begin processes that do not import this program's main module.

    What they compute are functions of other modules, and a script without a guard would run its
    whole body again in each of them.
    """
    with _HIDING:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _begin_worker(lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    keep_freed_memory()
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this worker at once when the process that asked for its work is gone."""
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
