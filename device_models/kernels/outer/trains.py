"""Coincidences of pulse trains on the lines of an array, weight by weight.

What trains are is said in ``device_models.updates.pulse_trains``. The pulses of a line are bits,
a slot each, and coincidences of two lines are the bits that both have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK, block_of, largest_size
from device_models.kernels.outer.streams import COLUMN_TRAINS, ROW_TRAINS, words_in_turn

_SLOTS = 32
"""Slots of a word."""

_LEVELS = 8
"""Bits of the random numbers of slots that are drawn for all, a multiple of 4."""

_FURTHER = np.uint64(2**31)
"""Blocks beyond those of the first bits."""

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
        equal: Slots whose numbers have had its bits so far.
        words: Room for random words.
    """

    numbers: Any
    signs: Any
    pulses: Any
    slots: Any
    most: Any
    equal: Any
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
        np.empty(size, np.uint32),
        np.empty(_LEVELS * size, np.uint32),
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
    """Fills ``slots`` of some lines by the probabilities in ``pulses``.

    A slot has a pulse where its random number of 32 bits is at most the line's. The bits are
    compared from the first one on, those of all slots of a word at a time: after ``_LEVELS`` of
    them nearly all slots are told, and only for the others are further ones drawn.
    """
    for k in range(count):
        # To a part of 2⁻³² of the probability.
        most = np.uint64(np.ceil(np.float64(lines.pulses[k]) * 2.0**32)) - np.uint64(1)
        lines.most[k] = np.uint32(most)
    for word in range(len(lines.slots)):
        row, equal, slots = lines.slots[word], lines.equal, min(_SLOTS, length - word * _SLOTS)
        for k in range(count):
            row[k], equal[k] = np.uint32(0), np.uint32(2**slots - 1)
        blocks = count * _LEVELS // 4
        words_in_turn(key, place, use, word * blocks, blocks, blocks, lines.words)
        for level in range(_LEVELS):
            _compare(lines.words[level * count :], level, count, lines.most, row, equal)
        for k in range(count):
            if equal[k] > np.uint32(0):
                row[k] |= _told(key, place, use, word * count + k, equal[k], lines.most[k])


@called
def _compare(words: Any, level: Any, count: Any, most: Any, below: Any, equal: Any) -> None:
    """One more bit of all slots of each line."""
    for k in range(count):
        bits = np.uint32(np.int32(most[k] << np.uint32(level)) >> np.int32(31))
        below[k] |= equal[k] & bits & ~words[k]
        equal[k] &= ~(bits ^ words[k])


@called
def _told(key: Any, place: Any, use: Any, number: Any, equal: Any, most: Any) -> Any:
    """Which of the slots of a line whose first bits are those of the largest number have a pulse.

    Args:
        key: Of the write.
        place: See ``order.Place``.
        use: See ``streams``.
        number: Of the line's word among all.
        equal: The slots.
        most: Largest random number at which a slot has a pulse.
    """
    stream, below, level = np.uint64(place.first) | use, np.uint32(0), _LEVELS
    while level < _SLOTS and equal > np.uint32(0):
        block = _FURTHER | np.uint64(number * (_SLOTS // 4) + level // 4)
        for drawn in block_of(stream, block, key):
            bits = np.uint32(np.int32(most << np.uint32(level)) >> np.int32(31))
            below |= np.uint32(equal & bits & ~np.uint32(drawn))
            equal = np.uint32(equal & ~(bits ^ np.uint32(drawn)))
            level += 1
    return np.uint32(below | equal)


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
def _coinciding(
    row: Any, rows: Any, begin: Any, some: Any, columns: Any, trains: Any, counts: Any, chosen: Any
) -> Any:
    """How many of some columns coincide with a row; these, and how often, are filled in."""
    real = counts.dtype.type
    found: Any = 0
    if trains.counted:
        pulses, here, length = rows.pulses[row], columns.pulses[begin:], real(trains.length)
        for k in range(some):
            counts[found], chosen[found] = np.rint(pulses * here[k] / length), k
            found += counts[found] > real(0.0)
        return found
    if len(columns.slots) == 1:
        slots, near = rows.slots[0, row], columns.slots[0][begin:]
        for k in range(some):
            chosen[found] = k
            found += (slots & near[k]) > np.uint32(0)
        for k in range(found):
            counts[k] = real(_bits_in(slots & near[chosen[k]]))
        return found
    for k in range(some):
        total = np.uint32(0)
        for word in range(len(columns.slots)):
            total += _bits_in(rows.slots[word, row] & columns.slots[word, begin + k])
        counts[found], chosen[found] = real(total), k
        found += total > np.uint32(0)
    return found


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
        count = _coinciding(r, rows, column, some, columns, trains, counts, chosen)
        row, unit = rows.numbers[r], real(trains.unit) * rows.signs[r]
        begin, bias = place.first + row * place.width, place.bias + row
        numbers, signs = columns.numbers[column:], columns.signs[column:]
        for k in range(count):
            number = numbers[chosen[k]]
            where[size + k] = begin + number if number < place.width else bias
            increments[size + k] = unit * signs[chosen[k]] * counts[k]
        size, column = size + count, column + some
        if column == column_count:
            r, column = r + 1, 0
    state[0], state[1] = r, column
    return size
