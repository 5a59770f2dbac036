"""Intervals of means and probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from neurograd.measure.intervals import mean_interval, proportion_interval


def test_mean_interval_is_students():
    values = [1.0, 2.0, 4.0, 7.0]
    center, (low, high) = mean_interval(values)
    half = float(stats.t.ppf(0.995, 3)) * np.std(values, ddof=1) / 2
    assert center == 3.5
    assert (low, high) == pytest.approx((3.5 - half, 3.5 + half))
    assert mean_interval([2.0]) == (2.0, (-math.inf, math.inf))
    assert mean_interval([2.0, 2.0]) == (2.0, (2.0, 2.0))


@pytest.mark.parametrize(("successes", "trials"), [(1, 10), (7, 20), (199, 200)])
def test_proportion_interval_has_the_exact_tails(successes, trials):
    """At its ends the data are just as improbable as half of the error."""
    low, high = proportion_interval(successes, trials)
    assert stats.binom.sf(successes - 1, trials, low) == pytest.approx(0.005)
    assert stats.binom.cdf(successes, trials, high) == pytest.approx(0.005)


def test_no_success_gives_the_rule_of_three():
    low, high = proportion_interval(0, 1000)
    assert low == 0.0
    assert (1 - high) ** 1000 == pytest.approx(0.01)
    assert high == pytest.approx(4.6 / 1000, rel=0.01)
    assert proportion_interval(1000, 1000) == pytest.approx((1 - high, 1.0))


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(ValueError, match="allowed"):
        proportion_interval(successes, trials)
