"""A write by ``PulsedWrite`` or ``OneSidedPair`` in one pass: see there for what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, chosen_by_types, inlined
from device_models.kernels.number_loops import (
    BLOCK,
    clear,
    devices_asked,
    gather,
    normals_of,
    round_all,
    to_front,
    unit,
    words_of,
)
from device_models.kernels.trains.train_loop import (
    ASKED,
    BEFORE,
    HIGH,
    LOW,
    MORE,
    NOISE,
    PULSES,
    SIDE,
    SLOPE,
    SPARE,
    STATE,
    STEP,
    UP,
    ExponentialShape,
    PowerShape,
    room_of,
    trains,
)

TABLE, SHORT = 8, 4
"""Numbers of a device in a table, see ``table_of``; fewer where only steps and bounds differ."""

_LINE = 64
"""Bytes of a line of the processor's cache."""


class Request(NamedTuple):
    """How an increment becomes pulses; numbers are of the weights' type.

    Attributes:
        up: Increment that a pulse up is counted for, above 0.
        down: The same of a pulse down.
        most_up: Most pulses up of one write.
        most_down: Most pulses down.
        rounding: How a request becomes a whole number of pulses.
        single: Pulses that are applied one by one.
        reach: Standard deviations that a train taken as one keeps away from bounds.
        weight_range: Weight that a state of 1 stands for.
        one_sided: Whether a weight is a pair of devices that are only raised.
        short: Whether a table of its devices is a short one, see ``table_of``.
    """

    up: Any
    down: Any
    most_up: Any
    most_down: Any
    rounding: int
    single: Any
    reach: Any
    weight_range: Any
    one_sided: bool
    short: bool = False

    @property
    def most(self) -> Any:
        """Most pulses of one write, whatever its direction."""
        return max(self.most_up, self.most_down)


class Devices(NamedTuple):
    """``DeviceValues`` as arrays of one number a device, or of one for all."""

    step_up: Any
    step_down: Any
    low: Any
    high: Any
    slope_up: Any
    slope_down: Any
    reference: Any


@called
def _gather_sides(up: Any, down: Any, both: Any, count: Any, room: Any, found: Any) -> None:
    """Values from one array; where both differ, from the other for increments below 0."""
    gather(up, room.device, count, found)
    if both:
        asked, other = room.numbers[ASKED:], room.numbers[SPARE:]
        gather(down, room.device, count, other)
        for k in range(count):
            found[k] = found[k] if asked[k] > found.dtype.type(0.0) else other[k]


@called
def _gather_devices(count: Any, plus: Any, minus: Any, request: Any, room: Any) -> None:
    """Rows of the properties of the chosen devices, and of references in ``SPARE``."""
    x, pair = room.numbers, request.one_sided
    down_step = minus.step_up if pair else plus.step_down
    down_slope = minus.slope_up if pair else plus.slope_down
    # Rows, not where they begin: of a constant the compiler would make a function each, and of any
    # other number it cannot tell that it is not negative.
    _gather_sides(plus.step_up, down_step, True, count, room, x[STEP:])
    _gather_sides(plus.slope_up, down_slope, True, count, room, x[SLOPE:])
    _gather_sides(plus.low, minus.low, pair, count, room, x[LOW:])
    _gather_sides(plus.high, minus.high, pair, count, room, x[HIGH:])
    gather(plus.reference, room.device, count, x[SPARE:])


def table_of(plus: Devices, minus: Devices, *, one_sided: bool) -> Any:
    """What a write needs of one device after the other, side by side: ``TABLE`` numbers each.

    Step and slope of increments up, the same of increments down, bounds of those up, and reference
    or, of pairs, bounds of those down. Devices that lie anywhere are found in one place each. A
    short table has steps up and down and bounds of each device, and behind those of all devices
    the slopes and the reference that they share: half of the memory to look in.

    Args:
        plus: As for ``write``.
        minus: As for ``write``.
        one_sided: Whether a weight is a pair of devices that are only raised.

    Returns:
        Shape ``(N·TABLE,)``, or ``(TABLE,)`` where all devices are the same; ``(N·SHORT + 3,)``.
    """
    if is_short(plus, one_sided=one_sided):
        shared = np.concatenate([plus.slope_up, plus.slope_down, plus.reference])
        return _table((plus.step_up, plus.step_down, plus.low, plus.high), shared)
    down = (minus.step_up, minus.slope_up) if one_sided else (plus.step_down, plus.slope_down)
    last = (minus.low, minus.high) if one_sided else (plus.reference, plus.reference)
    columns = (plus.step_up, plus.slope_up, *down, plus.low, plus.high, *last)
    return _table(columns, plus.low[:0])


