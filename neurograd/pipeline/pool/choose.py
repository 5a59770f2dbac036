"""Which pool computes, given what the user asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from neurograd.errors import NeurogradError
from neurograd.pipeline.pool.cluster import Cluster
from neurograd.pipeline.pool.inline import Inline
from neurograd.pipeline.pool.interface import TaskPool
from neurograd.pipeline.pool.processes import Processes


def choose_pool(
    jobs: int | None,
    scheduler: str | None,
    device: str,
    tasks: int,
) -> Callable[[], TaskPool]:
    """What makes a pool of the command's options, and another one when its workers are lost.

    Args:
        jobs: Number of processes; as many as there are cores when None, one on an accelerator.
        scheduler: Address of a dask scheduler, None for this machine.
        device: Where the tasks compute.
        tasks: How many there are.

    Raises:
        NeurogradError: If the options do not go together.
    """
    check_options(jobs, scheduler)
    if scheduler is not None:
        return partial(Cluster, scheduler)
    jobs = processes_of(jobs, device, tasks)
    return partial(Processes, jobs) if jobs > 1 else Inline


def check_options(jobs: int | None, scheduler: str | None) -> None:
    """Raise NeurogradError if the options do not go together.

    Args:
        jobs: Number of processes.
        scheduler: Address of a dask scheduler.
    """
    if jobs is not None and jobs < 1:
        raise NeurogradError(f"--jobs: {jobs} is out of range; allowed: 1 or more")
    if jobs is not None and scheduler is not None:
        raise NeurogradError("--jobs: the cluster's workers decide; allowed: --scheduler alone")


def processes_of(jobs: int | None, device: str, tasks: int) -> int:
    """Processes of this machine that compute tasks at once.

    Args:
        jobs: As many as were asked for; as many as there are cores when None, one on an
            accelerator.
        device: Where the tasks compute.
        tasks: How many there are; no more processes than those.
    """
    if jobs is None:
        jobs = torch.get_num_threads() if device == "cpu" else 1
    return min(jobs, tasks)
