"""Numbers that harm on either side of their present value: both limits, the nearer one first."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.limit import Limit
from neurograd.pipeline.limits.limits_report import limit_result
from neurograd.pipeline.limits.outlook import PredictedCost
from neurograd.pipeline.limits.search import FULL, QUICK, find_limit

ALLOWED = 0.02
COSTS = {Verdict.TOLERATED: 0.0, Verdict.INCONCLUSIVE: ALLOWED, Verdict.NOT_TOLERATED: 0.1}


def _knob(label, now, harmful, low, high, **more):
    return Knob("k", label, now, harmful, low, high, lambda value: {"k": value}, **more)


LEVELS = _knob("levels", 40, -1, 2, 10**6, whole=True, either=True)
RANGE = _knob("weight range", 1.0, 1, 1e-6, 1e6, either=True)
NOISE = _knob("noise", 0.05, 1, 0.0, 1.0, unit="%", first=0.005)


def _verdict(value: float, steps: list[tuple[float, Verdict]]) -> Verdict:
    """That of the last step which begins at or below a value."""
    return next(verdict for begin, verdict in reversed(steps) if value >= begin)


def _search(knob, steps, budget=FULL):
    seen = []

    def predict(value: float) -> PredictedCost:
        seen.append(value)
        cost = COSTS[_verdict(value, steps)]
        ends = (cost - 0.005, cost + 0.005)
        return PredictedCost(
            cost, ends, _verdict(value, steps), ALLOWED, 0.9, 0.9 - cost, "accuracy_drop", True
        )

    now = predict(knob.now)
    found = find_limit(knob, now, predict, budget)
    return found, len(seen) - 1


KEPT, OPEN, LOST = Verdict.TOLERATED, Verdict.INCONCLUSIVE, Verdict.NOT_TOLERATED


@pytest.mark.parametrize(
    ("knob", "steps", "budget", "said"),
    [
        (LEVELS, [(0, LOST), (12, KEPT), (61, LOST)], FULL,
         "levels: now 40, tolerated up to 60, lost from 61; tolerated from 12, lost from 11 down"),
        (LEVELS, [(0, LOST), (12, KEPT), (46, LOST)], QUICK,
         "levels: now 40, tolerated up to 45, lost from 46; tolerated from 12, lost from 10 down"),
        (RANGE, [(0, LOST), (0.6, KEPT), (3, LOST)], FULL,
         "weight range: now 1, tolerated from 0.621, lost from 0.595 down; "
         "tolerated up to 2.95, lost from 3.08"),
        (NOISE, [(0, LOST), (0.03, KEPT), (0.08, LOST)], FULL,
         "noise: now 5 %, tolerated from 3.1 %, lost from 2.97 % down; tolerated up to 7.71 %, "
         "lost from 8.05 % (the cost does not rise throughout)"),
        (NOISE, [(0, LOST), (0.03, KEPT)], FULL,
         "noise: now 5 %, tolerated from 3.1 %, lost from 2.97 % down "
         "(the cost does not rise throughout)"),
        (NOISE, [(0, LOST), (0.08, KEPT)], FULL,
         "noise: now 5 %, tolerated from 8.05 %, lost from 7.71 % down "
         "(the cost does not rise throughout)"),
        # What is lost is no less so where nothing is decided beyond it.
        (NOISE, [(0, KEPT), (0.03, LOST), (0.07, OPEN)], FULL,
         "noise: now 5 %, tolerated up to 2.99 %, lost from 3 % "
         "(the cost does not rise throughout)"),
        (LEVELS, [(0, LOST), (20, KEPT), (35, OPEN)], FULL,
         "levels: now 40, tolerated up to 34, not known to be lost up to 10240; "
         "lost from 19 down"),
    ],
)  # fmt: skip
def test_both_limits_are_said_and_the_nearer_one_first(knob, steps, budget, said):
    """Red where 'tolerated from 12' stands beside 48, 57 and 80 that were tried and lost."""
    found, _ = _search(knob, steps, budget)
    assert found.sentence() == said


def test_the_other_limit_is_in_the_record():
    found, _ = _search(LEVELS, [(0, LOST), (12, KEPT), (46, LOST)], QUICK)
    result = limit_result(found, None)
    assert (result.upper, result.inside.value, result.outside.value) == (True, 45, 46)
    other = result.opposite
    assert (other.upper, other.inside.value, other.outside.value) == (False, 12, 10)
    one, _ = _search(LEVELS, [(0, LOST), (12, KEPT)], QUICK)
    assert limit_result(one, None).opposite is None


def _walk(found: Limit, way: int) -> list[tuple[float, Verdict]]:
    """The values that were tried on one side of the present one, the nearest first."""
    tried = [(each.value, each.estimate.verdict) for each in found.tried]
    past = [each for each in tried if (each[0] - found.knob.now) * way > 0]
    return sorted(past, reverse=way < 0)


def _change(found: Limit, way: int) -> tuple[float, float] | None:
    """The last value before 'tolerated' ends or begins on one side, and the first one after it."""
    here, last = found.now.verdict is KEPT, found.knob.now
    for value, verdict in _walk(found, way):
        if (verdict is KEPT) != here:
            return last, value
        last = value
    return None


@pytest.mark.parametrize("budget", [FULL, QUICK])
@pytest.mark.parametrize("knob", [LEVELS, RANGE, NOISE])
def test_no_value_that_was_tried_contradicts_what_is_said(knob, budget):
    draw = np.random.default_rng(7)
    for _ in range(150):
        begins = sorted(knob.now * 4.0 ** draw.uniform(-3, 3, size=4))
        verdicts = draw.choice([KEPT, OPEN, LOST], size=5)
        steps = list(zip([0.0, *begins], map(Verdict, verdicts), strict=True))
        found, count = _search(knob, steps, budget)
        assert count <= budget.most
        limits = [found, *([] if found.opposite is None else [found.opposite])]
        here = found.now.verdict is KEPT
        ways = (knob.harmful, -knob.harmful)  # of two as far away the expected one is first
        changes = filter(None, (_change(found, way) for way in ways))
        by_distance = sorted(changes, key=lambda ends: abs(ends[1] - knob.now))
        kept = [each.inside.value for each in limits if each.inside is not None]
        known = [before if here else after for before, after in by_distance]
        # Of what is not tolerated now the nearer limit may be one of 'lost'.
        assert (kept if here else sorted(kept)) == (known if here else sorted(known))


@pytest.mark.parametrize(("rise", "most"), [(0.1, 0.55), (0.0, None)])
def test_a_verdict_that_chance_turns_at_the_present_cost_is_no_limit(rise, most):
    """All but the present value is 'not tolerated', at costs within its interval or beyond it."""

    def predict(value: float) -> PredictedCost:
        cost = 0.03 + rise * value
        verdict = OPEN if 0.045 < value < 0.06 else LOST
        ends = (cost - 0.05, cost + 0.05)
        return PredictedCost(cost, ends, verdict, ALLOWED, 0.9, 0.9 - cost, "accuracy_drop", True)

    found = find_limit(NOISE, predict(0.05), predict, FULL)
    assert "so few chips do not decide it" in found.sentence()
    assert found.opposite is None
    if most is None:
        assert (found.status, found.outside) == ("undecided", None)
        return
    assert most < found.outside.value < 1.1 * most
    assert "% down" not in found.sentence()
