"""Trains of pulses of a block of devices, all devices of a block pulse by pulse.

What is known of the devices lies in rows of one array, each ``BLOCK`` numbers long, so that a
processor takes several devices at a time and finds them in its cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, chosen_by_types, inlined
from device_models.kernels.number_loops import BLOCK, exp_of, log_of, normals_of, words_of

LINEAR, EXPONENTIAL, POWER = 0, 1, 2
"""Kinds of a step."""

(ASKED, PULSES, UP, SIDE, NOISE, MORE, STEP, SLOPE, LOW, HIGH, BEFORE, AFTER, SPARE) = (
    BLOCK * each for each in range(13)
)
"""Where rows of the chosen devices begin.

Increment; pulses; 1 of devices that are raised, −1 of others; 1 of those whose state grows with the
weight, −1 of others; two normal numbers; Δ; how the step depends on the state: slope of a linear
step, 2a over the window of an exponential one, the window of a power one; bounds; the states before
and after; anything.
"""

(_Z, _READY, _LEFT, _UP, _STEP, _SLOPE, _LOW, _HIGH, _H) = (BLOCK * each for each in range(13, 22))
"""Rows of the devices that are pulsed one by one, by falling numbers of pulses."""

_ROWS = 22


class Room(NamedTuple):
    """Arrays that a thread needs for a block of devices.

    Attributes:
        numbers: Rows of numbers of the weights' type.
        words: Four rows of random words, 32 bits without a sign.
        device: Numbers of the devices, 64 bits without a sign; from ``BLOCK`` on of those that are
            pulsed one by one.
        order: Places in a row.
        starts: Room to sort numbers of pulses in, for one more than may be applied one by one.
    """

    numbers: Any
    words: Any
    device: Any
    order: Any
    starts: Any


class Shape(NamedTuple):
    """The step of one pulse; numbers are of the weights' type, see ``pulsed_step``.

    Attributes:
        kind: ``LINEAR``, ``EXPONENTIAL`` or ``POWER``.
        noise: Cycle-to-cycle noise relative to the step.
        multiplicative: Whether the noise of a linear step scales with the present step.
        linear_noise: Whether the step is linear, with a noise that does not depend on the state.
        amplitude: A of an exponential step up.
        amplitude_down: A of one down.
        gamma: γ of one up.
        gamma_down: γ of one down.
        twice_a: 2a of an exponential step.
        b: Offset of its exponent.
        noise_offset: Part of its noise that is there whatever the step.
        noise_slope: Part of its noise that grows with the state.
        exponent: γ of a power step.
    """

    kind: int
    noise: Any
    multiplicative: bool
    linear_noise: bool
    amplitude: Any
    amplitude_down: Any
    gamma: Any
    gamma_down: Any
    twice_a: Any
    b: Any
    noise_offset: Any
    noise_slope: Any
    exponent: Any


class LinearShape(Shape):
    """That of a linear step; loops are compiled for each kind on its own."""


class ExponentialShape(Shape):
    """That of an exponential step."""


class PowerShape(Shape):
    """That of a power step."""


class _Pulse(NamedTuple):
    """A pulse of every device.

    Attributes:
        number: Pulses before it.
        one: 1 of the weights' type.
        noise: Row of its normal numbers.
        noisy: Whether it has noise.
        parts: Whether it may be a part of a pulse for some.
    """

    number: Any
    one: Any
    noise: int
    noisy: bool
    parts: bool


@inlined
def room_of(w: Any, single: Any) -> Any:
    """Room for blocks of weights of a type, with so many pulses applied one by one."""
    return Room(
        np.empty(_ROWS * BLOCK, w.dtype),
        np.empty(4 * BLOCK, np.uint32),
        np.empty(2 * BLOCK, np.uint64),
        np.empty(BLOCK, np.int64),
        np.empty(np.int64(single) + 2, np.int64),
    )


@called
def _free_trains(count: Any, room: Any, shape: Any, reach: Any) -> None:
    """Ends of trains that meet no bound, whose pulses become 0: see ``pulsed_write.free_train``."""
    x, whole = room.numbers, room.words
    real = x.dtype.type
    zero, one, two = real(0.0), real(1.0), real(2.0)
    steep, longest = 0, np.uint32(0)
    for k in range(count):
        decay = -x[UP + k] * x[SLOPE + k] * x[STEP + k]
        relaxing = decay >= zero and decay < one
        x[_SLOPE + k] = decay if relaxing else zero
        x[_LEFT + k] = one if relaxing else zero
        steep += x[_SLOPE + k] != zero
        whole[k] = np.uint32(np.int32(x[PULSES + k]))
        longest |= whole[k]
        x[SPARE + k] = x[PULSES + k]
    if steep:
        _sums_of_powers(count, room, longest)
    for k in range(count):
        pulses, before, total = x[PULSES + k], x[BEFORE + k], x[SPARE + k]
        decay = x[_SLOPE + k]
        mean = before + x[UP + k] * (x[STEP + k] * (one + x[SLOPE + k] * before) * total)
        std = shape.noise * x[STEP + k]
        far = reach * std * np.sqrt(pulses)
        free = min(before, mean) - far > x[LOW + k] and max(before, mean) + far < x[HIGH + k]
        free = free and pulses > one and pulses == np.floor(pulses) and x[_LEFT + k] == one
        # (1 − (1 − d)²ⁿ)/(1 − (1 − d)²), of the sum s of the first n powers of 1 − d.
        spread = std * np.sqrt(total * (two - decay * total) / (two - decay))
        x[AFTER + k] = mean + x[NOISE + k] * spread if free else before
        x[PULSES + k] = zero if free else pulses


@inlined
def _sums_of_powers(count: Any, room: Any, longest: Any) -> None:
    """``Σ_{k<n} (1 − d)^k``: s of 2n from s of n, s of n + 1 from s of n, from n's first bit on.

    Nothing is subtracted from a number of its own size, so that a few roundings a bit are all.
    """
    x, whole = room.numbers, room.words
    real = x.dtype.type
    bits = np.uint32(0)
    while longest >> bits > 0:
        bits += np.uint32(1)
    for k in range(count):
        x[SPARE + k] = real(0.0)
    for bit in range(np.int64(bits) - 1, -1, -1):
        for k in range(count):
            total, decay = x[SPARE + k], x[_SLOPE + k]
            total *= real(2.0) - decay * total
            odd = np.uint32(whole[k] >> np.uint32(bit)) & np.uint32(1)
            x[SPARE + k] = total + (real(1.0) - decay * total if odd else real(0.0))


@called
def _by_pulses(count: Any, room: Any) -> Any:
    """Order of the devices that have pulses left, most first, and how many they are."""
    x, order, starts = room.numbers, room.order, room.starts
    most, having = 0, 0
    for k in range(count):
        pulses = np.int64(np.ceil(x[PULSES + k]))
        most = max(most, pulses)
        having += pulses > 0
    if having == 0:
        return 0
    for pulses in range(most + 1):
        starts[pulses] = 0
    for k in range(count):
        starts[np.int64(np.ceil(x[PULSES + k]))] += 1
    begin = 0
    for pulses in range(most, -1, -1):
        begin, starts[pulses] = begin + starts[pulses], begin
    for k in range(count):
        pulses = np.int64(np.ceil(x[PULSES + k]))
        order[starts[pulses]] = k
        starts[pulses] += 1
    return having


@called
def _line_up(having: Any, room: Any) -> None:
    """Copies the rows of the devices that are pulsed one by one, in order."""
    x, order, device = room.numbers, room.order, room.device
    for there, here in (
        (NOISE, _Z), (MORE, _READY), (PULSES, _LEFT), (UP, _UP), (STEP, _STEP),
        (SLOPE, _SLOPE), (LOW, _LOW), (HIGH, _HIGH), (BEFORE, _H),
    ):  # fmt: skip
        for k in range(having):
            x[here + k] = x[there + order[k]]
    for k in range(having):
        device[BLOCK + k] = device[order[k]]


def _pulse_all(size: Any, x: Any, shape: Any, pulse: Any) -> None:
    """A pulse to each of the devices in front, as the kind of their step has it."""
    raise NotImplementedError


@chosen_by_types(_pulse_all)
def _pulse_of(size: Any, x: Any, shape: Any, pulse: Any) -> Any:
    kinds = {
        LinearShape: _linear_pulse,
        ExponentialShape: _exponential_pulse,
        PowerShape: _power_pulse,
    }
    return kinds[shape.instance_class]


@called
def trains(count: Any, key: Any, room: Any, shape: Any, reach: Any) -> None:
    """States after the trains of the chosen devices, from the rows before ``AFTER``.

    Args:
        count: Number of devices.
        key: Of the write.
        room: Arrays of this thread; pulses are at most those applied one by one.
        shape: The step of one pulse.
        reach: Standard deviations that a train taken as one keeps away from bounds.
    """
    x, order = room.numbers, room.order
    if shape.linear_noise:
        _free_trains(count, room, shape, reach)
    size = having = _by_pulses(count, room)
    if having == 0:
        return
    _line_up(having, room)
    parts = False
    for k in range(having):
        parts = parts or x[_LEFT + k] != np.floor(x[_LEFT + k])
    number, noisy = 0, shape.noise > 0
    while size > 0:
        noise = _next_noise(number, size, key, room) if noisy else _Z
        pulse = _Pulse(x.dtype.type(number), x.dtype.type(1.0), noise, noisy, parts)
        _pulse_all(size, x, shape, pulse)
        number += 1
        while size > 0 and x[_LEFT + size - 1] <= number:
            size -= 1
    for k in range(having):
        x[AFTER + order[k]] = x[_H + k]


@inlined
def _next_noise(number: Any, size: Any, key: Any, room: Any) -> Any:
    """Row of the normal numbers of a pulse; those of two pulses are made at a time."""
    x, words = room.numbers, room.words
    place = (number - 2) & 3
    if number > 1 and place == 0:
        words_of(room.device[BLOCK:], size, np.uint64((number + 2) >> 2), key, words)
    if number > 1 and place & 1 == 0:
        normals_of(words[place * BLOCK :], size, x[_Z:], x[_READY:])
    return _READY if number & 1 else _Z


@inlined
def _moved(x: Any, k: Any, mean: Any, std: Any, pulse: Any) -> Any:
    """State of a device after a pulse, the last of which may be a part of one."""
    if pulse.parts:
        part = min(x[_LEFT + k] - pulse.number, pulse.one)
        mean, std = part * mean, np.sqrt(part) * std
    if pulse.noisy:
        mean = mean + std * x[pulse.noise + k]
    h = x[_H + k] + x[_UP + k] * mean
    h = x[_LOW + k] if h < x[_LOW + k] else h
    return x[_HIGH + k] if h > x[_HIGH + k] else h


def _linear_pulse(size: Any, x: Any, shape: Any, pulse: Any) -> None:
    for k in range(size):
        mean = x[_STEP + k] * (pulse.one + x[_H + k] * x[_SLOPE + k])
        std = shape.noise * (abs(mean) if shape.multiplicative else x[_STEP + k])
        x[_H + k] = _moved(x, k, mean, std, pulse)


def _exponential_pulse(size: Any, x: Any, shape: Any, pulse: Any) -> None:
    real = x.dtype.type
    zero, one = real(0.0), real(1.0)
    for k in range(size):
        up, h = x[_UP + k] > zero, x[_H + k]
        amplitude = shape.amplitude if up else shape.amplitude_down
        gamma = shape.gamma if up else -shape.gamma_down
        part = one - amplitude * exp_of(gamma * (x[_SLOPE + k] * h + shape.b), real)
        mean = x[_STEP + k] * (part if part > zero else zero)
        std = shape.noise * (mean + (shape.noise_offset + shape.noise_slope * abs(h)))
        x[_H + k] = _moved(x, k, mean, std, pulse)


def _power_pulse(size: Any, x: Any, shape: Any, pulse: Any) -> None:
    real = x.dtype.type
    zero, one = real(0.0), real(1.0)
    for k in range(size):
        room = (x[_HIGH + k] - x[_H + k]) / x[_SLOPE + k]
        room = min(max(room, zero), one)
        room = room if x[_UP + k] > zero else one - room
        power = exp_of(shape.exponent * log_of(room if room > zero else one, real), real)
        mean = x[_STEP + k] * (power if room > zero or shape.exponent == zero else zero)
        x[_H + k] = _moved(x, k, mean, shape.noise * mean, pulse)
