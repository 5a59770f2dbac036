"""Which weights of an outer product get pulses, in time that goes with the pulses.

Where requests are rounded stochastically and ask for far less than a pulse, most weights get none.
Rows and columns are sorted by the powers of 2 that their errors and inputs reach at most, so that
all weights of a pair of powers ask for p ≤ P pulses, P a power of 2. Where P is above ``2**LEAST``
they are visited one by one. Elsewhere candidates are drawn, each weight being one with the chance
P, by jumps over the others, and a candidate gets its pulse with the chance p/P: each weight gets
one with the chance p, independent of all others, exact to the 32 bits of a random number.

A jump is that of a clock: with E standard exponential and the rate λ = −log(1 − P) of a weight, the
next candidate is ⌊E/λ⌋ weights ahead, and E less λ for each of the weights that were left behind is
standard exponential again, so that one clock goes on over all pairs of powers.

A visit costs little where it is in two steps: a weight stays with the chance q, p rounded up to a
number of 8 bits, which takes 8 random bits, and those that stay get their pulse with the chance
p/q.

Source: geometric jumps of Devroye, Non-Uniform Random Variate Generation, 1986, chapter VI.4, with
thinning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK, block_of, log_of_unit, normals_of
from device_models.kernels.prefetch import fetch_ahead

LEAST = -5
"""Power of 2 up to which pulses are drawn by jumps, beside visits in two steps."""

LEAST_OF_PAIRS = -3
"""The same of weights that may be two devices, beside visits in one."""

FLOOR = -24
"""Power that smaller ones count as: far above the 2⁻³² of an exponential number's steps."""

ALL = -(2**30)
"""In place of ``LEAST``, for writes whose weights are all visited one by one."""

CLOCK = 32
"""Numbers of the clock that are drawn at a time."""

_CHANCES = 0.5 ** np.arange(1 - FLOOR)
_OF_PAIRS = 1.0 - (1.0 - _CHANCES) ** 2
with np.errstate(divide="ignore"):
    # Of what comes for certain the rate is infinite.
    _RATES, _RATES_OF_PAIRS = -np.log1p(-_CHANCES), -np.log1p(-_OF_PAIRS)

_POWERS = 64
_CLOCKED, _VISITED = np.uint64(2**63), np.uint64(2**62)
_SIEVED, _NORMAL = np.uint64(2**61), np.uint64(2**60)
"""Beyond the numbers of weights: those of a layer's clock, of its visited weights, of the first
step of their visits, and of its normal numbers."""

_LANES = 32
"""What a processor takes at a time is a part of this; loops over so many have no rest."""

_PARTS = 256.0
"""Chances of the first step of a visit are whole numbers of such parts."""


class Place(NamedTuple):
    """Where a layer stands in the vector of weights.

    Attributes:
        first: Number of its matrix's first weight.
        bias: Number of its first bias; below 0 where there is none.
        width: Columns of its matrix; the biases are one more, with an input of 1.
    """

    first: int
    bias: int
    width: int


class Line(NamedTuple):
    """The rows or the columns of a sample that are not 0, those of large values first.

    Attributes:
        numbers: Of the rows or columns.
        values: Their errors or inputs.
        powers: Powers of 2 above these, times the scale that they were sorted by.
        ends: Behind the last one of the same power.
        found: Room to sort in: numbers of what is not 0,
        starts: and where each power begins.
    """

    numbers: Any
    values: Any
    powers: Any
    ends: Any
    found: Any
    starts: Any


@inlined
def line_of(size: Any, like: Any) -> Any:
    """Room for the rows or columns of a sample."""
    return Line(
        np.empty(size, np.int64),
        np.zeros(size + _LANES, like.dtype),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.uint64),
        np.empty(_POWERS + 1, np.uint64),
    )


@inlined
def _power_above(value: Any) -> Any:
    """Smallest n with ``abs(value) <= 2**n``, or more where it is next to nothing."""
    bits = max(np.float64(abs(value)).view(np.int64), np.int64(1)) - np.int64(1)
    return (bits >> np.int64(52)) - np.int64(1022)


