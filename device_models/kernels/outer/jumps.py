"""Weights of an outer product that get a pulse, by jumps over those that do not.

Where all weights of a pair of powers ask for p ≤ P pulses, each is a candidate with the chance P,
and a candidate gets its pulse with the chance p/P.

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
from device_models.kernels.number_loops import BLOCK, log_of_unit
from device_models.kernels.outer.streams import CLOCK, words_in_turn

FLOOR = -24
"""Power that smaller ones count as: far above the 2⁻³² of an exponential number's steps."""

_DRAWN = 64
"""Times of a clock that are drawn at once."""

_CHANCES = 0.5 ** np.arange(1 - FLOOR)
_OF_PAIRS = 1.0 - (1.0 - _CHANCES) ** 2
with np.errstate(divide="ignore"):
    # Of what comes for certain the rate is infinite.
    _RATES, _RATES_OF_PAIRS = -np.log1p(-_CHANCES), -np.log1p(-_OF_PAIRS)


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
        np.empty(_DRAWN), np.empty(_DRAWN), np.empty(2 * _DRAWN, np.uint32),
    )  # fmt: skip


@called
def start(clock: Any, key: Any, place: Any) -> None:
    """Set a clock to the beginning of a layer of a sample."""
    clock.state[:] = 0
    _wind(clock, key, place)
    clock.left[0] = clock.times[0]


@called
def _wind(clock: Any, key: Any, place: Any) -> None:
    """The next numbers of a clock."""
    half = _DRAWN // 2
    words_in_turn(key, place, CLOCK, clock.state[3] // 2, half, half, clock.words)
    for k in range(2):
        first, second = clock.words[2 * k * half :], clock.words[(2 * k + 1) * half :]
        times, parts = clock.times[k * half :], clock.parts[k * half :]
        for j in range(half):
            times[j] = -log_of_unit(np.uint64(first[j]), np.float64)
            parts[j] = np.float64(second[j]) * 2.0**-32


@inlined
def _weight(row: Any, column: Any, place: Any) -> Any:
    inside = place.first + row * place.width + column
    return inside if column < place.width else place.bias + row


@called
def candidates(
    clock: Any, key: Any, rows: Any, row_count: Any, columns: Any, column_count: Any,
    visited: Any, place: Any, factor: Any, where: Any, increments: Any, chances: Any,
) -> Any:  # fmt: skip
    """The next weights that may get a pulse, as many as a block takes.

    Args:
        clock: See ``Clock``; goes on.
        key: Of the write.
        rows: See ``order.Line``.
        row_count: Number of rows.
        columns: See ``order.Line``.
        column_count: Number of columns.
        visited: See ``order.visited_columns``: the columns of a row that are not here.
        place: See ``order.Place``.
        factor: What the gradient is multiplied by.
        where: Filled with the weights' numbers.
        increments: Filled with their increments.
        chances: Filled with uniform numbers from 0 to P: below p there is a pulse.

    Returns:
        How many these are; fewer than ``BLOCK`` where none is left.
    """
    r, c, at, drawn = clock.state[0], clock.state[1], np.float64(clock.state[2]), clock.state[3]
    size, now, left = np.uint64(0), np.uint64(drawn % _DRAWN), clock.left[0]
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
                if now == _DRAWN:
                    clock.state[3], now = drawn, np.uint64(0)
                    _wind(clock, key, place)
                left = clock.times[now]
                if size == BLOCK:
                    clock.state[0], clock.state[1], clock.state[2] = r, c, np.int64(at)
                    clock.state[3], clock.left[0] = drawn, left
                    return np.int64(size)
            left -= rate * (many - at)
            c, at = c_end, np.float64(0.0)
        r, c = r_end, 0
    clock.state[0], clock.state[1] = r, c
    return np.int64(size)
