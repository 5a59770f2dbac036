"""Weights of an outer product that are visited one by one, in two steps.

A weight stays with the chance q, the pulses p that it asks for rounded up to a number of 8 bits, or
1, which takes 8 random bits of each. Those that stay, about as many as get a pulse, get one with
the chance p/q, or where p is above 1 as many as it is rounded to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK
from device_models.kernels.outer.order import LANES
from device_models.kernels.outer.streams import SIEVE, words_in_turn

LEAST = -5
"""Power of 2 above which weights are visited, set by timings: jumps are faster below."""

_PARTS = 256.0
"""Chances q are whole numbers of such parts."""

_WORDS = BLOCK // 4
_BYTES = 16 * _WORDS
"""Random words of a row, and random bytes, that are drawn at a time."""

_LEFT = 64
"""Room in a block for which no further row is begun."""


class Sieve(NamedTuple):
    """The first step of visits.

    Attributes:
        state: Row and column to go on with, random bytes used up, and how many there were before.
        words: Random words.
        bytes: The same, byte by byte.
        stays: Whether a weight of a row stays.
        stayed: Columns of those that do.
    """

    state: Any
    words: Any
    bytes: Any
    stays: Any
    stayed: Any


@inlined
def sieve_of() -> Any:
    """A sieve that is not started."""
    words = np.zeros(4 * _WORDS + LANES, np.uint32)
    return Sieve(
        np.zeros(4, np.int64), words, words.view(np.uint8),
        np.empty(BLOCK + LANES, np.bool_), np.empty(BLOCK, np.uint64),
    )  # fmt: skip


@called
def start(sieve: Any) -> None:
    """Set a sieve to the beginning of a layer of a sample, without any random bytes."""
    sieve.state[:] = 0
    sieve.state[2] = _BYTES


@called
def sift(
    sieve: Any, key: Any, rows: Any, row_count: Any, columns: Any, visited: Any, place: Any,
    factor: Any, scale: Any, where: Any, increments: Any, chances: Any,
) -> Any:  # fmt: skip
    """The next weights that stay in the first step of their visits, about a block of them.

    Args:
        sieve: See ``Sieve``; goes on.
        key: Of the write.
        rows: See ``order.Line``.
        row_count: Number of rows.
        columns: See ``order.Line``.
        visited: See ``order.visited_columns``.
        place: See ``order.Place``.
        factor: What the gradient is multiplied by.
        scale: Pulses that a gradient of 1 asks for at most.
        where: Filled with the weights' numbers.
        increments: Filled with their increments.
        chances: Filled with the chances q.

    Returns:
        How many these are.
    """
    state, stays, stayed, real = sieve.state, sieve.stays, sieve.stayed, increments.dtype.type
    # Without a sign, so that no place is looked up from an array's end.
    r, column, used, size = state[0], state[1], state[2], np.uint64(0)
    scale = scale * _PARTS
    while r < row_count and np.int64(size) <= BLOCK - _LEFT:
        if used == _BYTES:
            words_in_turn(key, place, SIEVE, state[3], _WORDS, _WORDS, sieve.words)
            state[3], used = state[3] + _WORDS, 0
        some = min(visited[r] - column, BLOCK - np.int64(size), _BYTES - used)
        row, error = rows.numbers[r], rows.values[r]
        parts = real(abs(error) * scale)
        drawn, numbers = sieve.bytes[used:], columns.numbers[column:]
        values = columns.values[column:]
        for k in range(-(-some // LANES) * LANES):
            stays[k] = real(drawn[k]) < parts * abs(values[k])
        count = np.uint64(0)
        for k in range(some):
            stayed[count] = np.uint64(k)
            count += np.uint64(stays[k])
        begin, bias = place.first + row * place.width, place.bias + row
        for k in range(np.int64(count)):
            number, value = numbers[stayed[k]], values[stayed[k]]
            weight = np.uint64(begin + number if number < place.width else bias)
            where[size] = weight
            increments[size] = error * value * factor
            chances[size] = parts * abs(value)
            size += np.uint64(1)
        used, column = used + some, column + some
        if column == visited[r]:
            r, column = r + 1, 0
    state[0], state[1], state[2] = r, column, used
    for k in range(np.int64(size)):
        chances[k] = min(np.ceil(chances[k]), real(_PARTS)) * real(1.0 / _PARTS)
    return np.int64(size)


@called
def round_stayed(pulses: Any, units: Any, chances: Any, size: Any) -> None:
    """Numbers of pulses of weights that stayed become whole ones, by uniform numbers."""
    real = pulses.dtype.type
    for k in range(size):
        low = np.floor(pulses[k])
        more = units[k] * chances[k] < pulses[k] - low
        pulses[k] = low + (real(1.0) if more else real(0.0))