@called
def sort(values: Any, scale: Any, one_more: Any, line: Any) -> Any:
    """How many values are not 0; they go to the front of a line, in the order of their powers.

    Args:
        values: Errors or inputs.
        scale: What their powers are those of a product with.
        one_more: Whether a value of 1 follows them.
        line: Filled with them.
    """
    # Without a sign, so that no place is looked up from an array's end.
    zero, count = values.dtype.type(0.0), np.uint64(0)
    found, powers, starts = line.found, line.ends, line.starts
    for c in range(values.size):
        found[count] = np.uint64(c)
        count += np.uint64(values[c] != zero)
    size, top = np.int64(count), np.int64(ALL)
    for k in range(size):
        powers[k] = _power_above(values[found[k]] * scale)
        top = max(top, powers[k])
    if one_more:
        found[size], powers[size] = np.uint64(values.size), _power_above(scale)
        size, top = size + 1, max(top, powers[size])
    for k in range(size):
        powers[k] = min(top - powers[k], _POWERS - 1)
    starts[:] = np.uint64(0)
    for k in range(size):
        starts[np.uint64(powers[k]) + np.uint64(1)] += np.uint64(1)
    for k in range(_POWERS):
        starts[k + 1] += starts[k]
    one = values.dtype.type(1.0)
    for k in range(size):
        place = np.uint64(powers[k])
        at, starts[place] = starts[place], starts[place] + np.uint64(1)
        line.numbers[at], line.powers[at] = np.int64(found[k]), top - powers[k]
        line.values[at] = values[found[k]] if found[k] < values.size else one
    end = size
    for k in range(size - 1, -1, -1):
        end = k + 1 if k + 1 < size and line.powers[k] != line.powers[k + 1] else end
        line.ends[k] = end
    return size


@called
def visited_columns(
    rows: Any, row_count: Any, columns: Any, column_count: Any, least: Any, visited: Any
) -> None:
    """How many columns of each row are visited one by one: those in front of the others."""
    last = column_count
    for r in range(row_count):
        while last > 0 and rows.powers[r] + columns.powers[last - 1] <= least:
            last -= 1
        visited[r] = last


@inlined
def _weight(row: Any, column: Any, place: Any) -> Any:
    inside = place.first + row * place.width + column
    return inside if column < place.width else place.bias + row


@called
def fill(
    rows: Any, row_count: Any, columns: Any, visited: Any, place: Any, factor: Any,
    state: Any, where: Any, increments: Any,
) -> Any:  # fmt: skip
    """The next weights that are visited one by one, as many as a block takes.

    Args:
        rows: See ``Line``.
        row_count: Number of rows.
        columns: See ``Line``.
        visited: See ``visited_columns``.
        place: See ``Place``.
        factor: What the gradient is multiplied by.
        state: Row and column to go on with.
        where: Filled with the weights' numbers.
        increments: Filled with their increments.

    Returns:
        How many these are; 0 where none is left.
    """
    size, r, column = 0, state[0], state[1]
    while r < row_count and size < BLOCK:
        row, error = rows.numbers[r], rows.values[r]
        some = min(visited[r] - column, BLOCK - size)
        begin, bias = place.first + row * place.width, place.bias + row
        # Views, so that no place in them is below 0 and a processor takes several at a time.
        numbers, values = columns.numbers[column:], columns.values[column:]
        weights, asked = where[size:], increments[size:]
        for k in range(some):
            weights[k] = begin + numbers[k] if numbers[k] < place.width else bias
        for k in range(some):
            asked[k] = error * values[k] * factor
        size, column = size + some, column + some
        if column == visited[r]:
            r, column = r + 1, 0
    state[0], state[1] = r, column
    return size


_WORDS = BLOCK // 4
BYTES = 16 * _WORDS
"""Random bytes that are drawn at a time."""

_LEFT = 64
"""Room in a block that a further row is not begun for."""


class Sieve(NamedTuple):
    """The first step of visits.

    Attributes:
        state: Row and column to go on with, random bytes used up, and how many there were before.
        words: Random words.
        bytes: The same, byte by byte.
        stays: Whether a weight of a row stays.
        stayed: Row and column of those that do, in the upper and the lower half of a number.
    """

    state: Any
    words: Any
    bytes: Any
    stays: Any
    stayed: Any


@inlined
def sieve_of() -> Any:
    """A sieve that is not started."""
    words = np.zeros(4 * _WORDS + _LANES, np.uint32)
    return Sieve(
        np.zeros(4, np.int64), words, words.view(np.uint8),
        np.empty(BLOCK + _LANES, np.bool_), np.empty(BLOCK, np.uint64),
    )  # fmt: skip


