"""One word for what several parts, tests and tolerances say of a claim.

A claim is ``held`` where its interval is inside what is claimed, and ``not held`` where it is
outside. Where it reaches into what is claimed and beyond it, the claim is not contradicted and not
shown: ``inconclusive``.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.support.record import Held, held_where
from neurograd.measure.intervals import Interval


def held_near(ends: Interval, value: float, tolerance: float) -> Held:
    """One word for a number that is claimed to be another one, within a tolerance.

    Args:
        ends: The number's interval.
        value: What it is claimed to be.
        tolerance: By how much it may be off, in its own units.
    """
    return held_where(ends, value - tolerance, value + tolerance)


def word_of_test(passed: bool) -> Held:
    """One word for a claim that a test can only contradict, as of a number without a tolerance."""
    return "inconclusive" if passed else "not held"


def together(parts: Sequence[Held]) -> Held:
    """One word for a claim that was tried several times and should hold each time."""
    if len(set(parts)) == 1:
        return parts[0]
    if "held" in parts or "partly" in parts:
        return "partly"
    return "not held" if "not held" in parts else "inconclusive"
