"""Intervals of means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from neurograd.measure.intervals import mean_interval


def test_mean_interval_is_students():
    values = [1.0, 2.0, 4.0, 7.0]
    center, (low, high) = mean_interval(values)
    half = float(stats.t.ppf(0.995, 3)) * np.std(values, ddof=1) / 2
    assert center == 3.5
    assert (low, high) == pytest.approx((3.5 - half, 3.5 + half))
    assert mean_interval([2.0]) == (2.0, (-math.inf, math.inf))
    assert mean_interval([2.0, 2.0]) == (2.0, (2.0, 2.0))
