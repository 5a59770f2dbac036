"""One verdict of a training and of every time after it."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from neurograd.deployment import Judged, judge_all
from neurograd.judge.cost import Allowed, Baseline
from neurograd.judge.looks import Plan
from neurograd.judge.verdict import Verdict
from neurograd.spec import validate_spec

YES, NO, OPEN = Verdict.TOLERATED, Verdict.NOT_TOLERATED, Verdict.INCONCLUSIVE


def part(verdict, more=None):
    return SimpleNamespace(verdict=verdict, more=more)


@pytest.mark.parametrize("found", itertools.product((YES, NO, OPEN), repeat=3))
def test_one_that_is_not_tolerated_is_enough_and_all_have_to_be(found):
    expected = NO if NO in found else YES if set(found) == {YES} else OPEN
    first, *others = (part(verdict) for verdict in found)
    assert Judged(first, tuple(others)).verdict is expected


def test_a_training_of_no_steps_does_not_count():
    assert Judged(part(NO, 5), (part(YES),), counts=False).verdict is YES
    assert Judged(part(OPEN, 5), (part(YES),), counts=False).more is None


def test_more_chips_are_trained_until_each_part_is_known():
    assert Judged(part(OPEN, 5), (part(YES), part(OPEN, 5))).more == 5
    assert Judged(part(YES), (part(YES), part(OPEN, 10))).more == 10
    assert Judged(part(YES), (part(NO), part(OPEN, 10))).more is None, "the whole is known"
    assert Judged(part(OPEN, 5), (part(NO),)).more == 5, "as without a deployment"
    assert Judged(part(YES), ()).more is None


def network(correct, **more):
    correct = np.asarray(correct)
    accuracy = float(correct.mean())
    return SimpleNamespace(loss=0.1, correct=correct, test_accuracy=accuracy, **more)


def judged(costs, chips, *, targets=None, times=2):
    """Chips of 500 test samples, of which each time loses a part."""
    data = {"device": {}, "deployment": {"times": list(range(times))}, "targets": targets or {}}
    spec = validate_spec(data)
    generator = np.random.default_rng(0)
    right = np.ones(500, dtype=bool)

    def losing(part):
        wrong = right.copy()
        wrong[generator.choice(500, round(500 * part), replace=False)] = False
        return network(wrong)

    first, *later = costs
    aged = [SimpleNamespace(networks=tuple(losing(part) for part in later)) for _ in range(chips)]
    trained = [losing(first) for _ in range(chips)]
    return judge_all(
        spec,
        Baseline(2.3, 0.1),
        Allowed(0.02, 0.05, 0.95),
        [network(right)] * chips,
        trained,
        aged,
        Plan(2, 8, 4),
    )


def test_each_time_is_held_against_its_own_target():
    found = judged((0.0, 0.01, 0.06), 8, targets={"max_accuracy_drop_deployed": 0.1})
    assert [part.verdict for part in found.deployment] == [YES, YES]
    assert [part.allowed for part in found.deployment] == [0.1, 0.1]
    assert found.training.allowed == 0.02
    assert found.verdict is YES
    strict = judged((0.0, 0.01, 0.06), 8)
    assert strict.deployment[1].verdict is NO
    assert strict.training.verdict is YES
    assert strict.verdict is NO


def test_costs_are_those_against_the_clean_twin():
    found = judged((0.01, 0.05, 0.2), 4)
    assert found.training.cost.value == pytest.approx(0.01)
    assert [part.cost.value for part in found.deployment] == pytest.approx([0.05, 0.2])


def test_a_verdict_that_is_known_stays_when_more_chips_come():
    """Chips that another part asked for are no further look at this one."""
    few, many = judged((0.0, 0.2, 0.2), 2), judged((0.0, 0.2, 0.2), 8)
    for one, other in zip(
        (few.training, *few.deployment), (many.training, *many.deployment), strict=True
    ):
        assert one.verdict is other.verdict
        assert [look.chips for look in other.looks] == [2]
