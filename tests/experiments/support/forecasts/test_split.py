"""What a forecast may be off: the split of the chips, and the bound on one half of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.support.forecasts.claims import rank_interval, ratio_interval
from experiments.support.forecasts.split import (
    GRID,
    judged_again,
    missed,
    split,
    tuned,
    unexplained,
)


def _row(predicted, trained, half=0.0):
    def side(drop):
        return {"drop": drop, "ci": None if drop is None else [drop - half, drop + half]}

    forecast = side(predicted)
    return {"predicted": {**forecast, "plain_ci": forecast["ci"]}, "trained": side(trained)}


def test_the_halves_share_no_chip_and_the_order_of_names_does_not_matter():
    names = [f"chip {k}" for k in range(63)]
    tuning, judging = split(names)
    assert (len(tuning), len(judging)) == (32, 31)
    assert set(tuning) | set(judging) == set(names)
    assert split(names[::-1]) == (tuning, judging)
    assert split(names, seed=1) != (tuning, judging)


def test_what_the_intervals_do_not_explain_is_relative_to_the_prediction():
    assert unexplained(_row(0.4, 0.1)) == pytest.approx(0.75)
    assert unexplained(_row(0.4, 0.1, half=0.1)) == pytest.approx((0.3 - math.sqrt(0.02)) / 0.4)
    assert unexplained(_row(0.4, 0.3, half=0.1)) == 0.0
    assert unexplained(_row(None, None)) == 0.0
    assert unexplained(_row(None, 0.2)) == unexplained(_row(0.0, 0.2)) == math.inf


def test_the_bound_is_the_conformal_one():
    """Red with a quantile of the tuning chips alone, which the 31st of 32 would be."""
    rows = [_row(1.0, 1.0 - 0.01 * k) for k in range(1, 33)]
    assert tuned(rows) == pytest.approx(0.35)
    assert tuned(rows[:18]) == math.inf
    assert tuned(rows[:19]) == pytest.approx(0.2)
    assert missed(rows, 0.305) == 2


def test_a_new_chip_is_beyond_the_bound_as_rarely_as_is_said():
    """Errors without a mean: 4,000 splits, 99 % interval of a rate of at most 1/33."""
    generator = np.random.default_rng(5)
    errors = np.abs(generator.standard_cauchy((4000, 33)))
    beyond = 0
    for mine in errors:
        rows = [_row(1.0, 1.0 + error) for error in mine]
        beyond += missed(rows[32:], tuned(rows[:32]))
    rate = 1 / 33
    assert beyond / 4000 <= rate + 2.58 * math.sqrt(rate * (1 - rate) / 4000)
    # Multiples of GRID round up: not by more than a few of these errors.
    assert beyond / 4000 > 0.5 * rate
    assert GRID == 0.05


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.2, "tolerated"), (0.3, "inconclusive"), (0.9, "inconclusive")]
)
def test_a_row_is_judged_with_the_error_of_the_prediction(error, verdict):
    row = judged_again(_row(0.04, 0.04), 0.05, error)
    assert row["predicted"]["verdict"] == verdict
    assert row["predicted"]["ci"] == pytest.approx([0.04 * (1 - error), 0.04 * (1 + error)])
    assert judged_again(_row(0.06, 0.0), 0.05, 0.1)["predicted"]["verdict"] == "not tolerated"
    assert judged_again(_row(None, 0.0), 0.05)["predicted"]["verdict"] == "not tolerated"


def test_intervals_of_a_rank_correlation_and_of_a_ratio_cover_as_said():
    """2,000 draws each; covered in 98.3 to 99.6 % (99.9 % interval of 99 %)."""
    generator = np.random.default_rng(2)
    held = [0, 0]
    for _ in range(2000):
        below = generator.gamma(20.0, size=60)
        above = 0.1 * below * generator.gamma(50.0, 0.02, size=60)
        low, high = ratio_interval(above.tolist(), below.tolist())
        held[0] += low <= 0.1 <= high
        shared = generator.standard_normal((2, 60))
        pair = shared[0], 0.8 * shared[0] + 0.6 * shared[1]
        ranks = [np.argsort(np.argsort(each)) for each in pair]
        found = float(np.corrcoef(*ranks)[0, 1])
        low, high = rank_interval(found, 60)
        # Spearman's of a Gaussian pair with correlation 0.8.
        held[1] += low <= 6 / math.pi * math.asin(0.4) <= high
    assert all(0.983 <= each / 2000 <= 0.996 for each in held), held
    assert rank_interval(0.9, 3) == (-1.0, 1.0)
