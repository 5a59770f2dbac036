"""Intervals of probabilities against the binomial distribution and the beta quantiles."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from neurograd.judge.proportions import proportion_interval


@pytest.mark.parametrize("confidence", [0.9, 0.99])
@pytest.mark.parametrize("trials", [1, 2, 3, 10, 200, 12345])
def test_it_is_the_interval_of_beta_quantiles(trials, confidence):
    """Clopper and Pearson's closed form, one-sided where all trials went one way."""
    tail = 0.5 * (1 - confidence)
    edge = -math.expm1(math.log(1 - confidence) / trials)
    expected = {0: (0.0, edge), trials: (1 - edge, 1.0)}
    for k in {1, trials // 3, trials - 1} - {0, trials}:
        expected[k] = (
            stats.beta.ppf(tail, k, trials - k + 1),
            stats.beta.ppf(1 - tail, k + 1, trials - k),
        )
    for successes, ends in expected.items():
        found = proportion_interval(successes, trials, confidence)
        assert found == pytest.approx(ends, rel=0, abs=1e-12)


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
