"""Student's intervals, the jackknife, and errors of sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from neurograd.measure.intervals import (
    combine_errors,
    interval,
    jackknife_error,
    mean_interval,
    t_quantile,
)


def test_mean_interval_is_students():
    values = [1.0, 2.0, 4.0, 7.0]
    center, (low, high) = mean_interval(values)
    half = float(stats.t.ppf(0.995, 3)) * np.std(values, ddof=1) / 2
    assert center == 3.5
    assert (low, high) == pytest.approx((3.5 - half, 3.5 + half))
    assert mean_interval([2.0]) == (2.0, (-math.inf, math.inf))
    assert mean_interval([2.0, 2.0]) == (2.0, (2.0, 2.0))


def test_intervals_are_students():
    assert t_quantile(9) == pytest.approx(stats.t.ppf(0.995, 9))
    assert t_quantile(0) == math.inf
    assert interval(2.0, 0.5, 9, 0.95) == pytest.approx(
        stats.t.interval(0.95, 9, loc=2.0, scale=0.5)
    )
    assert interval(2.0, 0.0, 3) == (2.0, 2.0)


def test_jackknife_of_a_mean_is_the_standard_error():
    values = np.random.default_rng(0).normal(size=15)
    left = (values.sum() - values) / 14
    assert jackknife_error(left) == pytest.approx(values.std(ddof=1) / math.sqrt(15))


def test_errors_combine_as_welch_and_satterthwaite_have_it():
    error, degrees = combine_errors([(3.0, 4.0), (4.0, 9.0)])
    assert error == 5.0
    assert degrees == pytest.approx(625 / (81 / 4 + 256 / 9))
    assert combine_errors([(0.0, 3.0)]) == (0.0, math.inf)
