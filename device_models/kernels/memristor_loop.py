"""A write by ``MemristorWrite`` in one pass: see there for what it does."""

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
from device_models.kernels.number_loops import (
    BLOCK,
    STOCHASTIC,
    are_near,
    clear,
    devices_asked,
    gather,
    normals_of,
    round_all,
    to_front,
    unit,
    words_of,
)


@called
def ask_for_pulses(size: Any, settings: Any, x: Any) -> None:
    """Sets the rows of pulses to what increments are counted for, not rounded yet."""
    real = x.dtype.type
    rising, falling = settings.up.counted, settings.down.counted
    for k in range(size):
        part, raised = abs(x[ASKED + k]) / settings.span, x[ASKED + k] > real(0.0)
        x[UPS + k] = part * (rising if raised else falling)
        downs = part * (falling if raised else rising)
        x[DOWNS + k] = downs if settings.pair else real(0.0)


@called
def _choose(size: Any, key: Any, settings: Any, device: Any, words: Any, order: Any, x: Any) -> Any:
    """How many weights get pulses; they, their pulses and normal numbers go to the front."""
    real = x.dtype.type
    if settings.noisy or settings.rounding == STOCHASTIC:
        words_of(device, size, np.uint64(0), key, words)
        for k in range(size):
            x[NOISE + k], x[MORE + k] = unit(words[k], real), unit(words[BLOCK + k], real)
    ask_for_pulses(size, settings, x)
    round_all(x[UPS:], x[NOISE:], size, settings.rounding, real)
    round_all(x[DOWNS:], x[MORE:], size, settings.rounding, real)
    count = 0
    for k in range(size):
        count += (x[UPS + k] != 0) | (x[DOWNS + k] != 0)
    if count < size:
        count = 0
        for k in range(size):
            order[count] = k
            count += x[UPS + k] != 0 or x[DOWNS + k] != 0
        to_front(order, count, device, words)
        for k in range(count):
            x[ASKED + k] = x[ASKED + order[k]]
            x[UPS + k], x[DOWNS + k] = x[UPS + order[k]], x[DOWNS + order[k]]
    if settings.noisy:
        normals_of(words[2 * BLOCK :], count, x[NOISE:], x[MORE:])
    return count


def write(
    start: int,
    stop: int,
    key: Any,
    w: Any,
    increment: Any,
    realized: Any,
    plus: Any,
    minus: Any,
    settings: Any,
    rise: Any,
    fall: Any,
    covered: Any,
) -> None:
    """Realized increments of the weights from ``start`` to ``stop``.

    Args:
        start: First weight.
        stop: One behind the last weight.
        key: Of the write, 64 bits without a sign.
        w: Weights.
        increment: Requested increments.
        realized: Filled with what is realized of them.
        plus: Devices that more conductance in means more weight.
        minus: Devices of the other polarity; only those of pairs are used.
        settings: What all devices have in common.
        rise: Measured curve of pulses up.
        fall: Measured curve of pulses down.
        covered: What trains of 0, 1, 2 ... pulses up cover, then the same of trains down.
    """
    x, words = room_of(w), np.empty(4 * BLOCK, np.uint32)
    device, order = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.int32)
    for begin in range(start, stop, BLOCK):
        size = devices_asked(begin, min(BLOCK, stop - begin), increment, device, x[ASKED:])
        clear(realized, begin, min(begin + BLOCK, stop))
        count = _choose(size, key, settings, device, words, order, x)
        if count == 0:
            continue
        gather(w, device, count, x[BEFORE:])
        near = are_near(device, count)
        move(count, device, near, plus, minus, settings, rise, fall, covered, x)
        if near:
            found = realized[np.int64(device[0]) :]
            for k in range(count):
                found[k] = x[CHANGE + k]
        else:
            for k in range(count):
                realized[device[k]] = x[CHANGE + k]
