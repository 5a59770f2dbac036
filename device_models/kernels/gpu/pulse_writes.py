"""Writes by pulses of a nominal step as Triton kernels: one launch each.

What they compute is said in ``PulsedWrite``, ``OneSidedPair`` and ``many_pulses``, whose numbers
these are but for rounding. The table holds rows of properties, one number a device or (``stride``
0) one for all: step and slope up, step and slope down, bounds, and reference (twice) or, of pairs,
the bounds of the second devices. Settings are those of ``on_gpu.pulse_properties``. Numbers that
stand here as literals are constants of ``many_pulses``: where one changes, both do.
"""

from __future__ import annotations

from typing import Any

from device_models.kernels.gpu.random_numbers import (
    clipped,
    kernel,
    normal_at,
    normal_pair,
    precise,
    product_at,
    rounded,
    tl,
)


@kernel
def _step(
    h: tl.tensor, up: tl.tensor, step: tl.tensor, slope: tl.tensor, low: tl.tensor,
    high: tl.tensor, settings: tl.tensor,
    KIND: tl.constexpr, MULTIPLICATIVE: tl.constexpr,
) -> Any:  # fmt: skip
    """Mean and standard deviation of a pulse: ``Step.moments``."""
    noise = tl.load(settings + 4)
    if KIND == 0:
        mean = step * (1.0 + h * slope)
        std = noise * step
        if MULTIPLICATIVE:
            std = noise * tl.abs(mean)
    else:
        width = high - low
        movable = width > 0
        width = tl.where(movable, width, 1.0)
        if KIND == 1:
            z = precise.div_rn(tl.load(settings + 9) * h, width) + tl.load(settings + 10)
            rise = 1.0 - tl.load(settings + 5) * precise.exp(tl.load(settings + 7) * z)
            fall = 1.0 - tl.load(settings + 6) * precise.exp(-tl.load(settings + 8) * z)
            mean = step * tl.maximum(tl.where(up, rise, fall), 0.0)
            grown = tl.load(settings + 11) + tl.load(settings + 12) * tl.abs(h)
            std = noise * (mean + grown)
        else:
            nothing = tl.zeros_like(h)
            room = clipped(precise.div_rn(high - h, width), nothing, nothing + 1.0)
            exponent = tl.load(settings + 13) + nothing
            mean = step * precise.pow(tl.where(up, room, 1.0 - room), exponent)
            std = noise * mean
        mean = tl.where(movable, mean, 0.0)
        std = tl.where(movable, std, 0.0)
    return mean, std


@kernel
def _decayed(decay: tl.tensor, block: tl.tensor, EPS: tl.constexpr, TINY: tl.constexpr) -> Any:
    """``many_pulses.decayed``."""
    flat = tl.abs(decay) * block < EPS
    safe = tl.where(flat, TINY, decay)
    grown = precise.div_rn(-precise.expm1(block * precise.log1p(-safe)), safe)
    return tl.where(flat, block, grown)


@kernel
def _free_train(
    state: tl.tensor, up: tl.tensor, pulses: tl.tensor, step: tl.tensor, slope: tl.tensor,
    low: tl.tensor, high: tl.tensor, first: tl.tensor, settings: tl.tensor,
    EPS: tl.constexpr, TINY: tl.constexpr,
) -> Any:  # fmt: skip
    """``pulsed_write.free_train``: which trains are free, and where they end."""
    decay = tl.where(up, -slope, slope) * step
    relaxing = (decay >= 0) & (decay < 1)
    decay = tl.where(relaxing, decay, 0.0)
    way = step * (1.0 + slope * state) * _decayed(decay, pulses, EPS, TINY)
    mean = state + tl.where(up, way, -way)
    std = tl.load(settings + 4) * step
    reach = 8.0 * std * precise.sqrt_rn(pulses)
    inside = (tl.minimum(state, mean) - reach > low) & (tl.maximum(state, mean) + reach < high)
    free = relaxing & inside & (pulses > 1) & (pulses == tl.floor(pulses))
    spread = std * precise.sqrt_rn(_decayed(decay * (2.0 - decay), pulses, EPS, TINY))
    return free, mean + first * spread


@kernel
def _block_length(
    mean: tl.tensor,
    std: tl.tensor,
    decay: tl.tensor,
    width: tl.tensor,
    taken: tl.tensor,
    TINY: tl.constexpr,
) -> Any:
    """``many_pulses.block_length``."""
    reach = 0.0625 * width
    fading = tl.maximum(decay, TINY)
    size = tl.abs(mean)
    block = 0.125 * taken
    shorter = tl.minimum(block, precise.div_rn(reach, tl.maximum(size, TINY)))
    block = tl.where(size > reach * fading, shorter, block)
    steps = precise.div_rn(reach, tl.maximum(std, TINY))
    spreading = std * std > reach * reach * fading * (2.0 - fading)
    block = tl.where(spreading, tl.minimum(block, steps * steps), block)
    growing = precise.div_rn(tl.zeros_like(decay) + 1.0, tl.maximum(-decay, TINY))
    block = tl.where(decay < 0, tl.minimum(block, growing), block)
    return tl.maximum(tl.floor(block), 1.0)


