"""Writes along pulse curves of one sample after the other, see ``order``.

A sample finds what those before have left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels.compiled import called
from device_models.kernels.curve_moves import (
    ASKED,
    BEFORE,
    CHANGE,
    DOWNS,
    MORE,
    NOISE,
    UPS,
    move,
    room_of,
)
from device_models.kernels.memristor_loop import ask_for_pulses
from device_models.kernels.number_loops import BLOCK, STOCHASTIC, normals_of, round_all
from device_models.kernels.outer import trains
from device_models.kernels.outer.jumps import candidates, clock_of, start
from device_models.kernels.outer.order import ALL, fill, line_of, sort, visited_columns
from device_models.kernels.outer.pulses import layer_of
from device_models.kernels.outer.streams import normal_words, units_in_turn

LEAST = -3
"""Power of 2 above which weights are visited, set by timings: jumps are faster below."""


@called
def _apply_curves(
    key: Any, count: Any, where: Any, w: Any, words: Any, x: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """Pulses that are in their rows to some weights."""
    if settings.noisy:
        normal_words(key, where, count, words, words[BLOCK:])
        normals_of(words, count, x[NOISE:], x[MORE:])
    for k in range(count):
        x[BEFORE + k] = w[where[k]]
    move(count, where, False, plus, minus, settings, rise, fall, covered, x)
    for k in range(count):
        w[where[k]] += x[CHANGE + k]


@called
def _choose_moved(size: Any, where: Any, x: Any) -> Any:
    """How many visited weights get pulses; they go to the front."""
    count = 0
    for j in range(size):
        where[count], x[ASKED + count] = where[j], x[ASKED + j]
        ups, downs = x[UPS + j], x[DOWNS + j]
        x[UPS + count], x[DOWNS + count] = ups, downs
        count += ups != 0 or downs != 0
    return count


@called
def _pulse_visited(
    key: Any, place: Any, drawn: Any, size: Any, where: Any, units: Any, more_units: Any,
    w: Any, words: Any, x: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> Any:  # fmt: skip
    """Pulses to visited weights, and how many numbers were drawn with them in the layer."""
    real = w.dtype.type
    ask_for_pulses(size, settings, x)
    if settings.rounding == STOCHASTIC:
        units_in_turn(key, place, drawn, size, words, units)
        units_in_turn(key, place, drawn + BLOCK, size, words, more_units)
        drawn += 2 * BLOCK
    round_all(x[UPS:], units, size, settings.rounding, real)
    round_all(x[DOWNS:], more_units, size, settings.rounding, real)
    count = _choose_moved(size, where, x)
    _apply_curves(
        key, count, where, w, words, x,
        plus, minus, settings, rise, fall, covered,
    )  # fmt: skip
    return drawn


@called
def _choose_moved_candidates(size: Any, where: Any, chances: Any, x: Any) -> Any:
    """How many candidates get a pulse of one device or of both; they go to the front."""
    one, zero, count = x.dtype.type(1.0), x.dtype.type(0.0), 0
    for j in range(size):
        both = np.float64(x[UPS + j]) * np.float64(x[DOWNS + j])
        only_up = x[UPS + j] - both
        either = only_up + x[DOWNS + j]
        raised = chances[j] < only_up or (chances[j] >= either - both and chances[j] < either)
        where[count], x[ASKED + count] = where[j], x[ASKED + j]
        chosen = chances[j] < either
        lowered = chosen and chances[j] >= only_up
        x[UPS + count], x[DOWNS + count] = one if raised else zero, one if lowered else zero
        count += chosen
    return count


def write(
    keys: Any, w: Any, factors: Any, layers: Any, factor: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """Samples written along pulse curves one after the other, layer by layer.

    Args:
        keys: As for ``pulses.write``.
        w: As for ``pulses.write``.
        factors: As for ``pulses.write``.
        layers: As for ``pulses.write``.
        factor: As for ``pulses.write``.
        plus: As for ``memristor_loop.write``.
        minus: As for ``memristor_loop.write``.
        settings: As for ``memristor_loop.write``.
        rise: As for ``memristor_loop.write``.
        fall: As for ``memristor_loop.write``.
        covered: As for ``memristor_loop.write``.
    """
    for number in range(len(layers)):
        place, inputs, errors = layer_of(factors, layers, number)
        _curves_in_layer(
            keys, w, inputs, errors, place, factor, plus, minus, settings, rise, fall, covered
        )


@called
def _curves_in_layer(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, factor: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    x, words = room_of(w), np.empty(4 * BLOCK, np.uint32)
    increments, where = x[ASKED : ASKED + BLOCK], np.empty(BLOCK, np.int64)
    chances, clock = np.empty(BLOCK), clock_of(settings.pair)
    units, more_units = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    columns, rows = line_of(inputs.shape[1] + 1, w), line_of(errors.shape[1], w)
    visited, state = np.empty(errors.shape[1], np.int64), np.zeros(2, np.int64)
    counted = np.float64(max(settings.up.counted, settings.down.counted))
    scale = abs(np.float64(factor)) * counted / np.float64(settings.span)
    by_chance = settings.rounding == STOCHASTIC
    for n in range(keys.size):
        key, drawn = keys[n], 0
        column_count = sort(inputs[n], 1.0, place.bias >= 0, columns)
        row_count = sort(errors[n], scale, False, rows)
        least = LEAST if by_chance else ALL
        visited_columns(rows, row_count, columns, column_count, least, visited)
        state[:] = 0
        while state[0] < row_count:
            size = fill(rows, row_count, columns, visited, place, factor, state, where, increments)
            drawn = _pulse_visited(
                key, place, drawn, size, where, units, more_units, w, words, x,
                plus, minus, settings, rise, fall, covered,
            )  # fmt: skip
        size = BLOCK if by_chance else 0
        if by_chance:
            start(clock, key, place)
        while size == BLOCK:
            size = candidates(
                clock, key, rows, row_count, columns, column_count, visited, place, factor,
                where, increments, chances,
            )  # fmt: skip
            ask_for_pulses(size, settings, x)
            count = _choose_moved_candidates(size, where, chances, x)
            _apply_curves(
                key, count, where, w, words, x,
                plus, minus, settings, rise, fall, covered,
            )  # fmt: skip


def write_trains(
    keys: Any, w: Any, factors: Any, layers: Any, arrays: Any, factor: Any, lines: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    """Samples written along pulse curves by coincidences of pulse trains.

    Args:
        keys: As for ``pulses.write``.
        w: As for ``pulses.write``.
        factors: As for ``pulses.write``.
        layers: As for ``pulses.write``.
        arrays: As for ``pulses.write_trains``.
        factor: As for ``pulses.write``.
        lines: As for ``pulses.write_trains``.
        plus: As for ``memristor_loop.write``.
        minus: As for ``memristor_loop.write``.
        settings: As for ``memristor_loop.write``.
        rise: As for ``memristor_loop.write``.
        fall: As for ``memristor_loop.write``.
        covered: As for ``memristor_loop.write``.
    """
    for number in range(len(layers)):
        place, inputs, errors = layer_of(factors, layers, number)
        if number < arrays:
            _trains_in_layer(
                keys, w, inputs, errors, place, lines, plus, minus, settings, rise, fall, covered
            )
        else:
            _curves_in_layer(
                keys, w, inputs, errors, place, factor, plus, minus, settings, rise, fall, covered
            )


@called
def _trains_in_layer(
    keys: Any, w: Any, inputs: Any, errors: Any, place: Any, lines: Any,
    plus: Any, minus: Any, settings: Any, rise: Any, fall: Any, covered: Any,
) -> None:  # fmt: skip
    x, words, state = room_of(w), np.empty(4 * BLOCK, np.uint32), np.zeros(2, np.int64)
    increments, where = x[ASKED : ASKED + BLOCK], np.empty(BLOCK, np.int64)
    chosen, counts = np.empty(BLOCK, np.int64), np.empty(BLOCK, w.dtype)
    units, more_units = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    columns = trains.lines_of(inputs.shape[1] + 1, lines, w)
    rows = trains.lines_of(errors.shape[1], lines, w)
    for n in range(keys.size):
        key, drawn = keys[n], 0
        column_count, row_count = trains.pulse(
            inputs[n], errors[n], key, place, lines, columns, rows
        )
        state[:] = 0
        while column_count > 0 and state[0] < row_count:
            size = trains.coincide(
                columns, column_count, rows, row_count, place, lines,
                state, counts, chosen, where, increments,
            )  # fmt: skip
            drawn = _pulse_visited(
                key, place, drawn, size, where, units, more_units, w, words, x,
                plus, minus, settings, rise, fall, covered,
            )  # fmt: skip
