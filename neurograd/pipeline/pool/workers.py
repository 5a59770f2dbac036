"""What is computed for a spec, on workers that build its problem for themselves.

A task is a function of a spec and its problem, with arguments; the problem stays on the worker for
the tasks that follow. A worker with other versions, other code or other data refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeVar

import torch

from neurograd.compute_device import choose_device
from neurograd.errors import NeurogradError
from neurograd.output import to_json
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.identity import CODE_NAME, Surroundings, content_fingerprint
from neurograd.pipeline.pool.choose import check_options
from neurograd.pipeline.pool.cluster import Cluster
from neurograd.pipeline.pool.interface import TaskPool
from neurograd.pipeline.pool.lasting import Lasting
from neurograd.pipeline.pool.processes import Processes
from neurograd.problem import Problem
from neurograd.spec import Spec, spec_to_dict

T = TypeVar("T")

Work = Callable[..., T]
"""A function of a module of this package: of a spec, its problem, and more arguments."""

PROBLEMS = 2
"""Problems that a worker keeps."""


@dataclass(frozen=True)
class Workers:
    """Computes functions of a spec and its problem on the workers of a pool.

    Attributes:
        pool: The pool, which has begun.
        surroundings: Those of this process, which its workers must have as well.
    """

    pool: TaskPool
    surroundings: Surroundings

    def compute(self, work: Work[T], spec: Spec, content: str, *arguments: Any) -> T:
        """What a function gives for a spec; waits for it.

        Args:
            work: The function.
            spec: The spec.
            content: Fingerprint of its problem (``content_fingerprint``).
            arguments: More arguments, which can be pickled.

        Raises:
            NeurogradError: If the function does, or the worker is another one than this process.
        """
        asked = _Asked(problem_keys(spec), self.surroundings, content, spec)
        found: T | NeurogradError = self.pool.submit(_answer, work, asked, arguments).result()
        if isinstance(found, NeurogradError):
            raise found
        return found


def waiting_for(workers: Workers | None) -> int | None:
    """Threads of this process that wait for workers; None where they compute themselves."""
    return None if workers is None else workers.pool.capacity()


@contextmanager
def open_workers(
    jobs: int | None, scheduler: str | None, device: torch.device | str, spec: Spec
) -> Iterator[Workers | None]:
    """The workers that the options ask for; None where the threads of this process compute.

    Args:
        jobs: Number of processes.
        scheduler: Address of a dask scheduler.
        device: Where they compute.
        spec: What they will compute for.

    Raises:
        NeurogradError: If the options do not go together, or nobody is there.
    """
    check_options(jobs, scheduler)
    if jobs is None and scheduler is None:
        yield None
        return
    name = "--jobs" if scheduler is None else "--scheduler"
    if spec.handed_over is not None:
        raise NeurogradError(
            f"{name}: objects of a program are not sent to other processes; allowed: with a spec"
        )
    with Lasting(partial(_open_pool, jobs, scheduler)) as pool:
        yield Workers(pool, Surroundings.of(device))


def _open_pool(jobs: int | None, scheduler: str | None) -> TaskPool:
    if scheduler is not None:
        return Cluster(scheduler)
    return Processes(jobs or 1)


def problem_keys(spec: Spec) -> str:
    """All keys of a spec that its problem is made of, as one text."""
    full = spec_to_dict(spec)
    keys = {name: full[name] for name in ("network", "task", "measure")}
    return to_json({**keys, "output_scales": spec.output_scales})


def check_surroundings(asked: Surroundings) -> None:
    """Make this worker ready, which computes each task on one core.

    Raises:
        NeurogradError: If it has no such device, or other versions or code.
    """
    torch.set_num_threads(1)
    choose_device(asked.device)
    differs = asked.difference(Surroundings.of(asked.device))
    if differs is not None:
        name, here, there = differs
        found = f"other code ({there})" if name == CODE_NAME else f"{name} {there}"
        raise NeurogradError(f"--scheduler: a worker has {found}; allowed: the one here, {here}")


@dataclass(frozen=True)
class _Asked:
    """For which spec something is computed; equal where the problem is the same."""

    keys: str
    surroundings: Surroundings = field(hash=False)
    content: str
    spec: Spec = field(compare=False)


def _answer(work: Work[T], asked: _Asked, arguments: tuple[Any, ...]) -> T | NeurogradError:
    """On a worker; errors that bad input causes are results, which do not stop the others."""
    try:
        check_surroundings(asked.surroundings)
        return work(asked.spec, _problem(asked).replica(), *arguments)
    except NeurogradError as error:
        return error


@lru_cache(PROBLEMS)
def _problem(asked: _Asked) -> Problem:
    problem = build_problem(asked.spec, asked.surroundings.device)
    if content_fingerprint(problem) != asked.content:
        raise NeurogradError(
            "--scheduler: a worker has other data, start weights or code of the network's file; "
            "allowed: the same files at the same paths"
        )
    return problem
