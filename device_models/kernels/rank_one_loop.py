"""Writes of one sample after the other by the outer products that their gradients are.

Only weights whose error and input are not 0 can get pulses; which of them do is found as in
``outer_order``. A sample finds what those before have left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels import memristor_loop, pulsed_loop
from device_models.kernels.compiled import called, chosen_by_types
from device_models.kernels.number_loops import (
    BLOCK,
    STOCHASTIC,
    normals_of,
    round_all,
    words_of,
)
from device_models.kernels.outer_order import (
    ALL,
    BYTES,
    LEAST,
    LEAST_OF_PAIRS,
    Place,
    candidates,
    clock_of,
    fill,
    line_of,
    normal_words,
    normals_in_turn,
    round_stayed,
    sieve_of,
    sift,
    sort,
    start,
    units_of_visited,
    visited_columns,
)
from device_models.kernels.train_loop import ASKED, MORE, NOISE, PULSES, room_of


def _bits(values: Any) -> Any:
    """Numbers as whole ones of as many bits: those of 0 or more are in the same order."""
    raise NotImplementedError


@chosen_by_types(_bits)
def _bits_of(values: Any) -> Any:
    return _bits_of_short if values.dtype.bitwidth == 32 else _bits_of_long


def _bits_of_short(values: Any) -> Any:
    return values.view(np.int32)


def _bits_of_long(values: Any) -> Any:
    return values.view(np.int64)


@called
def _most(values: Any) -> Any:
    """Largest size of some values; NaN where one is, whose bits are above those of all numbers."""
    bits = _bits(values)
    most, sign = bits.dtype.type(0), np.iinfo(bits.dtype).max
    for k in range(bits.size):
        most = max(most, bits.dtype.type(bits[k] & sign))
    found = np.empty(1, bits.dtype)
    found[0] = most
    return found.view(values.dtype)[0]


def largest(factors: Any, layers: Any) -> Any:
    """Largest product of an input, or of 1, and an error of the same sample; NaN where one is.

    Args:
        factors: As for ``write_pulses``.
        layers: As for ``write_pulses``.
    """
    one, found = factors.dtype.type(1.0), factors.dtype.type(0.0)
    for number in range(len(layers)):
        _, inputs, errors = _layer(factors, layers, number)
        for n in range(errors.shape[0]):
            size = _most(inputs[n])
            size = _most(errors[n]) * (one if size < one else size)
            if np.isnan(size):
                return size
            found = max(found, size)
    return found


@called
def _layer(factors: Any, layers: Any, number: Any) -> Any:
    """Where a layer stands, and the inputs and errors of its samples, one a row."""
    first, bias, width, height, begin, samples = layers[number]
    middle, end = begin + samples * width, begin + samples * (width + height)
    inputs = factors[begin:middle].reshape(samples, width)
    return Place(first, bias, width), inputs, factors[middle:end].reshape(samples, height)


@called
def _choose_pulsed(size: Any, where: Any, room: Any) -> Any:
    """How many visited weights get pulses; they go to the front."""
    x, order, device, count = room.numbers, room.order, room.device, 0
    zero = x.dtype.type(0.0)
    for k in range(size):
        order[count] = k
        # Not where an increment is no number.
        count += x[PULSES + k] > zero
    for k in range(count):
        device[k] = np.uint64(where[order[k]])
        x[ASKED + k], x[PULSES + k] = x[ASKED + order[k]], x[PULSES + order[k]]
    return count


@called
def _choose_candidates(size: Any, where: Any, chances: Any, room: Any) -> Any:
    """How many candidates get a pulse; they go to the front."""
    x, order, count = room.numbers, room.order, 0
    for k in range(size):
        order[count] = k
        count += chances[k] < x[PULSES + k]
    for k in range(count):
        room.device[k] = np.uint64(where[order[k]])
        x[ASKED + k], x[PULSES + k] = x[ASKED + order[k]], x.dtype.type(1.0)
    return count


@called
def _draw_noise(count: Any, key: Any, place: Any, drawn: Any, by_chance: Any, room: Any) -> Any:
    """Normal numbers of the chosen weights, and how many were drawn with them in the layer.

    Where none is drawn for the rounding they are those of a write of all weights.
    """
    x, words = room.numbers, room.words
    if not by_chance:
        words_of(room.device, count, np.uint64(0), key, words)
        normals_of(words[2 * BLOCK :], count, x[NOISE:], x[MORE:])
        return drawn
    normals_in_turn(key, place, drawn, count, words, x[NOISE:])
    many = 0
    for k in range(count):
        many += x[PULSES + k] > x.dtype.type(1.0)
    if many == 0:
        return drawn + BLOCK
    normals_in_turn(key, place, drawn + BLOCK, count, words, x[MORE:])
    return drawn + 2 * BLOCK


def write_pulses(
    keys: Any, w: Any, factors: Any, layers: Any, factor: Any,
    table: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    """Samples written by pulses one after the other, layer by layer.

    No weight may be asked for more than ``request.single`` pulses.

    Args:
        keys: Of the samples' writes, 64 bits without a sign.
        w: Weights; changed in place.
        factors: Of each layer the inputs of all samples, one after the other, then their errors.
        layers: Of each layer a row: first weight, first bias or a number below 0, columns, rows,
            where its factors begin, samples.
        factor: What the gradients are multiplied by to be increments.
        table: See ``pulsed_loop.table_of``.
        shape: As for ``pulsed_loop.write``.
        request: As for ``pulsed_loop.write``.
    """
    for number in range(len(layers)):
        place, inputs, errors = _layer(factors, layers, number)
        _pulses_in_layer(keys, w, inputs, errors, place, factor, table, shape, request)


@called
def _pulses_in_layer(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, factor: Any,
    table: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    room = room_of(w, request.single)
    increments, pulses = room.numbers[ASKED : ASKED + BLOCK], room.numbers[PULSES:]
    where, units, parts = np.empty(BLOCK, np.int64), np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    chances = np.empty(BLOCK)
    columns, rows = line_of(inputs.shape[1] + 1, w), line_of(errors.shape[1], w)
    visited, state = np.empty(errors.shape[1], np.int64), np.zeros(2, np.int64)
    clock, sieve, noisy = clock_of(False), sieve_of(), shape.noise > 0
    scale = abs(np.float64(factor)) / np.float64(min(request.up, request.down))
    by_chance = request.rounding == STOCHASTIC
    for n in range(keys.size):
        key, drawn, noise = keys[n], 0, 0
        column_count = sort(inputs[n], 1.0, place.bias >= 0, columns)
        row_count = sort(errors[n], scale, False, rows)
        least = LEAST if by_chance else ALL
        visited_columns(rows, row_count, columns, column_count, least, visited)
        state[:] = 0
        while not by_chance and state[0] < row_count:
            size = fill(rows, row_count, columns, visited, place, factor, state, where, increments)
            pulsed_loop.ask_for_pulses(size, request, room)
            round_all(pulses, units, size, request.rounding, w.dtype.type)
            count = _choose_pulsed(size, where, room)
            if noisy:
                noise = _draw_noise(count, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, count, w, table, shape, request, room)
        sieve.state[:] = 0
        sieve.state[2] = BYTES
        while by_chance and sieve.state[0] < row_count:
            size = sift(
                sieve, key, rows, row_count, columns, visited, place, factor, scale,
                w, table, room.device, increments, parts,
            )  # fmt: skip
            pulsed_loop.ask_for_pulses(size, request, room)
            units_of_visited(key, place, drawn, size, room.words, units)
            drawn += BLOCK
            round_stayed(pulses, units, parts, size)
            if noisy:
                noise = _draw_noise(size, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, size, w, table, shape, request, room)
        size = BLOCK if by_chance else 0
        if by_chance:
            start(clock, key, place)
        while size == BLOCK:
            size = candidates(
                clock, key, rows, row_count, columns, column_count, visited, place, factor,
                where, increments, chances,
            )  # fmt: skip
            pulsed_loop.ask_for_pulses(size, request, room)
            count = _choose_candidates(size, where, chances, room)
            if noisy:
                noise = _draw_noise(count, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, count, w, table, shape, request, room)


@called
def _apply_curves(
    key: Any, count: Any, where: Any, up: Any, w: Any, numbers: Any, words: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """Pulses of ``numbers[2]`` and, of pairs, ``numbers[3]`` to some weights."""
    noise, more_noise, ups, downs = numbers[0], numbers[1], numbers[2], numbers[3]
    ways, changes, real = numbers[4], numbers[5], w.dtype.type
    if settings.noisy:
        normal_words(key, where, count, words, words[BLOCK:])
        normals_of(words, count, noise, more_noise)
    for k in range(count):
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


@called
def _curves_asked(size: Any, increments: Any, settings: Any, ups: Any, downs: Any) -> None:
    zero, rising, falling = ups.dtype.type(0.0), settings.up.counted, settings.down.counted
    for j in range(size):
        part, raised = abs(increments[j]) / settings.span, increments[j] > zero
        ups[j] = part * (rising if raised else falling)
        downs[j] = part * (falling if raised else rising) if settings.pair else zero


@called
def _choose_moved(size: Any, where: Any, increments: Any, up: Any, ups: Any, downs: Any) -> Any:
    """How many visited weights get pulses; they go to the front."""
    zero, count = ups.dtype.type(0.0), 0
    for j in range(size):
        where[count], up[count] = where[j], increments[j] > zero
        ups[count], downs[count] = ups[j], downs[j]
        count += ups[j] != 0 or downs[j] != 0
    return count


@called
def _choose_moved_candidates(
    size: Any, where: Any, increments: Any, chances: Any, up: Any, ups: Any, downs: Any
) -> Any:
    """How many candidates get a pulse of one device or of both; they go to the front."""
    one, zero, count = ups.dtype.type(1.0), ups.dtype.type(0.0), 0
    for j in range(size):
        both = np.float64(ups[j]) * np.float64(downs[j])
        only_up = ups[j] - both
        either = only_up + downs[j]
        raised = chances[j] < only_up or (chances[j] >= either - both and chances[j] < either)
        where[count], up[count] = where[j], increments[j] > zero
        chosen = chances[j] < either
        lowered = chosen and chances[j] >= only_up
        ups[count], downs[count] = one if raised else zero, one if lowered else zero
        count += chosen
    return count


def write_curves(
    keys: Any, w: Any, factors: Any, layers: Any, factor: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """Samples written along pulse curves one after the other, layer by layer.

    Args:
        keys: As for ``write_pulses``.
        w: As for ``write_pulses``.
        factors: As for ``write_pulses``.
        layers: As for ``write_pulses``.
        factor: As for ``write_pulses``.
        plus: As for ``memristor_loop.write``.
        minus: As for ``memristor_loop.write``.
        settings: As for ``memristor_loop.write``.
        rise: As for ``memristor_loop.write``.
        fall: As for ``memristor_loop.write``.
        covered: As for ``memristor_loop.write``.
    """
    for number in range(len(layers)):
        place, inputs, errors = _layer(factors, layers, number)
        _curves_in_layer(
            keys, w, inputs, errors, place, factor, plus, minus, settings, rise, fall, covered
        )


@called
def _curves_in_layer(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, factor: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    numbers, words = np.empty((6, BLOCK), w.dtype), np.empty(4 * BLOCK, np.uint32)
    where, up = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    increments, chances = np.empty(BLOCK, w.dtype), np.empty(BLOCK)
    units, more_units = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    columns, rows = line_of(inputs.shape[1] + 1, w), line_of(errors.shape[1], w)
    visited, state = np.empty(errors.shape[1], np.int64), np.zeros(2, np.int64)
    clock, real = clock_of(settings.pair), w.dtype.type
    counted = np.float64(max(settings.up.counted, settings.down.counted))
    scale = abs(np.float64(factor)) * counted / np.float64(settings.span)
    by_chance = settings.rounding == STOCHASTIC
    for n in range(keys.size):
        key, drawn = keys[n], 0
        column_count = sort(inputs[n], 1.0, place.bias >= 0, columns)
        row_count = sort(errors[n], scale, False, rows)
        least = LEAST_OF_PAIRS if by_chance else ALL
        visited_columns(rows, row_count, columns, column_count, least, visited)
        state[:] = 0
        while state[0] < row_count:
            size = fill(rows, row_count, columns, visited, place, factor, state, where, increments)
            if size == 0:
                break
            _curves_asked(size, increments, settings, numbers[2], numbers[3])
            if by_chance:
                units_of_visited(key, place, drawn, size, words, units)
                units_of_visited(key, place, drawn + BLOCK, size, words, more_units)
                drawn += 2 * BLOCK
            round_all(numbers[2], units, size, settings.rounding, real)
            round_all(numbers[3], more_units, size, settings.rounding, real)
            count = _choose_moved(size, where, increments, up, numbers[2], numbers[3])
            _apply_curves(
                key, count, where, up, w, numbers, words, plus, minus, settings, rise, fall, covered
            )
        size = BLOCK if by_chance else 0
        if by_chance:
            start(clock, key, place)
        while size == BLOCK:
            size = candidates(
                clock, key, rows, row_count, columns, column_count, visited, place, factor,
                where, increments, chances,
            )  # fmt: skip
            _curves_asked(size, increments, settings, numbers[2], numbers[3])
            count = _choose_moved_candidates(
                size, where, increments, chances, up, numbers[2], numbers[3]
            )
            _apply_curves(
                key, count, where, up, w, numbers, words, plus, minus, settings, rise, fall, covered
            )
