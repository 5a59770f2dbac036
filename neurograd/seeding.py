"""Generators that depend on what they are for, never on the order in which they are made."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence

import numpy as np
import torch

_POOL = 4
"""Words up to which numpy's ``SeedSequence`` fills a key up with zeros."""
_MARK = 0x5EED
"""Last word of keys that are spelled out."""
_LONGEST = 32
"""Words of a key up to which its hash is taken here."""


def _constants(first: int, factor: int, count: int) -> tuple[tuple[int, int], ...]:
    """What ``SeedSequence`` adds and multiplies by, hash after hash."""
    found = [first]
    for _ in range(count):
        found.append(found[-1] * factor & 0xFFFFFFFF)
    return tuple(itertools.pairwise(found))


_IN = _constants(0x43B0D7E5, 0x931E8875, _POOL * _LONGEST)
_OUT = _constants(0x8B51F9DD, 0x58F38DED, 2)
# Which word of the pool goes into which others, and by what constants.
_TURNS = tuple(
    (of, tuple((k, *_IN[3 * of + _POOL + n]) for n, k in enumerate(others)))
    for of, others in ((of, [k for k in range(_POOL) if k != of]) for of in range(_POOL))
)


def generator_for(
    seed: int, *path: int | str, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for one purpose: draw k at point p has ``path = ("moments", p, k)``.

    The same seed and path give the same numbers whatever was drawn before, so results do not
    depend on chunk size, order, number of workers, or on being resumed.

    Paths that differ are hashed apart, in length too: ``("a",)``, ``("a", 0)`` and ``("a", 0, 0)``
    are three. ``SeedSequence`` alone takes them for one, as it does a number from 2³² and its two
    halves, so such keys are spelled out, with their length; all others keep the stream that they
    have by numpy's own rule, so that networks, data sets and most draws of what was computed before
    stay the same. Names are CRC-32 words: two names with the same word, or a name and that very
    number, are one.

    A generator of the CPU, torch's Mersenne twister, takes the low 32 bits of a hash only: two
    paths that differ have the same stream with a chance of 2⁻³², some two of n paths with one of
    about n²/2³³ (of a thousand, 1 in 8600). Their draws are then equal and not independent, by
    which the variance of a mean over n draws grows by a part of n/2³² on average.

    Args:
        seed: The user's seed, 0 or more.
        path: What the generator is for; names are hashed, whole numbers taken as they are.
        device: Where the generator draws.

    Raises:
        ValueError: If the seed or a number of the path is negative, or 2⁶⁴ or more.
    """
    return torch.Generator(device=device).manual_seed(seed_for(seed, *path))


def seed_for(seed: int, *path: int | str) -> int:
    """What ``generator_for`` seeds its generator with, 0 to 2⁶³ − 1; arguments as there."""
    key = [int(seed), *(zlib.crc32(p.encode()) if isinstance(p, str) else int(p) for p in path)]
    if min(key) < 0 or max(key) >= 1 << 64:
        raise ValueError(f"seed and path are {key}; allowed: whole numbers from 0 to 2^64 - 1")
    return _hash_of(_words(key)) >> 1


def _words(key: Sequence[int]) -> list[int]:
    """Words of 32 bits that no other key has, nor any key followed by zeros."""
    filled_up = 1 < len(key) <= _POOL and key[-1] == 0
    if not filled_up and max(key) < 1 << 32 and key[-1] != _MARK:
        return list(key)
    halves = [half for number in key for half in (number & 0xFFFFFFFF, number >> 32)]
    return [*halves, len(key), _MARK]


def _hash_of(words: Sequence[int]) -> int:
    """First number of 64 bits that numpy's ``SeedSequence`` makes of some words of 32 bits.

    Its own rule in whole numbers: numpy takes 40 µs for it where its code is not in the processor's
    cache, as behind a large update, and this 15.

    Source: O'Neill, ``seed_seq_fe``, 2015, as ``numpy.random.SeedSequence`` has it.
    """
    if len(words) > _LONGEST:
        return int(np.random.SeedSequence(list(words)).generate_state(1, np.uint64)[0])
    pool = []
    for value, (plus, times) in zip((*words, 0, 0, 0), _IN[:_POOL], strict=False):
        hashed = (value ^ plus) * times & 0xFFFFFFFF
        pool.append(hashed ^ hashed >> 16)
    for of, turn in _TURNS:
        value = pool[of]
        for k, plus, times in turn:
            pool[k] = _mixed(pool[k], (value ^ plus) * times & 0xFFFFFFFF)
    for n in range(_POOL, len(words)):
        for k, (plus, times) in enumerate(_IN[_POOL * n : _POOL * (n + 1)]):
            pool[k] = _mixed(pool[k], (words[n] ^ plus) * times & 0xFFFFFFFF)
    low, high = (
        (value ^ plus) * times & 0xFFFFFFFF
        for value, (plus, times) in zip(pool, _OUT, strict=False)
    )
    return (low ^ low >> 16) | (high ^ high >> 16) << 32


def _mixed(value: int, hashed: int) -> int:
    """A word of the pool, and a hash, as one word."""
    mixed = 0xCA01F9DD * value - 0x4973F715 * (hashed ^ hashed >> 16) & 0xFFFFFFFF
    return mixed ^ mixed >> 16
