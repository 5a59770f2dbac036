"""Requests for very many pulses, device by device: ``many_pulses.take_together`` as a loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, chosen_by_types, inlined
from device_models.kernels.counter_numbers import UNIFORMS
from device_models.kernels.number_loops import block_of, exp_of, log_of, normal_pair
from device_models.kernels.trains.train_loop import ExponentialShape, LinearShape, PowerShape

_FIRST, _FOUR, _TWO, _ONE = np.uint64(UNIFORMS), np.uint64(4), np.uint64(2), np.uint64(1)


class Trains(NamedTuple):
    """What is left of the requests of some devices, each array of shape ``(n,)``.

    Attributes:
        device: Numbers of the devices, 64 bits without a sign.
        up: 1 of devices that are raised, −1 of others.
        pulses: Pulses of the whole request.
        step: Δ in this direction.
        slope: γ of a linear step in it.
        low: Lower bounds.
        high: Upper bounds.
        state: States; those behind all pulses in the end.
    """

    device: Any
    up: Any
    pulses: Any
    step: Any
    slope: Any
    low: Any
    high: Any
    state: Any


class Limits(NamedTuple):
    """The constants of ``many_pulses``; all but the first are of the weights' type.

    Attributes:
        most_blocks: ``MOST_BLOCKS``.
        single: ``MOST_SINGLE_PULSES``.
        most_pulses: ``MOST_PULSES``.
        reach: ``LARGEST_MOVE``.
        growth: ``GROWTH``.
        probe: ``PROBE``.
        steepest: ``STEEPEST``.
        eps: Distance of 1 to the next number.
        tiny: Smallest normal number.
    """

    most_blocks: int
    single: Any
    most_pulses: Any
    reach: Any
    growth: Any
    probe: Any
    steepest: Any
    eps: Any
    tiny: Any


def pulse_of(h: Any, k: Any, trains: Any, shape: Any) -> Any:
    """Mean and standard deviation of a pulse at a state, in its direction: ``Step.moments``."""
    raise NotImplementedError


@chosen_by_types(pulse_of)
def _pulse_by_shape(h: Any, k: Any, trains: Any, shape: Any) -> Any:
    kinds = {LinearShape: _linear, ExponentialShape: _exponential, PowerShape: _power}
    return kinds.get(shape.instance_class)


def _linear(h: Any, k: Any, trains: Any, shape: Any) -> Any:
    one = trains.state.dtype.type(1.0)
    mean = trains.step[k] * (one + h * trains.slope[k])
    return mean, shape.noise * (abs(mean) if shape.multiplicative else trains.step[k])


def _exponential(h: Any, k: Any, trains: Any, shape: Any) -> Any:
    real = trains.state.dtype.type
    width, one, zero = trains.high[k] - trains.low[k], real(1.0), real(0.0)
    if not width > zero:
        return zero, zero
    rising = trains.up[k] > zero
    z = shape.twice_a * h / width + shape.b
    gamma = shape.gamma if rising else -shape.gamma_down
    amplitude = shape.amplitude if rising else shape.amplitude_down
    mean = trains.step[k] * max(one - amplitude * exp_of(gamma * z, real), zero)
    return mean, shape.noise * (mean + (shape.noise_offset + shape.noise_slope * abs(h)))


def _power(h: Any, k: Any, trains: Any, shape: Any) -> Any:
    real = trains.state.dtype.type
    width, one, zero = trains.high[k] - trains.low[k], real(1.0), real(0.0)
    if not width > zero:
        return zero, zero
    room = min(max((trains.high[k] - h) / width, zero), one)
    room = room if trains.up[k] > zero else one - room
    power = exp_of(shape.exponent * log_of(room if room > zero else one, real), real)
    # Where there is no room left, any power but the 0th is 0.
    mean = trains.step[k] * (power if room > zero or shape.exponent == zero else zero)
    return mean, shape.noise * mean


@inlined
def decayed(decay: Any, block: Any, limits: Any) -> Any:
    """``many_pulses.decayed``."""
    if abs(decay) * block < limits.eps:
        return block
    return -np.expm1(block * np.log1p(-decay)) / decay


@inlined
def length_of(
    mean: Any, std: Any, decay: Any, width: Any, taken: Any, limits: Any, real: Any
) -> Any:
    """``many_pulses.block_length``."""
    one, two, zero = real(1.0), real(2.0), real(0.0)
    reach = limits.reach * width
    fading = max(decay, limits.tiny)
    block = limits.growth * taken
    if abs(mean) > reach * fading:
        block = min(block, reach / max(abs(mean), limits.tiny))
    if std * std > reach * reach * fading * (two - fading):
        steps = reach / max(std, limits.tiny)
        block = min(block, steps * steps)
    if decay < zero:
        block = min(block, one / max(-decay, limits.tiny))
    return max(np.floor(block), one)


@inlined
def decay_of(h: Any, k: Any, trains: Any, shape: Any, limits: Any) -> Any:
    """What the mean pulse gets smaller by along its way: less ``many_pulses.slope_of_step``."""
    low, high = trains.low[k], trains.high[k]
    probe = limits.probe * (high - low)
    above, below = min(h + probe, high), max(h - probe, low)
    distance = above - below
    change = pulse_of(above, k, trains, shape)[0] - pulse_of(below, k, trains, shape)[0]
    one = trains.state.dtype.type(1.0)
    slope = trains.up[k] * change / (distance if distance > 0 else one)
    return -max(slope, limits.steepest)


@called
def _end(k: Any, key: Any, trains: Any, shape: Any, limits: Any) -> Any:
    """State of one device behind all of its pulses."""
    real = trains.state.dtype.type
    two, zero = real(2.0), real(0.0)
    h, low, high, way = trains.state[k], trains.low[k], trains.high[k], trains.up[k]
    width, noisy = high - low, shape.noise > 0
    taken = limits.single
    left = min(trains.pulses[k], limits.most_pulses) - taken
    noise = more_noise = zero
    w0 = w1 = w2 = w3 = np.uint64(0)
    beyond = np.uint64(np.int64(limits.single)) - _FIRST
    for number in range(limits.most_blocks):
        if not left > zero:
            break
        if noisy and number % 2 == 0:
            if number == 0 or beyond % _FOUR == 0:
                w0, w1, w2, w3 = block_of(trains.device[k], beyond // _FOUR + _ONE, key)
            second = beyond % _FOUR >= _TWO
            noise, more_noise = normal_pair(
                np.uint32(w2 if second else w0), np.uint32(w3 if second else w1), real
            )
        beyond += _ONE
        mean, std = pulse_of(h, k, trains, shape)
        decay = decay_of(h, k, trains, shape, limits)
        block = min(length_of(mean, std, decay, width, taken, limits, real), left)
        moved = h + way * (mean * decayed(decay, block, limits))
        if noisy:
            spread = np.sqrt(decayed(decay * (two - decay), block, limits))
            moved += (noise if number % 2 == 0 else more_noise) * std * spread
        moved = low if moved < low else moved
        moved = high if moved > high else moved
        taken += block
        left -= block
        if not noisy and moved == h:
            # Where a pulse no longer moves a device, none after it does.
            return h
        h = moved
    return h


def further(first: Any, last: Any, key: Any, trains: Any, shape: Any, limits: Any) -> None:
    """States behind all pulses of requests, of which ``single`` were applied.

    Args:
        first: First device of a thread.
        last: One behind its last.
        key: Of the write.
        trains: The requests.
        shape: The step of one pulse.
        limits: Constants.
    """
    for k in range(first, last):
        trains.state[k] = _end(k, key, trains, shape, limits)
