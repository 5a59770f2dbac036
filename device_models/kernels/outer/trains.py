"""Coincidences of pulse trains on the lines of an array, weight by weight.

What trains are is said in ``device_models.updates.pulse_trains``. The pulses of a line are bits,
a slot each, and coincidences of two lines are the bits that both have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK, largest_size
from device_models.kernels.outer.streams import COLUMN_TRAINS, ROW_TRAINS, words_in_turn

_SLOTS = 32
"""Slots of a word."""

_LEFT = 64
"""Room in a block for which no further row is begun."""


class Trains(NamedTuple):
    """The trains of one sample.

    Attributes:
        length: Slots, 1 or more.
        alpha: √(Δt/(length·quantum)) with the sample's part Δt of the step.
        samples: What errors are multiplied by to be those of the sample's own loss.
        unit: Increment of a coincidence of lines whose signs are the same.
        counted: Whether pulses are rounded numbers, none of which is drawn.
    """

    length: int
    alpha: float
    samples: float
    unit: float
    counted: bool


class Lines(NamedTuple):
    """Rows or columns of a sample that have a pulse.

    Attributes:
        numbers: Of the rows or columns.
        signs: Of their values: 1 or −1.
        pulses: Numbers of pulses, where these are counted.
        slots: Of each word of slots a row, one number a line.
        most: Largest random number at which a slot has a pulse.
        words: Room for random words.
    """

    numbers: Any
    signs: Any
    pulses: Any
    slots: Any
    most: Any
    words: Any


@inlined
def lines_of(size: Any, trains: Any, like: Any) -> Any:
    """Room for so many rows or columns."""
    words = -(-trains.length // _SLOTS)
    return Lines(
        np.empty(size, np.int64),
        np.empty(size, like.dtype),
        np.empty(size, like.dtype),
        np.empty((words, size), np.uint32),
        np.empty(size, np.uint32),
        np.empty(4 * size, np.uint32),
    )


@called
def _probable(values: Any, scale: Any, one_more: Any, lines: Any) -> Any:
    """How many lines have a probability above 0; ``pulses`` is filled with these."""
    real = values.dtype.type
    count: Any = 0
    for k in range(values.size):
        lines.numbers[count] = k
        lines.signs[count] = real(1.0) if values[k] > real(0.0) else real(-1.0)
        lines.pulses[count] = min(abs(values[k]) * scale, real(1.0))
        # Not where a value is no number.
        count += lines.pulses[count] > real(0.0)
    if one_more:
        lines.numbers[count], lines.signs[count] = values.size, real(1.0)
        lines.pulses[count] = min(scale, real(1.0))
        count += lines.pulses[count] > real(0.0)
    return count


@called
def _draw(key: Any, place: Any, use: Any, length: Any, count: Any, lines: Any) -> None:
    """Fills ``slots`` of some lines by the probabilities in ``pulses``."""
    for k in range(count):
        # A word of 32 bits is at most this with the probability, to a part of 2⁻³².
        lines.most[k] = np.uint32(np.uint64(np.ceil(np.float64(lines.pulses[k]) * 2.0**32)) - 1)
    for row in lines.slots:
        for k in range(count):
            row[k] = np.uint32(0)
    for begin in range(0, length, 4):
        words_in_turn(key, place, use, begin // 4 * count, count, count, lines.words)
        row = lines.slots[begin // _SLOTS]
        for part in range(min(4, length - begin)):
            drawn, bit = lines.words[part * count :], np.uint32((begin + part) % _SLOTS)
            for k in range(count):
                row[k] |= np.uint32(drawn[k] <= lines.most[k]) << bit


@called
def _with_pulses(count: Any, trains: Any, lines: Any) -> Any:
    """How many of some lines have a pulse; they go to the front."""
    found: Any = 0
    for k in range(count):
        lines.numbers[found], lines.signs[found] = lines.numbers[k], lines.signs[k]
        some: Any = np.uint32(0)
        if trains.counted:
            lines.pulses[found] = np.rint(lines.pulses[k] * lines.pulses.dtype.type(trains.length))
            found += lines.pulses[found] > lines.pulses.dtype.type(0.0)
            continue
        for word in range(len(lines.slots)):
            some |= lines.slots[word, k]
            lines.slots[word, found] = lines.slots[word, k]
        found += some > np.uint32(0)
    return found


@called
def pulse(
    inputs: Any, errors: Any, key: Any, place: Any, trains: Any, columns: Any, rows: Any
) -> Any:
    """The trains of a sample's lines.

    Args:
        inputs: Of the sample.
        errors: Of its part of the loss.
        key: Of the write.
        place: See ``order.Place``.
        trains: See ``Trains``.
        columns: Filled with those that have a pulse.
        rows: The same.

    Returns:
        How many columns and rows these are.
    """
    real = inputs.dtype.type
    biased, samples = place.bias >= 0, real(trains.samples)
    most = largest_size(inputs)
    most = max(most, real(1.0)) if biased else most
    largest = largest_size(errors) * samples
    if not (most > real(0.0) and largest > real(0.0)):
        return 0, 0
    ratio = np.sqrt(largest / most)
    count = _probable(inputs, real(trains.alpha) * ratio, biased, columns)
    further = _probable(errors, real(trains.alpha) / ratio * samples, False, rows)
    if not trains.counted:
        _draw(key, place, COLUMN_TRAINS, trains.length, count, columns)
        _draw(key, place, ROW_TRAINS, trains.length, further, rows)
    return _with_pulses(count, trains, columns), _with_pulses(further, trains, rows)


@inlined
def _bits_in(word: Any) -> Any:
    """Number of bits of a word of 32."""
    word = word - ((word >> np.uint32(1)) & np.uint32(0x55555555))
    word = (word & np.uint32(0x33333333)) + ((word >> np.uint32(2)) & np.uint32(0x33333333))
    word = (word + (word >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    return np.uint32(word * np.uint32(0x01010101)) >> np.uint32(24)


@called
def _count(
    row: Any, rows: Any, begin: Any, some: Any, columns: Any, trains: Any, counts: Any
) -> None:
    """Coincidences of a row and of some columns."""
    real = counts.dtype.type
    if trains.counted:
        pulses, here, length = rows.pulses[row], columns.pulses[begin:], real(trains.length)
        for k in range(some):
            counts[k] = np.rint(pulses * here[k] / length)
        return
    for word in range(len(columns.slots)):
        slots, here = rows.slots[word, row], columns.slots[word][begin:]
        for k in range(some):
            found = real(np.int32(_bits_in(slots & here[k])))
            counts[k] = found if word == 0 else counts[k] + found


@called
def coincide(
    columns: Any, column_count: Any, rows: Any, row_count: Any, place: Any, trains: Any,
    state: Any, counts: Any, chosen: Any, where: Any, increments: Any,
) -> Any:  # fmt: skip
    """The next weights whose lines coincide, about a block of them.

    Args:
        columns: Those with a pulse.
        column_count: How many.
        rows: The same.
        row_count: How many.
        place: See ``order.Place``.
        trains: See ``Trains``.
        state: Row and column to go on with.
        counts: Room for a block of numbers.
        chosen: Room for a block of places.
        where: Filled with the weights' numbers.
        increments: Filled with their increments.

    Returns:
        How many these are.
    """
    r, column, size, real = state[0], state[1], 0, increments.dtype.type
    while r < row_count and size <= BLOCK - _LEFT:
        some = min(column_count - column, BLOCK - size)
        _count(r, rows, column, some, columns, trains, counts)
        count = 0
        for k in range(some):
            chosen[count] = k
            count += counts[k] > real(0.0)
        row, unit = rows.numbers[r], real(trains.unit) * rows.signs[r]
        begin, bias = place.first + row * place.width, place.bias + row
        numbers, signs = columns.numbers[column:], columns.signs[column:]
        for k in range(count):
            number = numbers[chosen[k]]
            where[size + k] = begin + number if number < place.width else bias
            increments[size + k] = unit * signs[chosen[k]] * counts[chosen[k]]
        size, column = size + count, column + some
        if column == column_count:
            r, column = r + 1, 0
    state[0], state[1] = r, column
    return size
