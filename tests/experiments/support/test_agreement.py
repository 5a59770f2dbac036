"""Agreement of predictions and measurements."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.support.agreement import compare

SIZES = [1e-8, -1e-6, 1e-4, -1e-2]


def test_equal_numbers_agree():
    found = compare(SIZES, SIZES)
    assert (found.count, found.same_sign) == (4, 4)
    assert found.decades == pytest.approx(6)
    assert found.slope == pytest.approx(1)
    assert found.r_squared == pytest.approx(1)
    assert found.ratio_range == pytest.approx((1, 1))


def test_a_factor_moves_the_ratio_and_a_power_the_slope():
    assert compare(SIZES, [1.5 * p for p in SIZES]).ratio == pytest.approx(1.5)
    assert compare(SIZES, [1.5 * p for p in SIZES]).slope == pytest.approx(1)
    assert compare([1, 10, 100], [1, 100, 10000]).slope == pytest.approx(2)


def test_other_signs_are_counted_and_left_out():
    found = compare([*SIZES, 1e-3], [*SIZES, -1e-3])
    assert (found.count, found.same_sign) == (5, 4)
    assert found.ratio == pytest.approx(1)


def test_intervals_hold_the_truth():
    """300 times 40 pairs with 5 % of normal error: at least 288 of the 99 % intervals hold 1."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        p = 10 ** generator.uniform(-8, -2, 40)
        found = compare(p.tolist(), (p * np.exp(0.05 * generator.standard_normal(40))).tolist())
        held += found.slope_ci[0] <= 1 <= found.slope_ci[1]
        assert found.slope_ci[1] - found.slope_ci[0] < 0.05
    assert 288 <= held < 300


@pytest.mark.parametrize(
    ("predicted", "measured", "message"),
    [
        ([1, 2], [1], "2 predictions and 1 measurements"),
        ([1, 2, 3], [1, -2, 3], "2 pairs"),
        ([2, 2, 2], [1, 2, 3], "different sizes"),
    ],
)
def test_refuses(predicted, measured, message):
    with pytest.raises(ValueError, match=message):
        compare(predicted, measured)
