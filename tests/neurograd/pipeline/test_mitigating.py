"""Guides that are not begun."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from neurograd.judge.cost import Judgement
from neurograd.judge.verdict import Bounds, Cost, Verdict
from neurograd.pipeline import mitigating
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.records.training import PredictedNetwork
from neurograd.spec import validate_spec

SAMPLES = 100
SPEC = {
    "device": {"conductance": {"levels": 32}, "write": {"cycle_to_cycle": "5 %"}},
    "network": {"hidden": [3]},
    "task": {"name": "digits", "train_samples": 20, "test_samples": SAMPLES},
    # Its forecasts take every update for itself.
    "learning_rule": {"batch_size": 4, "write_each": "sample"},
    "training": {"seeds": 4, "max_seeds": 4, "steps": 10},
}


def _network(wrong: int) -> PredictedNetwork:
    return PredictedNetwork(
        loss=0.1,
        test_accuracy=1 - wrong / SAMPLES,
        correct="0" * wrong + "1" * (SAMPLES - wrong),
        diverged=False,
        gradients=1,
    )


def _submit(name, work, *arguments):
    done: Future = Future()
    done.set_result(work(*arguments))
    return done


class _Stages(SimpleNamespace):
    """Counts what is predicted."""

    def predicted_variant(self, variant, index):
        self.predicted.append(variant.name)
        return _network(1)

    def predicted_change(self, name, settings, index):
        return _network(1)


@pytest.fixture(scope="module")
def made():
    spec = validate_spec(SPEC)
    problem = build_problem(spec)
    return spec, problem, build_chip(spec, problem)


def _guide(made, lost, *, asked=False):
    spec, problem, chip = made
    stages = _Stages(spec=spec, problem=problem, chip=chip, steps=10, predicted=[])
    cost = Cost(0.4, (0.35, 0.45), 0.95)
    judged = Judgement(
        Verdict.NOT_TOLERATED, "accuracy_drop", cost, Bounds(0.35, 0.45, 0.95), cost, 0.02, True
    )
    networks = [_network(0), *(_network(wrong) for wrong in lost)]
    words = mitigating.chip_in_words(spec, problem)
    guide = mitigating.guide_to(words, stages, _submit, networks, judged, asked=asked)
    return guide, stages.predicted


def test_more_work_than_the_training_is_not_begun_unless_asked_for(made, monkeypatch):
    lost = (40, 41, 39, 40)
    _, predicted = _guide(made, lost)
    assert predicted  # a little work is done whatever the training costs
    monkeypatch.setattr(mitigating, "LITTLE_WORK", 0.0)
    guide, predicted = _guide(made, lost)
    assert predicted == []
    (line,) = guide.advice
    assert line == guide.not_tried
    assert line == (
        "Sharing the damage out among 4 effects takes 36 forecasts, about 18 times the work of "
        "training the chips: it was not begun (check --mitigation makes it)."
    )
    assert guide.effects == guide.tried == ()
    guide, predicted = _guide(made, lost, asked=True)
    assert predicted
    assert guide.effects


def test_costs_along_paths_that_describe_no_training_are_said_to_be_off(made, monkeypatch):
    lost = (40, 41, 39, 40)
    plain, _ = _guide(made, lost)
    monkeypatch.setattr(mitigating, "off_path", lambda spec, problem: "noise is large")
    guide, _ = _guide(made, lost)
    said = "Costs in this guide are predicted along paths, which may be off: noise is large."
    assert guide.advice == (*plain.advice, said)
    # Where nothing is shared out, no cost is told.
    monkeypatch.setattr(mitigating, "LITTLE_WORK", 0.0)
    assert said not in _guide(made, lost)[0].advice


def test_damage_that_chance_leaves_open_by_more_than_the_method_is_not_shared_out(made):
    """Chips that lost from 14 to 51 of 100: a drop, but of whatever size."""
    guide, predicted = _guide(made, (51, 14, 32, 40))
    assert predicted == []
    (line,) = guide.advice
    assert "no damage is certain enough in it" in line
    assert line.endswith("More chips (training.seeds) or more test samples make it more certain.")
