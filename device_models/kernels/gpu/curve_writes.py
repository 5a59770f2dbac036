"""Writes along pulse curves as Triton kernels: one launch each.

What they compute is said in ``MemristorWrite``, whose numbers these are but for rounding. The table
holds rows of properties, one number a device or (``stride`` 0) one for all: scale, lowest and
highest fraction of the first devices and, of pairs, of the second ones. Settings are those of
``on_gpu.curve_properties``; curves hold times and positions of the measured curve up, then of the
one down.
"""

from __future__ import annotations

from typing import Any

from device_models.kernels.gpu.random_numbers import (
    clipped,
    kernel,
    normal_pair,
    precise,
    product_at,
    rounded,
    tl,
)


@kernel
def _along(x: tl.tensor, y: tl.tensor, at: tl.tensor, COUNT: tl.constexpr) -> Any:
    """``measured_curve.interpolate`` of curves with two points or more."""
    low = tl.zeros_like(at).to(tl.int32)
    high = low + COUNT
    while tl.max(high - low, 0) > 0:
        middle = (low + high) // 2
        open = low < high
        passed = tl.load(x + middle, mask=open, other=0.0) <= at
        high = tl.where(open & (passed == 0), middle, high)
        low = tl.where(open & passed, middle + 1, low)
    after = tl.minimum(tl.maximum(low, 1), COUNT - 1)
    x_before, y_before = tl.load(x + after - 1), tl.load(y + after - 1)
    y_after = tl.load(y + after)
    part = precise.div_rn(at - x_before, tl.load(x + after) - x_before)
    part = clipped(part, tl.zeros_like(at), tl.zeros_like(at) + 1.0)
    rise = y_after - y_before
    return tl.where(part < 0.5, y_before + part * rise, y_after - rise * (1.0 - part))


@kernel
def _moved(
    position: tl.tensor,
    pulses: tl.tensor,
    settings: tl.tensor,
    curve: tl.tensor,
    KIND: tl.constexpr,
    COUNT: tl.constexpr,
) -> Any:
    """Distance that a train moves devices in one direction, in fractions of their windows."""
    time = precise.div_rn(pulses, tl.load(settings + 3) + tl.zeros_like(pulses))
    if KIND == 0:
        distance = time
    if KIND == 1:
        covered = -precise.expm1(time * tl.load(settings + 2))
        distance = (tl.load(settings) - tl.load(settings + 1) * position) * covered
    if KIND == 2:
        start = _along(curve + COUNT, curve, position, COUNT)
        end = _along(curve, curve + COUNT, start + time, COUNT)
        distance = end - _along(curve, curve + COUNT, start, COUNT)
    return distance


@kernel
def _line(
    way: tl.tensor, up: tl.tensor, pulses: tl.tensor, noise: tl.tensor, scale: tl.tensor,
    low: tl.tensor, high: tl.tensor, settings: tl.tensor, curves: tl.tensor,
    SECOND: tl.constexpr, RISE: tl.constexpr, FALL: tl.constexpr, RISES: tl.constexpr,
    FALLS: tl.constexpr, FINE: tl.constexpr, NOISY: tl.constexpr,
) -> Any:  # fmt: skip
    """What the pulses of one line's devices change in their fractions."""
    x = low + way * (high - low)
    if SECOND:
        x = high - way * (high - low)
    place = precise.div_rn(x, scale)
    rise = _moved(place, pulses, settings, curves, RISE, RISES)
    fall = _moved(1.0 - place, pulses, settings + 6, curves + 2 * RISES, FALL, FALLS)
    center = x + scale * tl.where(up, rise, -fall)
    if NOISY:
        spread = tl.where(up, tl.load(settings + 5), tl.load(settings + 11))
        if not FINE:
            spread = precise.sqrt_rn(pulses) * spread
        center += noise * spread
    moving = (pulses != 0) & (high > low)
    return tl.where(moving, clipped(center, tl.zeros_like(scale), scale) - x, 0.0)


