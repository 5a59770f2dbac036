"""Two groups of chips: the answer, its bounds and how often they err."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neurograd.judge.difference import (
    Answer,
    Terms,
    compare_chips,
    compare_intervals,
    same_chips,
)
from neurograd.judge.looks import Plan
from neurograd.judge.verdict import Cost
from tests.neurograd.judge.networks import LOST, Judged, right
from tests.neurograd.judge.simulation import Losses, Tables

TERMS = Terms("accuracy_drop", 0.02, 0.95, start_loss=2.3, clean_loss=0.1, learned=True)
LOSSES = replace(TERMS, kind="excess_loss", margin=0.05)
PLAN = Plan(3, 12, 3)


def _group(*counts):
    return [right(count) for count in counts]


def test_exit_codes():
    assert [answer.exit_code for answer in Answer] == [0, 1, 3]


def test_a_clear_difference_has_its_sign_and_its_size():
    good, bad = _group(90, 91, 90, 89), _group(60, 62, 59, 61)
    worse = compare_chips(TERMS, good, bad)
    assert worse.answer is Answer.WORSE
    assert worse.cost.value == pytest.approx(0.295)
    assert 0 < worse.bounds.lower < 0.295 < worse.bounds.upper
    better = compare_chips(TERMS, bad, good)
    assert better.answer is Answer.NOT_WORSE
    assert better.cost.value == pytest.approx(-0.295)
    assert better.bounds.upper < 0


def test_between_the_bounds_nothing_is_told_and_what_would_tell_is_named():
    a, b = _group(90, 88, 91), _group(89, 90, 86)
    found = compare_chips(TERMS, a, b, Plan(3, 100, 5))
    assert found.answer is Answer.NOT_TOLD_APART
    assert found.bounds.lower < 0
    assert found.bounds.upper > 0.02
    assert found.more == 7
    assert found.needed_samples > 100


def test_the_margin_decides_what_is_not_worse():
    a = _group(*[90] * 6)
    wide = compare_chips(replace(TERMS, margin=0.2), a, _group(90, 89, 90, 91, 90, 90))
    assert wide.answer is Answer.NOT_WORSE
    narrow = compare_chips(replace(TERMS, margin=0.0), a, _group(90, 89, 90, 91, 90, 90))
    assert narrow.answer is Answer.NOT_TOLD_APART


def test_one_chip_or_a_clean_network_that_learned_nothing_tells_nothing():
    assert compare_chips(TERMS, _group(90), _group(10)).answer is Answer.NOT_TOLD_APART
    unlearned = replace(TERMS, learned=False)
    found = compare_chips(unlearned, _group(90, 90, 90), _group(10, 11, 10), Plan(3, 9, 3))
    assert (found.answer, found.more) == (Answer.NOT_TOLD_APART, None)
    with pytest.raises(ValueError, match="as many of each"):
        compare_chips(TERMS, _group(90), _group(90, 91))


def test_the_same_chips_differ_by_nothing():
    found = same_chips(TERMS, _group(90, 80))
    assert (found.answer, found.cost.value, found.bounds.upper) == (Answer.NOT_WORSE, 0.0, 0.0)


def test_losses_are_parts_of_the_first_group_s_decrease():
    """Losses of 0.32 and 0.54 lose 10 % and 20 % of the decrease from 2.3 to 0.1."""
    a, b = [Judged(0.32)] * 3, [Judged(0.54), Judged(0.53), Judged(0.55)]
    found = compare_chips(LOSSES, a, b)
    assert found.cost.value == pytest.approx(0.1)
    assert found.answer is Answer.WORSE
    assert compare_chips(LOSSES, a, [LOST] * 3).cost.value == pytest.approx(0.9)


@pytest.mark.parametrize("terms", [TERMS, LOSSES], ids=["accuracy", "loss"])
def test_pairs_that_have_all_lost_all_are_not_told_apart(terms):
    """In 5 % of cases two pairs do so if a part of 0.22 of all does; the rest may differ by all."""
    wrong = None if terms is LOSSES else np.zeros(100, dtype=bool)
    lost = [replace(LOST, correct=wrong)] * 2
    found = compare_chips(terms, lost, lost)
    assert (found.answer, found.cost.value) == (Answer.NOT_TOLD_APART, 0.0)
    assert found.bounds.upper == -found.bounds.lower == pytest.approx(1 - math.sqrt(0.05))
    later = compare_chips(terms, lost * 6, lost * 6, Plan(3, 12, 3))
    assert later.answer is Answer.NOT_TOLD_APART
    assert later.bounds.upper < 0.3
    assert compare_chips(replace(terms, margin=0.5), lost * 6, lost * 6).answer is Answer.NOT_WORSE


@pytest.mark.parametrize("terms", [TERMS, LOSSES], ids=["accuracy", "loss"])
@pytest.mark.parametrize("chips", [2, 5])
def test_that_all_of_one_side_have_lost_all_does_not_say_that_others_would(terms, chips):
    """If ``0.05^(1/S)`` of all do, S chips of 20 times do; the rest differs by nothing."""
    part = 0.05 ** (1 / chips)
    good = _group(*[90] * chips) if terms is TERMS else [Judged(0.32)] * chips
    wrong = None if terms is LOSSES else np.zeros(100, dtype=bool)
    lost = [replace(LOST, correct=wrong)] * chips
    found, other = compare_chips(terms, good, lost), compare_chips(terms, lost, good)
    assert found.answer is Answer.WORSE
    assert 0 < found.bounds.lower <= part * 0.9 + 1e-12
    assert found.bounds.upper >= found.cost.value == pytest.approx(0.9)
    assert other.answer is Answer.NOT_WORSE
    assert -found.bounds.lower == pytest.approx(other.bounds.upper)


@pytest.mark.parametrize("chips", [2, 3, 5])
def test_lower_bounds_hold_where_most_of_the_second_chips_diverge(chips):
    """95 % of them do, others lose 5 % as the first: 2,000 groups, at 95 % at most 6.3 % are off.

    That is the nominal error and three standard errors of as many tries.
    """
    draw, true, missed = np.random.default_rng(chips), 0.95 * 0.95, 0
    for lost in draw.random((2000, chips)) < 0.95:
        second = [LOST if each else Judged(0.21) for each in lost]
        bounds = compare_chips(LOSSES, [Judged(0.21)] * chips, second).bounds
        missed += bounds.lower > true
    assert missed <= 0.063 * 2000


def test_one_pair_that_is_not_lost_is_measured():
    """Chips without a spread on one side alone are what they are."""
    good = [Judged(0.32)] * 3
    assert compare_chips(LOSSES, good, [LOST] * 3).answer is Answer.WORSE
    assert compare_chips(LOSSES, [LOST] * 3, good).answer is Answer.NOT_WORSE
    mixed = compare_chips(LOSSES, [*good, LOST], [*good, LOST])
    assert (mixed.cost.value, mixed.bounds.upper) == (0.0, 0.0)


def test_intervals_alone_add_like_independent_errors():
    """Distances 3 and 4 points from the values are 5 points from the difference."""
    a, b = Cost(0.10, (0.07, 0.14), 0.99), Cost(0.30, (0.26, 0.33), 0.99)
    found = compare_intervals(TERMS, a, b, 5)
    assert found.cost.ci == pytest.approx(
        (0.2 - math.hypot(0.04, 0.04), 0.2 + math.hypot(0.03, 0.03))
    )
    assert found.bounds.confidence == pytest.approx(0.995)
    assert (found.answer, found.paired) == (Answer.WORSE, False)
    with pytest.raises(ValueError, match="two confidences"):
        compare_intervals(TERMS, a, replace(b, confidence=0.95), 5)


def _errors(draw, terms, wrong, count=150, seed=11):
    """Part of comparisons with a wrong answer, with more pairs until there is one."""
    generator, found = np.random.default_rng(seed), 0
    for _ in range(count):
        first, second = draw(generator)
        size = PLAN.sizes[0]
        while size is not None:
            compared = compare_chips(terms, first[:size], second[:size], PLAN)
            size = compared.more
        found += compared.answer is wrong
    return found, count


def _pairs(first, second):
    def draw(generator):
        return tuple(group.networks(generator, PLAN.most)[1] for group in (first, second))

    return draw


LOSSY = Tables(200, 0.06, 0.01, 0.3, 1.0)
MORE = Tables(200, 0.08, 0.01, 0.3, 1.0)


@pytest.mark.parametrize(
    ("draw", "terms", "wrong"),
    [
        (_pairs(LOSSY, LOSSY), TERMS, Answer.WORSE),
        (_pairs(LOSSY, MORE), TERMS, Answer.NOT_WORSE),
        (_pairs(Losses(0.05, 0.5), Losses(0.05, 0.5)), LOSSES, Answer.WORSE),
    ],
    ids=["no accuracy", "accuracy at the margin", "no loss"],
)
def test_answers_err_at_most_as_often_as_they_say(draw, terms, wrong):
    """One-sided 5 %, three looks together: 150 designs, exact test at 99.9 %."""
    found, count = _errors(draw, terms, wrong)
    assert stats.binomtest(found, count, 0.05, alternative="greater").pvalue > 0.001
