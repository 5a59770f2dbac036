"""The scaling exponent against linear regression, and how often its interval covers."""

import numpy as np
import pytest
from scipy import stats

from neurograd import theory


def test_scaling_exponent_of_a_power_law():
    counts = np.array([100, 1000, 5000, 20000])
    found = theory.scaling_exponent(counts, 7 * counts**1.5)
    assert found.alpha == pytest.approx(1.5, rel=1e-12)
    assert found.ci == pytest.approx((1.5, 1.5), rel=1e-9)


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_scaling_interval_is_that_of_linear_regression(confidence):
    rng = np.random.default_rng(5)
    counts = np.array([10, 50, 200, 1000, 9000])
    variances = counts**0.5 * np.exp(rng.normal(size=5))
    line = stats.linregress(np.log(counts), np.log(variances))
    half = stats.t.ppf(0.5 + confidence / 2, 3) * line.stderr
    found = theory.scaling_exponent(counts, variances, confidence=confidence)
    assert found.alpha == pytest.approx(line.slope)
    assert found.ci == pytest.approx((line.slope - half, line.slope + half))
    assert found.confidence == confidence


def test_scaling_confidence_is_99_percent_unless_told():
    found = theory.scaling_exponent([1, 2, 3], [1.0, 2.0, 2.0])
    assert found == theory.scaling_exponent([1, 2, 3], [1.0, 2.0, 2.0], confidence=0.99)


def test_scaling_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    counts = np.array([10, 30, 100, 300, 1000])
    hits = 0
    for _ in range(500):
        noisy = counts**0.8 * np.exp(0.3 * rng.normal(size=5))
        low, high = theory.scaling_exponent(counts, noisy, confidence=0.9).ci
        hits += low <= 0.8 <= high
    assert 425 <= hits <= 475  # 450 ± 3.7 standard deviations
