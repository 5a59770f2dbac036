"""Writes by pulses of one sample after the other, see ``order``.

A sample finds what those before have left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels.compiled import called
from device_models.kernels.number_loops import (
    BLOCK,
    STOCHASTIC,
    largest_size,
    normals_of,
    round_all,
    words_of,
)
from device_models.kernels.outer import jumps, sieve, trains
from device_models.kernels.outer.order import ALL, Place, fill, line_of, sort, visited_columns
from device_models.kernels.outer.streams import normals_in_turn, units_in_turn
from device_models.kernels.trains import pulsed_loop
from device_models.kernels.trains.train_loop import ASKED, MORE, NOISE, PULSES, room_of


def largest(factors: Any, layers: Any) -> Any:
    """Largest product of an input, or of 1, and an error of the same sample; NaN where one is.

    Args:
        factors: As for ``write``.
        layers: As for ``write``.
    """
    one, found = factors.dtype.type(1.0), factors.dtype.type(0.0)
    for number in range(len(layers)):
        _, inputs, errors = layer_of(factors, layers, number)
        for n in range(errors.shape[0]):
            size = largest_size(inputs[n])
            size = largest_size(errors[n]) * (one if size < one else size)
            if np.isnan(size):
                return size
            found = max(found, size)
    return found


@called
def layer_of(factors: Any, layers: Any, number: Any) -> Any:
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


def write(
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
        place, inputs, errors = layer_of(factors, layers, number)
        _in_layer(keys, w, inputs, errors, place, factor, table, shape, request)


@called
def _in_layer(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, factor: Any,
    table: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    room, clock, sifter = room_of(w, request.single), jumps.clock_of(False), sieve.sieve_of()
    asked, pulses = room.numbers[ASKED : ASKED + BLOCK], room.numbers[PULSES:]
    where, chances, state = np.empty(BLOCK, np.int64), np.empty(BLOCK), np.zeros(2, np.int64)
    units, parts = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    columns, rows = line_of(inputs.shape[1] + 1, w), line_of(errors.shape[1], w)
    visited = np.empty(errors.shape[1], np.int64)
    scale = abs(np.float64(factor)) / np.float64(min(request.up, request.down))
    by_chance, noisy = request.rounding == STOCHASTIC, shape.noise > 0
    for n in range(keys.size):
        key, drawn, noise = keys[n], 0, 0
        column_count = sort(inputs[n], 1.0, place.bias >= 0, columns)
        row_count = sort(errors[n], scale, False, rows)
        least = sieve.LEAST if by_chance else ALL
        visited_columns(rows, row_count, columns, column_count, least, visited)
        state[:] = 0
        while not by_chance and state[0] < row_count:
            size = fill(rows, row_count, columns, visited, place, factor, state, where, asked)
            pulsed_loop.ask_for_pulses(size, request, room)
            round_all(pulses, units, size, request.rounding, w.dtype.type)
            count = _choose_pulsed(size, where, room)
            if noisy:
                noise = _draw_noise(count, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, count, w, table, shape, request, room)
        sieve.start(sifter)
        while by_chance and sifter.state[0] < row_count:
            size = sieve.sift(
                sifter, key, rows, row_count, columns, visited, place, factor, scale,
                room.device, asked, parts,
            )  # fmt: skip
            pulsed_loop.ask_for_pulses(size, request, room)
            units_in_turn(key, place, drawn, size, room.words, units)
            drawn += BLOCK
            # Nearly all get a pulse: the others are taken along, and stay as they are.
            sieve.round_stayed(pulses, units, parts, size)
            if noisy:
                noise = _draw_noise(size, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, size, w, table, shape, request, room)
        size = BLOCK if by_chance else 0
        if by_chance:
            jumps.start(clock, key, place)
        while size == BLOCK:
            size = jumps.candidates(
                clock, key, rows, row_count, columns, column_count, visited, place, factor,
                where, asked, chances,
            )  # fmt: skip
            pulsed_loop.ask_for_pulses(size, request, room)
            count = _choose_candidates(size, where, chances, room)
            if noisy:
                noise = _draw_noise(count, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, count, w, table, shape, request, room)


def write_trains(
    keys: Any, w: Any, factors: Any, layers: Any, arrays: Any, factor: Any, lines: Any,
    table: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    """Samples written by coincidences of pulse trains, the biases behind the arrays by pulses.

    Args:
        keys: As for ``write``.
        w: As for ``write``.
        factors: As for ``write``.
        layers: As for ``write``.
        arrays: How many of the layers are arrays with trains; the others are written as by
            ``write``.
        factor: As for ``write``.
        lines: See ``trains.Trains``; no weight may be asked for more than ``request.single``
            pulses.
        table: As for ``write``.
        shape: As for ``write``.
        request: As for ``write``.
    """
    for number in range(len(layers)):
        place, inputs, errors = layer_of(factors, layers, number)
        if number < arrays:
            _trains_in_layer(keys, w, inputs, errors, place, lines, table, shape, request)
        else:
            _in_layer(keys, w, inputs, errors, place, factor, table, shape, request)


@called
def _trains_in_layer(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, lines: Any,
    table: Any, shape: Any, request: Any,
) -> None:  # fmt: skip
    room, state, real = room_of(w, request.single), np.zeros(2, np.int64), w.dtype.type
    asked, pulses = room.numbers[ASKED : ASKED + BLOCK], room.numbers[PULSES:]
    where, chosen = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    counts, units = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    columns = trains.lines_of(inputs.shape[1] + 1, lines, w)
    rows = trains.lines_of(errors.shape[1], lines, w)
    by_chance, noisy = request.rounding == STOCHASTIC, shape.noise > 0
    for n in range(keys.size):
        key, drawn, noise = keys[n], 0, 0
        column_count, row_count = trains.pulse(
            inputs[n], errors[n], key, place, lines, columns, rows
        )
        state[:] = 0
        while column_count > 0 and state[0] < row_count:
            size = trains.coincide(
                columns, column_count, rows, row_count, place, lines,
                state, counts, chosen, where, asked,
            )  # fmt: skip
            pulsed_loop.ask_for_pulses(size, request, room)
            if by_chance:
                units_in_turn(key, place, drawn, size, room.words, units)
                drawn += BLOCK
            round_all(pulses, units, size, request.rounding, real)
            count = _choose_pulsed(size, where, room)
            if noisy:
                noise = _draw_noise(count, key, place, noise, by_chance, room)
            pulsed_loop.pulse_chosen(key, count, w, table, shape, request, room)
