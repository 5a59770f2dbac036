"""Writes along pulse curves of one sample after the other, see ``order``.

A sample finds what those before have left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.kernels import memristor_loop
from device_models.kernels.compiled import called
from device_models.kernels.number_loops import BLOCK, STOCHASTIC, normals_of, round_all
from device_models.kernels.outer.jumps import candidates, clock_of, start
from device_models.kernels.outer.order import ALL, fill, line_of, sort, visited_columns
from device_models.kernels.outer.pulses import layer_of
from device_models.kernels.outer.streams import normal_words, units_in_turn

LEAST = -3
"""Power of 2 above which weights are visited, set by timings: jumps are faster below."""


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
    numbers, words = np.empty((6, BLOCK), w.dtype), np.empty(4 * BLOCK, np.uint32)
    where, up, clock = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_), clock_of(settings.pair)
    increments, chances = np.empty(BLOCK, w.dtype), np.empty(BLOCK)
    units, more_units = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    columns, rows = line_of(inputs.shape[1] + 1, w), line_of(errors.shape[1], w)
    visited, state = np.empty(errors.shape[1], np.int64), np.zeros(2, np.int64)
    counted = np.float64(max(settings.up.counted, settings.down.counted))
    scale = abs(np.float64(factor)) * counted / np.float64(settings.span)
    by_chance, real = settings.rounding == STOCHASTIC, w.dtype.type
    for n in range(keys.size):
        key, drawn = keys[n], 0
        column_count = sort(inputs[n], 1.0, place.bias >= 0, columns)
        row_count = sort(errors[n], scale, False, rows)
        least = LEAST if by_chance else ALL
        visited_columns(rows, row_count, columns, column_count, least, visited)
        state[:] = 0
        while state[0] < row_count:
            size = fill(rows, row_count, columns, visited, place, factor, state, where, increments)
            _curves_asked(size, increments, settings, numbers[2], numbers[3])
            if by_chance:
                units_in_turn(key, place, drawn, size, words, units)
                units_in_turn(key, place, drawn + BLOCK, size, words, more_units)
                drawn += 2 * BLOCK
            round_all(numbers[2], units, size, settings.rounding, real)
            round_all(numbers[3], more_units, size, settings.rounding, real)
            count = _choose_moved(size, where, increments, up, numbers[2], numbers[3])
            _apply_curves(
                key, count, where, up, w, numbers, words,
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
            _curves_asked(size, increments, settings, numbers[2], numbers[3])
            count = _choose_moved_candidates(
                size, where, increments, chances, up, numbers[2], numbers[3]
            )
            _apply_curves(
                key, count, where, up, w, numbers, words,
                plus, minus, settings, rise, fall, covered,
            )  # fmt: skip
