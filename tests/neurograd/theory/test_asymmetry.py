"""Asymmetric writes: the mean of what they realize, in closed form and against draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from neurograd import theory

CONFIDENCE = 0.999


def write(x, up, down):
    """What a device realizes of requests."""
    return np.where(x > 0, up, down) * x


def test_both_directions_are_the_two_parts():
    common, difference = theory.write_symmetry([0.8, 1.0], [1.2, 0.4])
    assert common == pytest.approx([1.0, 0.7])
    assert difference == pytest.approx([0.2, -0.3])
    for request in (0.3, -0.3):
        found = theory.asymmetric_write_mean([request] * 2, abs(request), common, difference)
        assert found == pytest.approx(write(np.full(2, request), [0.8, 1.0], [1.2, 0.4]))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), st.floats(0, 2), st.floats(0, 2))
def test_the_mean_is_that_of_the_writes_of_any_sample(requests, up, down):
    x = np.array(requests)
    common, difference = theory.write_symmetry([up], [down])
    absolute = max(float(np.abs(x).mean()), abs(float(x.mean())))
    found = theory.asymmetric_write_mean([x.mean()], absolute, common, difference)
    assert found[0] == pytest.approx(write(x, up, down).mean(), rel=1e-9, abs=1e-9)


def test_the_mean_of_drawn_writes():
    """A normal request of small mean: the bias that noise makes is most of what is realized."""
    x = np.random.default_rng(5).normal(0.05, 1.0, size=200_000)
    drawn = write(x, 0.7, 1.3)
    common, difference = theory.write_symmetry([0.7], [1.3])
    absolute = theory.gaussian_mean_absolute([0.05], 1.0)
    expected = theory.asymmetric_write_mean([0.05], absolute, common, difference)[0]
    reach = stats.norm.isf((1 - CONFIDENCE) / 2) * drawn.std() / math.sqrt(x.size)
    assert abs(drawn.mean() - expected) < reach
    turned = theory.asymmetric_write_mean([0.05], absolute, common, -difference)[0]
    assert abs(drawn.mean() - turned) > 50 * reach


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.3, 0.5), (-2.0, 0.7), (4.0, 0.1)])
def test_absolute_requests_of_a_normal_one(mean, std):
    normal = stats.norm(mean, std)
    whole = [mean - 12 * std, mean + 12 * std]
    points = [0.0] if whole[0] < 0 < whole[1] else None
    by_hand, _ = integrate.quad(lambda x: abs(x) * normal.pdf(x), *whole, points=points)
    assert theory.gaussian_mean_absolute([mean], std)[0] == pytest.approx(by_hand, rel=1e-8)
    assert theory.gaussian_mean_absolute([mean], 0.0)[0] == abs(mean)


def test_an_absolute_request_below_the_mean_is_refused():
    with pytest.raises(ValueError, match=r"^mean_absolute_request must be at least"):
        theory.asymmetric_write_mean([1.0], 0.5, 1.0, 0.1)
