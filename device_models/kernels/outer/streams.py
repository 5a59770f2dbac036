"""Random numbers that weights of a layer draw in turn, by their places among those that draw.

Each use has a stream of its own: a device beyond the numbers of weights, see ``counter_numbers``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels.compiled import called
from device_models.kernels.number_loops import BLOCK, block_of, normals_of

CLOCK, UNITS, SIEVE, NORMALS = (np.uint64(2**power) for power in (63, 62, 61, 60))
"""Times and chances of jumps, roundings, first steps of visits, normal numbers."""

COLUMN_TRAINS, ROW_TRAINS = (np.uint64(2**power) for power in (57, 56))
"""Pulses of columns and of rows; others below are of reads (``counter_numbers``)."""


@called
def words_in_turn(
    key: Any, place: Any, use: Any, begin: Any, count: Any, length: Any, words: Any
) -> None:
    """Random words of a use.

    Args:
        key: Of the write.
        place: See ``order.Place``.
        use: One of those above.
        begin: Blocks of four words before.
        count: Blocks, at most ``length``.
        length: Numbers of a row.
        words: Filled with four rows.
    """
    stream, first = np.uint64(place.first) | use, np.uint64(begin)
    one, two, three = words[length:], words[2 * length :], words[3 * length :]
    for j in range(count):
        r0, r1, r2, r3 = block_of(stream, first + np.uint64(j), key)
        words[j], one[j] = np.uint32(r0), np.uint32(r1)
        two[j], three[j] = np.uint32(r2), np.uint32(r3)


@called
def units_in_turn(key: Any, place: Any, begin: Any, count: Any, words: Any, units: Any) -> None:
    """Uniform numbers for the rounding of weights that are visited.

    Args:
        key: Of the write.
        place: See ``order.Place``.
        begin: How many were drawn before, a multiple of 4.
        count: How many are needed, at most ``BLOCK``.
        words: Room for four rows of ``BLOCK`` words.
        units: Filled with the numbers, and up to 3 more.
    """
    real, quarter = units.dtype.type, -(-count // 4)
    words_in_turn(key, place, UNITS, begin // 4, quarter, BLOCK, words)
    for k in range(4):
        row, found = words[k * BLOCK :], units[k * quarter :]
        for j in range(quarter):
            found[j] = real(row[j]) * real(2.0**-32)


@called
def normals_in_turn(key: Any, place: Any, begin: Any, count: Any, words: Any, found: Any) -> None:
    """Standard normal numbers for weights that get pulses; arguments as for ``units_in_turn``."""
    quarter = -(-count // 4)
    words_in_turn(key, place, NORMALS, begin // 4, quarter, BLOCK, words)
    normals_of(words, quarter, found, found[quarter:])
    normals_of(words[2 * BLOCK :], quarter, found[2 * quarter :], found[3 * quarter :])


@called
def normal_words(key: Any, where: Any, count: Any, first: Any, second: Any) -> None:
    """Words of the first normal numbers of some weights, those of a write of all weights."""
    for j in range(count):
        _, _, r2, r3 = block_of(np.uint64(where[j]), np.uint64(0), key)
        first[j], second[j] = np.uint32(r2), np.uint32(r3)
