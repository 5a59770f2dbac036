"""Independent tasks: on threads, on processes, on a cluster, or one after the other here."""

from neurograd.pipeline.pool.interface import Stopped, TaskPool, WorkersLost
from neurograd.pipeline.pool.threads import Threads

__all__ = ["Stopped", "TaskPool", "Threads", "WorkersLost"]
