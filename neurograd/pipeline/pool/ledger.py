"""Which tasks of a pool are not finished, and what stopped them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from neurograd.pipeline.pool.interface import Stopped, WorkersLost
from neurograd.progress import Progress, Reporter, Silent

MOMENT = 0.2
"""Seconds between two looks of a wait at whether the pool has stopped."""


class TaskFuture(Future[Any]):
    """A future that is not waited for once the pool around its own has stopped.

    Args:
        ledger: Where it is kept.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def result(self, timeout: float | None = None) -> Any:
        """The task's result, as ``concurrent.futures`` has it."""
        while timeout is None and not self.done():
            if self._ledger.stopped:
                self._ledger.stop()
            wait([self], MOMENT)
        return super().result(timeout)


class Ledger:
    """Keeps the futures of a pool; the first failure, or ``stop``, settles all that are open.

    Args:
        reporter: Shows the progress of stages.
        around: Of the pool in one of whose tasks this pool is, None where in none.
    """

    def __init__(self, reporter: Reporter, around: Ledger | None = None) -> None:
        self._reporter, self._around = reporter, around
        self._lock = threading.Lock()
        self._open: set[TaskFuture] = set()
        self._failure: BaseException | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether a task failed or the pool was told to stop, or the one around it."""
        return self._stopped or (self._around is not None and self._around.stopped)

    def add(self) -> TaskFuture:
        """The future of a new task.

        Raises:
            Stopped: If the pool has stopped.
        """
        future = TaskFuture(self)
        if self.stopped:
            raise Stopped
        with self._lock:
            if self._stopped:
                raise Stopped
            self._open.add(future)
        return future

    def succeed(self, future: TaskFuture, result: Any) -> None:
        """A task has its result; one that was given up keeps none."""
        if self._close(future):
            future.set_result(result)

    def fail(self, future: TaskFuture, error: BaseException) -> None:
        """A task has failed, which stops all others."""
        with self._lock:
            mine = future in self._open
            self._open.discard(future)
            if mine and self._failure is None and not isinstance(error, Stopped):
                self._failure = error
        if mine:
            future.set_exception(error)
            self.stop()

    def end(self, error: BaseException) -> None:
        """Stop all tasks because of an error that is of none of them."""
        with self._lock:
            self._failure = self._failure or error
        self.stop()

    def wait(self) -> None:
        """Wait until nothing is open."""
        while True:
            with self._lock:
                left = list(self._open)
            if not left:
                return
            wait(left, MOMENT)

    def stop(self) -> None:
        """Give up all that is open."""
        with self._lock:
            self._stopped = True
            given_up, self._open = self._open, set()
        for future in given_up:
            future.set_exception(Stopped())

    def stage(self, label: str, total: int) -> Progress:
        """A stage that raises ``Stopped`` at its next report once the pool has stopped."""
        advance = self._reporter.stage(label, total)

        def report(done: int) -> None:
            if self.stopped:
                raise Stopped
            advance(done)

        return report

    def tell(self, error: BaseException | None) -> None:
        """Raise the failure that stopped the tasks, unless a more telling error is on its way.

        Args:
            error: What the ``with`` statement of the pool ends with.
        """
        if self._failure is not None and (error is None or isinstance(error, Stopped)):
            raise self._failure from None

    def _close(self, future: TaskFuture) -> bool:
        with self._lock:
            mine = future in self._open
            self._open.discard(future)
        return mine


class LedgerPool:
    """What pools have in common, whatever computes: a ledger of their tasks, and how it is used.

    Args:
        reporter: Shows the progress of stages of this process.
        around: The ledger of the pool in one of whose tasks this pool is, None where in none.
    """

    def __init__(self, reporter: Reporter | None = None, around: Ledger | None = None) -> None:
        self._ledger = Ledger(reporter or Silent(), around)

    def stage(self, label: str, total: int) -> Progress:
        """Begin a stage of this process, which can be stopped wherever it reports its progress.

        Those of other processes report to no one.
        """
        return self._ledger.stage(label, total)

    def stop(self) -> None:
        """Give up all tasks that have not finished."""
        self._ledger.stop()

    def _run(self, future: TaskFuture, task: Callable[[], Any]) -> None:
        """Compute a task here."""
        try:
            result = task()
        except BaseException as error:
            self._ledger.fail(future, error)
        else:
            self._ledger.succeed(future, result)

    def _take(
        self, lost: Callable[[BaseException], bool], future: TaskFuture, sent: Future[Any]
    ) -> None:
        """Take what a task that was sent to workers has given.

        Args:
            lost: Whether an error is the death of a worker, and not one of the task.
            future: The task.
            sent: What its workers had of it, which is done. It is cancelled where the workers are
                gone, and where the pool has stopped, which is of no consequence then.
        """
        if sent.cancelled():
            self._ledger.fail(future, WorkersLost("the workers are lost"))
            return
        error = sent.exception()
        if error is None:
            self._ledger.succeed(future, sent.result())
        else:
            self._ledger.fail(future, WorkersLost(str(error)) if lost(error) else error)
