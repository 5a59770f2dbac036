"""How the C library of this process deals with memory that is freed."""

from __future__ import annotations

import ctypes
import sys

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
