"""Theorem 2.2's quantity; its expectation is held against networks with the initialization."""

import pytest

from neurograd import theory


def test_variance_impact_per_parameter_scales_the_white_term():
    assert theory.variance_impact_per_parameter(12.0, 8) == 1.5
    term = theory.white_variance_term(0.7, 12.0, 8, 0.3)
    assert term == pytest.approx(0.5 * 0.7 * 0.3**2 * 1.5)
