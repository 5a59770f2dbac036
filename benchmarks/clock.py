"""Timing of several things in turn, so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Work = Callable[[], object]

MOST_CALLS = 100_000


def _nothing() -> None:
    """What works in this process alone have to end by."""


@dataclass(frozen=True)
class Timing:
    """Seconds a call, one number a round.

    Attributes:
        cpu: Processor time of the whole process, all threads together.
        wall: By the wall clock.
    """

    cpu: tuple[float, ...]
    wall: tuple[float, ...]


def in_turn(
    works: Mapping[str, Work],
    *,
    rounds: int = 9,
    least_seconds: float = 0.1,
    finish: Work = _nothing,
) -> dict[str, Timing]:
    """Time several things round by round, each after the other, every other round backwards.

    Each is called once before, to warm up. A round calls each as often as fills ``least_seconds``
    of processor time.

    Args:
        works: What to time, by name.
        rounds: How often each is timed.
        least_seconds: Processor time that one timing takes at least.
        finish: Called at the end of every timing, for what runs beside the processor.
    """
    calls = {name: _calls(work, least_seconds, finish) for name, work in works.items()}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for k in range(rounds):
        for name in list(works)[:: 1 if k % 2 == 0 else -1]:
            taken[name].append(_seconds(works[name], calls[name], finish))
    return {
        name: Timing(tuple(cpu for cpu, _ in each), tuple(wall for _, wall in each))
        for name, each in taken.items()
    }


def _calls(work: Work, least_seconds: float, finish: Work) -> int:
    work()
    finish()
    calls = 1
    while (
        taken := calls * _seconds(work, calls, finish)[0]
    ) < least_seconds and calls < MOST_CALLS:
        # Twice as many where the clock has not ticked yet.
        more = 2 * calls if taken == 0 else int(1.2 * calls * least_seconds / taken) + 1
        calls = min(MOST_CALLS, more)
    return calls


def _seconds(work: Work, calls: int, finish: Work) -> tuple[float, float]:
    """Processor and wall time of one of several calls; a tick of the clock at least."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        work()
    finish()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    tick = time.get_clock_info("process_time").resolution
    return max(cpu, tick) / calls, wall / calls
