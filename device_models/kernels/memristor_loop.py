"""A write by ``MemristorWrite`` in one pass: see there for what it does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import (
    BLOCK,
    STOCHASTIC,
    at,
    block_of,
    normals_of_chosen,
    places_asked,
    round_all,
    unit,
)

STEADY, RELAXING, MEASURED = 0, 1, 2
"""Kinds of a response: a constant step, a relaxation to a fixed point, a measured curve."""


class Response(NamedTuple):
    """One direction's response; numbers are of the weights' type.

    A train covers c = n/levels at a constant step, 1 − ρⁿ of a relaxation, and moves the device by
    ``(reach − slope·position)·c``.

    Attributes:
        kind: ``STEADY``, ``RELAXING`` or ``MEASURED``.
        reach: 1 of a constant step, u* of a relaxation.
        slope: 0 of a constant step, 1 of a relaxation.
        log_rate: ln ρ of a relaxation.
        levels: What a pulse is the part 1/levels of.
        counted: Pulses over the window that a request is counted by; 1 where they are fine.
        spread: Standard deviation of one pulse.
    """

    kind: int
    reach: Any
    slope: Any
    log_rate: Any
    levels: Any
    counted: Any
    spread: Any


class Settings(NamedTuple):
    """What all devices have in common; numbers are of the weights' type.

    Attributes:
        up: Response to pulses that raise the conductance.
        down: Response to those that lower it.
        span: Weight between the ends of the window, twice the weight range.
        gain: Weight change of a unit change of one device's fraction.
        offset: Weight that the reference subtracts.
        pair: Whether a weight is a pair of devices.
        rounding: How a request becomes a whole number of pulses; ``UNROUNDED`` where they are fine.
        fine: Whether pulses are infinitely fine and one write is one event.
        noisy: Whether pulses have any noise.
    """

    up: Response
    down: Response
    span: Any
    gain: Any
    offset: Any
    pair: bool
    rounding: int
    fine: bool
    noisy: bool


class Devices(NamedTuple):
    """One line of devices: arrays of one number a device, or of one for all.

    Attributes:
        scale: Width of each device's own window.
        low: Lowest fraction that it can be brought to.
        high: Highest fraction.
    """

    scale: Any
    low: Any
    high: Any


class Curve(NamedTuple):
    """A measured curve; arrays of no number where there is none."""

    times: Any
    positions: Any


@called
def _along(x: Any, y: Any, at: Any, real: Any) -> Any:
    """``measured_curve.interpolate`` of one number."""
    last = x.size - 1
    if last == 0:
        return y[0]
    after = min(max(np.searchsorted(x, at, side="right"), 1), last)
    part = (at - x[after - 1]) / (x[after] - x[after - 1])
    part = min(max(part, real(0.0)), real(1.0))
    low, rise = y[after - 1], y[after] - y[after - 1]
    return low + part * rise if part < real(0.5) else y[after] - rise * (real(1.0) - part)


@inlined
def _covered(response: Any, pulses: Any, real: Any) -> Any:
    """What a train covers, see ``Response``."""
    time = pulses / response.levels
    return -np.expm1(time * response.log_rate) if response.kind == RELAXING else time


@inlined
def _distance(response: Any, curve: Any, position: Any, covered: Any, real: Any) -> Any:
    """Distance that a train moves a device, in fractions of its window."""
    if response.kind != MEASURED:
        return (response.reach - response.slope * position) * covered
    start = _along(curve.positions, curve.times, position, real)
    end = _along(curve.times, curve.positions, start + covered, real)
    return end - _along(curve.times, curve.positions, start, real)


@inlined
def way_of(w: Any, i: Any, plus: Any, minus: Any, settings: Any, real: Any) -> Any:
    """Part of the way from its lowest to its highest that a weight stands at."""
    low, high = at(plus.low, i), at(plus.high, i)
    if settings.pair:
        low -= at(minus.high, i)
        high -= at(minus.low, i)
    low = settings.gain * low - settings.offset
    width = settings.gain * high - settings.offset - low
    way = (w - low) / width if width > real(0.0) else real(0.5)
    return min(max(way, real(0.0)), real(1.0))


@called
def move_line(
    polarity: Any,
    count: Any,
    where: Any,
    up: Any,
    pulses: Any,
    noise: Any,
    ways: Any,
    changes: Any,
    line: Any,
    settings: Any,
    rise: Any,
    fall: Any,
    covered: Any,
) -> None:
    """Adds what the pulses of one line's devices realize to the changes of some weights.

    Args:
        polarity: 1 or -1 of the line.
        count: Number of these weights.
        where: Their numbers.
        up: Whether their increments are above 0.
        pulses: Pulses of their devices.
        noise: Normal numbers of these.
        ways: See ``way_of``.
        changes: What is realized of the weights.
        line: The devices.
        settings: As for ``write``.
        rise: As for ``write``.
        fall: As for ``write``.
        covered: As for ``write``.
    """
    real = changes.dtype.type
    rising, falling = settings.up, settings.down
    known = covered.size // 2
    for k in range(count):
        i, n, way = where[k], pulses[k], ways[k]
        low, high, scale = at(line.low, i), at(line.high, i), at(line.scale, i)
        x = low + way * (high - low) if polarity > 0 else high - way * (high - low)
        raised = up[k] == (polarity > 0)
        number = np.int64(n) if n < known else 0
        if real(number) == n:
            part = covered[number if raised else known + number]
        else:
            part = _covered(rising if raised else falling, n, real)
        place = x / scale
        place = place if raised else real(1.0) - place
        if MEASURED in (rising.kind, falling.kind):
            moved = (
                _distance(rising, rise, place, part, real)
                if raised
                else _distance(falling, fall, place, part, real)
            )
        else:
            reach = rising.reach if raised else falling.reach
            slope = rising.slope if raised else falling.slope
            moved = (reach - slope * place) * part
        center = x + scale * (moved if raised else -moved)
        if settings.noisy:
            count_of = real(1.0) if settings.fine else n
            spread = rising.spread if raised else falling.spread
            center += noise[k] * (np.sqrt(count_of) * spread)
        center = real(0.0) if center < real(0.0) else center
        center = scale if center > scale else center
        moving = settings.gain if n != real(0.0) and high > low else real(0.0)
        changes[k] += (center - x) * (moving if polarity > 0 else -moving)


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
    real = w.dtype.type
    ups, downs = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    noise, more_noise = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    first, second = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    places, chosen = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    ways, changes = np.empty(BLOCK, w.dtype), np.empty(BLOCK, w.dtype)
    where, up = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.bool_)
    rising, falling = settings.up.counted, settings.down.counted
    random = settings.noisy or settings.rounding == STOCHASTIC
    for begin in range(start, stop, BLOCK):
        size = places_asked(begin, min(BLOCK, stop - begin), increment, realized, places)
        for j in range(size):
            i = begin + places[j]
            if random:
                r0, r1, r2, r3 = block_of(np.uint64(i), np.uint64(0), key)
                noise[j], more_noise[j] = unit(r0, real), unit(r1, real)
                first[j], second[j] = np.uint32(r2), np.uint32(r3)
            part = abs(increment[i]) / settings.span
            raised = increment[i] > real(0.0)
            ups[j] = part * (rising if raised else falling)
            downs[j] = part * (falling if raised else rising)
        round_all(ups, noise, size, settings.rounding, real)
        round_all(downs, more_noise, size, settings.rounding, real)
        count = 0
        for j in range(size):
            chosen[count] = j
            count += ups[j] != 0 or (settings.pair and downs[j] != 0)
        normals_of_chosen(chosen, count, first, second, noise, more_noise, settings.noisy, real)
        for k in range(count):
            j = chosen[k]
            i = where[k] = begin + places[j]
            up[k], changes[k] = increment[i] > real(0.0), real(0.0)
            ups[k], downs[k] = ups[j], downs[j]
            ways[k] = way_of(w[i], i, plus, minus, settings, real)
        move_line(
            1, count, where, up, ups, noise, ways, changes, plus, settings, rise, fall, covered
        )
        if settings.pair:
            move_line(
                -1, count, where, up, downs, more_noise, ways, changes,
                minus, settings, rise, fall, covered,
            )  # fmt: skip
        for k in range(count):
            realized[where[k]] = changes[k]
