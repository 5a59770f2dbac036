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

Source: geometric jumps of Devroye, Non-Uniform Random Variate Generation, 1986, chapter VI.4, with
thinning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK, block_of, log_of_unit

LEAST = -3
"""Power of 2 up to which pulses are drawn by jumps."""

FLOOR = -24
"""Power that smaller ones count as: far above the 2⁻³² of an exponential number's steps."""

ALL = -(2**30)
"""In place of ``LEAST``, for writes whose weights are all visited one by one."""

CLOCK = 64
"""Numbers of the clock that are drawn at a time."""

_CHANCES = 0.5 ** np.arange(1 - FLOOR)
_OF_PAIRS = 1.0 - (1.0 - _CHANCES) ** 2
with np.errstate(divide="ignore"):
    # Of what comes for certain the rate is infinite.
    _RATES, _RATES_OF_PAIRS = -np.log1p(-_CHANCES), -np.log1p(-_OF_PAIRS)

_POWERS = 64
_CLOCKED, _VISITED = np.uint64(2**63), np.uint64(2**62)
"""Beyond the numbers of weights: those of a layer's clock, and of its visited weights."""


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
        found: Room to sort in.
    """

    numbers: Any
    values: Any
    powers: Any
    ends: Any
    found: Any


@inlined
def line_of(size: Any, like: Any) -> Any:
    """Room for the rows or columns of a sample."""
    return Line(
        np.empty(size, np.int64),
        np.empty(size, like.dtype),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
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
    found, powers, count = line.found, line.ends, 0
    for c in range(values.size):
        found[count] = c
        count += values[c] != 0
    if one_more:
        found[count] = values.size
        count += 1
    one, top = values.dtype.type(1.0), np.int64(ALL)
    for k in range(count):
        value = values[found[k]] if found[k] < values.size else one
        powers[k] = _power_above(value * scale)
        top = max(top, powers[k])
    starts = np.zeros(_POWERS + 1, np.int64)
    for k in range(count):
        starts[min(top - powers[k], _POWERS - 1) + 1] += 1
    for k in range(_POWERS):
        starts[k + 1] += starts[k]
    for k in range(count):
        place = min(top - powers[k], _POWERS - 1)
        at = starts[place]
        line.numbers[at], line.powers[at] = found[k], top - place
        line.values[at] = values[found[k]] if found[k] < values.size else one
        starts[place] += 1
    end = count
    for k in range(count - 1, -1, -1):
        end = k + 1 if k + 1 < count and line.powers[k] != line.powers[k + 1] else end
        line.ends[k] = end
    return count


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


class Clock(NamedTuple):
    """What candidates are drawn by, and how far it is.

    Attributes:
        chances: P of the powers 0, −1, −2 ..., of at least one of a weight's devices.
        rates: −log(1 − P).
        left: One number: what is left of E.
        state: Row, column, place in their rectangle, number of the next draw.
        times: Next numbers E.
        parts: Uniform ones that candidates are thinned by.
        words: Words of their normal ones.
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
        np.empty(CLOCK), np.empty(CLOCK), np.empty((4, CLOCK), np.uint32),
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
    device, begin = np.uint64(place.first) | _CLOCKED, np.uint64(clock.state[3])
    for j in range(CLOCK):
        r0, r1, r2, r3 = block_of(device, begin + np.uint64(j), key)
        clock.words[0, j], clock.words[1, j] = np.uint32(r0), np.uint32(r1)
        clock.words[2, j], clock.words[3, j] = np.uint32(r2), np.uint32(r3)
    for j in range(CLOCK):
        clock.times[j] = -log_of_unit(np.uint64(clock.words[0, j]), np.float64)
        clock.parts[j] = np.float64(clock.words[1, j]) * 2.0**-32


@called
def candidates(
    clock: Any, key: Any, rows: Any, row_count: Any, columns: Any, column_count: Any,
    visited: Any, place: Any, factor: Any,
    where: Any, increments: Any, chances: Any, first: Any, second: Any,
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
        first: Filled with the words of normal numbers.
        second: Filled with these, too.

    Returns:
        How many these are; fewer than ``BLOCK`` where none is left.
    """
    r, c, at, size, left = clock.state[0], clock.state[1], clock.state[2], 0, clock.left[0]
    while r < row_count:
        r_end, c = rows.ends[r], max(c, visited[r])
        while c < column_count:
            power, c_end = rows.powers[r] + columns.powers[c], columns.ends[c]
            if power <= FLOOR:
                power, c_end = FLOOR, column_count
            rate, width = clock.rates[-power], c_end - c
            many = (r_end - r) * width
            while left < rate * (many - at):
                at += np.int64(max(left, 0.0) / rate)
                j = clock.state[3] % CLOCK
                row, column = r + at // width, c + at % width
                where[size] = _weight(rows.numbers[row], columns.numbers[column], place)
                increments[size] = rows.values[row] * columns.values[column] * factor
                chances[size] = clock.parts[j] * clock.chances[-power]
                first[size], second[size] = clock.words[2, j], clock.words[3, j]
                size, at = size + (at < many), at + 1
                clock.state[3] += 1
                if j + 1 == CLOCK:
                    _wind(clock, key, place)
                left = clock.times[clock.state[3] % CLOCK]
                if size == BLOCK:
                    clock.state[0], clock.state[1], clock.state[2] = r, c, at
                    clock.left[0] = left
                    return size
            left -= rate * (many - at)
            c, at = c_end, 0
        r, c = r_end, 0
    clock.state[0], clock.state[1] = r, c
    return size


@called
def units_of_visited(key: Any, place: Any, begin: Any, count: Any, words: Any, units: Any) -> None:
    """Uniform numbers for visited weights, by their places among those of the layer.

    Args:
        key: Of the write.
        place: See ``Place``.
        begin: How many were drawn before, a multiple of 4.
        count: How many are needed.
        words: Room for four lines of words.
        units: Filled with the numbers, and up to 3 more.
    """
    real = units.dtype.type
    device, block, quarter = (
        np.uint64(place.first) | _VISITED,
        np.uint64(begin // 4),
        -(-count // 4),
    )
    for j in range(quarter):
        r0, r1, r2, r3 = block_of(device, block + np.uint64(j), key)
        words[0, j], words[1, j] = np.uint32(r0), np.uint32(r1)
        words[2, j], words[3, j] = np.uint32(r2), np.uint32(r3)
    for k in range(4):
        for j in range(quarter):
            units[k * quarter + j] = real(words[k, j]) * real(2.0**-32)


@called
def normal_words(key: Any, where: Any, count: Any, first: Any, second: Any) -> None:
    """Words of the first normal numbers of some weights, those of a write of all weights."""
    for j in range(count):
        _, _, r2, r3 = block_of(np.uint64(where[j]), np.uint64(0), key)
        first[j], second[j] = np.uint32(r2), np.uint32(r3)