@kernel
def _further(
    state: tl.tensor, up: tl.tensor, pulses: tl.tensor, step: tl.tensor, slope: tl.tensor,
    low: tl.tensor, high: tl.tensor, key: tl.tensor, device: tl.tensor, settings: tl.tensor,
    KIND: tl.constexpr, NOISY: tl.constexpr, MULTIPLICATIVE: tl.constexpr, SINGLE: tl.constexpr,
    EPS: tl.constexpr, TINY: tl.constexpr,
) -> Any:  # fmt: skip
    """``many_pulses.take_together``: what is left of requests for more than ``SINGLE`` pulses."""
    left = tl.where(pulses > SINGLE, tl.minimum(pulses, 1e18) - SINGLE, 0.0)
    taken = tl.zeros_like(left) + SINGLE
    width = high - low
    number = 0
    while (tl.max(left, 0) > 0) & (number < 1000):
        mean, std = _step(state, up, step, slope, low, high, settings, KIND, MULTIPLICATIVE)
        # ``many_pulses.slope_of_step``
        probe = 1e-3 * width
        above, below = tl.minimum(state + probe, high), tl.maximum(state - probe, low)
        one, _ = _step(above, up, step, slope, low, high, settings, KIND, MULTIPLICATIVE)
        other, _ = _step(below, up, step, slope, low, high, settings, KIND, MULTIPLICATIVE)
        distance = above - below
        change = tl.where(up, one - other, other - one)
        bend = precise.div_rn(change, tl.where(distance > 0, distance, 1.0))
        decay = -tl.maximum(bend, -0.999999)
        block = tl.minimum(_block_length(mean, std, decay, width, taken, TINY), left)
        way = mean * _decayed(decay, block, EPS, TINY)
        moved = state + tl.where(up, way, -way)
        if NOISY:
            spread = std * precise.sqrt_rn(_decayed(decay * (2.0 - decay), block, EPS, TINY))
            moved = moved + normal_at(SINGLE + number, key, device, state) * spread
        moved = clipped(moved, low, high)
        active = left > 0
        stays = moved == state
        state = tl.where(active, moved, state)
        taken = tl.where(active, taken + block, taken)
        left = tl.where(active, left - block, left)
        if not NOISY:
            left = tl.where(stays, 0.0, left)
        number += 1
    return state


@kernel
def _train(
    start: tl.tensor, up: tl.tensor, pulses: tl.tensor, step: tl.tensor, slope: tl.tensor,
    low: tl.tensor, high: tl.tensor, word_c: tl.tensor, word_d: tl.tensor, key: tl.tensor,
    device: tl.tensor, settings: tl.tensor,
    KIND: tl.constexpr, ROUNDING: tl.constexpr, NOISY: tl.constexpr,
    MULTIPLICATIVE: tl.constexpr, FREE: tl.constexpr, MANY: tl.constexpr, SINGLE: tl.constexpr,
    EPS: tl.constexpr, TINY: tl.constexpr,
) -> Any:  # fmt: skip
    """``pulsed_write.pulse_train``."""
    state = start
    single = tl.minimum(pulses, SINGLE)
    left = single
    first, second = start, start
    if NOISY:
        first, second = normal_pair(word_c, word_d, start)
    if FREE:
        free, end = _free_train(state, up, single, step, slope, low, high, first, settings,
                                EPS, TINY)  # fmt: skip
        state = tl.where(free, end, state)
        left = tl.where(free, 0.0, left)
    done = 0
    while tl.max(left, 0) > done:
        mean, std = _step(state, up, step, slope, low, high, settings, KIND, MULTIPLICATIVE)
        if ROUNDING == 3:
            part = tl.maximum(tl.minimum(left - done, 1.0), 0.0)
            mean, std = part * mean, precise.sqrt_rn(part) * std
        if NOISY:
            noise = first
            if done == 1:
                noise = second
            if done > 1:
                noise = normal_at(done, key, device, state)
            mean = mean + std * noise
        moved = clipped(state + tl.where(up, mean, -mean), low, high)
        state = tl.where(left > done, moved, state)
        done += 1
    if MANY:
        state = _further(state, up, pulses, step, slope, low, high, key, device, settings,
                         KIND, NOISY, MULTIPLICATIVE, SINGLE, EPS, TINY)  # fmt: skip
    return state


