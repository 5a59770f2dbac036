"""What chips cost against their clean twin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neurograd.judge.cost import Allowed, Baseline, has_learned, judge_chips, lost_decrease
from neurograd.judge.looks import Plan
from neurograd.judge.networks import correct_table
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict
from tests.neurograd.judge.networks import LOST, Judged, right

ALLOWED = Allowed(accuracy_drop=0.05, excess_loss=0.1, confidence=0.95)
DIGITS = Baseline(loss=2.3, accuracy=0.1)
REGRESSION = Baseline(loss=1.0, accuracy=None)


def test_a_drop_of_accuracy_is_counted_over_chips_and_samples():
    found = judge_chips(DIGITS, ALLOWED, right(90), [right(70, loss=0.3), right(72, loss=0.5)])
    assert found.kind == "accuracy_drop"
    assert found.cost.value == pytest.approx(0.19)
    assert found.cost.ci[0] < 0.19 < found.cost.ci[1]
    assert (found.cost.confidence, found.bounds.confidence) == (0.99, 0.95)
    assert found.test_samples == 100
    assert found.allowed == 0.05
    assert found.excess_loss.value == pytest.approx(0.3)
    assert found.verdict is Verdict.NOT_TOLERATED


def test_without_classes_the_cost_is_the_part_of_the_decrease_that_is_lost():
    chips = [Judged(0.24), Judged(0.28)]
    found = judge_chips(REGRESSION, ALLOWED, Judged(0.2), chips)
    assert found.kind == "excess_loss"
    assert found.cost.value == pytest.approx(0.06 / 0.8)
    assert found.excess_loss.value == pytest.approx(0.06)
    assert found.allowed == 0.1
    same = judge_chips(REGRESSION, ALLOWED, Judged(0.2), [Judged(0.21)] * 3)
    assert same.verdict is Verdict.TOLERATED


def test_a_chip_loses_at_most_the_whole_decrease():
    """One that diverged, and one that ends above the untrained network, lose all of it."""
    chips = [Judged(0.2), LOST, Judged(1e90)]
    found = judge_chips(REGRESSION, ALLOWED, Judged(0.2), chips)
    assert found.excess_loss.value == math.inf
    assert found.cost.value == pytest.approx(2 / 3)
    assert found.cost.ci[1] == found.possible[1] == 1
    assert found.verdict is Verdict.INCONCLUSIVE
    for lost in (LOST, Judged(1.0), Judged(1e90)):
        found = judge_chips(REGRESSION, ALLOWED, Judged(0.2), [lost] * 2)
        assert found.cost.value == found.bounds.upper == 1
        # Two that lose all are a chance of 5 % where a part √0.05 of all do.
        assert found.bounds.lower == pytest.approx(0.05**0.5)
        assert found.verdict is Verdict.NOT_TOLERATED
    # Chips that diverge now and then are counted as often as they do.
    now_and_then = ([Judged(0.2)] * 3 + [LOST]) * 5
    found = judge_chips(REGRESSION, ALLOWED, Judged(0.2), now_and_then)
    assert found.cost.value == pytest.approx(0.25)
    assert found.verdict is Verdict.INCONCLUSIVE
    found = judge_chips(REGRESSION, ALLOWED, Judged(0.2), 2 * now_and_then)
    assert found.verdict is Verdict.NOT_TOLERATED


@pytest.mark.parametrize(
    ("baseline", "clean", "learned"),
    [
        (DIGITS, right(15), False),
        (DIGITS, right(16), True),
        # Beyond a chance of 1/2 half of what is left is enough.
        (Baseline(0.7, 0.6), right(80), False),
        (Baseline(0.7, 0.6), right(81), True),
        (REGRESSION, Judged(0.9), False),
        (REGRESSION, Judged(0.89), True),
        (REGRESSION, Judged(math.inf), False),
    ],
)
def test_a_clean_network_has_learned_or_nothing_is_decided(baseline, clean, learned):
    found = judge_chips(baseline, ALLOWED, clean, [clean, clean])
    assert found.clean_learned is learned
    if not learned:
        assert found.verdict is Verdict.INCONCLUSIVE


def test_one_chip_decides_nothing():
    assert judge_chips(DIGITS, ALLOWED, right(90), [right(20)]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("clean", [1.0, 1.5, math.inf])
def test_of_a_clean_training_that_gains_nothing_there_is_no_part_to_lose(clean):
    """Not minus infinity of it, nor all of it, whatever the chips do."""
    assert lost_decrease(REGRESSION, Judged(0.25), Judged(0.4)) == pytest.approx(0.2)
    for losses in ((0.1, 0.2), (2.0, 3.0), (0.1, 1e90)):
        chips = [Judged(loss) for loss in losses]
        found = judge_chips(REGRESSION, ALLOWED, Judged(clean), chips, Plan(2, 9, 2))
        assert found.verdict is Verdict.INCONCLUSIVE
        assert not found.clean_learned
        numbers = (found.cost.value, *found.cost.ci, found.bounds.lower, found.bounds.upper)
        assert all(map(math.isnan, numbers))
        assert (found.more, found.needed_chips) == (None, None)


def test_one_clean_twin_that_gains_nothing_is_enough_to_decide_nothing():
    """In the mean the twins have learned, and a chip better than that twin would have no cost."""
    twins = [Judged(0.1), Judged(1.2), Judged(0.1), Judged(0.1)]
    found = judge_chips(REGRESSION, ALLOWED, twins, [Judged(0.1)] * 4)
    assert (found.verdict, found.clean_learned) == (Verdict.INCONCLUSIVE, False)
    twins[1] = Judged(0.99)
    assert judge_chips(REGRESSION, ALLOWED, twins, [Judged(0.1)] * 4).clean_learned


def test_tables_have_one_row_a_network():
    table = correct_table([right(1, 3), right(2, 3)])
    assert table.dtype == float
    np.testing.assert_array_equal(table, [[1, 0, 0], [1, 1, 0]])
    with pytest.raises(ValueError, match="allowed"):
        correct_table([right(1, 3), Judged(0.1)])


def test_pairs_are_compared_with_their_own_twin():
    """Batches that move chip and twin alike are no cost, and no spread."""
    twins = [right(k, 200, loss=0.01 * k) for k in (150, 160, 170, 180)]
    same = judge_chips(DIGITS, ALLOWED, twins, twins)
    assert same.cost.value == 0
    assert same.verdict is Verdict.TOLERATED
    assert same.excess_loss.ci == (0.0, 0.0)
    turned = judge_chips(DIGITS, ALLOWED, twins, twins[::-1])
    assert turned.cost.value == pytest.approx(0)
    assert turned.verdict is Verdict.INCONCLUSIVE
    with pytest.raises(ValueError, match="allowed: one of each"):
        judge_chips(DIGITS, ALLOWED, twins[:2], twins)


def test_pairs_of_regressions_lose_a_part_of_their_own_decrease():
    found = judge_chips(REGRESSION, ALLOWED, [Judged(0.2), Judged(0.6)], [Judged(0.3), Judged(0.7)])
    assert found.cost.value == pytest.approx(0.5 * (0.1 / 0.8 + 0.1 / 0.4))
    assert found.excess_loss.value == pytest.approx(0.1)


def test_costs_stay_in_what_is_possible():
    """A chip that gets nearly all wrong cannot lose more than the clean network may have."""
    found = judge_chips(DIGITS, ALLOWED, right(90), [right(2), right(7)])
    low, high = proportion_interval(90, 100)
    assert found.possible == pytest.approx((low - 1, high))
    assert found.cost.ci[1] == found.bounds.upper == pytest.approx(high)
    whole = judge_chips(DIGITS, ALLOWED, right(100), [right(2), right(7)])
    assert (whole.possible[1], whole.cost.ci[1]) == (1.0, 1.0)


def test_chips_that_lose_all_lose_what_a_clean_network_has_on_other_test_samples():
    """The accuracy that is lost is known from 200 samples, as is every other cost.

    Of 2,000 intervals at 99 % 1.7 % miss at most, by chance in less than 1 of 1,000 sets of them.
    Bounds at the accuracy that is seen miss in half of the cases. Seed 1.
    """
    generator, true = np.random.default_rng(1), 0.8
    chips = [Judged(math.inf, np.zeros(200, dtype=bool), diverged=True)] * 3
    above = below = 0
    for _ in range(2000):
        clean = Judged(0.1, generator.random(200) < true)
        low, high = judge_chips(DIGITS, ALLOWED, clean, chips).cost.ci
        above, below = above + (low > true), below + (high < true)
    assert above + below <= 0.017 * 2000
    assert below > 0


def test_chips_that_all_diverge_do_not_say_that_every_chip_does():
    """Of three a part 0.05^(1/3) at 95 %, beside what test samples leave open."""
    diverged = Judged(math.inf, np.zeros(100, dtype=bool), diverged=True)
    some = judge_chips(DIGITS, ALLOWED, right(90), [diverged] * 3)
    poor = judge_chips(DIGITS, ALLOWED, right(90), [right(0, loss=9.0)] * 3)
    assert some.cost.value == poor.cost.value
    assert some.bounds.upper == poor.bounds.upper
    assert some.bounds.lower == pytest.approx(0.05 ** (1 / 3) * poor.bounds.lower)
    assert some.verdict is Verdict.NOT_TOLERATED
    mixed = judge_chips(DIGITS, ALLOWED, right(90), [diverged, diverged, right(0, loss=9.0)])
    assert mixed.bounds == poor.bounds


def _spread(*losses: float) -> list[Judged]:
    """Chips whose cost is so many percent."""
    return [Judged(0.2 + 0.008 * loss) for loss in losses]


def test_more_chips_are_asked_for_until_they_decide():
    plan, clean = Plan(3, 9, 3), Judged(0.2)
    first = judge_chips(REGRESSION, ALLOWED, clean, _spread(6, 9, 8), plan)
    assert (first.verdict, first.more) == (Verdict.INCONCLUSIVE, 5)
    second = judge_chips(REGRESSION, ALLOWED, clean, _spread(6, 9, 8, 7, 7), plan)
    assert (second.verdict, second.more) == (Verdict.TOLERATED, None)
    assert [look.chips for look in second.looks] == [3, 5]
    assert second.looks[0] == first.looks[0]
    assert second.bounds.upper == second.looks[1].upper
    # The same chips, looked at once, have closer bounds.
    once = judge_chips(REGRESSION, ALLOWED, clean, _spread(6, 9, 8, 7, 7))
    assert once.bounds.upper < second.bounds.upper


def test_no_more_chips_are_asked_for_in_vain():
    """Chips that are all alike: only more test samples can decide, and it is said how many."""
    chips = [right(146, 160)] * 4
    found = judge_chips(DIGITS, ALLOWED, right(152, 160), chips, Plan(4, 20, 4))
    assert (found.verdict, found.more) == (Verdict.INCONCLUSIVE, None)
    assert found.needed_chips is None
    enough = found.needed_samples
    assert enough is not None
    scale = round(1.1 * enough / 160)
    many = [right(146 * scale, 160 * scale)] * 4
    clean = right(152 * scale, 160 * scale)
    assert judge_chips(DIGITS, ALLOWED, clean, many).verdict is Verdict.TOLERATED
    fewer = round(0.5 * enough / 160)
    clean = right(152 * fewer, 160 * fewer)
    few = judge_chips(DIGITS, ALLOWED, clean, [right(146 * fewer, 160 * fewer)] * 4)
    assert few.verdict is Verdict.INCONCLUSIVE


def test_the_plan_ends():
    plan, clean = Plan(3, 6, 2), Judged(0.2)
    found = judge_chips(REGRESSION, ALLOWED, clean, _spread(2, 18, 10, 4, 15, 9), plan)
    assert (found.verdict, found.more) == (Verdict.INCONCLUSIVE, None)
    assert found.needed_samples is None
    assert found.needed_chips is not None
    assert found.needed_chips > 6


def test_a_single_chip_asks_for_a_second_one():
    assert judge_chips(REGRESSION, ALLOWED, Judged(0.2), _spread(1), Plan(1, 5, 2)).more == 2
    assert judge_chips(REGRESSION, ALLOWED, Judged(0.2), _spread(1), Plan(1, 1, 4)).more is None


def test_what_has_not_learned_asks_for_no_chips():
    found = judge_chips(REGRESSION, ALLOWED, Judged(0.95), _spread(1, 30), Plan(2, 9, 2))
    assert (found.verdict, found.more) == (Verdict.INCONCLUSIVE, None)


@pytest.mark.parametrize("start", [1.0, -1.0])
def test_a_tenth_of_the_first_loss_is_learned_whatever_its_sign(start):
    """A loss of one's own may begin below 0: 0.9 times it is above it."""
    baseline = Baseline(start, None)
    assert has_learned(baseline, [Judged(start - 0.11)])
    assert not has_learned(baseline, [Judged(start - 0.09)])
