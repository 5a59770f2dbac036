"""The predicted verdict: judged as training is, with the error of the prediction on top."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from experiments.support.forecasts.tuned_error import tuned_error
from experiments.support.record import RESULTS
from neurograd.explain.guide import certain_damage
from neurograd.forecast.bursts import PathCheck
from neurograd.forecast.regimes import Regime
from neurograd.judge.cost import Allowed, Baseline, judge_chips
from neurograd.judge.forecasts import (
    judge_aged_forecasts,
    judge_forecasts,
    looked_at,
    twins_of,
)
from neurograd.judge.looks import Plan
from neurograd.judge.prediction_error import (
    LOSS_ERROR,
    MODEL_ERROR,
    SMALL_COST,
    arm_with_error,
    ends_with_error,
    error_of_prediction,
    is_known,
    sign_known,
    widened,
)
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Cost, Verdict
from tests.neurograd.judge.networks import LOST, Judged, right

BASELINE = Baseline(loss=2.3, accuracy=0.1)
ALLOWED = Allowed(accuracy_drop=0.25, excess_loss=0.1, confidence=0.95)


def _in_squares(value, ends, extra):
    """An interval by chance whose arms have another error added in squares."""
    below, above = (math.sqrt((end - value) ** 2 + extra**2) for end in ends)
    return value - below, value + above


def test_the_interval_is_wider_by_the_error_of_the_prediction_in_squares():
    """Red where the two errors are added as they are: the interval is then too wide."""
    clean = right(700, 1000)
    chips = [right(k, 1000, loss=k / 1000) for k in (390, 400, 410)]
    plain = judge_chips(BASELINE, ALLOWED, clean, chips)
    found = judge_forecasts(BASELINE, ALLOWED, clean, chips)
    extra = MODEL_ERROR * (plain.cost.value * (1.0 - plain.cost.value) + SMALL_COST)
    assert found.judgement.cost.value == plain.cost.value
    wide = _in_squares(plain.cost.value, plain.cost.ci, extra)
    assert found.judgement.cost.ci == pytest.approx(wide)
    loss = plain.excess_loss
    wider = _in_squares(loss.value, loss.ci, LOSS_ERROR * loss.value)
    assert found.judgement.excess_loss.ci == pytest.approx(wider)
    ends = _in_squares(plain.cost.value, (plain.bounds.lower, plain.bounds.upper), extra)
    assert (found.judgement.bounds.lower, found.judgement.bounds.upper) == pytest.approx(ends)
    assert (found.clean_loss, found.chip_loss) == (0.1, pytest.approx(0.4))
    assert (found.clean_accuracy, found.chip_accuracy) == (0.7, pytest.approx(0.4))
    assert (found.diverged, found.gradients) == (0, 28)


def test_a_forecast_stays_in_what_is_possible():
    """91 % and what chance leaves would be more than the 93 % that there are, or may be."""
    found = judge_forecasts(BASELINE, ALLOWED, right(93), [right(2), right(7)]).judgement
    low, high = proportion_interval(93, 100)
    assert found.cost.ci[1] == found.bounds.upper == pytest.approx(high)
    assert found.cost.ci[0] >= low - 1


def test_the_verdict_is_that_of_the_wider_interval():
    clean, chips = right(900, 1000), [right(675, 1000), right(677, 1000), right(676, 1000)]
    limit = Allowed(accuracy_drop=0.26, excess_loss=0.1, confidence=0.95)
    assert judge_chips(BASELINE, limit, clean, chips).verdict is Verdict.TOLERATED
    found = judge_forecasts(BASELINE, limit, clean, chips)
    assert found.judgement.verdict is Verdict.INCONCLUSIVE


AFTER = Allowed(accuracy_drop=0.1, excess_loss=0.1, confidence=0.95)


def _chips(*counts):
    return [right(count, 1000) for count in counts]


def _aged(trains, chips, **times):
    """Chips after a training, and at times after that."""
    clean = right(900, 1000)
    trained = judge_forecasts(BASELINE, ALLOWED, clean, _chips(*chips))
    aged = {float(t[1:]): _chips(*found) for t, found in times.items()}
    return judge_aged_forecasts(trained, BASELINE, AFTER, clean, aged, trains=trains)


def test_the_worst_time_after_a_training_decides():
    found = _aged(True, (895, 897, 899), _0=(880, 882, 884), _86400=(100, 101, 102))
    soon, late = found.deployment
    plain = judge_chips(BASELINE, AFTER, right(900, 1000), _chips(100, 101, 102))
    extra = error_of_prediction(plain.cost.value, MODEL_ERROR, 1.0)
    lower, _ = _in_squares(plain.cost.value, (plain.bounds.lower, plain.bounds.upper), extra)
    assert late.judgement.bounds.lower == pytest.approx(lower)
    assert late.accuracy == pytest.approx(0.101)
    parts = (found.judgement.verdict, soon.judgement.verdict, late.judgement.verdict)
    assert parts == (Verdict.TOLERATED, Verdict.TOLERATED, Verdict.NOT_TOLERATED)
    assert found.verdict is Verdict.NOT_TOLERATED
    assert found.deciding == (late.judgement, 86400.0, late.accuracy)


def test_what_is_furthest_above_its_own_limit_decides():
    """After training 25 % may be lost, at a time after it 10 %."""
    found = _aged(True, (600, 601, 602), _0=(770, 771, 772))
    assert found.deciding[1] is None
    assert found.judgement.cost.value - 0.25 > found.deployment[0].judgement.cost.value - 0.1
    assert _aged(True, (680, 681, 682), _0=(750, 751, 752)).deciding[1] == 0.0


def test_a_part_with_the_verdict_s_own_answer_decides():
    """Training: 60 % of chips alike, where 25 may be lost; then 53 % on average, where 10 may."""
    found = _aged(True, (299, 300, 301), _0=(895, 5, 200))
    late = found.deployment[0].judgement
    parts = (found.judgement.verdict, late.verdict)
    assert parts == (Verdict.NOT_TOLERATED, Verdict.INCONCLUSIVE)
    assert found.judgement.cost.value - 0.25 < late.cost.value - 0.1
    assert found.deciding[:2] == (found.judgement, None)


def test_without_a_training_nothing_is_predicted():
    found = _aged(False, (100, 101, 102), _0=(895, 896, 897))
    plain = judge_chips(BASELINE, AFTER, right(900, 1000), _chips(895, 896, 897))
    assert found.deployment[0].judgement.cost.ci == plain.cost.ci
    assert found.judgement.cost.value > 0.7, "which was not asked for"
    assert found.verdict is Verdict.TOLERATED
    assert found.deciding[1] == 0.0


def test_chips_that_are_predicted_to_diverge_lose_all():
    baseline = Baseline(loss=1.0, accuracy=None)
    found = judge_forecasts(baseline, ALLOWED, Judged(0.2), [LOST, LOST])
    assert found.chip_loss == math.inf
    assert found.judgement.cost.value == found.judgement.cost.ci[1] == 1
    arm = math.hypot(1 - 0.05**0.5, MODEL_ERROR * (1 + SMALL_COST))
    assert found.judgement.bounds.lower == pytest.approx(1 - arm)
    assert found.judgement.verdict is Verdict.NOT_TOLERATED
    assert found.diverged == 2
    assert found.clean_accuracy is found.chip_accuracy is None


def test_a_gain_is_as_uncertain_as_a_loss():
    arm = math.hypot(0.1, 0.7 * (0.2 + SMALL_COST))
    gain = widened(Cost(-0.2, (-0.3, -0.1), 0.95), 0.7)
    assert gain.ci == pytest.approx((-0.2 - arm, -0.2 + arm))
    endless = Cost(math.inf, (math.inf, math.inf), 0.95)
    assert widened(endless) == endless


def test_errors_add_in_squares_and_what_has_no_end_keeps_none():
    assert arm_with_error(0.3, 0.4) == pytest.approx(0.5)
    assert ends_with_error(1.0, (0.7, math.inf), 0.4) == (pytest.approx(0.5), math.inf)
    assert ends_with_error(1.0, (-math.inf, 1.3), 0.4) == (-math.inf, pytest.approx(1.5))
    assert ends_with_error(math.inf, (0.3, math.inf), 0.4) == (0.3, math.inf)
    ends = ends_with_error(math.nan, (0.3, math.nan), 0.4)
    assert ends[0] == 0.3
    assert math.isnan(ends[1])
    # 1 − (1 − 0.1) is not 0.1: nothing beside chance leaves its bounds as they are.
    assert ends_with_error(1.0, (0.1, 1.7), 0.0) == (0.1, 1.7)
    # A bound of an earlier look that the cost has passed.
    assert ends_with_error(1.0, (1.1, 1.3), 0.4) == (pytest.approx(0.6), pytest.approx(1.5))


def test_the_error_of_the_prediction_is_what_the_tuning_chips_say():
    """Red with any other number, such as 0.05: it is what the kept chips are within."""
    record = json.loads((RESULTS / "drawn_tuning.json").read_text(encoding="utf-8"))
    found = tuned_error([*record["chips"].values()])
    assert found["tuned"] == pytest.approx(MODEL_ERROR)
    kept = {key: value for key, value in record["model_error"].items() if key != "used"}
    assert {key: found[key] for key in kept} == kept


def test_a_chip_that_has_lost_all_cannot_lose_more():
    assert error_of_prediction(0.2, 0.5, small=0.0) == pytest.approx(0.1)
    assert error_of_prediction(0.2, 0.5, 0.8, 0.0) == pytest.approx(0.1 * 0.75)
    assert error_of_prediction(0.8, 0.5, 0.8, 0.0) == error_of_prediction(0.9, 0.5, 0.8, 0.0) == 0.0
    # A gain is as uncertain.
    assert error_of_prediction(-0.2, 0.5, 0.8, 0.0) == pytest.approx(0.1)
    assert error_of_prediction(0.2, 0.5, 0.0, 0.0) == pytest.approx(0.1)
    # Where nothing is lost, or all, what cancels may be off.
    assert error_of_prediction(0.0, 0.5) == error_of_prediction(0.8, 0.5, 0.8) == 0.5 * SMALL_COST
    assert error_of_prediction(0.2, 0.5, 0.8, 0.02) == pytest.approx(0.5 * (0.15 + 0.02))
    assert error_of_prediction(math.inf, 0.5, 0.8) == error_of_prediction(math.nan, 0.5) == 0.0


def test_an_error_of_the_prediction_changes_no_sign_but_chance_does():
    certain = widened(Cost(0.2, (0.15, 0.25), 0.95))
    extra = MODEL_ERROR * (0.2 + SMALL_COST)
    assert certain.ci[0] == pytest.approx(0.2 - math.hypot(0.05, extra))
    assert sign_known(certain)
    next_to_nothing = 0.5 * MODEL_ERROR * SMALL_COST
    assert not sign_known(widened(Cost(next_to_nothing, (0.9 * next_to_nothing, 0.01), 0.95)))
    assert sign_known(widened(Cost(-0.2, (-0.25, -0.15), 0.95)))
    assert not sign_known(widened(Cost(0.2, (-0.01, 0.41), 0.95)))
    assert sign_known(Cost(math.inf, (math.inf, math.inf), 0.95))
    assert not sign_known(Cost(math.nan, (math.nan, math.nan), 0.95))


def test_a_sign_without_an_interval_of_chance_is_known_beyond_the_predictions_error():
    """An interval as a record keeps it, of which the prediction's error is taken off both arms."""
    for sign in (1.0, -1.0):
        for low in (0.01, -0.01):
            ends = sorted((sign * low, sign * 0.4))
            wide = widened(Cost(sign * 0.2, tuple(ends), 0.95))
            assert sign_known(replace(wide, chance=None)) is sign_known(wide) is (low > 0)
    # Of 0.2, chance may leave 0.14 open.
    for low, known in ((0.061, True), (0.059, False)):
        wide = widened(Cost(0.2, (low, 0.4), 0.95))
        assert is_known(replace(wide, chance=None)) is is_known(wide) is known
    assert not sign_known(Cost(0.2, (-math.inf, math.inf), 0.95))


