"""Tasks on the workers of a dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from neurograd.errors import NeurogradError
from neurograd.pipeline.pool.interface import WorkersLost
from neurograd.pipeline.pool.ledger import LedgerPool
from neurograd.progress import Reporter

T = TypeVar("T")

CONNECT_SECONDS = 10


class Cluster(LedgerPool):
    """A ``TaskPool`` of the workers of a dask.distributed cluster.

    Tasks that a worker has begun when the pool stops run on there; their results are lost.

    Args:
        address: Address of its scheduler, such as ``tcp://host:8786``.
        reporter: Shows the progress of stages of this process.
    """

    def __init__(self, address: str, reporter: Reporter | None = None) -> None:
        super().__init__(reporter)
        self._address = address
        # A lost scheduler is one line of ours, not a traceback of the client's.
        self._log = logging.getLogger("distributed.client")
        self._level = self._log.level

    def __enter__(self) -> Cluster:
        """Connect.

        Raises:
            NeurogradError: If dask is not installed, or no scheduler answers.
        """
        try:
            from distributed import Client  # noqa: PLC0415  (optional)
        except ImportError:
            raise NeurogradError(
                "--scheduler: dask.distributed is not installed; allowed: after "
                "pip install 'neurograd-chip[cluster]'"
            ) from None
        try:
            self._client = Client(self._address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise NeurogradError(
                f"--scheduler: no scheduler answers at {self._address!r} ({error}); allowed: the "
                "address of a running one, such as tcp://host:8786"
            ) from None
        self._executor = self._client.get_executor(pure=False)
        self._log.setLevel(logging.CRITICAL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect; tasks of a stopped pool that have not begun never do."""
        try:
            if error is None:
                self._ledger.wait()
        finally:
            self._ledger.stop()
            self._executor.shutdown(wait=False)
            self._client.close()
            self._log.setLevel(self._level)
        self._ledger.tell(error)

    def submit(self, task: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Send a task, which can be pickled with its arguments."""
        future = self._ledger.add()
        sent = self._executor.submit(task, *arguments)
        sent.add_done_callback(partial(self._take, _killed, future))
        return future

    def capacity(self) -> int:
        """Two tasks for each thread of the workers that are there now.

        Raises:
            WorkersLost: If the scheduler does not answer any more.
        """
        try:
            threads = sum(self._client.nthreads().values())
        except OSError as error:
            raise WorkersLost(f"the scheduler is lost ({error})") from None
        return max(8, 2 * int(threads))


def _killed(error: BaseException) -> bool:
    return type(error).__name__ == "KilledWorker"
