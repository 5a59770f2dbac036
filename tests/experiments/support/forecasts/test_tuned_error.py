"""What a forecast may be off: what chance does not explain, and the bound on a new chip."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.support.forecasts.claims import rank_interval, ratio_interval
from experiments.support.forecasts.drawn_claims import holds, holds_same_samples
from experiments.support.forecasts.tuned_error import GRID, followed, tuned, unexplained
from neurograd.judge.prediction_error import SMALL_COST, ends_with_error, error_of_prediction


def _row(predicted, trained, half=0.0, error=0.0, kind="excess_loss"):
    ends = [None, None] if predicted is None else [predicted - half, predicted + half]
    return {
        "kind": kind,
        "predicted": {"value": predicted, "over_chips": ends, "way": "whole_set"},
        "trained": {"value": trained, "error": error, "chips": 8},
    }


def test_what_chance_does_not_explain_is_in_units_of_a_full_error():
    small = SMALL_COST
    assert unexplained(_row(0.4, 0.1)) == pytest.approx(0.3 / (0.4 + small))
    own = 0.1 / 2.3646  # t of 7 degrees of freedom at 95 %
    off = unexplained(_row(0.4, 0.1, half=0.1, error=own))
    assert off == pytest.approx(math.sqrt(0.3**2 - 0.02) / (0.4 + small), rel=1e-4)
    assert unexplained(_row(0.4, 0.31, half=0.1)) == 0.0
    assert unexplained(_row(None, None)) == 0.0
    assert unexplained(_row(None, 0.2)) == math.inf
    assert unexplained(_row(0.0, 0.2)) == pytest.approx(0.2 / small)
    # Of an accuracy what is lost may be off by what is left.
    off = unexplained(_row(0.8, 0.76, kind="accuracy_drop"))
    assert off == pytest.approx(0.04 / (0.8 * 0.2 + small))


def test_a_row_holds_exactly_up_to_what_chance_does_not_explain():
    """Red where one of both adds errors otherwise: the tuned bound would then not be conformal."""
    row = _row(0.4, 0.1, half=0.1, error=0.1 / 2.3646)
    least = unexplained(row)
    for error, held in ((1.001 * least, True), (0.999 * least, False)):
        predicted = {**row["predicted"], "error": error}
        assert holds_same_samples({**row, "predicted": predicted}) is held
        # Other test samples make an interval wider that scores on the same ones do not ask for.
        extra = error_of_prediction(predicted["value"], error)
        ends = ends_with_error(predicted["value"], (0.2, 0.6), extra)
        assert holds({**row, "predicted": {**predicted, "ci": ends}})


def test_an_interval_of_all_that_is_possible_holds_whatever_chips_say():
    predicted = {"value": 0.4, "over_chips": [0.4, 0.4], "error": 0.1, "ci": [0.0, 0.9]}
    row = {**_row(0.4, 0.1), "predicted": {**predicted, "way": "whole_set"}}
    assert not holds_same_samples(row)
    assert holds_same_samples({**row, "predicted": {**row["predicted"], "regime": "path_left"}})
    assert not holds_same_samples({**row, "trained": {**row["trained"], "value": None}})


def test_only_paths_that_were_followed_to_an_interval_are_counted():
    rows = [_row(0.1, 0.1) for _ in range(4)]
    rows[1]["predicted"]["way"] = "every_update"
    for row, regime in zip(rows, (None, None, "path_left", "large_noise"), strict=True):
        row["predicted"]["regime"] = regime
    assert followed(rows) == [rows[0], rows[3]]


def test_the_bound_is_the_conformal_one():
    """Red with a quantile of the tuning chips alone, which the 31st of 32 would be."""
    errors = [0.01 * k for k in range(1, 33)]
    assert tuned(errors) == pytest.approx(0.35)
    assert tuned(errors[:18]) == math.inf
    assert tuned(errors[:19]) == pytest.approx(0.2)


def test_a_new_chip_is_beyond_the_bound_as_rarely_as_is_said():
    """Errors without a mean: 4,000 splits, 99 % interval of a rate of at most 1/33."""
    generator = np.random.default_rng(5)
    errors = np.abs(generator.standard_cauchy((4000, 33)))
    beyond = 0
    for mine in errors:
        beyond += mine[32] > tuned(mine[:32].tolist())
    rate = 1 / 33
    assert beyond / 4000 <= rate + 2.58 * math.sqrt(rate * (1 - rate) / 4000)
    # Multiples of GRID round up: not by more than a few of these errors.
    assert beyond / 4000 > 0.5 * rate
    assert GRID == 0.05


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
