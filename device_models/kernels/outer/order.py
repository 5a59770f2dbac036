"""Rows and columns of outer products, in the order of the pulses that they ask for.

Rows and columns are sorted by the powers of 2 that their errors and inputs reach at most, so that
all weights of a pair of powers ask for p ≤ P pulses, P a power of 2.

Where requests are rounded stochastically and ask for far less than a pulse, most weights get none,
and time goes with the pulses. Where P is above a power of 2 that is set by timings, weights are
visited one by one, those of pulses in two steps (``sieve``); elsewhere pulses are drawn by jumps
over most of the weights (``jumps``). Either way each weight gets a pulse with the chance p,
independent of all others, exact to the 32 bits of a random number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK

ALL = -(2**30)
"""Power of 2 for writes whose weights are all visited one by one."""

LANES = 32
"""What a processor takes at a time is a part of this: loops over so many have no rest."""

_POWERS = 64


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
        values: Their errors or inputs, and room for ``LANES`` more.
        powers: Powers of 2 above these, times the scale that they were sorted by.
        ends: Behind the last one of the same power.
        found: Room for the numbers of what is not 0.
        starts: Room for where each power begins.
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
        np.zeros(size + LANES, like.dtype),
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
    end: Any = size
    for k in range(size - 1, -1, -1):
        end = k + 1 if k + 1 < size and line.powers[k] != line.powers[k + 1] else end
        line.ends[k] = end
    return size


@called
def visited_columns(
    rows: Any, row_count: Any, columns: Any, column_count: Any, least: Any, visited: Any
) -> None:
    """How many columns of each row are visited one by one: those in front of the others.

    Args:
        rows: See ``Line``.
        row_count: Number of rows.
        columns: See ``Line``.
        column_count: Number of columns.
        least: Power of 2 above which weights are visited.
        visited: Filled with the numbers.
    """
    last = column_count
    for r in range(row_count):
        while last > 0 and rows.powers[r] + columns.powers[last - 1] <= least:
            last -= 1
        visited[r] = last


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
