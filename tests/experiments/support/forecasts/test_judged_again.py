"""Rows of kept forecasts: their verdict and interval are those that the forecast itself has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from experiments.support.forecasts.judged_again import has_bounds, judged_again, side_of
from neurograd.errors import NeurogradError
from neurograd.forecast.regimes import Regime
from neurograd.judge.cost import Allowed, Baseline, judge_chips
from neurograd.judge.forecasts import judge_forecasts
from neurograd.output import to_json
from neurograd.pipeline.forecasting import in_regime
from tests.neurograd.judge.networks import right

BASELINE = Baseline(loss=2.3, accuracy=0.1)
COUNTS = (820, 841, 835, 852, 829)


def _allowed(limit):
    return Allowed(accuracy_drop=limit, excess_loss=0.1, confidence=0.95)


def _forecast(limit, counts=COUNTS, chips=None):
    """A forecast of chips beside a twin that is right for 900 of 1,000 samples, and its row."""
    clean, chips = right(900, 1000), chips or [right(count, 1000) for count in counts]
    found = judge_forecasts(BASELINE, _allowed(limit), clean, chips)
    chance = judge_chips(BASELINE, _allowed(limit), found.twins, chips)
    return found, {"predicted": side_of(found, chance)}


def _same(row, judged):
    """Whether a judged row says what a judgement says, from a record as well."""
    for each in (row, json.loads(to_json(row))):
        told = judged_again(each)["predicted"]
        assert told["verdict"] == judged.verdict.value
        assert told["ci"] == pytest.approx(judged.cost.ci, rel=1e-12)
        assert told["drop"] == judged.cost.value


def test_a_row_is_judged_by_the_one_sided_bounds_of_the_forecast():
    """Red where the two-sided interval at 99 % is held against the limit: it reaches over it."""
    found, _ = _forecast(0.25)
    judged = found.judgement
    for end, outer in ((judged.bounds.upper, judged.cost.ci[1]), (judged.bounds.lower, None)):
        limit = 0.5 * (end + outer) if outer else 0.5 * (end + judged.cost.ci[0])
        at_limit, row = _forecast(limit)
        assert at_limit.judgement.verdict.value == ("tolerated" if outer else "not tolerated")
        _same(row, at_limit.judgement)
    between, row = _forecast(judged.cost.value)
    assert between.judgement.verdict.value == "inconclusive"
    _same(row, between.judgement)


def test_chips_whose_every_update_was_drawn_have_no_error_of_the_prediction():
    twin = right(898, 1000)
    chips = [replace(right(count, 1000), drawn=True, twin=twin) for count in COUNTS]
    found, row = _forecast(0.25, chips=chips)
    assert row["predicted"]["drawn"]
    _same(row, found.judgement)
    assert judged_again(row, 0.9) == judged_again(row, 0.1)


@pytest.mark.parametrize("way", ["whole_set", "every_update"])
def test_a_path_in_a_regime_decides_nothing(way):
    found, row = _forecast(0.5)
    found = in_regime(found, way, Regime("path_thrown", "", 1.0, 0.0))
    kept = {**row["predicted"], "way": way, "regime": "path_thrown"}
    _same({"predicted": kept}, found.judgement)
    assert (found.judgement.verdict.value == "tolerated") is (way == "every_update")


def test_all_is_possible_where_some_chips_are_lost():
    chips = [right(870, 1000), right(868, 1000), right(100, 1000, loss=2.29)]
    found, row = _forecast(0.5, chips=chips)
    assert row["predicted"]["regime"] == "some_chips_lost"
    _same(row, found.judgement)


def test_a_row_is_judged_with_the_error_that_is_given():
    _, row = _forecast(0.1)
    narrow, wide = (judged_again(row, error)["predicted"] for error in (0.0, 0.9))
    assert (narrow["verdict"], wide["verdict"]) == ("tolerated", "inconclusive")
    assert narrow["ci"] == list(row["predicted"]["by_chance"]["cost"]["ci"])
    assert wide["ci"][0] < narrow["ci"][0]
    assert wide["ci"][1] > narrow["ci"][1]


def test_rows_of_older_records_are_refused_in_one_line():
    old = {"predicted": {"drop": 0.04, "plain_ci": [0.03, 0.05], "most": 0.4}, "trained": {}}
    assert not has_bounds(old)
    with pytest.raises(NeurogradError, match=r"no bounds of its forecast; allowed: records of"):
        judged_again(old)
