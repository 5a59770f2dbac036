"""Values at which the clean network itself fails or gets worse: no number, no limit of a chip."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest

from neurograd.errors import DivergenceError
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.clean_twin import predict_turned, twin_notes
from neurograd.pipeline.limits.command import _search
from neurograd.pipeline.limits.confirm import Trainer
from neurograd.pipeline.limits.knobs import find_knobs
from neurograd.pipeline.limits.limits_report import limit_result
from neurograd.pipeline.limits.outlook import PredictedCost
from neurograd.pipeline.limits.search import QUICK
from neurograd.progress import Silent
from neurograd.records.limits import LimitResult
from neurograd.report.content.limits import _training
from neurograd.spec import validate_spec

DIVERGES = "training.step_size: the clean training is predicted to diverge at step size 0.15"
SPEC = validate_spec(
    {
        "device": {"write": {"cycle_to_cycle": "3 %"}},
        "network": {"hidden": [4]},
        "task": {"name": "digits", "train_samples": 100, "test_samples": 50},
        "learning_rule": {"batch_size": 32},
        "training": {"steps": 26, "step_size": 0.15, "seeds": 2, "max_seeds": 2},
        "targets": {"max_accuracy_drop": 0.02},
    }
)
(BATCHES,) = (each for each in find_knobs(SPEC, 100) if each.label == "batch size")
NOW = PredictedCost(
    0.01, (0.0, 0.015), Verdict.TOLERATED, 0.02, 0.9, 0.89, "accuracy_drop", clean_learned=True
)
LOST = replace(NOW, cost=0.3, ci=(0.2, 0.4), verdict=Verdict.NOT_TOLERATED)


class _Stub:
    """Predicts by batch size alone."""

    def __init__(self, of_size):
        self.of_size = of_size

    def predict(self, spec, tick=None):
        return self.of_size(spec.learning_rule.batch_size)

    def problem(self, spec):
        return None  # whose losses nobody asks for where there are accuracies


def _diverging(below, size):
    if size < below:
        raise DivergenceError(f"{DIVERGES}\n")
    return NOW


def test_a_search_goes_on_where_the_clean_training_diverges():
    """Red where all limits are lost with it."""
    limit = _search(SPEC, BATCHES, NOW, _Stub(partial(_diverging, 8)), QUICK, lambda done: None)
    assert (limit.inside.value, limit.outside) == (8, None)
    assert limit.sentence() == (
        "batch size: now 32, tolerated from 8, not known to be lost down to 1"
    )
    unknown = [each.estimate for each in limit.tried if each.value < 8]
    assert {(each.verdict, each.cost, each.problem) for each in unknown} == {
        (Verdict.INCONCLUSIVE, math.inf, DIVERGES)
    }
    result = limit_result(limit, None)
    assert LimitResult.model_validate(result.model_dump(mode="json")) == result
    everything = [each.estimate for each in limit.tried]
    (note,) = twin_notes(everything)
    assert note == (
        f"{len(unknown)} of {len(everything)} values that were tried are not decided, whatever "
        f"chips lose there ({DIVERGES})."
    )
    assert twin_notes([NOW, LOST]) == []


def test_what_costs_the_clean_network_more_than_a_chip_may_lose_is_not_tolerated():
    """Red where a value counts as tolerated with which next to nothing is left to lose."""
    poor = {16: replace(NOW, clean_accuracy=0.6), 8: replace(LOST, clean_accuracy=0.6)}
    stub = _Stub(lambda size: poor.get(size, NOW))

    def at(size):
        turned = SPEC.model_copy(
            update={"learning_rule": SPEC.learning_rule.model_copy(update={"batch_size": size})}
        )
        return predict_turned(stub, SPEC, turned, NOW)

    assert at(32) is NOW
    assert at(8) is poor[8], "what is lost is lost"
    assert at(16) == replace(
        poor[16],
        verdict=Verdict.INCONCLUSIVE,
        problem="the clean network gets worse itself: test accuracy 60.0 % in place of 90.0 %",
    )


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_a_clean_training_that_diverges_at_a_limit_confirms_nothing(monkeypatch, side):
    stub = _Stub(lambda size: NOW if size >= 8 else LOST)
    limit = _search(SPEC, BATCHES, NOW, stub, QUICK, lambda done: None)
    bad = getattr(limit, side).value
    good = {"inside": LOST, "outside": NOW}[side]

    def beside(trainer, spec, data, *, quick):
        if spec.learning_rule.batch_size == bad:
            raise DivergenceError(DIVERGES)
        found = type("Trained", (), {})()
        found.verdict = good.verdict
        found.deciding = (type("Cost", (), {"value": good.cost, "ci": good.ci, "allowed": 0.02}), 0)
        return found

    monkeypatch.setattr(Trainer, "_beside", beside)
    found = Trainer("cpu", None, Silent(), stub.problem).confirm(SPEC, limit, "data")
    trained = getattr(found, side)
    assert (trained.verdict, trained.cost, trained.problem) == ("inconclusive", math.inf, DIVERGES)
    assert found.status == "unclear"
    result = limit_result(limit, found)
    assert LimitResult.model_validate(result.model_dump(mode="json")) == result
    assert f"inconclusive, {DIVERGES}" in _training(result, 0.99)
