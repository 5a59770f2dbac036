"""What effects add to the cost of a step, and when their parts are shares."""

from __future__ import annotations

import math

import pytest

from neurograd.measure.contributions import shares_of


@pytest.mark.parametrize("unit", [1e-20, 1e12])
def test_shares_do_not_depend_on_the_unit(unit):
    """A share of 1e-8 is one, and one of 1e-15 is rounding, however large the whole is."""
    whole, without = 0.4, [0.1, 0.4 * (1 - 1e-8), 0.4 * (1 + 1e-15)]
    found = shares_of(unit * whole, [unit * each for each in without])
    assert found == pytest.approx([0.75, 1e-8, 0.0], rel=1e-6, abs=0)


def test_parts_of_opposite_sign_and_rounding_are_no_shares():
    """Red where a share of −563 % stands beside one of 95 %."""
    assert shares_of(0.4, [0.1, 0.3]) == pytest.approx([0.75, 0.25])
    assert shares_of(-0.4, [-0.1, -0.3]) == pytest.approx([0.75, 0.25])
    assert shares_of(0.4, [0.4 * (1 + 4e-16), 0.1]) == pytest.approx([0.0, 0.75])
    assert all(math.isnan(share) for share in shares_of(0.4, [0.02, 2.65]))
    assert all(math.isnan(share) for share in shares_of(0.0, [0.1]))
