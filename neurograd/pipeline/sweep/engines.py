"""Where the points of a sweep are computed: here, on several cores, or on a dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Protocol

import torch

from neurograd.errors import NeurogradError

CONNECT_SECONDS = 10


class Engine(Protocol):
    """Something that computes many independent calls."""

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """An executor, closed at the end and stopped at once by an error.

        Raises:
            BrokenExecutor: If workers died, so that what is missing has to be sent again.
        """
        ...

    def capacity(self) -> int:
        """How many calls it should have at a time."""
        ...


def choose_engine(jobs: int | None, scheduler: str | None, device: str, points: int) -> Engine:
    """The engine of the command's options.

    Args:
        jobs: Number of processes; as many as there are cores when None, one on an accelerator.
        scheduler: Address of a dask scheduler, None for this machine.
        device: Where the points compute.
        points: How many there are.

    Raises:
        NeurogradError: If the options do not go together.
    """
    if jobs is not None and jobs < 1:
        raise NeurogradError(f"--jobs: {jobs} is out of range; allowed: 1 or more")
    if scheduler is not None:
        if jobs is not None:
            raise NeurogradError("--jobs: the cluster's workers decide; allowed: --scheduler alone")
        return Cluster(scheduler)
    if jobs is None:
        jobs = torch.get_num_threads() if device == "cpu" else 1
    jobs = min(jobs, points)
    return Processes(jobs) if jobs > 1 else Here()


class Here:
    """This process, one point after the other."""

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """An executor that computes when it is asked; the number of threads comes back after."""
        threads = torch.get_num_threads()
        try:
            yield _Inline()
        finally:
            torch.set_num_threads(threads)

    def capacity(self) -> int:
        """One."""
        return 1


class _Inline(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Processes:
    """Processes of this machine, each on one core.

    Trainings of networks of this size spend much of their time in Python, which threads of one
    process would share.

    Args:
        jobs: Number of processes.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """A pool of processes that end with this one, however it ends."""
        context = _context()
        # Nothing is ever sent: the workers see the end of the pipe, also after a SIGKILL.
        lifeline, held = context.Pipe(duplex=False)
        executor = ProcessPoolExecutor(
            self._jobs, mp_context=context, initializer=_begin_worker, initargs=(lifeline,)
        )
        try:
            yield executor
        except BaseException:
            held.close()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
            held.close()
            lifeline.close()

    def capacity(self) -> int:
        """One running and one waiting call for each process."""
        return 2 * self._jobs


def _context() -> Any:
    """Forked from a small server that has imported what the workers need, where there is one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["neurograd.pipeline.sweep.work"])
    # Ctrl-C reaches the whole process group; only this process answers, and it ends the workers.
    # The tracker is started first because it unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def _begin_worker(lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this worker at once when the process that asked for its work is gone."""
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


class Cluster:
    """The workers of a dask.distributed cluster; those that die lose no points.

    Args:
        address: Address of its scheduler, such as ``tcp://host:8786``.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """An executor of the cluster's workers."""
        try:
            from distributed import Client  # noqa: PLC0415  (optional)
        except ImportError:
            raise NeurogradError(
                "--scheduler: dask.distributed is not installed; allowed: after "
                "pip install 'neurograd-chip[cluster]'"
            ) from None
        try:
            client = Client(self._address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise NeurogradError(
                f"--scheduler: no scheduler answers at {self._address!r} ({error}); allowed: the "
                "address of a running one, such as tcp://host:8786"
            ) from None
        self._client = client
        executor = client.get_executor(pure=False)
        # A lost scheduler is one line of ours, not a traceback of the client's.
        log = logging.getLogger("distributed.client")
        level = log.level
        log.setLevel(logging.CRITICAL)
        try:
            yield _Watched(executor)
        finally:
            executor.shutdown(wait=False)
            client.close()
            log.setLevel(level)

    def capacity(self) -> int:
        """Two calls for each thread of the workers that are there now."""
        threads = self._ask(lambda: sum(self._client.nthreads().values()))
        return max(8, 2 * int(threads))

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except OSError as error:
            raise BrokenExecutor(f"the scheduler is lost ({error})") from None


class _Watched(Executor):
    """Tells lost workers from errors of the work."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        outer: Future[Any] = Future()

        def pass_on(inner: Future[Any]) -> None:
            if inner.cancelled():
                outer.set_exception(BrokenExecutor("the scheduler is lost"))
                return
            error = inner.exception()
            if error is None:
                outer.set_result(inner.result())
            elif type(error).__name__ == "KilledWorker":
                outer.set_exception(BrokenExecutor(str(error)))
            else:
                outer.set_exception(error)

        self._executor.submit(fn, *args, **kwargs).add_done_callback(pass_on)
        return outer
