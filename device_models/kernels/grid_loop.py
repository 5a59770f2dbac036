"""Writes that end on a grid in one pass: ``UpdateRounding`` and ``ConductanceStates``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.counter_numbers import SHARED
from device_models.kernels.number_loops import (
    BLOCK,
    STOCHASTIC,
    TRUNCATE,
    block_of,
    round_all,
    truncated,
    unit,
)


class Grid(NamedTuple):
    """A fixed-point grid; numbers are of the weights' type.

    Attributes:
        step: Distance of neighbouring values.
        lowest: Lowest value.
        highest: Highest value.
        rounding: How an increment becomes a whole number of steps.
        stores: Whether the grid stores the weights, which then end on it.
    """

    step: Any
    lowest: Any
    highest: Any
    rounding: int
    stores: bool


class States(NamedTuple):
    """The states of synapses.

    Attributes:
        last: Number of a device's last state, of the weights' type.
        rounding: How an aim becomes a state.
    """

    last: Any
    rounding: int


@called
def _units_of(begin: Any, key: Any, words: Any, units: Any) -> None:
    """``counter_numbers.single_uniforms`` of ``BLOCK`` devices from a multiple of them on."""
    real, first = units.dtype.type, np.uint64(begin // 4)
    for j in range(SHARED):
        r0, r1, r2, r3 = block_of(first + np.uint64(j), np.uint64(0), key)
        words[j], words[SHARED + j] = np.uint32(r0), np.uint32(r1)
        words[2 * SHARED + j], words[3 * SHARED + j] = np.uint32(r2), np.uint32(r3)
    for j in range(BLOCK):
        units[j] = unit(words[j], real)


@inlined
def _inside(x: Any, low: Any, high: Any) -> Any:
    """A number within bounds; what is no number stays so."""
    x = low if x < low else x
    return high if x > high else x


def round_updates(
    start: int, stop: int, key: Any, w: Any, increment: Any, realized: Any, grid: Any
) -> None:
    """Realized increments of the weights from ``start`` to ``stop``, whole steps of a grid.

    Args:
        start: First weight.
        stop: One behind the last weight.
        key: Of the write, 64 bits without a sign.
        w: Weights.
        increment: Requested increments.
        realized: Filled with what is realized of them.
        grid: The grid.
    """
    steps, units = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    words = np.empty(BLOCK, np.uint32)
    for begin in range(start - start % BLOCK, stop, BLOCK):
        first, last = max(start, begin), min(begin + BLOCK, stop)
        if grid.rounding == STOCHASTIC:
            _units_of(begin, key, words, units)
        before, asked, found = w[first:last], increment[first:last], realized[first:last]
        for j in range(last - first):
            steps[j] = asked[j] / grid.step
        round_all(steps, units[first - begin :], last - first, grid.rounding, w.dtype.type)
        for j in range(last - first):
            way = steps[j] * grid.step
            after = _inside(before[j] + way, grid.lowest, grid.highest)
            found[j] = after - before[j] if grid.stores else way


@inlined
def _place(x: Any, zero: Any, above: Any, below: Any, real: Any) -> Any:
    """A weight counted in spacings from state 0."""
    return _in_spacings(x - zero, x, zero, above, below, real)


@inlined
def _in_spacings(way: Any, x: Any, zero: Any, above: Any, below: Any, real: Any) -> Any:
    """A difference of weights in spacings as they are at a weight; 0 where there are none."""
    spacing = below if x < zero else above
    wide = spacing > real(0.0)
    count = way / (spacing if wide else real(1.0))
    return count if wide else real(0.0)


@called
def _bounds(values: Any, first: Any, size: Any, found: Any) -> None:
    """Values of neighbouring devices; arrays of one value have the same one for all."""
    # Views of their own, so that a processor takes several at a time.
    near = values[first:] if values.size > 1 else values
    for j in range(size):
        found[j] = near[j] if values.size > 1 else values[0]


def land(
    start: int,
    stop: int,
    key: Any,
    w: Any,
    aimed: Any,
    realized: Any,
    low: Any,
    high: Any,
    zero: Any,
    states: Any,
) -> None:
    """Realized increments of the weights from ``start`` to ``stop``, from state to state.

    Args:
        start: First weight.
        stop: One behind the last weight.
        key: Of the write, 64 bits without a sign.
        w: Weights.
        aimed: Increments that the synapses would make without states.
        realized: Filled with what is realized of them.
        low: Lowest weights, one number a synapse or one for all.
        high: Highest weights.
        zero: Weights of state 0.
        states: The states.
    """
    real = w.dtype.type
    lows, highs = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    zeros, starts = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    ways, units, words = (
        np.empty(BLOCK, w.dtype),
        np.empty(BLOCK, w.dtype),
        np.empty(BLOCK, np.uint32),
    )
    for begin in range(start - start % BLOCK, stop, BLOCK):
        first, last = max(start, begin), min(begin + BLOCK, stop)
        size = last - first
        if states.rounding == STOCHASTIC:
            _units_of(begin, key, words, units)
        before, way, found = w[first:last], aimed[first:last], realized[first:last]
        _bounds(low, first, size, lows)
        _bounds(high, first, size, highs)
        _bounds(zero, first, size, zeros)
        for j in range(size):
            above, below = (highs[j] - zeros[j]) / states.last, (zeros[j] - lows[j]) / states.last
            aim = _inside(before[j] + way[j], lows[j], highs[j])
            starts[j] = np.rint(_place(before[j], zeros[j], above, below, real))
            ways[j] = _place(aim, zeros[j], above, below, real) - starts[j]
            if states.rounding == TRUNCATE:
                largest = max(abs(lows[j]), abs(highs[j]))
                largest = _in_spacings(largest, aim, zeros[j], above, below, real)
                ways[j] = truncated(ways[j], max(largest, real(1.0)), real)
        round_all(ways, units[first - begin :], size, states.rounding, real)
        for j in range(size):
            above, below = (highs[j] - zeros[j]) / states.last, (zeros[j] - lows[j]) / states.last
            place = _inside(starts[j] + ways[j], -states.last, states.last)
            there = zeros[j] + place * (below if place < real(0.0) else above)
            moved = _inside(there, lows[j], highs[j]) - before[j]
            found[j] = real(0.0) if way[j] == real(0.0) else moved
