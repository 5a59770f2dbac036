"""Trains of pulses of a block of devices, all devices of a block pulse by pulse.

What is known of the devices lies in rows of one array, each ``BLOCK`` numbers long, so that a
processor takes several devices at a time and finds them in its cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, chosen_by_types, inlined
from device_models.kernels.number_loops import BLOCK, exp_of, log_of, normals_of, words_of

(NOISE, MORE, PULSES, UP, STEP, SLOPE, LOW, HIGH, STATE) = (BLOCK * each for each in range(9))
"""Where rows of the chosen devices begin that a pulse needs.

Two normal numbers; pulses; 1 of devices that are raised, −1 of others; Δ; how the step depends on
the state: slope of a linear step, 2a over the window of an exponential one, the window of a power
one; bounds; the state, moved by every pulse. Normal numbers are passed as rows of their own, and
stand outside of the others: of what may overlap, a processor takes one at a time.
"""

_LINED = 9 * BLOCK
"""Where the same rows begin of the devices that get further pulses, by falling numbers of them."""

(ASKED, SIDE, BEFORE, SPARE) = (BLOCK * each for each in range(18, 22))
"""Where further rows of the chosen devices begin.

Increment; 1 of those whose state grows with the weight, −1 of others; state before; anything.
"""

_ROWS = 22

_DECAY, _RELAXING = _LINED + SLOPE, _LINED + PULSES
"""Rows that are free until devices are lined up."""


class Room(NamedTuple):
    """Arrays that a thread needs for a block of devices.

    Attributes:
        numbers: Rows of numbers of the weights' type.
        words: Four rows of random words, 32 bits without a sign.
        device: Numbers of the devices, 64 bits without a sign; from ``BLOCK`` on of those that get
            further pulses.
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
        noisy: Whether it has noise.
    """

    number: Any
    one: Any
    noisy: bool


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


def _take_free_trains(count: Any, room: Any, shape: Any, reach: Any) -> None:
    """Ends of trains that meet no bound, whose pulses become 0: see ``pulsed_write.free_train``."""
    raise NotImplementedError


@chosen_by_types(_take_free_trains)
def _free_trains_of(count: Any, room: Any, shape: Any, reach: Any) -> Any:
    return _free_trains if shape.instance_class is LinearShape else _no_free_trains


def _no_free_trains(count: Any, room: Any, shape: Any, reach: Any) -> None:
    """There are none."""


def _free_trains(count: Any, room: Any, shape: Any, reach: Any) -> None:
    if not shape.linear_noise:
        return
    x, whole = room.numbers, room.words
    real = x.dtype.type
    zero, one, two = real(0.0), real(1.0), real(2.0)
    steep, longest = 0, np.uint32(0)
    for k in range(count):
        decay = -x[UP + k] * x[SLOPE + k] * x[STEP + k]
        relaxing = decay >= zero and decay < one
        x[_DECAY + k] = decay if relaxing else zero
        x[_RELAXING + k] = one if relaxing else zero
        steep += x[_DECAY + k] != zero
        whole[k] = np.uint32(np.int32(x[PULSES + k]))
        longest |= whole[k]
        x[SPARE + k] = x[PULSES + k]
    if steep:
        _sums_of_powers(count, room, longest)
    for k in range(count):
        pulses, before, total = x[PULSES + k], x[STATE + k], x[SPARE + k]
        decay = x[_DECAY + k]
        mean = before + x[UP + k] * (x[STEP + k] * (one + x[SLOPE + k] * before) * total)
        std = shape.noise * x[STEP + k]
        far = reach * std * np.sqrt(pulses)
        free = min(before, mean) - far > x[LOW + k] and max(before, mean) + far < x[HIGH + k]
        free = free and pulses > one and pulses == np.floor(pulses) and x[_RELAXING + k] == one
        # (1 − (1 − d)²ⁿ)/(1 − (1 − d)²), of the sum s of the first n powers of 1 − d.
        spread = std * np.sqrt(total * (two - decay * total) / (two - decay))
        x[STATE + k] = mean + x[NOISE + k] * spread if free else before
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
            total, decay = x[SPARE + k], x[_DECAY + k]
            total *= real(2.0) - decay * total
            odd = np.uint32(whole[k] >> np.uint32(bit)) & np.uint32(1)
            x[SPARE + k] = total + (real(1.0) - decay * total if odd else real(0.0))


@called
def _by_pulses(count: Any, most: Any, room: Any) -> Any:
    """Order of the devices that have more than one pulse, most first, and how many they are."""
    x, order, starts, having = room.numbers, room.order, room.starts, 0
    for pulses in range(most + 1):
        starts[pulses] = 0
    for k in range(count):
        starts[np.int64(np.ceil(x[PULSES + k]))] += 1
    for pulses in range(most, 1, -1):
        having, starts[pulses] = having + starts[pulses], having
    for k in range(count):
        further = np.int64(np.ceil(x[PULSES + k]))
        if further > 1:
            order[starts[further]] = k
            starts[further] += 1
    return having


@called
def _line_up(having: Any, room: Any) -> None:
    """Copies the rows of the devices that get further pulses, in order."""
    x, order, device = room.numbers, room.order, room.device
    for row in (MORE, PULSES, UP, STEP, SLOPE, LOW, HIGH, STATE):
        for k in range(having):
            x[_LINED + row + k] = x[row + order[k]]
    for k in range(having):
        device[BLOCK + k] = device[order[k]]


def pulse_all(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> None:
    """A pulse to each of the devices in front, as the kind of their step has it."""
    raise NotImplementedError


@chosen_by_types(pulse_all)
def _pulse_of(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> Any:
    kinds = {
        LinearShape: _linear_pulse,
        ExponentialShape: _exponential_pulse,
        PowerShape: _power_pulse,
    }
    return kinds.get(shape.instance_class)


@called
def trains(count: Any, key: Any, room: Any, shape: Any, reach: Any) -> None:
    """States after the trains of the chosen devices, from those before in ``STATE``.

    Args:
        count: Number of devices.
        key: Of the write.
        room: Arrays of this thread; pulses are at most those applied one by one.
        shape: The step of one pulse.
        reach: Standard deviations that a train taken as one keeps away from bounds.
    """
    x = room.numbers
    zero, one, many, left = x.dtype.type(0.0), x.dtype.type(1.0), 0, 0
    for k in range(count):
        many += x[PULSES + k] > one
    if many:
        _take_free_trains(count, room, shape, reach)
    for k in range(count):
        left += x[PULSES + k] > zero
    if left == 0:
        return
    pulse_all(count, x, x[NOISE:], x[SPARE:], shape, _Pulse(zero, one, shape.noise > 0))
    if many:
        _further_pulses(count, key, room, shape)


@called
def _further_pulses(count: Any, key: Any, room: Any, shape: Any) -> None:
    """All pulses behind the first, to the devices that get them."""
    most, total = np.int32(1), np.int64(0)
    for k in range(count):
        further = np.int32(np.ceil(room.numbers[PULSES + k]))
        most = max(most, further)
        total += max(further, np.int32(1)) - 1
    if most == 1:
        return
    # Where most have many, all are pulsed as often as any; a pulse that is not theirs is nothing.
    alike = 2 * total >= count * (most - 1)
    having = size = count if alike else _by_pulses(count, most, room)
    if not alike:
        _line_up(having, room)
    x = room.numbers if alike else room.numbers[_LINED:]
    device = room.device if alike else room.device[BLOCK:]
    one, number = x.dtype.type(1.0), 1
    while size > 0:
        if shape.noise > 0 and number > 1:
            _next_noise(number, size, key, device, room.words, x)
        noise = x[MORE:] if number & 1 else x[NOISE:]
        pulse = _Pulse(x.dtype.type(number), one, shape.noise > 0)
        pulse_all(size, x, noise, room.numbers[SPARE:], shape, pulse)
        number += 1
        if alike:
            size = count if number < most else 0
        while not alike and size > 0 and x[PULSES + size - 1] <= number:
            size -= 1
    if not alike:
        state = room.numbers[STATE:]
        for k in range(having):
            state[room.order[k]] = x[STATE + k]


@inlined
def _next_noise(number: Any, size: Any, key: Any, device: Any, words: Any, x: Any) -> None:
    """Normal numbers of two pulses of some devices, where they are due, of 4 words a time."""
    place = (number - 2) & 3
    if place == 0:
        words_of(device, size, np.uint64((number + 2) >> 2), key, words)
    if place & 1 == 0:
        normals_of(words[place * BLOCK :], size, x[NOISE:], x[MORE:])


@inlined
def moved(x: Any, k: Any, mean: Any, std: Any, noise: Any, pulse: Any) -> Any:
    """State of a device after a pulse, of which it may get a part, or nothing."""
    # Nothing is read or left out by a condition: a processor takes several devices at a time.
    part = min(x[PULSES + k] - pulse.number, pulse.one)
    mean, std = part * mean, np.sqrt(part) * std
    noisy = mean + std * noise[k]
    h = x[STATE + k] + x[UP + k] * (noisy if pulse.noisy else mean)
    h = x[LOW + k] if h < x[LOW + k] else h
    h = x[HIGH + k] if h > x[HIGH + k] else h
    return h if x[PULSES + k] > pulse.number else x[STATE + k]


def _linear_pulse(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> None:
    for k in range(size):
        mean = x[STEP + k] * (pulse.one + x[STATE + k] * x[SLOPE + k])
        std = shape.noise * (abs(mean) if shape.multiplicative else x[STEP + k])
        x[STATE + k] = moved(x, k, mean, std, noise, pulse)


@called
def _exponentials(size: Any, spare: Any) -> None:
    for k in range(size):
        spare[k] = exp_of(spare[k], spare.dtype.type)


def _exponential_pulse(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> None:
    zero = x.dtype.type(0.0)
    for k in range(size):
        gamma = shape.gamma if x[UP + k] > zero else -shape.gamma_down
        spare[k] = gamma * (x[SLOPE + k] * x[STATE + k] + shape.b)
    _exponentials(size, spare)
    for k in range(size):
        amplitude = shape.amplitude if x[UP + k] > zero else shape.amplitude_down
        part = pulse.one - amplitude * spare[k]
        mean = x[STEP + k] * (part if part > zero else zero)
        grown = shape.noise_offset + shape.noise_slope * abs(x[STATE + k])
        x[STATE + k] = moved(x, k, mean, shape.noise * (mean + grown), noise, pulse)


def _power_pulse(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> None:
    real = x.dtype.type
    zero, one = real(0.0), real(1.0)
    for k in range(size):
        room = (x[HIGH + k] - x[STATE + k]) / x[SLOPE + k]
        room = min(max(room, zero), one)
        room = room if x[UP + k] > zero else one - room
        # Where there is no room left, any power but the 0th is 0.
        log = log_of(room if room > zero else one, real)
        spare[k] = shape.exponent * (log if room > zero else -real(np.inf))
    if shape.exponent == zero:
        spare[:size] = zero
    _exponentials(size, spare)
    for k in range(size):
        mean = x[STEP + k] * spare[k]
        x[STATE + k] = moved(x, k, mean, shape.noise * mean, noise, pulse)
