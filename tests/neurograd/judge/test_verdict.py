"""Verdicts, and intervals over chips and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neurograd.judge.bounds import MeanOverChips, MeanOverTable
from neurograd.judge.verdict import (
    Bounds,
    Cost,
    Verdict,
    judge,
    mean_interval,
    mean_over_chips,
)


def test_judge():
    def verdict(low, high, **options):
        options = {"chips": 5, "clean_learned": True, **options}
        return judge(Bounds(low, high, 0.95), 0.02, **options)

    assert verdict(-0.01, 0.02) is Verdict.TOLERATED
    assert verdict(0.021, 0.05) is Verdict.NOT_TOLERATED
    assert verdict(0.0, 0.05) is Verdict.INCONCLUSIVE
    assert verdict(0.0, 0.01, chips=1) is Verdict.INCONCLUSIVE
    assert verdict(0.0, 0.01, clean_learned=False) is Verdict.INCONCLUSIVE
    assert verdict(math.inf, math.inf) is Verdict.NOT_TOLERATED
    assert [v.exit_code for v in Verdict] == [0, 1, 3]


def test_nothing_varies():
    """No event among n samples leaves a rate near -log(error)/n at least."""
    cost = mean_over_chips(np.zeros((5, 300)), 0.95)
    assert cost.value == 0
    assert -math.log(0.025) / 300 < cost.ci[1] < 2 * -math.log(0.025) / 300
    assert mean_interval([0.1], 0.95).ci == (-math.inf, math.inf)
    assert mean_interval([0.1, math.inf], 0.95).value == math.inf
    low, high = mean_interval([0.1, 0.3], 0.95).ci
    assert (low + high) / 2 == pytest.approx(0.2)
    assert high - low == pytest.approx(2 * 12.706 * 0.1, rel=1e-4)


def test_a_bound_is_the_end_of_a_two_sided_interval_of_twice_the_error():
    values = (0.1, 0.2, 0.25)
    mean = MeanOverChips.of(values)
    bounds = mean.bound(0.05, -1), mean.bound(0.05, 1)
    assert mean_interval(values, 0.90).ci == pytest.approx(bounds)


def test_ends_are_cut_to_what_is_possible():
    assert Cost(0.9, (0.6, 1.1), 0.95).within(-0.1, 0.93).ci == (0.6, 0.93)
    assert Bounds(-0.4, 0.1, 0.95).within(-0.1, 0.9) == Bounds(-0.1, 0.1, 0.95)


def test_entries_beyond_one_have_an_interval_in_their_own_units():
    generator = np.random.default_rng(0)
    table = generator.integers(-1, 2, (4, 80)).astype(float)
    cost, double = mean_over_chips(table, 0.95), mean_over_chips(2 * table, 0.95)
    assert double.ci == pytest.approx((2 * cost.ci[0], 2 * cost.ci[1]), rel=1e-9)
    # Also where all that is beyond one is negative.
    least = -np.abs(table)
    cost, double = mean_over_chips(least, 0.95), mean_over_chips(2 * least, 0.95)
    assert double.ci == pytest.approx((2 * cost.ci[0], 2 * cost.ci[1]), rel=1e-9)


def test_one_table_by_hand():
    """Two chips, four samples: mean squares of rows, columns and the rest from their definition."""
    table = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, -1.0]])
    mean = MeanOverTable.of(table)
    assert mean.value == 0.25
    # Rows have means 0.25 and 0.25, columns 1, 0.5, 0 and -0.5.
    columns, rest = 2 * 1.25 / 3, (3.5 - 2.5) / 3
    assert mean.rows == 0
    assert mean.columns == pytest.approx((columns - rest) / 8)
    assert (mean.positive, mean.negative, mean.square) == (0.375, 0.125, 0.5)
    everything = MeanOverTable.of(np.ones((2, 4)))
    assert everything.bound(0.05, 1) == 1
    assert 0 < everything.bound(0.05, -1) < 1
    assert MeanOverTable.of(np.ones((1, 4))).bound(0.05, -1) == -1