@called
def sift(
    sieve: Any, key: Any, rows: Any, row_count: Any, columns: Any, visited: Any, place: Any,
    factor: Any, scale: Any, w: Any, table: Any, where: Any, increments: Any, chances: Any,
) -> Any:  # fmt: skip
    """The next weights that stay in the first step of their visits, about a block of them.

    Args:
        sieve: See ``Sieve``; goes on.
        key: Of the write.
        rows: See ``Line``.
        row_count: Number of rows.
        columns: See ``Line``.
        visited: See ``visited_columns``.
        place: See ``Place``.
        factor: What the gradient is multiplied by.
        scale: Pulses that a gradient of 1 asks for at most.
        where: Filled with the weights' numbers.
        increments: Filled with their increments.
        chances: Filled with the chances q.

    Returns:
        How many these are.
    """
    state, stays, stayed, real = sieve.state, sieve.stays, sieve.stayed, rows.values.dtype.type
    # Without a sign, so that no place is looked up from an array's end.
    r, column, used, size = state[0], state[1], state[2], np.uint64(0)
    scale, one, stride = scale * _PARTS, np.uint64(1), np.uint64(table.size // w.size)
    while r < row_count and np.int64(size) <= BLOCK - _LEFT:
        if used == BYTES:
            words_of_turn(np.uint64(place.first) | _SIEVED, state[3], key, sieve.words)
            state[3], used = state[3] + _WORDS, 0
        some = min(visited[r] - column, BLOCK - np.int64(size), BYTES - used)
        row, error = rows.numbers[r], rows.values[r]
        parts = real(abs(error) * scale)
        bytes, values, numbers = sieve.bytes[used:], columns.values[column:], columns.numbers[column:]
        for k in range(-(-some // _LANES) * _LANES):
            stays[k] = real(bytes[k]) < parts * abs(values[k])
        count = np.uint64(0)
        for k in range(some):
            stayed[count] = np.uint64(k)
            count += np.uint64(stays[k])
        begin, bias = place.first + row * place.width, place.bias + row
        for k in range(np.int64(count)):
            number, value = numbers[stayed[k]], values[stayed[k]]
            weight = np.uint64(begin + number if number < place.width else bias)
            fetch_ahead(w, weight)
            fetch_ahead(table, weight * stride)
            where[size] = weight
            increments[size] = error * value * factor
            chances[size] = parts * abs(value)
            size += one
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


class Clock(NamedTuple):
    """What candidates are drawn by, and how far it is.

    Attributes:
        chances: P of the powers 0, −1, −2 ..., of at least one of a weight's devices.
        rates: −log(1 − P).
        left: One number: what is left of E.
        state: Row, column, place in their rectangle, number of the next draw.
        times: Next numbers E.
        parts: Uniform ones that candidates are thinned by.
        words: Room for random words.
    """

    chances: Any
    rates: Any
    left: Any
    state: Any
    times: Any
    parts: Any
    words: Any


@inlined
def clock_of(pair: Any) -> Any:
    """A clock that is not started; of weights of one device or of two."""
    chances, rates = (_OF_PAIRS, _RATES_OF_PAIRS) if pair else (_CHANCES, _RATES)
    return Clock(
        chances, rates, np.empty(1), np.zeros(4, np.int64),
        np.empty(CLOCK), np.empty(CLOCK), np.empty(4 * BLOCK, np.uint32),
    )  # fmt: skip


@called
def start(clock: Any, key: Any, place: Any) -> None:
    """Set a clock to the beginning of a sample's layer."""
    clock.state[:] = 0
    _wind(clock, key, place)
    clock.left[0] = clock.times[0]


@called
def _wind(clock: Any, key: Any, place: Any) -> None:
    """The next numbers of a clock."""
    half, words, times, parts = CLOCK // 2, clock.words, clock.times, clock.parts
    words_in_turn(
        np.uint64(place.first) | _CLOCKED, clock.state[3] // 2, half, key, clock.words
    )
    for k in range(2):
        first, second = clock.words[2 * k * BLOCK :], clock.words[(2 * k + 1) * BLOCK :]
        times, parts = clock.times[k * half :], clock.parts[k * half :]
        for j in range(half):
            times[j] = -log_of_unit(np.uint64(first[j]), np.float64)
            parts[j] = np.float64(second[j]) * 2.0**-32


@called
def candidates(
    clock: Any, key: Any, rows: Any, row_count: Any, columns: Any, column_count: Any,
    visited: Any, place: Any, factor: Any,
    where: Any, increments: Any, chances: Any,
) -> Any:  # fmt: skip
    """The next weights that may get a pulse, as many as a block takes.

    Args:
        clock: See ``Clock``; goes on.
        key: Of the write.
        rows: See ``Line``.
        row_count: Number of rows.
        columns: See ``Line``.
        column_count: Number of columns.
        visited: See ``visited_columns``: the columns of a row that are not here.
        place: See ``Place``.
        factor: What the gradient is multiplied by.
        where: Filled with the weights' numbers.
        increments: Filled with their increments.
        chances: Filled with uniform numbers from 0 to P: below p there is a pulse.

    Returns:
        How many these are; fewer than ``BLOCK`` where none is left.
    """
    r, c, at, drawn = clock.state[0], clock.state[1], np.float64(clock.state[2]), clock.state[3]
    size, now, left = np.uint64(0), np.uint64(drawn % CLOCK), clock.left[0]
    while r < row_count:
        r_end, c = rows.ends[r], max(c, visited[r])
        while c < column_count:
            power, c_end = rows.powers[r] + columns.powers[c], columns.ends[c]
            if power <= FLOOR:
                power, c_end = FLOOR, column_count
            rate, width = clock.rates[-power], np.float64(c_end - c)
            many, inverse, of_width = np.float64(r_end - r) * width, 1.0 / rate, 1.0 / width
            while left < rate * (many - at):
                at = min(at + np.floor(max(left, 0.0) * inverse), many - 1.0)
                # Places are whole: half of one is far from what is rounded.
                line = np.floor((at + 0.5) * of_width)
                row, column = r + np.int64(line), c + np.int64(at - line * width)
                where[size] = _weight(rows.numbers[row], columns.numbers[column], place)
                increments[size] = rows.values[row] * columns.values[column] * factor
                chances[size] = clock.parts[now] * clock.chances[-power]
                size, at, now = size + np.uint64(1), at + 1.0, now + np.uint64(1)
                drawn += 1
                if now == CLOCK:
                    clock.state[3], now = drawn, np.uint64(0)
                    _wind(clock, key, place)
                left = clock.times[now]
                if size == BLOCK:
                    clock.state[0], clock.state[1], clock.state[2] = r, c, np.int64(at)
                    clock.state[3], clock.left[0] = drawn, left
                    return np.int64(size)
            left -= rate * (many - at)
            c, at = c_end, 0.0
        r, c = r_end, 0
    clock.state[0], clock.state[1] = r, c
    return np.int64(size)


@called
def words_in_turn(stream: Any, begin: Any, count: Any, key: Any, words: Any) -> None:
    """The words of some blocks of a stream, in rows of ``BLOCK`` numbers of 32 bits."""
    for j in range(count):
        r0, r1, r2, r3 = block_of(stream, np.uint64(begin) + np.uint64(j), key)
        words[j], words[BLOCK + j] = np.uint32(r0), np.uint32(r1)
        words[2 * BLOCK + j], words[3 * BLOCK + j] = np.uint32(r2), np.uint32(r3)


@called
def words_of_turn(stream: Any, begin: Any, key: Any, words: Any) -> None:
    """The words of ``SIFTED`` blocks of a stream, in rows of as many numbers."""
    for j in range(_WORDS):
        r0, r1, r2, r3 = block_of(stream, np.uint64(begin) + np.uint64(j), key)
        words[j], words[_WORDS + j] = np.uint32(r0), np.uint32(r1)
        words[2 * _WORDS + j], words[3 * _WORDS + j] = np.uint32(r2), np.uint32(r3)


@called
def units_of_visited(key: Any, place: Any, begin: Any, count: Any, words: Any, units: Any) -> None:
    """Uniform numbers for visited weights, by their places among those of the layer.

    Args:
        key: Of the write.
        place: See ``Place``.
        begin: How many were drawn before, a multiple of 4.
        count: How many are needed.
        words: Room for four rows of words.
        units: Filled with the numbers, and up to 3 more.
    """
    real, quarter = units.dtype.type, -(-count // 4)
    words_in_turn(np.uint64(place.first) | _VISITED, begin // 4, quarter, key, words)
    for k in range(4):
        row, found = words[k * BLOCK :], units[k * quarter :]
        for j in range(quarter):
            found[j] = real(row[j]) * real(2.0**-32)


@called
def normals_in_turn(key: Any, place: Any, begin: Any, count: Any, words: Any, found: Any) -> None:
    """Standard normal numbers for pulsed weights, by their places among those of the layer.

    Arguments as for ``units_of_visited``.
    """
    quarter = -(-count // 4)
    words_in_turn(np.uint64(place.first) | _NORMAL, begin // 4, quarter, key, words)
    normals_of(words, quarter, found, found[quarter:])
    normals_of(words[2 * BLOCK :], quarter, found[2 * quarter :], found[3 * quarter :])


@called
def normal_words(key: Any, where: Any, count: Any, first: Any, second: Any) -> None:
    """Words of the first normal numbers of some weights, those of a write of all weights."""
    for j in range(count):
        _, _, r2, r3 = block_of(np.uint64(where[j]), np.uint64(0), key)
        first[j], second[j] = np.uint32(r2), np.uint32(r3)
