"""A distribution through an uneven interval: its quantiles, its scores, its special cases."""

import math

import numpy as np
import pytest

from neurograd.keys.skewed import Skewed

SCORE = 1.959963984540054


@pytest.mark.parametrize("ends", [(2.0, 9.0), (-4.0, 4.5), (2.999, 3.5), (2.0, 4.0)])
def test_its_median_and_ends_are_those_that_are_given(ends):
    law = Skewed(3.0, *ends)
    assert law.value(np.array([-SCORE, 0.0, SCORE])) == pytest.approx([ends[0], 3.0, ends[1]])
    for value in (2.9995, 3.2):
        assert float(law.value(np.array(law.score(value)))) == pytest.approx(value, abs=1e-9)


def test_it_is_normal_where_both_sides_are_even():
    for high in (4.0, 4.0 + 1e-9):
        values = Skewed(3.0, 2.0, high).value(np.array([-1.0, 0.5, 3.0]))
        assert values == pytest.approx(3.0 + np.array([-1.0, 0.5, 3.0]) / SCORE, abs=1e-8)


def test_of_a_number_and_its_double_up_and_half_down_it_is_lognormal():
    values = Skewed(3.0, 1.5, 6.0).value(np.array([-2.0, 1.0]))
    assert values == pytest.approx(3.0 * 2.0 ** (np.array([-2.0, 1.0]) / SCORE))


def test_beyond_all_values_there_is_no_score():
    """That lognormal has no value at or below 0, and its mirror image none at or above 6."""
    assert Skewed(3.0, 1.5, 6.0).score(-0.1) == -math.inf
    assert Skewed(3.0, 0.0, 4.5).score(6.1) == math.inf


def test_that_of_the_inverse_has_the_inverse_quantiles():
    law = Skewed(125.0, 75.0, 375.0)
    values = 1.0 / law.inverse().value(np.array([SCORE, 0.0, -SCORE]))
    assert values == pytest.approx([75.0, 125.0, 375.0])
    # Steps of 0.0080 ± 0.0053 are even, which levels are not.
    assert abs(law.inverse().skew) < 0.01 < law.skew
