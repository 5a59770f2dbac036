"""Verdicts, and intervals over chips and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neurograd.judge.verdict import Cost, Verdict, judge, mean_interval, mean_over_chips


def test_judge():
    def verdict(low, high, **options):
        options = {"chips": 5, "clean_learned": True, **options}
        return judge(Cost(0.0, (low, high), 0.95), 0.02, **options)

    assert verdict(-0.01, 0.02) is Verdict.TOLERATED
    assert verdict(0.021, 0.05) is Verdict.NOT_TOLERATED
    assert verdict(0.0, 0.05) is Verdict.INCONCLUSIVE
    assert verdict(0.0, 0.01, chips=1) is Verdict.INCONCLUSIVE
    assert verdict(0.0, 0.01, clean_learned=False) is Verdict.INCONCLUSIVE
    assert judge(Cost(math.inf, (math.inf,) * 2, 0.95), 0.02, chips=3, clean_learned=True) is (
        Verdict.NOT_TOLERATED
    )
    assert [v.exit_code for v in Verdict] == [0, 1, 3]


def test_interval_over_chips_and_samples_covers():
    """400 simulated two-way tables: a 95 % interval covers at least 92.2 % but for 1 in 200."""
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        chips, samples = generator.normal(0, 0.1, (5, 1)), generator.normal(0, 0.4, (1, 60))
        cost = mean_over_chips(chips + samples + generator.normal(0, 0.3, (5, 60)), 0.95)
        hits += cost.ci[0] <= 0 <= cost.ci[1]
    assert hits >= 369


def test_nothing_varies():
    cost = mean_over_chips(np.zeros((5, 300)), 0.95)
    assert cost.value == 0
    assert cost.ci[1] == pytest.approx(1 - 0.05 ** (1 / 300))
    assert mean_interval([0.1], 0.95).ci == (-math.inf, math.inf)
    assert mean_interval([0.1, math.inf], 0.95).value == math.inf
    low, high = mean_interval([0.1, 0.3], 0.95).ci
    assert (low + high) / 2 == pytest.approx(0.2)
    assert high - low == pytest.approx(2 * 12.706 * 0.1, rel=1e-4)
