"""How weights of ``MemristorWrite`` move along their devices' pulse curves: see there.

Each step of it is a loop of its own over a block of weights, whose numbers lie in rows of one
array: a processor takes several weights at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.number_loops import BLOCK, expm1_of, pick

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


ASKED, UPS, DOWNS, NOISE, MORE, BEFORE, CHANGE = (BLOCK * row for row in range(7))
"""Rows of numbers: what weights are asked for, pulses of their devices of either line (of more
conductance is more weight, of less), normal numbers of these, where they stand, what is realized.
"""
_WAY, _PART, _LOW, _HIGH, _SCALE, _OTHER_LOW, _OTHER_HIGH, _OTHER_SCALE = (
    BLOCK * row for row in range(7, 15)
)
_ROWS = 15


@inlined
def room_of(w: Any) -> Any:
    """Rows of a block, for weights of a type."""
    return np.empty(_ROWS * BLOCK, w.dtype)


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
def _distance(response: Any, curve: Any, position: Any, covered: Any, real: Any) -> Any:
    """Distance that a train moves a device, in fractions of its window."""
    if response.kind != MEASURED:
        return (response.reach - response.slope * position) * covered
    start = _along(curve.positions, curve.times, position, real)
    end = _along(curve.times, curve.positions, start + covered, real)
    return end - _along(curve.times, curve.positions, start, real)


@called
def _pick_devices(count: Any, device: Any, near: Any, plus: Any, minus: Any, x: Any) -> None:
    pick(plus.low, device, count, near, x[_LOW:])
    pick(plus.high, device, count, near, x[_HIGH:])
    pick(plus.scale, device, count, near, x[_SCALE:])
    pick(minus.low, device, count, near, x[_OTHER_LOW:])
    pick(minus.high, device, count, near, x[_OTHER_HIGH:])
    pick(minus.scale, device, count, near, x[_OTHER_SCALE:])


@called
def _find_ways(count: Any, settings: Any, x: Any) -> None:
    """Part of the way from its lowest to its highest that a weight stands at."""
    real = x.dtype.type
    for k in range(count):
        other_high = x[_OTHER_HIGH + k] if settings.pair else real(0.0)
        other_low = x[_OTHER_LOW + k] if settings.pair else real(0.0)
        low = settings.gain * (x[_LOW + k] - other_high) - settings.offset
        width = settings.gain * (x[_HIGH + k] - other_low) - settings.offset - low
        way = (x[BEFORE + k] - low) / (width if width > real(0.0) else real(1.0))
        way = way if width > real(0.0) else real(0.5)
        way = way if way > real(0.0) else real(0.0)
        x[_WAY + k] = way if way < real(1.0) else real(1.0)


@inlined
def _raised(asked: Any, polarity: Any) -> Any:
    """Whether the pulses of a weight's device raise its conductance."""
    return (asked > 0) == (polarity > 0)


@inlined
def _find_parts(
    polarity: Any, pulses: Any, count: Any, settings: Any, covered: Any, x: Any
) -> None:
    """What trains cover, see ``Response``; of few whole pulses it is looked up."""
    real = x.dtype.type
    up, down, known = settings.up, settings.down, covered.size // 2
    others = 0
    for k in range(count):
        n = x[pulses + k]
        others += not (n < real(known) and np.floor(n) == n)
    if others > 0:
        for k in range(count):
            raised = _raised(x[ASKED + k], polarity)
            time = x[pulses + k] / (up.levels if raised else down.levels)
            relaxed = -expm1_of(time * (up.log_rate if raised else down.log_rate), real)
            relaxing = (up.kind if raised else down.kind) == RELAXING
            x[_PART + k] = relaxed if relaxing else time
    if others < count:
        for k in range(count):
            n = x[pulses + k]
            if n < real(known) and np.floor(n) == n:
                number = np.int64(n)
                raised = _raised(x[ASKED + k], polarity)
                x[_PART + k] = covered[number if raised else known + number]


@inlined
def _move_line(
    polarity: Any,
    pulses: Any,
    noise: Any,
    bounds: Any,
    count: Any,
    settings: Any,
    rise: Any,
    fall: Any,
    covered: Any,
    x: Any,
) -> None:
    """Adds what the pulses of one line's devices realize to the changes of some weights.

    Args:
        polarity: 1 or -1 of the line.
        pulses: Row of the pulses of its devices.
        noise: Row of their normal numbers.
        bounds: Rows of their lowest and highest fractions and of their windows' widths.
        count: Number of these weights.
        settings: As for ``move``.
        rise: As for ``move``.
        fall: As for ``move``.
        covered: As for ``move``.
        x: As for ``move``.
    """
    real = x.dtype.type
    up, down = settings.up, settings.down
    low_row, high_row, scale_row = bounds
    _find_parts(polarity, pulses, count, settings, covered, x)
    measured = MEASURED in (up.kind, down.kind)
    if measured:
        for k in range(count):
            low, high, way = x[low_row + k], x[high_row + k], x[_WAY + k]
            at = low + way * (high - low) if polarity > 0 else high - way * (high - low)
            place, raised = at / x[scale_row + k], _raised(x[ASKED + k], polarity)
            if raised:
                x[_PART + k] = _distance(up, rise, place, x[_PART + k], real)
            else:
                x[_PART + k] = _distance(down, fall, real(1.0) - place, x[_PART + k], real)
    for k in range(count):
        low, high, way, scale = x[low_row + k], x[high_row + k], x[_WAY + k], x[scale_row + k]
        at = low + way * (high - low) if polarity > 0 else high - way * (high - low)
        raised, n = _raised(x[ASKED + k], polarity), x[pulses + k]
        place = at / scale
        place = place if raised else real(1.0) - place
        reach = up.reach if raised else down.reach
        slope = up.slope if raised else down.slope
        part = x[_PART + k]
        moved = part if measured else (reach - slope * place) * part
        center = at + scale * (moved if raised else -moved)
        if settings.noisy:
            count_of = real(1.0) if settings.fine else n
            center += x[noise + k] * (np.sqrt(count_of) * (up.spread if raised else down.spread))
        center = real(0.0) if center < real(0.0) else center
        center = scale if center > scale else center
        moving = settings.gain if n != real(0.0) and high > low else real(0.0)
        x[CHANGE + k] += (center - at) * (moving if polarity > 0 else -moving)


@called
def move(
    count: Any,
    device: Any,
    near: Any,
    plus: Any,
    minus: Any,
    settings: Any,
    rise: Any,
    fall: Any,
    covered: Any,
    x: Any,
) -> None:
    """Sets what the pulses of their devices realize of some weights.

    Args:
        count: Number of these weights.
        device: Their numbers.
        near: Whether they are neighbours, in their order.
        plus: As for ``memristor_loop.write``.
        minus: As for ``memristor_loop.write``.
        settings: As for ``memristor_loop.write``.
        rise: As for ``memristor_loop.write``.
        fall: As for ``memristor_loop.write``.
        covered: As for ``memristor_loop.write``.
        x: Rows, with all that is above ``CHANGE``.
    """
    _pick_devices(count, device, near, plus, minus, x)
    _find_ways(count, settings, x)
    for k in range(count):
        x[CHANGE + k] = 0
    bounds = (_LOW, _HIGH, _SCALE)
    _move_line(1, UPS, NOISE, bounds, count, settings, rise, fall, covered, x)
    if settings.pair:
        bounds = (_OTHER_LOW, _OTHER_HIGH, _OTHER_SCALE)
        _move_line(-1, DOWNS, MORE, bounds, count, settings, rise, fall, covered, x)
