"""Intervals of probabilities against the binomial distribution and the beta quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from neurograd.judge.proportions import proportion_interval


@pytest.mark.parametrize("confidence", [0.9, 0.99])
@pytest.mark.parametrize("trials", [1, 2, 3, 10, 200, 12345])
def test_it_is_the_interval_of_beta_quantiles(trials, confidence):
    """Clopper and Pearson's closed form; where all trials went one way, one end is 0 or 1."""
    tail = 0.5 * (1 - confidence)
    edge = -math.expm1(math.log(tail) / trials)
    expected = {0: (0.0, edge), trials: (1 - edge, 1.0)}
    for k in {1, trials // 3, trials - 1} - {0, trials}:
        expected[k] = (
            stats.beta.ppf(tail, k, trials - k + 1),
            stats.beta.ppf(1 - tail, k + 1, trials - k),
        )
    for successes, ends in expected.items():
        found = proportion_interval(successes, trials, confidence)
        assert found == pytest.approx(ends, rel=0, abs=1e-12)


@pytest.mark.parametrize("trials", [1, 5, 50, 360])
def test_no_probability_is_missed_more_often_than_said(trials):
    """By the binomial distribution, over all probabilities: at most 1 % at 99 %."""
    ends = [proportion_interval(k, trials) for k in range(trials + 1)]
    edges = np.array(sorted({end for pair in ends for end in pair if 0 < end < 1}))
    probed = np.concatenate([edges * (1 - 1e-9), edges * (1 + 1e-9)])
    chances = stats.binom.pmf(np.arange(trials + 1), trials, probed[:, None])
    low, high = np.array(ends).T
    missed = (chances * ((probed[:, None] < low) | (probed[:, None] > high))).sum(1)
    assert missed.max() <= 0.01 + 1e-9


@pytest.mark.parametrize(("successes", "trials"), [(1, 10), (7, 20), (199, 200)])
def test_proportion_interval_has_the_exact_tails(successes, trials):
    """At its ends the data are just as improbable as half of the error."""
    low, high = proportion_interval(successes, trials)
    assert stats.binom.sf(successes - 1, trials, low) == pytest.approx(0.005)
    assert stats.binom.cdf(successes, trials, high) == pytest.approx(0.005)


def test_no_success_leaves_half_of_the_error_on_the_other_side():
    low, high = proportion_interval(0, 1000)
    assert low == 0.0
    assert (1 - high) ** 1000 == pytest.approx(0.005)
    assert high == pytest.approx(5.3 / 1000, rel=0.01)
    assert proportion_interval(1000, 1000) == pytest.approx((1 - high, 1.0))


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(ValueError, match="allowed"):
        proportion_interval(successes, trials)
