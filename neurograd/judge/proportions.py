"""Intervals of probabilities from counts."""

from __future__ import annotations

from scipy.special import betaincinv

from neurograd.measure.intervals import CONFIDENCE, Interval


def proportion_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Exact interval of a probability (Clopper and Pearson, Biometrika 1934).

    Half of the error is on either side, of no success in n trials, too: all of it on the one side
    that is left there, the rule of three, misses more often than it says, since other counts miss
    the same probability as well. The upper end is then about 5.3/n at 99 %.

    Args:
        successes: Number of successes, 0 or more.
        trials: Number of independent trials, ``successes`` or more, and 1 or more.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: If the counts are out of range.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials}; allowed: 0 or more, of 1 or more trials")
    error = 0.5 * (1.0 - confidence)
    failures = trials - successes
    low = betaincinv(successes, failures + 1, error) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1.0 - error) if failures else 1.0
    return float(low), float(high)
