"""How long a call takes here and now, and how much memory the process has meanwhile."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psutil
import torch

ENOUGH = 0.2
"""Seconds after which a call has been timed often enough."""

MOST_CALLS = 50

SHORT = 1.0
"""Seconds up to which a unit of the work is timed as it is; what takes longer is extended to."""

INTERVAL = 0.002
"""Seconds between two looks at the memory."""


def now(device: torch.device) -> float:
    """Seconds that this thread has computed; on an accelerator those of the clock, in step with it.

    A busy machine makes the time of the clock longer, and not that of a core.
    """
    if device.type == "cpu":
        return time.thread_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Time of one call."""
    start = now(device)
    call()
    return now(device) - start


def seconds_per_call(
    call: Callable[[], object], device: torch.device, *, enough: float = ENOUGH
) -> float:
    """Median time of a call, of as many as fit into ``enough`` seconds but one at least.

    The first call prepares what later ones find ready; it counts only where it is the only one.

    Args:
        call: What is timed.
        device: Where it computes; an accelerator is waited for.
        enough: Seconds that all calls together may take before the last one begins.
    """
    took: list[float] = []
    begun = now(device)
    while len(took) < MOST_CALLS and (not took or now(device) - begun < enough):
        took.append(seconds_of(call, device))
    return statistics.median(took[1:] or took)


class PeakMemory:
    """The most memory of this process while a ``with`` statement runs, looked at in passing.

    Attributes:
        before: Resident memory at its beginning, in bytes.
        peak: The most that was seen, in bytes.
    """

    def __init__(self) -> None:
        self._process, self._ended = psutil.Process(), threading.Event()
        self.before = self.peak = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self._ended.set()
        self._watch.join()
        self._look_once()

    @property
    def added(self) -> int:
        """Bytes beside those at the beginning."""
        return self.peak - self.before

    def _look(self) -> None:
        while not self._ended.wait(INTERVAL):
            self._look_once()

    def _look_once(self) -> None:
        self.peak = max(self.peak, self._process.memory_info().rss)
