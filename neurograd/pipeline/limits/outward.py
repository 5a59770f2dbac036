"""Which values of a number are tried outward from the present one."""

from __future__ import annotations

import math

from neurograd.effects.knob import Knob

_PART = 0.1
"""How far the nearest value of a signed number is, as a part of its range."""


def start_of(knob: Knob) -> float:
    """The present value; what nothing limits stands beyond the allowed range."""
    return knob.now if knob.now is not None else -knob.harmful * math.inf


def nearest(knob: Knob, way: int) -> float | None:
    """Twice or half of the present value, one bit more or less, or a tenth of a signed range away.

    Args:
        knob: The number.
        way: The direction: 1 up, -1 down.

    Returns:
        The value; None of what is 0 or ideal, and where there is none.
    """
    start = start_of(knob)
    if not math.isfinite(start) or (start == 0 and not knob.signed):
        return None
    if knob.signed:
        moved = start + way * _PART * (knob.high - knob.low)
    elif knob.scale == "linear":
        moved = start + way
    else:
        moved = start * 2.0**way
    value = knob.rounded(moved)
    return None if value == start else value


def outward(knob: Knob, way: int, count: int, factor: float) -> list[float]:
    """Values on one side of the present one, the nearest first.

    Args:
        knob: The number.
        way: The direction: 1 up, -1 down.
        count: Most values beside 0 or all that there is.
        factor: Ratio of neighbouring ones on a logarithmic scale.
    """
    start = start_of(knob)
    if not math.isfinite(start):
        if way == math.copysign(1, start):
            return []
        begin = knob.high if way < 0 else knob.low
        halves = [knob.rounded(begin * 2.0 ** (way * k)) for k in range(count)]
        return list(dict.fromkeys(halves))
    rounded = [knob.rounded(value) for value in _moved(knob, start, way, count, factor)]
    if rounded and knob.scale == "log" and way > 0 and knob.unit == "%" and knob.high <= 1.0:
        rounded.append(knob.high)
    past = [value for value in rounded if (value - start) * way > 0]
    return sorted(dict.fromkeys(past), reverse=way < 0)


def _moved(knob: Knob, start: float, way: int, count: int, factor: float) -> list[float]:
    """The values before they are rounded, some of them beyond what is allowed."""
    first, powers = nearest(knob, way), range(1, count)
    near = [] if first is None else [first]
    if knob.signed:
        end = knob.high if way > 0 else knob.low
        return [*near, *(start + (end - start) * k / (count - 1) for k in powers)]
    if start == 0:
        return [knob.first * factor**k for k in range(count)] if way > 0 else []
    if knob.scale == "linear":
        return [*near, *(start * (2.0 if way > 0 else 0.5) ** k for k in powers)]
    # 0 comes last: what helps in between may be lost again there, as noise that dithers is.
    ideal = [0.0] if way < 0 and knob.low == 0.0 else []
    return [*near, *(start * factor ** (way * k) for k in powers), *ideal]
