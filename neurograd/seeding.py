"""Generators that depend on what they are for, never on the order in which they are made."""

from __future__ import annotations

import zlib

import numpy as np
import torch


def generator_for(
    seed: int, *path: int | str, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for one purpose: draw k at point p has ``path = ("moments", p, k)``.

    The same seed and path give the same numbers whatever was drawn before, so results do not
    depend on chunk size, order, number of workers, or on being resumed.

    Args:
        seed: The user's seed, 0 or more.
        path: What the generator is for; names are hashed, whole numbers taken as they are.
        device: Where the generator draws.

    Raises:
        ValueError: If the seed or a number of the path is negative.
    """
    numbers = [seed, *(zlib.crc32(p.encode()) if isinstance(p, str) else p for p in path)]
    if min(numbers) < 0:
        raise ValueError(f"seed and path are {numbers}; allowed: whole numbers from 0")
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator(device=device).manual_seed(int(state[0] >> np.uint64(1)))
