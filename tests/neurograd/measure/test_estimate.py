"""Estimates: arithmetic of errors against simulation, and what has no error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from neurograd.measure.estimate import Estimate, propagate


def test_an_exact_number_is_a_point():
    exact = Estimate.exact(2.5)
    assert (exact.value, exact.error, exact.degrees) == (2.5, 0.0, math.inf)
    assert exact.ci == (2.5, 2.5)
    assert exact.plus(Estimate.exact(1.0)) == Estimate.exact(3.5)


def test_a_mean_has_students_interval():
    values = [1.0, 2.0, 4.0, 7.0]
    mean = Estimate.mean_of(values)
    assert mean.value == 3.5
    assert mean.error == pytest.approx(float(np.std(values, ddof=1)) / 2)
    assert mean.degrees == 3
    for confidence in (0.9, 0.99):
        half = float(stats.t.ppf(0.5 + confidence / 2, 3)) * mean.error
        assert mean.interval(confidence) == pytest.approx((3.5 - half, 3.5 + half))
    assert mean.ci == mean.interval(0.99)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_too_few_values_have_no_error(values):
    with pytest.raises(ValueError, match=f"a mean of {len(values)} values .* allowed: 2 or more"):
        Estimate.mean_of(values)


def test_a_factor_scales_value_and_error():
    assert Estimate(2.0, 0.5, 7.0).times(-4.0) == Estimate(-8.0, 2.0, 7.0)


def test_errors_of_a_sum_add_in_quadrature_with_joint_degrees():
    total = Estimate(1.0, 3.0, 4.0).plus(Estimate(2.0, 4.0, 9.0))
    assert total.value == 3.0
    assert total.error == 5.0
    assert total.degrees == pytest.approx(5.0**4 / (3.0**4 / 4 + 4.0**4 / 9))
    difference = Estimate(1.0, 3.0, 4.0).minus(Estimate(2.0, 4.0, 9.0))
    assert (difference.value, difference.error) == (-1.0, 5.0)


def test_the_interval_of_a_difference_covers_as_often_as_it_says():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        first = Estimate.mean_of(rng.normal(1.0, 1.0, size=6))
        second = Estimate.mean_of(rng.normal(3.0, 2.0, size=12))
        low, high = first.minus(second).interval(0.9)
        hits += low <= -2.0 <= high
    assert abs(hits / 2000 - 0.9) < 4 * math.sqrt(0.09 / 2000)


def test_a_function_has_its_error_to_first_order():
    parts = (Estimate(2.0, 0.01, 50.0), Estimate(5.0, 0.03, 80.0), Estimate.exact(4.0))
    ratio = propagate(lambda a, b, c: c * a / b, parts)
    assert ratio.value == pytest.approx(1.6)
    assert ratio.error == pytest.approx(1.6 * math.hypot(0.01 / 2.0, 0.03 / 5.0), rel=1e-5)


def test_a_function_of_exact_numbers_is_exact():
    found = propagate(lambda a: a * a, (Estimate.exact(3.0),))
    assert (found.value, found.error) == (9.0, 0.0)
    assert found.ci == (9.0, 9.0)


def test_means_of_parts_add_by_their_weights():
    few, many = np.array([1.0, 3.0]), np.array([2.0, 5.0, 5.0, 8.0])
    found = Estimate.of_parts([(0.25, few), (0.75, many)])
    assert found.value == pytest.approx(0.25 * 2.0 + 0.75 * 5.0)
    squares = (0.25**2 * 2.0 / 2, 0.75**2 * 6.0 / 4)
    assert found.error**2 == pytest.approx(sum(squares))
    degrees = sum(squares) ** 2 / (squares[0] ** 2 / 1 + squares[1] ** 2 / 3)
    assert found.degrees == pytest.approx(degrees)
    assert Estimate.of_parts([(1.0, many)]) == Estimate.mean_of(many)
