"""A write by ``PulsedWrite`` or ``OneSidedPair`` in one pass: see there for what they do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import (
    BLOCK,
    at,
    block_of,
    normal_pair,
    normals_of_chosen,
    places_asked,
    round_all,
    unit,
    words_of,
)

LINEAR, EXPONENTIAL, POWER = 0, 1, 2
"""Kinds of a step."""


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


class Request(NamedTuple):
    """How an increment becomes pulses; numbers are of the weights' type.

    Attributes:
        up: Increment that a pulse up is counted for, above 0.
        down: The same of a pulse down.
        most: Most pulses of one write.
        rounding: How a request becomes a whole number of pulses.
        single: Pulses that are applied one by one.
        reach: Standard deviations that a train taken as one keeps away from bounds.
        weight_range: Weight that a state of 1 stands for.
        one_sided: Whether a weight is a pair of devices that are only raised.
    """

    up: Any
    down: Any
    most: Any
    rounding: int
    single: Any
    reach: Any
    weight_range: Any
    one_sided: bool


class Devices(NamedTuple):
    """``DeviceValues`` as arrays of one number a device, or of one for all."""

    step_up: Any
    step_down: Any
    low: Any
    high: Any
    slope_up: Any
    slope_down: Any
    reference: Any


@inlined
def _values(line: Any, i: Any, up: Any) -> Any:
    """Step, slope, bounds and reference of one device and direction."""
    low, high, reference = at(line.low, i), at(line.high, i), at(line.reference, i)
    if up:
        return at(line.step_up, i), at(line.slope_up, i), low, high, reference
    return at(line.step_down, i), at(line.slope_down, i), low, high, reference


@inlined
def _step(
    shape: Any, h: Any, up: Any, delta: Any, slope: Any, low: Any, high: Any, real: Any
) -> Any:
    """Mean and standard deviation of one pulse's step, as ``moments`` of the steps have them."""
    zero, one = delta * 0, delta * 0 + 1
    if shape.kind == LINEAR:
        mean = delta * (one + h * slope)
        return mean, shape.noise * (abs(mean) if shape.multiplicative else delta)
    width = high - low
    if not width > zero:
        return zero, zero
    if shape.kind == EXPONENTIAL:
        z = shape.twice_a * h / width + shape.b
        if up:
            size = one - shape.amplitude * np.exp(shape.gamma * z)
        else:
            size = one - shape.amplitude_down * np.exp(-shape.gamma_down * z)
        mean = delta * (size if size > zero else zero)
        return mean, shape.noise * (mean + (shape.noise_offset + shape.noise_slope * abs(h)))
    room = (high - h) / width
    room = zero if room < zero else (one if room > one else room)
    mean = delta * (room if up else one - room) ** shape.exponent
    return mean, shape.noise * mean


@inlined
def _clip(h: Any, low: Any, high: Any) -> Any:
    h = low if h < low else h
    return high if h > high else h


@inlined
def _next_noise(key: Any, i: Any, number: Any, ready: Any, r2: Any, r3: Any, real: Any) -> Any:
    """Normal number of a place from 1 on, the one behind it, and the words of a later pair."""
    place = (number - 2) & 3
    if place & 1:
        return ready, ready, r2, r3
    if place == 0:
        r0, r1, r2, r3 = block_of(np.uint64(i), np.uint64((number + 2) >> 2), key)
        z, ready = normal_pair(np.uint32(r0), np.uint32(r1), real)
        return z, ready, r2, r3
    z, ready = normal_pair(np.uint32(r2), np.uint32(r3), real)
    return z, ready, r2, r3


@inlined
def _sum_of_powers(decay: Any, count: Any, real: Any) -> Any:
    """``Σ_{k<n} (1 − d)^k``: s of 2n from s of n, and of n + 1 from s of n, from n's first bit on.

    Nothing is subtracted from a number of its own size, so that a few roundings a bit are all.
    """
    if decay == real(0.0):
        return count
    whole, bit, total = np.int64(count), np.int64(1), real(0.0)
    while bit <= whole:
        bit *= 2
    while bit > 1:
        bit //= 2
        total *= real(2.0) - decay * total
        if whole & bit:
            total += real(1.0) - decay * total
    return total


@inlined
def _free_train(
    h: Any, up: Any, asked: Any, noise: Any, values: Any, shape: Any, reach: Any, real: Any
) -> Any:
    """Whether a train meets no bound, and the state after it: see ``pulsed_write.free_train``."""
    delta, slope, low, high, _ = values
    decay = (-slope if up else slope) * delta
    if not (real(0.0) <= decay < real(1.0)):
        return False, h
    total = _sum_of_powers(decay, asked, real)
    step = delta * (real(1.0) + slope * h) * total
    mean = h + (step if up else -step)
    std = shape.noise * delta
    reach = reach * std * np.sqrt(asked)
    inside = min(h, mean) - reach > low and max(h, mean) + reach < high
    # (1 − (1 − d)²ⁿ)/(1 − (1 − d)²), of the sum of the first n powers of 1 − d.
    spread = total * (real(2.0) - decay * total) / (real(2.0) - decay)
    return inside, mean + noise * std * np.sqrt(spread)


