"""Writes of one sample after the other by the outer products that their gradients are.

Only weights whose error and input are not 0 are visited. Each draws the numbers that it draws in a
write of all weights, and finds what the samples before have left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels import memristor_loop, pulsed_loop
from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK, block_of, normal_pair, round_all, unit


class Place(NamedTuple):
    """Where a layer stands in the vector of weights.

    Attributes:
        first: Number of its matrix's first weight.
        bias: Number of its first bias; below 0 where there is none.
    """

    first: int
    bias: int


@called
def fill(
    errors: Any,
    columns: Any,
    inputs: Any,
    width: Any,
    place: Any,
    factor: Any,
    row: Any,
    column: Any,
    where: Any,
    increments: Any,
) -> Any:
    """The next weights of an outer product that get an increment, as many as a block takes.

    Args:
        errors: Of all rows.
        columns: Numbers of the columns whose input is not 0.
        inputs: Their inputs.
        width: Columns of the matrix.
        place: See ``Place``.
        factor: What the gradient is multiplied by.
        row: Row to begin with.
        column: Which of the columns to begin with.
        where: Filled with the weights' numbers.
        increments: Filled with their increments; 0 only where a product has no digits left.

    Returns:
        How many these are, and the row and the column to go on with.
    """
    size = 0
    while row < errors.size:
        error = errors[row]
        if error != 0:
            start = place.first + row * width
            stop = min(columns.size, column + BLOCK - size)
            shift = size - column
            for c in range(column, stop):
                where[c + shift] = start + columns[c]
                increments[c + shift] = error * inputs[c] * factor
            size, column = stop + shift, stop
            if size == BLOCK:
                break
            if column < columns.size:
                continue
            if place.bias >= 0:
                where[size], increments[size] = place.bias + row, error * factor
                size += 1
        row, column = row + 1, 0
        if size == BLOCK:
            break
    return size, row, column


@called
def _columns_of(inputs: Any, columns: Any, some: Any) -> Any:
    """How many inputs are not 0; their columns and they themselves go to the front."""
    count = 0
    for c in range(inputs.size):
        columns[count], some[count] = c, inputs[c]
        count += inputs[c] != 0
    return count


@inlined
def _draw(
    key: Any, size: Any, where: Any, units: Any, more_units: Any, first: Any, second: Any, real: Any
) -> None:
    """Uniform numbers of the weights of a block, and the words of their normal ones."""
    for j in range(size):
        r0, r1, r2, r3 = block_of(np.uint64(where[j]), np.uint64(0), key)
        units[j], more_units[j] = unit(r0, real), unit(r1, real)
        first[j], second[j] = np.uint32(r2), np.uint32(r3)


@called
def _pulse_block(
    key: Any, size: Any, where: Any, increments: Any, w: Any, numbers: Any, words: Any, up: Any,
    plus: Any, minus: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    """A block of increments by ``PulsedWrite`` or ``OneSidedPair``."""
    real = w.dtype.type
    noise, more_noise, pulses, changes = numbers[0], numbers[1], numbers[2], numbers[3]
    first, second = words[0], words[1]
    _draw(key, size, where, noise, more_noise, first, second, real)
    for j in range(size):
        asked = abs(increments[j]) / (request.up if increments[j] > real(0.0) else request.down)
        pulses[j] = request.most if asked > request.most else asked
    round_all(pulses, noise, size, request.rounding, real)
    count = 0
    for j in range(size):
        where[count], up[count], pulses[count] = where[j], increments[j] > real(0.0), pulses[j]
        first[count], second[count] = first[j], second[j]
        count += pulses[j] != 0
    if shape.noise > real(0.0):
        for k in range(count):
            noise[k], more_noise[k] = normal_pair(np.uint64(first[k]), np.uint64(second[k]), real)
    for k in range(count):
        changes[k] = w[where[k]]
    pulsed_loop.move(
        key, count, where, up, pulses, noise, more_noise, changes, plus, minus, shape, request
    )
    for k in range(count):
        w[where[k]] += changes[k]


def largest(inputs: Any, errors: Any) -> Any:
    """Largest product of an input, or of 1, and an error of the same sample; NaN where one is."""
    found = errors.dtype.type(0.0)
    for n in range(errors.shape[0]):
        most = errors.dtype.type(1.0)
        for c in range(inputs.shape[1]):
            size = abs(inputs[n, c])
            most = most if size <= most else size
        for row in range(errors.shape[1]):
            size = abs(errors[n, row]) * most
            found = found if size <= found else size
    return found


def write_pulses(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, factor: Any,
    plus: Any, minus: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    """Samples in one layer, written by pulses one after the other.

    No weight may be asked for more than ``request.single`` pulses.

    Args:
        keys: Of the samples' writes, 64 bits without a sign.
        w: Weights; changed in place.
        inputs: Inputs of the samples, one a row.
        errors: Errors of the samples, one a row.
        place: See ``Place``.
        factor: What the gradients are multiplied by to be increments.
        plus: As for ``pulsed_loop.write``.
        minus: As for ``pulsed_loop.write``.
        shape: As for ``pulsed_loop.write``.
        request: As for ``pulsed_loop.write``.
    """
    width = inputs.shape[1]
    numbers, words = np.empty((4, BLOCK), w.dtype), np.empty((2, BLOCK), np.uint32)
    where, up = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    increments = np.empty(BLOCK, w.dtype)
    columns, some = np.empty(width, np.int64), np.empty(width, w.dtype)
    for n in range(keys.size):
        found = _columns_of(inputs[n], columns, some)
        row = column = 0
        while row < errors.shape[1]:
            size, row, column = fill(
                errors[n], columns[:found], some[:found], width, place, factor,
                row, column, where, increments,
            )  # fmt: skip
            _pulse_block(
                keys[n], size, where, increments, w, numbers, words, up,
                plus, minus, shape, request,
            )  # fmt: skip


@called
def _curve_block(
    key: Any, size: Any, where: Any, increments: Any, w: Any, numbers: Any, words: Any, up: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """A block of increments by ``MemristorWrite``."""
    real = w.dtype.type
    noise, more_noise, ups, downs = numbers[0], numbers[1], numbers[2], numbers[3]
    ways, changes = numbers[4], numbers[5]
    first, second = words[0], words[1]
    _draw(key, size, where, noise, more_noise, first, second, real)
    rising, falling = settings.up.counted, settings.down.counted
    for j in range(size):
        part, raised = abs(increments[j]) / settings.span, increments[j] > real(0.0)
        ups[j] = part * (rising if raised else falling)
        downs[j] = part * (falling if raised else rising)
    round_all(ups, noise, size, settings.rounding, real)
    round_all(downs, more_noise, size, settings.rounding, real)
    count = 0
    for j in range(size):
        where[count], up[count] = where[j], increments[j] > real(0.0)
        ups[count], downs[count] = ups[j], downs[j]
        first[count], second[count] = first[j], second[j]
        count += ups[j] != 0 or (settings.pair and downs[j] != 0)
    for k in range(count):
        if settings.noisy:
            noise[k], more_noise[k] = normal_pair(np.uint64(first[k]), np.uint64(second[k]), real)
        ways[k] = memristor_loop.way_of(w[where[k]], where[k], plus, minus, settings, real)
        changes[k] = real(0.0)
    memristor_loop.move_line(
        1, count, where, up, ups, noise, ways, changes, plus, settings, rise, fall, covered
    )
    if settings.pair:
        memristor_loop.move_line(
            -1, count, where, up, downs, more_noise, ways, changes,
            minus, settings, rise, fall, covered,
        )  # fmt: skip
    for k in range(count):
        w[where[k]] += changes[k]


def write_curves(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, factor: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """Samples in one layer, written along pulse curves one after the other.

    Args:
        keys: As for ``write_pulses``.
        w: As for ``write_pulses``.
        inputs: As for ``write_pulses``.
        errors: As for ``write_pulses``.
        place: As for ``write_pulses``.
        factor: As for ``write_pulses``.
        plus: As for ``memristor_loop.write``.
        minus: As for ``memristor_loop.write``.
        settings: As for ``memristor_loop.write``.
        rise: As for ``memristor_loop.write``.
        fall: As for ``memristor_loop.write``.
        covered: As for ``memristor_loop.write``.
    """
    width = inputs.shape[1]
    numbers, words = np.empty((6, BLOCK), w.dtype), np.empty((2, BLOCK), np.uint32)
    where, up = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    increments = np.empty(BLOCK, w.dtype)
    columns, some = np.empty(width, np.int64), np.empty(width, w.dtype)
    for n in range(keys.size):
        found = _columns_of(inputs[n], columns, some)
        row = column = 0
        while row < errors.shape[1]:
            size, row, column = fill(
                errors[n], columns[:found], some[:found], width, place, factor,
                row, column, where, increments,
            )  # fmt: skip
            _curve_block(
                keys[n], size, where, increments, w, numbers, words, up,
                plus, minus, settings, rise, fall, covered,
            )  # fmt: skip