def is_short(plus: Devices, *, one_sided: bool) -> bool:
    """Whether a table of devices is a short one; arguments as for ``table_of``."""
    shared = (plus.slope_up, plus.slope_down, plus.reference)
    return not one_sided and plus.step_up.size > 1 and all(each.size == 1 for each in shared)


def _table(columns: Sequence[Any], shared: Any) -> Any:
    """Numbers of every device side by side, from columns, and behind them those of all devices."""
    size, dtype, count = max(each.size for each in columns), shared.dtype, len(columns)
    room = np.empty(size * count + shared.size + _LINE // dtype.itemsize, dtype)
    # From where a line of the processor's cache begins, so that no device lies across two.
    begin = -room.ctypes.data % _LINE // dtype.itemsize
    table = room[begin : begin + size * count + shared.size]
    for k, column in enumerate(columns):
        table[k : size * count : count] = column
    table[size * count :] = shared
    return table


@called
def _gather_short(count: Any, table: Any, room: Any) -> None:
    """As ``_gather_devices``, from a short table."""
    x, one = room.numbers, np.uint64(1)
    stride, shared = np.uint64(SHORT), np.uint64(table.size) - np.uint64(3)
    # One number of each device by itself: more of them are on their way from memory at a time.
    for k in range(count):
        x[LOW + k] = table[stride * room.device[k] + np.uint64(2)]
    for k in range(count):
        at = stride * room.device[k]
        down = one if x[ASKED + k] < 0 else np.uint64(0)
        x[STEP + k], x[SLOPE + k] = table[at + down], table[shared + down]
        x[HIGH + k], x[SPARE + k] = table[at + np.uint64(3)], table[shared + np.uint64(2)]


@called
def _gather_table(count: Any, table: Any, request: Any, room: Any) -> None:
    """As ``_gather_devices``, from a table."""
    x = room.numbers
    stride, down = np.uint64(TABLE if table.size > TABLE else 0), np.uint64(2)
    bounds = np.uint64(2 if request.one_sided else 0)
    # One number of each device by itself: more of them are on their way from memory at a time.
    for k in range(count):
        x[SPARE + k] = table[stride * room.device[k] + np.uint64(6)]
    for k in range(count):
        at = stride * room.device[k]
        below = x[ASKED + k] < 0
        side = at + (down if below else np.uint64(0))
        x[STEP + k], x[SLOPE + k] = table[side], table[side + np.uint64(1)]
        side = at + (bounds if below else np.uint64(0))
        x[LOW + k], x[HIGH + k] = table[side + np.uint64(4)], table[side + np.uint64(5)]


def _dependence(shape: Any, slope: Any, width: Any) -> Any:
    """What the step of a device depends on its state by, see ``SLOPE``."""
    raise NotImplementedError


@chosen_by_types(_dependence)
def _dependence_of(shape: Any, slope: Any, width: Any) -> Any:
    found = {ExponentialShape: _part_of_window, PowerShape: _window}
    return found.get(shape.instance_class, _slope)


def _part_of_window(shape: Any, slope: Any, width: Any) -> Any:
    return shape.twice_a / width


def _window(shape: Any, slope: Any, width: Any) -> Any:
    return width


def _slope(shape: Any, slope: Any, width: Any) -> Any:
    return slope


@called
def _prepare_trains(count: Any, shape: Any, request: Any, room: Any) -> None:
    """Sets the rows of the chosen devices that trains need beside pulses, noise and bounds.

    ``UP`` and ``SIDE`` by the increments' signs; ``BEFORE``, where the weights are, and ``STATE``
    become the states that these stand for, inside of the bounds; ``SLOPE``, where the slopes of
    linear steps are, what a step depends on the state by.
    """
    x, pair = room.numbers, request.one_sided
    real = x.dtype.type
    zero, one = real(0.0), real(1.0)
    for k in range(count):
        sign = one if x[ASKED + k] > zero else -one
        x[UP + k] = one if pair else sign
        x[SIDE + k] = sign if pair else one
        reference = zero if pair else x[SPARE + k]
        h = x[SIDE + k] * x[BEFORE + k] / request.weight_range + reference
        h = x[LOW + k] if h < x[LOW + k] else h
        h = x[HIGH + k] if h > x[HIGH + k] else h
        x[BEFORE + k], x[STATE + k] = h, h
    for k in range(count):
        width = x[HIGH + k] - x[LOW + k]
        # A device without a window is kept where it is by its bounds.
        x[SLOPE + k] = _dependence(shape, x[SLOPE + k], width if width > zero else one)


@called
def _cut_pulses(count: Any, request: Any, room: Any) -> Any:
    """How many devices are asked for more pulses than are applied one by one; they keep these."""
    x, beyond = room.numbers, 0
    for k in range(count):
        beyond += x[PULSES + k] > request.single
        x[PULSES + k] = min(x[PULSES + k], request.single)
    return beyond


@called
def ask_for_pulses(size: Any, request: Any, room: Any) -> None:
    """Sets ``PULSES`` to what increments in ``ASKED`` are counted for, not rounded yet.

    Args:
        size: Number of increments, at most ``BLOCK``.
        request: As for ``write``.
        room: With the increments.
    """
    x = room.numbers
    zero = x.dtype.type(0.0)
    for k in range(size):
        up = x[ASKED + k] > zero
        asked = abs(x[ASKED + k]) / (request.up if up else request.down)
        most = request.most_up if up else request.most_down
        x[PULSES + k] = most if asked > most else asked


@called
def _choose(size: Any, key: Any, request: Any, noisy: Any, room: Any) -> Any:
    """How many devices get pulses; their rows of pulses and of normal numbers."""
    x, words, device, order = room.numbers, room.words, room.device, room.order
    real = x.dtype.type
    words_of(device, size, np.uint64(0), key, words)
    for k in range(size):
        x[SPARE + k] = unit(words[k], real)
    ask_for_pulses(size, request, room)
    pulses, units = x[PULSES : PULSES + size], x[SPARE : SPARE + size]
    round_all(pulses, units, size, request.rounding, real)
    count = 0
    for k in range(size):
        # Not where an increment is no number.
        count += pulses[k] > real(0.0)
    if count < size:
        count = 0
        for k in range(size):
            order[count] = k
            count += pulses[k] > real(0.0)
        to_front(order, count, device, words)
        for k in range(count):
            x[ASKED + k], x[PULSES + k] = x[ASKED + order[k]], x[PULSES + order[k]]
    if noisy:
        normals_of(words[2 * BLOCK :], count, x[NOISE:], x[MORE:])
    return count


@inlined
def _change(k: Any, room: Any, request: Any) -> Any:
    """Realized increment of the weight of a chosen device."""
    x = room.numbers
    return x[SIDE + k] * request.weight_range * (x[STATE + k] - x[BEFORE + k])


@called
def pulse_chosen(
    key: Any, count: Any, w: Any, table: Any, shape: Any, request: Any, room: Any
) -> None:
    """Pulses to weights that lie anywhere; they are changed in place.

    Args:
        key: Of the write.
        count: Number of these weights, at most ``BLOCK``.
        w: All weights.
        table: See ``table_of``.
        shape: As for ``write``.
        request: As for ``write``.
        room: With the numbers of these weights, increments of their signs, pulses (no more than
            ``request.single``) and normal numbers.
    """
    x = room.numbers
    for k in range(count):
        x[BEFORE + k] = w[room.device[k]]
    if request.short:
        _gather_short(count, table, room)
    else:
        _gather_table(count, table, request, room)
    _prepare_trains(count, shape, request, room)
    trains(count, key, room, shape, request.reach)
    for k in range(count):
        w[room.device[k]] += _change(k, room, request)


def write(
    start: int,
    stop: int,
    key: Any,
    w: Any,
    increment: Any,
    realized: Any,
    plus: Any,
    minus: Any,
    shape: Any,
    request: Any,
) -> int:
    """Realized increments of the weights from ``start`` to ``stop``.

    Args:
        start: First weight.
        stop: One behind the last weight.
        key: Of the write, 64 bits without a sign.
        w: Weights.
        increment: Requested increments.
        realized: Filled with what is realized of them, by no more than ``request.single`` pulses.
        plus: The devices; of a pair, those that are raised for more weight.
        minus: Those that are raised for less; only used of pairs.
        shape: The step of one pulse.
        request: How an increment becomes pulses.

    Returns:
        Number of weights that are asked for more than ``request.single`` pulses.
    """
    room = room_of(w, request.single)
    asked, beyond = room.numbers[ASKED:], 0
    for begin in range(start, stop, BLOCK):
        size = devices_asked(begin, min(BLOCK, stop - begin), increment, room.device, asked)
        clear(realized, begin, min(begin + BLOCK, stop))
        count = _choose(size, key, request, shape.noise > 0, room)
        if count == 0:
            continue
        gather(w, room.device, count, room.numbers[BEFORE:])
        _gather_devices(count, plus, minus, request, room)
        _prepare_trains(count, shape, request, room)
        beyond += _cut_pulses(count, request, room)
        trains(count, key, room, shape, request.reach)
        for k in range(count):
            realized[room.device[k]] = _change(k, room, request)
    return beyond