@inlined
def _train(
    key: Any,
    i: Any,
    h: Any,
    up: Any,
    asked: Any,
    noise: Any,
    values: Any,
    shape: Any,
    reach: Any,
    real: Any,
) -> Any:
    """State after the pulses of one device, by ``noise`` and what follows it."""
    if shape.linear_noise and asked > real(1.0) and asked == np.floor(asked):
        free, end = _free_train(h, up, asked, noise[0], values, shape, reach, real)
        if free:
            return end
    delta, slope, low, high, _ = values
    z, ready = noise
    r2 = r3 = np.uint64(0)
    number, left = 0, asked
    while left > real(0.0):
        mean, std = _step(shape, h, up, delta, slope, low, high, real)
        if left < real(1.0):
            mean, std = left * mean, np.sqrt(left) * std
        if shape.noise > real(0.0):
            if number > 0:
                z, ready, r2, r3 = _next_noise(key, i, number, ready, r2, r3, real)
            mean = mean + std * z
        h = _clip(h + mean if up else h - mean, low, high)
        number += 1
        left = asked - real(number)
    return h


@called
def _count(
    begin: Any,
    key: Any,
    places: Any,
    increment: Any,
    request: Any,
    pulses: Any,
    units: Any,
    device: Any,
    words: Any,
) -> None:
    """Pulses of a block of devices, and their words; the last two are of normal numbers."""
    real = pulses.dtype.type
    for j in range(pulses.size):
        i = begin + places[j]
        device[j], asked = np.uint64(i), abs(increment[i])
        asked /= request.up if increment[i] > real(0.0) else request.down
        pulses[j] = request.most if asked > request.most else asked
    first = words[0]
    words_of(device[: pulses.size], key, first, words[1], words[2], words[3])
    for j in range(pulses.size):
        units[j] = unit(first[j], real)
    round_all(pulses, units, pulses.size, request.rounding, real)


@inlined
def _choose(pulses: Any, chosen: Any) -> Any:
    """How many asked devices of a block get pulses; their numbers go to the front."""
    count = 0
    for j in range(pulses.size):
        chosen[count] = j
        count += pulses[j] != 0
    return count


@called
def move(
    key: Any,
    count: Any,
    where: Any,
    up: Any,
    pulses: Any,
    noise: Any,
    more_noise: Any,
    weights: Any,
    plus: Any,
    minus: Any,
    shape: Any,
    request: Any,
) -> Any:
    """Realized increments of some weights that get pulses, in the place of the weights.

    Args:
        key: Of the write.
        count: Number of these weights.
        where: Their numbers.
        up: Whether their increments are above 0.
        pulses: Their pulses; no more than ``request.single`` are applied.
        noise: Their first normal numbers.
        more_noise: Their second ones.
        weights: The weights before; filled with what is realized.
        plus: As for ``write``.
        minus: As for ``write``.
        shape: As for ``write``.
        request: As for ``write``.

    Returns:
        Number of weights that are asked for more pulses.
    """
    real, beyond = weights.dtype.type, 0
    for k in range(count):
        i, asked, raised, sign = where[k], pulses[k], up[k], real(1.0)
        if not request.one_sided:
            values = _values(plus, i, raised)
        elif raised:
            values = _values(plus, i, True)
        else:
            sign = real(-1.0)
            values = _values(minus, i, True)
        reference = real(0.0) if request.one_sided else values[4]
        before = _clip(sign * weights[k] / request.weight_range + reference, values[2], values[3])
        beyond += asked > request.single
        asked = request.single if asked > request.single else asked
        raised = raised or request.one_sided
        pair = noise[k], more_noise[k]
        h = _train(key, i, before, raised, asked, pair, values, shape, request.reach, real)
        weights[k] = sign * request.weight_range * (h - before)
    return beyond


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
    real = w.dtype.type
    numbers = np.empty((3, BLOCK), w.dtype)
    asked, changes = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    words, device = np.empty((4, BLOCK), np.uint32), np.empty(BLOCK, np.uint64)
    places, chosen = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    where, up = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    beyond = 0
    for begin in range(start, stop, BLOCK):
        size = places_asked(begin, min(BLOCK, stop - begin), increment, realized, places)
        pulses, noise, more_noise = numbers[0, :size], numbers[1, :size], numbers[2, :size]
        _count(begin, key, places, increment, request, pulses, noise, device, words)
        count = _choose(pulses, chosen)
        noisy = shape.noise > real(0.0)
        normals_of_chosen(chosen, count, words[2], words[3], noise, more_noise, noisy, real)
        for k in range(count):
            where[k], asked[k] = begin + places[chosen[k]], pulses[chosen[k]]
            up[k], changes[k] = increment[where[k]] > real(0.0), w[where[k]]
        beyond += move(
            key, count, where, up, asked, noise, more_noise, changes, plus, minus, shape, request
        )
        for k in range(count):
            realized[where[k]] = changes[k]
    return beyond
