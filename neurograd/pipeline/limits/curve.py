"""Which further values a curve of costs needs, so that no long piece of it is only a line.

What a search for a limit has tried lies close around the limit and far apart elsewhere. As programs
that plot a function do, the longest piece of the drawn line is halved, again and again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from neurograd.effects.knob import Knob
from neurograd.pipeline.limits.outlook import PredictedCost

ENOUGH = 0.4
"""Pieces shorter than this part of the picture (its width plus its height) stay as they are."""

_SMALLEST = 0.01
"""Cost that is one unit of height where nothing at all is allowed."""


def next_value(knob: Knob, known: Mapping[float, PredictedCost], factor: float) -> float | None:
    """The middle of the longest piece of a number's curve; None where all are short.

    Args:
        knob: The number.
        known: What is predicted at its values; infinite ones are not on the curve.
        factor: Ratio of neighbouring values of the search, as for ``midpoint``.
    """
    values = sorted(value for value in known if math.isfinite(value))
    pieces = [(low, high) for low, high in pairwise(values) if _breadth(knob, low, high) > 0]
    if not pieces:
        return None
    heights = [_height(known[value]) for value in values]
    breadth = sum(_breadth(knob, *piece) for piece in pieces)
    height = max(1.0, max(heights) - min(heights))

    def length(piece: tuple[float, float]) -> float:
        rise = abs(_height(known[piece[0]]) - _height(known[piece[1]]))
        return _breadth(knob, *piece) / breadth + rise / height

    for piece in sorted(pieces, key=length, reverse=True):
        if length(piece) < ENOUGH:
            return None
        middle = midpoint(knob, *piece, factor)
        if middle is not None:
            return middle
    return None


def midpoint(knob: Knob, low: float, high: float, factor: float) -> float | None:
    """The value in the middle of two, None where the number takes none between them.

    Args:
        knob: The number.
        low: The smaller one.
        high: The larger one.
        factor: What a number on a logarithmic scale is divided by on the way to 0.
    """
    if knob.scale != "log":
        middle = 0.5 * (low + high)
    else:
        middle = math.sqrt(low * high) if low > 0 else high / factor
    value = knob.rounded(middle)
    return value if low < value < high else None


def _breadth(knob: Knob, low: float, high: float) -> float:
    """How far apart two values are drawn; 0 beside a 0 that a logarithmic scale does not have."""
    if knob.scale != "log":
        return high - low
    return math.log(high / low) if low > 0 else 0.0


def _height(found: PredictedCost) -> float:
    """How high a cost is drawn: in units of the allowed one, logarithmic beyond it."""
    unit = found.allowed if found.allowed > 0 else _SMALLEST
    return math.asinh(min(max(found.cost, -1.0), 1.0) / unit)