@kernel
def _realized(
    w: tl.tensor, asked: tl.tensor, device: tl.tensor, key: tl.tensor, table: tl.tensor,
    settings: tl.tensor, curves: tl.tensor, table_size: tl.tensor, stride: tl.tensor,
    RISE: tl.constexpr, FALL: tl.constexpr, RISES: tl.constexpr, FALLS: tl.constexpr,
    ROUNDING: tl.constexpr, FINE: tl.constexpr, NOISY: tl.constexpr, PAIR: tl.constexpr,
) -> Any:  # fmt: skip
    """Realized increments of weights: 0 where nothing is asked for."""
    part = precise.div_rn(tl.abs(asked), tl.load(settings + 12) + tl.zeros_like(asked))
    rising = asked > 0
    more, less = tl.load(settings + 4), tl.load(settings + 10)
    nothing = 0 * device
    a, b, c, d = tl.philox(key, device, nothing, nothing, nothing)
    pulses = rounded(part * tl.where(rising, more, less), a, ROUNDING)
    others = tl.zeros_like(pulses)
    if PAIR:
        others = rounded(part * tl.where(rising, less, more), b, ROUNDING)
    asking = (pulses != 0) | (others != 0)
    change = tl.zeros_like(pulses)
    if tl.max(asking.to(tl.int32), 0) > 0:
        place = table + device * stride
        gain, offset = tl.load(settings + 13), tl.load(settings + 14)
        scale = tl.load(place, mask=asking, other=1.0)
        low = tl.load(place + table_size, mask=asking, other=0.0)
        high = tl.load(place + 2 * table_size, mask=asking, other=0.0)
        lowest, highest = low, high
        scale_2, low_2, high_2 = scale, low, high
        if PAIR:
            scale_2 = tl.load(place + 3 * table_size, mask=asking, other=1.0)
            low_2 = tl.load(place + 4 * table_size, mask=asking, other=0.0)
            high_2 = tl.load(place + 5 * table_size, mask=asking, other=0.0)
            lowest, highest = low - high_2, high - low_2
        # ``Crossbar.fractions``
        lowest = gain * lowest - offset
        width = gain * highest - offset - lowest
        way = precise.div_rn(w - lowest, tl.where(width > 0, width, 1.0))
        way = clipped(tl.where(width > 0, way, 0.5), tl.zeros_like(w), tl.zeros_like(w) + 1.0)
        noise, more_noise = pulses, pulses
        if NOISY:
            noise, more_noise = normal_pair(c, d, w)
        change = gain * _line(way, rising, pulses, noise, scale, low, high, settings, curves,
                              False, RISE, FALL, RISES, FALLS, FINE, NOISY)  # fmt: skip
        if PAIR:
            change -= gain * _line(way, asked < 0, others, more_noise, scale_2, low_2, high_2,
                                   settings, curves,
                                   True, RISE, FALL, RISES, FALLS, FINE, NOISY)  # fmt: skip
    return change


@kernel
def write(
    w_at: tl.tensor, asked_at: tl.tensor, realized_at: tl.tensor, key_at: tl.tensor,
    table: tl.tensor, settings: tl.tensor, curves: tl.tensor, size: tl.tensor,
    table_size: tl.tensor, stride: tl.tensor,
    RISE: tl.constexpr, FALL: tl.constexpr, RISES: tl.constexpr, FALLS: tl.constexpr,
    ROUNDING: tl.constexpr, FINE: tl.constexpr, NOISY: tl.constexpr, PAIR: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    """Realized increments of all weights."""
    device = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = device < size
    asked = tl.load(asked_at + device, mask=there, other=0.0)
    w = tl.load(w_at + device, mask=there, other=0.0)
    change = _realized(w, asked, device, tl.load(key_at), table, settings, curves,
                       table_size, stride,
                       RISE, FALL, RISES, FALLS, ROUNDING, FINE, NOISY, PAIR)  # fmt: skip
    tl.store(realized_at + device, change, mask=there)


@kernel
def write_products(
    w_at: tl.tensor, inputs: tl.tensor, errors: tl.tensor, factor_at: tl.tensor,
    keys: tl.tensor, table: tl.tensor, settings: tl.tensor, curves: tl.tensor, size: tl.tensor,
    samples: tl.tensor, first: tl.tensor, bias: tl.tensor, columns: tl.tensor, rows: tl.tensor,
    table_size: tl.tensor, stride: tl.tensor,
    RISE: tl.constexpr, FALL: tl.constexpr, RISES: tl.constexpr, FALLS: tl.constexpr,
    ROUNDING: tl.constexpr, FINE: tl.constexpr, NOISY: tl.constexpr, PAIR: tl.constexpr,
    BLOCK: tl.constexpr,
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
        w += _realized(w, asked, device, tl.load(keys + sample), table, settings, curves,
                       table_size, stride,
                       RISE, FALL, RISES, FALLS, ROUNDING, FINE, NOISY, PAIR)  # fmt: skip
        sample += 1
    tl.store(w_at + device, w, mask=there)
