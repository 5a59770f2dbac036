"""A leak of pairs in one pass: see ``PairLeakage`` for what it does."""

from __future__ import annotations

from typing import Any


def leak_pairs(
    start: int, stop: int, w: Any, increment: Any, realized: Any, positive: Any, negative: Any,
    rest: Any,
) -> None:  # fmt: skip
    """What is left of the increments of the weights from ``start`` to ``stop``.

    Args:
        start: First weight.
        stop: One behind the last weight.
        w: Weights.
        increment: Increments.
        realized: Filled with what is left of them.
        positive: Lifetimes of the devices that hold positive weights, or one of all.
        negative: The same of negative weights.
        rest: Weights that pairs leak to, or one of all; above it is what positive devices hold.
    """
    # Views, so that a processor takes several weights at a time.
    before, asked, left = w[start:stop], increment[start:stop], realized[start:stop]
    above = positive[start:stop] if positive.size > 1 else positive
    below = negative[start:stop] if negative.size > 1 else negative
    ends = rest[start:stop] if rest.size > 1 else rest
    zero = w.dtype.type(0.0)
    if above.size == 1 or below.size == 1 or ends.size > 1:
        for k in range(before.size):
            reached = before[k] + asked[k] - ends[k if ends.size > 1 else 0]
            low, high = below[k if below.size > 1 else 0], above[k if above.size > 1 else 0]
            left[k] = asked[k] - reached / (low if reached < zero else high)
        return
    end = ends[0]
    for k in range(before.size):
        reached = before[k] + asked[k] - end
        left[k] = asked[k] - reached / (below[k] if reached < zero else above[k])
