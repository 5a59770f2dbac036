"""What chips cost against their clean twin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neurograd.judge.cost import Allowed, Baseline, judge_chips, loss_decrease
from neurograd.judge.networks import correct_table
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
    assert found.cost.confidence == 0.95
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


def test_a_chip_that_diverged_costs_everything():
    found = judge_chips(REGRESSION, ALLOWED, Judged(0.2), [Judged(0.2), LOST])
    assert found.cost.value == found.excess_loss.value == math.inf
    assert found.cost.ci == (math.inf, math.inf)
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


def test_a_clean_training_that_gains_nothing_has_a_decrease_above_0():
    assert loss_decrease(REGRESSION, Judged(1.5)) > 0
    assert loss_decrease(REGRESSION, Judged(0.25)) == 0.75


def test_tables_have_one_row_a_network():
    table = correct_table([right(1, 3), right(2, 3)])
    assert table.dtype == float
    np.testing.assert_array_equal(table, [[1, 0, 0], [1, 1, 0]])
    with pytest.raises(ValueError, match="allowed"):
        correct_table([right(1, 3), Judged(0.1)])
