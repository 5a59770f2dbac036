"""Generators that depend on what they are for, never on the order in which they are made."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch

_POOL = 4
"""Words up to which numpy's ``SeedSequence`` fills a key up with zeros."""
_MARK = 0x5EED
"""Last word of keys that are spelled out."""


def generator_for(
    seed: int, *path: int | str, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for one purpose: draw k at point p has ``path = ("moments", p, k)``.

    The same seed and path give the same numbers whatever was drawn before, so results do not
    depend on chunk size, order, number of workers, or on being resumed.

    Paths that differ give different streams, in length too: ``("a",)``, ``("a", 0)`` and
    ``("a", 0, 0)`` are three. ``SeedSequence`` alone takes them for one, as it does a number from
    2³² and its two halves, so such keys are spelled out, with their length; all others keep the
    stream that they have by numpy's own rule, so that networks, data sets and most draws of what
    was computed before stay the same. Names are CRC-32 words: two names with the same word, or a
    name and that very number, are one.

    Args:
        seed: The user's seed, 0 or more.
        path: What the generator is for; names are hashed, whole numbers taken as they are.
        device: Where the generator draws.

    Raises:
        ValueError: If the seed or a number of the path is negative, or 2⁶⁴ or more.
    """
    key = [seed, *(zlib.crc32(p.encode()) if isinstance(p, str) else p for p in path)]
    if min(key) < 0 or max(key) >= 1 << 64:
        raise ValueError(f"seed and path are {key}; allowed: whole numbers from 0 to 2^64 - 1")
    state = np.random.SeedSequence(_words(key)).generate_state(1, np.uint64)
    return torch.Generator(device=device).manual_seed(int(state[0] >> np.uint64(1)))


def _words(key: Sequence[int]) -> list[int]:
    """Words of 32 bits that no other key has, nor any key followed by zeros."""
    filled_up = 1 < len(key) <= _POOL and key[-1] == 0
    if not filled_up and max(key) < 1 << 32 and key[-1] != _MARK:
        return list(key)
    halves = [half for number in key for half in (number & 0xFFFFFFFF, number >> 32)]
    return [*halves, len(key), _MARK]
