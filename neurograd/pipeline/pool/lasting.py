"""Tasks on workers that may die: what one of them had not finished is sent again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from neurograd.errors import NeurogradError
from neurograd.pipeline.pool.interface import Stopped, TaskPool, WorkersLost
from neurograd.pipeline.pool.ledger import LedgerPool, TaskFuture
from neurograd.progress import Reporter

T = TypeVar("T")

MAX_DEATHS = 3
"""How often workers may die in a row without a single result in between."""


class Lasting(LedgerPool):
    """A ``TaskPool`` that opens another one when its workers are lost, and goes on there.

    Results that have come stay; tasks that had none are sent again, in their order. As a task's
    numbers depend on it alone, they are the same ones.

    Args:
        open_pool: Makes a pool that computes.
        reporter: Shows the progress of stages of this process.
    """

    def __init__(self, open_pool: Callable[[], TaskPool], reporter: Reporter | None = None) -> None:
        super().__init__(reporter)
        self._open_pool = open_pool
        self._lock = threading.Lock()
        # Tasks without a result, in the order of submission.
        self._tasks: dict[TaskFuture, Callable[[TaskPool], Future[Any]]] = {}
        self._pool: TaskPool | None = None
        self._renewal: threading.Thread | None = None
        self._deaths, self._results, self._room = 0, 0, 1

    def __enter__(self) -> Lasting:
        """Begin.

        Raises:
            NeurogradError: If what should compute the tasks is not there.
        """
        self._pool = self._open_pool().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End as the pool that computes does."""
        try:
            if error is None:
                self._ledger.wait()
        except BaseException as interrupted:
            kind, error, trace = type(interrupted), interrupted, interrupted.__traceback__
            raise
        finally:
            self._ledger.stop()
            if self._renewal is not None:
                self._renewal.join()
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.__exit__(kind, error, trace)
        self._ledger.tell(error)

    def submit(self, task: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Send a task, as the pool that computes has it; never ``WorkersLost``."""
        future = self._ledger.add()
        with self._lock:
            self._tasks[future] = lambda pool: pool.submit(task, *arguments)
            pool = self._pool
        if pool is not None:
            self._send(pool, future)
        return future

    def capacity(self) -> int:
        """That of the pool that computes; what it was while there is none."""
        pool = self._pool
        if pool is not None:
            try:
                self._room = pool.capacity()
            except WorkersLost as error:
                self._lose(pool, error)
        return self._room

    # -- tasks ----------------------------------------------------------------------------------

    def _send(self, pool: TaskPool, future: TaskFuture) -> None:
        send = self._tasks.get(future)
        if send is None:
            return
        try:
            sent = send(pool)
        except WorkersLost as error:
            self._lose(pool, error)
        except Stopped:
            pass  # its workers are lost, and the task is sent again, or all has stopped
        else:
            sent.add_done_callback(partial(self._answered, pool, future))

    def _answered(self, pool: TaskPool, future: TaskFuture, sent: Future[Any]) -> None:
        error = sent.exception()
        if isinstance(error, WorkersLost):
            self._lose(pool, error)
        elif not isinstance(error, Stopped):
            with self._lock:
                self._tasks.pop(future, None)
                self._results += 1
            if error is None:
                self._ledger.succeed(future, sent.result())
            else:
                self._ledger.fail(future, error)

    # -- pools ----------------------------------------------------------------------------------

    def _lose(self, pool: TaskPool, error: WorkersLost) -> None:
        """Have a pool replaced, by a thread of its own: a pool cannot be closed from inside."""
        with self._lock:
            if pool is not self._pool:
                return
            self._pool = None
            self._renewal = threading.Thread(target=self._renew, args=(pool, error))
            self._renewal.start()

    def _renew(self, lost: TaskPool, error: WorkersLost) -> None:
        with contextlib.suppress(Exception):  # of what is gone nothing can be closed in order
            lost.__exit__(type(error), error, None)
        self._deaths = 0 if self._results else self._deaths + 1
        self._results = 0
        if self._deaths >= MAX_DEATHS:
            self._ledger.end(
                NeurogradError(
                    f"workers died {self._deaths} times in a row (out of memory?): "
                    f"{' '.join(str(error).split())}; what is finished is kept, and the same "
                    "command goes on"
                )
            )
            return
        try:
            pool = self._open_pool().__enter__()
        except Exception as refused:
            self._ledger.end(refused)
            return
        with self._lock:
            self._pool, waiting = pool, list(self._tasks)
        for future in waiting:
            self._send(pool, future)
