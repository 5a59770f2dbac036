"""Values between those of a search: where they go, and what of a limit they may change."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.curve import midpoint, next_value
from neurograd.pipeline.limits.outlook import PredictedCost
from neurograd.pipeline.limits.search import FULL, QUICK, find_limit

KNOB = Knob("k", "noise", 0.01, 1, 0.0, 1.0, lambda value: {"k": value}, "%")
BITS = replace(KNOB, now=None, harmful=-1, low=2, high=16, whole=True, unit="bits", scale="linear")


def _predicted(cost, allowed=0.02):
    verdict = Verdict.TOLERATED if cost <= allowed else Verdict.NOT_TOLERATED
    return PredictedCost(cost, (cost, cost), verdict, allowed, 0.9, 0.9, "accuracy_drop", True)


def _curve(costs):
    return {value: _predicted(cost) for value, cost in costs.items()}


def test_the_longest_piece_is_halved_by_height_as_well_as_by_breadth():
    """Red where only the distance of values counts, or only that of costs."""
    steep = _curve({0.01: 0.0, 0.02: 0.001, 0.04: 0.7, 0.08: 0.7})
    assert next_value(KNOB, steep, 4.0) == pytest.approx(0.0283)
    wide = _curve({0.01: 0.0, 0.02: 0.001, 0.5: 0.001, 1.0: 0.0})
    assert next_value(KNOB, wide, 4.0) == pytest.approx(0.1)


def test_short_pieces_and_neighbours_stay_as_they_are():
    fine = _curve({0.01 * 1.3**k: 0.001 * k for k in range(9)})
    assert next_value(KNOB, fine, 4.0) is None
    assert next_value(BITS, _curve({2: 0.8, 3: 0.0}), 4.0) is None
    assert next_value(BITS, _curve({2: 0.8, 3: 0.0, 9: 0.0}), 4.0) == 6
    assert next_value(KNOB, _curve({0.01: 0.0}), 4.0) is None


def test_0_on_a_logarithmic_scale_and_what_is_infinite_are_no_pieces():
    beside = {**_curve({0.0: 0.9, 0.01: 0.0}), math.inf: _predicted(0.5)}
    assert next_value(KNOB, beside, 4.0) is None
    lost = {0.01: _predicted(0.0), 0.04: _predicted(math.inf)}
    assert next_value(KNOB, lost, 4.0) == 0.02


def test_the_middle_is_that_of_the_scale():
    assert midpoint(KNOB, 0.01, 0.04, 4.0) == 0.02
    assert midpoint(KNOB, 0.0, 0.04, 4.0) == 0.01
    assert midpoint(BITS, 2, 9, 4.0) == 6
    assert midpoint(BITS, 2, 3, 4.0) is None


@pytest.mark.parametrize("budget", [FULL, QUICK])
def test_gaps_of_a_search_are_filled_and_cost_no_more_than_is_planned(budget):
    def found(most):
        seen = []

        def predict(value):
            seen.append(value)
            return _predicted(0.9 / (1 + (0.1 / value) ** 3))

        now = _predicted(0.9 / (1 + 10**3))
        return find_limit(KNOB, now, predict, replace(budget, between=most)), seen

    bare, before = found(0)
    filled, after = found(budget.between)
    assert set(before) < set(after)
    assert len(after) <= len(before) + budget.between
    assert [tried.value for tried in filled.tried] == sorted({*after, KNOB.now})
    assert (filled.inside, filled.outside) == (bare.inside, bare.outside)

    def widest(limit):
        ends = [math.asinh(tried.estimate.cost / 0.02) for tried in limit.tried]
        return max(abs(one - other) for one, other in pairwise(ends))

    assert widest(filled) < widest(bare)


def test_a_value_between_that_is_lost_ends_what_is_called_tolerated():
    """Red where A stays the value at which the scan ended."""

    def predict(value):
        if 0.3 < value < 0.35 or value > 0.9:
            return _predicted(0.5)
        return _predicted(0.02 if value > 0.6 else 0.0)

    scanned = find_limit(KNOB, _predicted(0.0), predict, replace(FULL, between=0))
    assert scanned.inside.value > 0.6
    found = find_limit(KNOB, _predicted(0.0), predict, replace(FULL, between=20))
    assert 0.16 <= found.inside.value <= 0.3 < found.outside.value < 0.35
    assert not found.monotone


def test_an_ideal_number_that_alone_is_tolerated_is_its_own_limit():
    """Red where a limit has neither of its two numbers, for which reports have no words."""
    now = _predicted(0.0)
    unsure = replace(_predicted(0.019), verdict=Verdict.INCONCLUSIVE)
    found = find_limit(BITS, now, lambda value: unsure, QUICK)
    assert found.status == "limit"
    assert (found.inside.value, found.inside.estimate) == (math.inf, now)
    assert found.outside is None
    assert found.sentence() == (
        "noise: now ideal, tolerated as it is, not known to be lost down to 2 bits"
    )


def test_what_was_tried_in_no_direction_is_said_without_a_value():
    start = replace(_predicted(0.019), verdict=Verdict.INCONCLUSIVE)
    knob = replace(KNOB, now=0.0, first=0.005)
    rising = find_limit(knob, start, lambda value: _predicted(0.021 + value), QUICK)
    assert rising.sentence() == (
        f"noise: now 0 %, not known to be tolerated, lost from {knob.show(rising.outside.value)}"
    )
