"""How this process deals with memory that is freed, by the C library and by Python."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of glibc's ``malloc.h``."""

KEPT = 256 * 2**20
"""Bytes of freed memory that stay with the process, at the end of a heap."""

LARGE = 32 * 2**20
"""Bytes from which a piece of memory is always the system's own: the most that glibc takes."""


def keep_freed_memory() -> None:
    """Let the process keep what it frees, for what it asks for next.

    A step of a training frees as much as the next one needs. What went back to the system in
    between comes again page by page, each of them zeroed: some percent of the time of a quick check
    of 26,000 weights. For glibc on Linux; nothing is done elsewhere. No number depends on it.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, LARGE)


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cycles of garbage in the block, or until ``collect_again`` in it.

    Loading torch and this package makes a million objects that all stay: looking through them
    again and again is a tenth of the time of loading.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def collect_again() -> None:
    """Look for cycles again, but not among what a process has loaded until then."""
    if gc.isenabled():
        return
    if not gc.get_freeze_count():
        gc.freeze()
    gc.enable()
