"""How many updates a forecast takes together."""

from __future__ import annotations

GROWTH = 1.5
"""Most that a step may be longer than the one before."""

LONGEST = 1.0 / 6.0
"""Most updates that are taken together, as a part of the training."""

SHRINKAGE = 4
"""Ratio of neighbouring lengths at the end of the training."""

LARGEST_NOISE = 0.35
"""Largest noise of updates that are taken together, as a part of the weights' length."""

MOST_PARTS = 50
"""Parts into which noise may cut a training."""


def next_length(done: int, steps: int, before: int, noise_ratio: float) -> int:
    """How many updates to take together.

    Args:
        done: Updates taken.
        steps: All updates.
        before: How many were taken together last, 0 at the beginning.
        noise_ratio: Length of one update's noise over that of the weights.
    """
    rest = steps - done
    limits = [
        max(2, int(GROWTH * before + 0.5)),
        max(1, round(LONGEST * steps)),
        # Ever shorter towards the end: a part of what is left.
        max(1, int(rest * (1.0 - 1.0 / SHRINKAGE))),
    ]
    if noise_ratio > 0:
        alone = int((LARGEST_NOISE / noise_ratio) ** 2)
        limits.append(max(shortest(done, steps), alone))
    return min(limits)


def shortest(done: int, steps: int) -> int:
    """Fewest updates that noise, or a loss that rises, may leave together after ``done`` ones."""
    return max(1, min(steps // MOST_PARTS, done // 8))
