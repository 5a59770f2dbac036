"""What all pools of tasks have in common, whatever computes the tasks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from neurograd.progress import Progress

T = TypeVar("T")


class Stopped(BaseException):
    """A task was given up because another one failed or the user interrupted the work.

    Not an ``Exception``, so that a task that deals with its own errors does not hold it up.
    """


class WorkersLost(Exception):
    """What should have computed the tasks is gone; what is missing has to be sent again."""


class TaskPool(Protocol):
    """Runs independent tasks; used in a ``with`` statement.

    Every task has one core to itself, so that its numbers depend on it alone: pools of any kind and
    size give the same ones.

    The ``with`` statement ends when all tasks have. An error inside of it, Ctrl-C among them, stops
    the rest: what waits never begins, and what runs ends as soon as the pool can make it. The same
    happens at once when a task fails, whatever it raises: whoever waits for another task gets
    ``Stopped``, and the statement ends with the error of the task.
    """

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            NeurogradError: If what should compute the tasks is not there.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, as soon as all tasks have; with the error of the task that failed, if one did."""
        ...

    def submit(self, task: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Run a task as soon as there is room, in the order of submission.

        The future's error is what the task raised, ``Stopped``, or ``WorkersLost``.

        Raises:
            Stopped: If the pool has stopped.
        """
        ...

    def stage(self, label: str, total: int) -> Progress:
        """Begin a stage of ``total`` units, which can be stopped wherever it reports progress.

        The result is called with units done since the last call and raises ``Stopped`` when the
        work has been stopped.
        """
        ...

    def stop(self) -> None:
        """Give up all tasks that have not finished; their futures raise ``Stopped``."""
        ...

    def capacity(self) -> int:
        """How many tasks it should have at a time, so that none of its workers waits.

        Raises:
            WorkersLost: If there is no one to ask any more.
        """
        ...
