"""Clusters on this machine, and workers that are killed in the middle of their work."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import contextmanager

import pytest


@contextmanager
def local_cluster(workers):
    """A dask cluster of worker processes on this machine; skips where dask is not installed."""
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as made:
        yield made


class Killing:
    """A reporter that kills a worker as soon as three rows or stages are there.

    Args:
        find_worker: Gives the number of its process.
    """

    def __init__(self, find_worker):
        self._find_worker = find_worker
        self.rows, self.killed_at = 0, None

    def stage(self, label, total):
        return self.advance

    def advance(self, more):
        self.rows += more
        if self.rows >= 3 and self.killed_at is None:
            self.killed_at = self.rows
            os.kill(self._find_worker(), signal.SIGKILL)