LOST_BUT_JUDGED = right(0, 1000, loss=2.3)


def test_chips_that_were_trained_before_are_not_lost_where_they_lose_some_of_it():
    """Of a start at 0.05 the twin learns 0.01, a chip loses 0.02 and one of them all there is."""
    start = Baseline(loss=0.05, accuracy=0.1, nothing=2.3)
    clean, good = right(950, 1000, loss=0.04), right(949, 1000, loss=0.041)
    mild = right(945, 1000, loss=0.06)
    assert judge_forecasts(start, ALLOWED, clean, [good, good, mild]).regime is None
    blind = Baseline(loss=0.05, accuracy=0.1)
    for some in (start, blind):
        found = judge_forecasts(some, ALLOWED, clean, [good, good, LOST_BUT_JUDGED])
        assert found.regime.name == "some_chips_lost"


def test_chips_of_which_some_learn_nothing_have_no_mean():
    """Where every chip does, or none, there is one."""
    clean, good, lost = right(950, 1000), right(945, 1000, loss=0.2), LOST_BUT_JUDGED
    found = judge_forecasts(BASELINE, ALLOWED, clean, [good, good, lost])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.regime.name, found.regime.number) == ("some_chips_lost", pytest.approx(1 / 3))
    assert found.judgement.cost.ci == found.judgement.possible
    assert "1 of 3 predicted chips" in found.regime.reason
    assert judge_forecasts(BASELINE, ALLOWED, clean, [lost] * 3).verdict is Verdict.NOT_TOLERATED
    assert judge_forecasts(BASELINE, ALLOWED, clean, [good] * 3).regime is None
    poor = right(100, 1000, loss=2.0)
    assert judge_forecasts(BASELINE, ALLOWED, clean, [lost, poor, lost]).regime is None
    known = replace(found.judgement.cost, ci=(0.1, 0.6), chance=None)
    assert certain_damage(replace(found.judgement, cost=known))
    assert not certain_damage(found.judgement)
    assert found.judgement.excess_loss.ci == (-math.inf, math.inf)
    aged = judge_aged_forecasts(found, BASELINE, AFTER, clean, {0.0: [good] * 3}, trains=True)
    assert aged.deployment[0].judgement.verdict is Verdict.INCONCLUSIVE
    placed = judge_aged_forecasts(found, BASELINE, AFTER, clean, {0.0: [good] * 3}, trains=False)
    assert (placed.regime, placed.verdict) == (None, Verdict.TOLERATED)


