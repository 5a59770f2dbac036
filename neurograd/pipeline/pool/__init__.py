"""Independent tasks: on threads, on processes, on a cluster, or one after the other here."""

from neurograd.pipeline.pool.choose import choose_pool, processes_of
from neurograd.pipeline.pool.cluster import Cluster
from neurograd.pipeline.pool.inline import Inline
from neurograd.pipeline.pool.interface import Stopped, TaskPool, WorkersLost
from neurograd.pipeline.pool.lasting import Lasting
from neurograd.pipeline.pool.processes import Processes
from neurograd.pipeline.pool.threads import Threads

__all__ = [
    "Cluster",
    "Inline",
    "Lasting",
    "Processes",
    "Stopped",
    "TaskPool",
    "Threads",
    "WorkersLost",
    "choose_pool",
    "processes_of",
]
