"""More predicted chips where they are likely to decide, and only there."""

from __future__ import annotations

import numpy as np

from neurograd.judge.cost import Allowed, Baseline
from neurograd.judge.forecasts import judge_forecasts
from neurograd.judge.looks import Plan
from neurograd.judge.prediction_error import MODEL_ERROR
from neurograd.judge.verdict import Verdict
from tests.neurograd.judge.networks import right

BASELINE = Baseline(loss=2.3, accuracy=0.1)
PLAN = Plan(3, 24, 3)
CLEAN = right(9000, 10000)


def _chips(count, mean, spread):
    """Chips that lose some of the 9,000 samples, as far apart as ``spread``."""
    lost = mean + spread * np.random.default_rng(0).standard_normal(count)
    return [right(9000 - round(k), 10000) for k in lost]


def _found(limit, chips, plan=PLAN):
    allowed = Allowed(accuracy_drop=limit, excess_loss=0.1, confidence=0.95)
    return judge_forecasts(BASELINE, allowed, CLEAN, chips, plan)


def test_chips_that_are_too_few_ask_for_the_next_look():
    """1 % lost of 3 % allowed, which may be off by 0.4 %; chips are 0.8 % apart."""
    found = _found(0.03, _chips(3, 100, 80))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.chips, found.more) == (3, PLAN.sizes[1])
    later = _found(0.03, _chips(24, 100, 80))
    assert later.verdict is Verdict.TOLERATED
    assert (later.chips, later.more) == (24, None)


def test_no_more_chips_where_the_error_of_the_prediction_leaves_it_open():
    """2 % lost; 2.4 % are inside of what the prediction may be off by."""
    chips = _chips(3, 200, 1)
    limit = 0.02 * (1 + 0.5 * MODEL_ERROR)
    found = _found(limit, chips)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.more is None


def test_without_a_plan_chips_are_looked_at_once():
    assert _found(0.03, _chips(3, 100, 80), plan=None).more is None