def test_a_path_that_real_updates_leave_says_nothing():
    clean, chips = right(950, 1000), _chips(940, 942, 944)
    found = judge_forecasts(BASELINE, ALLOWED, clean, chips)
    assert found.verdict is Verdict.TOLERATED
    assert looked_at(found, PathCheck(3, 30, (), 0.02, 0.1)).verdict is Verdict.TOLERATED
    left = looked_at(found, PathCheck(3, 30, (), 0.005, 0.1))
    assert left.verdict is Verdict.INCONCLUSIVE
    assert (left.regime.name, left.regime.number, left.regime.limit) == ("path_left", 0.005, 0.01)
    assert left.judgement.cost.ci == left.judgement.possible
    large = replace(found, regime=Regime("large_noise", "noise", 0.2, 0.1))
    assert looked_at(large, PathCheck(3, 30, (), 0.02, 0.1)).judgement == found.judgement
    left = looked_at(large, PathCheck(3, 30, (), 0.005, 0.1))
    assert (left.regime, left.judgement.cost.ci) == (large.regime, left.judgement.possible)


def test_chips_are_judged_beside_twins_of_their_own():
    """What one twin is lucky by is not the cost of all chips: red where one serves for all."""
    lucky, plain = right(960, 1000), right(900, 1000)
    chips = [right(955, 1000), right(895, 1000), replace(right(895, 1000), twin=plain)]
    clean = replace(lucky, beside=(plain,))
    assert twins_of(clean, chips) == [clean, plain, plain]
    with pytest.raises(ValueError, match="chip 3 has no clean twin"):
        twins_of(clean, [*chips[:2], chips[0]])
    found = judge_forecasts(BASELINE, ALLOWED, clean, chips)
    assert found.judgement.cost.value == pytest.approx(0.005)
    assert found.clean_accuracy == pytest.approx(0.92)
    assert found.twins == (clean, plain, plain)
    alone = judge_forecasts(BASELINE, ALLOWED, lucky, [right(955, 1000)] * 3)
    assert alone.twins == (lucky,) * 3
    assert not found.drawn
    every = [replace(chip, drawn=True, twin=plain) for chip in chips]
    assert twins_of(clean, every) == [plain] * 3
    assert judge_forecasts(BASELINE, ALLOWED, clean, every).drawn


def test_one_chip_of_which_nothing_is_known_asks_for_more():
    """Of losses as of accuracies: one chip does not say how chips differ."""
    plan = Plan(1, 20, 4)
    limit = Allowed(accuracy_drop=0.3, excess_loss=0.3, confidence=0.95)
    for clean, chip in ((Judged(0.1), Judged(0.71)), (right(900, 1000), right(610, 1000))):
        found = judge_forecasts(BASELINE, limit, clean, [chip], plan)
        assert (found.judgement.verdict, found.more) == (Verdict.INCONCLUSIVE, 2)