@kernel
def _realized(
    w: tl.tensor, asked: tl.tensor, device: tl.tensor, key: tl.tensor, table: tl.tensor,
    settings: tl.tensor, table_size: tl.tensor, stride: tl.tensor,
    KIND: tl.constexpr, ROUNDING: tl.constexpr, NOISY: tl.constexpr,
    MULTIPLICATIVE: tl.constexpr, FREE: tl.constexpr, PAIR: tl.constexpr, MANY: tl.constexpr,
    SINGLE: tl.constexpr, EPS: tl.constexpr, TINY: tl.constexpr,
) -> Any:  # fmt: skip
    """Realized increments of weights: 0 where nothing is asked for."""
    rising = asked > 0
    unit = tl.where(rising, tl.load(settings), tl.load(settings + 1))
    most = tl.where(rising, tl.load(settings + 2), tl.load(settings + 14))
    pulses = tl.minimum(precise.div_rn(tl.abs(asked), unit), most)
    nothing = 0 * device
    a, _, c, d = tl.philox(key, device, nothing, nothing, nothing)
    pulses = rounded(pulses, a, ROUNDING)
    # Not where an increment is no number.
    chosen = (pulses > 0) & (asked == asked)  # noqa: PLR0124
    pulses = tl.where(chosen, pulses, 0.0)
    change = tl.zeros_like(pulses)
    if tl.max(pulses, 0) > 0:
        place = table + device * stride
        side = tl.where(rising, 0, 2 * table_size)
        step = tl.load(place + side, mask=chosen, other=0.0)
        slope = tl.load(place + side + table_size, mask=chosen, other=0.0)
        if PAIR:
            bounds = tl.where(rising, 4 * table_size, 6 * table_size)
            unit = tl.where(rising, tl.load(settings + 3), -tl.load(settings + 3))
            up = rising | (device >= 0)
            reference = tl.zeros_like(pulses)
        else:
            bounds = 4 * table_size + nothing
            unit = tl.load(settings + 3) + tl.zeros_like(pulses)
            up = rising
            reference = tl.load(place + 6 * table_size, mask=chosen, other=0.0)
        low = tl.load(place + bounds, mask=chosen, other=0.0)
        high = tl.load(place + bounds + table_size, mask=chosen, other=0.0)
        start = clipped(precise.div_rn(w, unit) + reference, low, high)
        state = _train(start, up, pulses, step, slope, low, high, c, d, key, device, settings,
                       KIND, ROUNDING, NOISY, MULTIPLICATIVE, FREE, MANY,
                       SINGLE, EPS, TINY)  # fmt: skip
        change = tl.where(chosen, unit * (state - start), 0.0)
    return change


@kernel
def write(
    w_at: tl.tensor, asked_at: tl.tensor, realized_at: tl.tensor, key_at: tl.tensor,
    table: tl.tensor, settings: tl.tensor, size: tl.tensor, table_size: tl.tensor,
    stride: tl.tensor,
    KIND: tl.constexpr, ROUNDING: tl.constexpr, NOISY: tl.constexpr,
    MULTIPLICATIVE: tl.constexpr, FREE: tl.constexpr, PAIR: tl.constexpr, MANY: tl.constexpr,
    SINGLE: tl.constexpr, EPS: tl.constexpr, TINY: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Realized increments of all weights."""
    device = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = device < size
    asked = tl.load(asked_at + device, mask=there, other=0.0)
    w = tl.load(w_at + device, mask=there, other=0.0)
    change = _realized(w, asked, device, tl.load(key_at), table, settings, table_size, stride,
                       KIND, ROUNDING, NOISY, MULTIPLICATIVE, FREE, PAIR, MANY,
                       SINGLE, EPS, TINY)  # fmt: skip
    tl.store(realized_at + device, change, mask=there)


@kernel
def write_products(
    w_at: tl.tensor, inputs: tl.tensor, errors: tl.tensor, factor_at: tl.tensor,
    keys: tl.tensor, table: tl.tensor, settings: tl.tensor, size: tl.tensor, samples: tl.tensor,
    first: tl.tensor, bias: tl.tensor, columns: tl.tensor, rows: tl.tensor,
    table_size: tl.tensor, stride: tl.tensor,
    KIND: tl.constexpr, ROUNDING: tl.constexpr, NOISY: tl.constexpr,
    MULTIPLICATIVE: tl.constexpr, FREE: tl.constexpr, PAIR: tl.constexpr, MANY: tl.constexpr,
    SINGLE: tl.constexpr, EPS: tl.constexpr, TINY: tl.constexpr, BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """One sample of a layer after the other, written into the weights themselves."""
    k = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = k < size
    device = tl.where(k < rows * columns, first + k, bias + k - rows * columns)
    w = tl.load(w_at + device, mask=there, other=0.0)
    factor = tl.load(factor_at)
    sample = 0
    while sample < samples:
        asked = product_at(k, there, inputs, errors, sample, columns, rows) * factor
        w += _realized(w, asked, device, tl.load(keys + sample), table, settings,
                       table_size, stride,
                       KIND, ROUNDING, NOISY, MULTIPLICATIVE, FREE, PAIR, MANY,
                       SINGLE, EPS, TINY)  # fmt: skip
        sample += 1
    tl.store(w_at + device, w, mask=there)
