"""Guides that are not begun."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from neurograd.errors import OutputError
from neurograd.explain.variants import variants
from neurograd.judge.cost import Judgement
from neurograd.judge.verdict import Bounds, Cost, Verdict
from neurograd.pipeline import mitigating
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import Checking
from neurograd.pipeline.pool import Inline
from neurograd.records.training import PredictedNetwork
from neurograd.spec import validate_spec
from neurograd.training.keyed_rule import UnstableKeyError

SAMPLES = 100
SPEC = {
    "device": {"conductance": {"levels": 32}, "write": {"cycle_to_cycle": "5 %"}},
    "network": {"hidden": [3]},
    "task": {"name": "digits", "train_samples": 20, "test_samples": SAMPLES},
    # Its forecasts take every update for itself.
    "learning_rule": {"batch_size": 4, "write_each": "sample"},
    "training": {"seeds": 4, "max_seeds": 4, "steps": 10},
}


def _network(wrong: int, *, drawn: bool = False, thrown: bool = False) -> PredictedNetwork:
    return PredictedNetwork(
        loss=0.1,
        test_accuracy=1 - wrong / SAMPLES,
        correct="0" * wrong + "1" * (SAMPLES - wrong),
        diverged=False,
        gradients=1,
        drawn=drawn,
        thrown=thrown,
    )


def _submit(name, work, *arguments):
    done: Future = Future()
    done.set_result(work(*arguments))
    return done


class _Stages(SimpleNamespace):
    """Counts what is predicted, and which way."""

    def predicted_variant(self, variant, index, every_update):
        self.predicted.append(variant.name)
        self.ways.add((index, every_update))
        return _network(1, drawn=every_update, thrown=self.variants_thrown and not index)

    def predicted_change(self, name, settings, index, every_update):
        if self.refused is not None:
            raise self.refused
        self.tried_ways.add((index, every_update))
        return _network(1, drawn=every_update)


@pytest.fixture(scope="module")
def made():
    spec = validate_spec(SPEC)
    problem = build_problem(spec)
    return spec, problem, build_chip(spec, problem)


def _stages(made, *, variants_thrown=False, refused=None):
    spec, problem, chip = made
    return _Stages(
        spec=spec, problem=problem, chip=chip, steps=10, predicted=[], ways=set(),
        tried_ways=set(), variants_thrown=variants_thrown, refused=refused,
    )  # fmt: skip


def _guide(made, lost, *, asked=False, drawn=(), thrown=(), stages=None):
    stages = stages or _stages(made)
    spec, problem = stages.spec, stages.problem
    cost = Cost(0.4, (0.35, 0.45), 0.95)
    judged = Judgement(
        Verdict.NOT_TOLERATED, "accuracy_drop", cost, Bounds(0.35, 0.45, 0.95), cost, 0.02, True
    )
    chips = [
        _network(wrong, drawn=k in (*drawn, *thrown), thrown=k in thrown)
        for k, wrong in enumerate(lost)
    ]
    networks = [_network(0), *chips]
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


@pytest.mark.parametrize("drawn", [(), (0, 1, 2, 3), (2,)])
def test_what_a_chip_is_compared_with_is_predicted_as_the_chip_was(made, drawn):
    spec, problem, chip = made
    whole = spec.model_copy(update={"learning_rule": type(spec.learning_rule)()})
    stages = _stages((whole, problem, chip))  # batches have no trials
    _guide(made, (40, 41, 39, 40), drawn=drawn, stages=stages)
    assert stages.ways == stages.tried_ways == {(index, index in drawn) for index in range(4)}


def test_chips_that_are_drawn_take_the_work_of_their_updates(made, monkeypatch):
    spec, problem, chip = made
    words = mitigating.chip_in_words(spec, problem)
    costs = {"small_batches": 1.0, "whole_set": 1.0, "every_update": 7.0}
    monkeypatch.setattr(mitigating, "forecast_passes", lambda *asked: costs[asked[3]])
    monkeypatch.setattr(mitigating, "known_way", lambda *asked: ("small_batches", None))
    path, drawn, half = (
        mitigating.guide_work(spec, problem, chip, words, 4, drawn=count).forecast
        for count in (0, 4, 2)
    )
    assert (path, drawn, half) == (1.0, 7.0, 4.0)


def test_paths_and_drawn_updates_that_are_mixed_are_said(made):
    lost, end = (40, 41, 39, 40), "paths are thrown off, and only their updates are drawn."
    assert end in _guide(made, lost, thrown=(1,))[0].advice[-1]
    assert all(end not in said for said in _guide(made, lost, thrown=range(4))[0].advice)
    said = _guide(made, lost, stages=_stages(made, variants_thrown=True))[0].advice[-1]
    assert said.startswith("Costs in this guide are predicted along paths")
    assert said.endswith(end)


def test_a_variant_or_a_change_that_is_drawn_is_kept_beside_that_of_its_path(tmp_path):
    spec = validate_spec({**SPEC, "learning_rule": {}})
    checking = Checking(spec, "cpu", False, resume=tmp_path)
    stages = checking.stages(Inline())
    effects = mitigating.active_effects(spec, checking.problem)
    variant = variants(effects)[0]
    key = {"device.write.cycle_to_cycle": "1 %"}
    for path, drawn in (
        (stages.predicted_variant(variant, 0), stages.predicted_variant(variant, 0, True)),
        (stages.predicted_change("a", key, 0), stages.predicted_change("a", key, 0, True)),
    ):
        assert (path.drawn, drawn.drawn) == (False, True)
        assert path.loss != drawn.loss


def test_damage_that_chance_leaves_open_by_more_than_the_method_is_not_shared_out(made):
    """Chips that lost from 14 to 51 of 100: a drop, but of whatever size."""
    guide, predicted = _guide(made, (51, 14, 32, 40))
    assert predicted == []
    (line,) = guide.advice
    assert "no damage is certain enough in it" in line
    assert line.endswith("More chips (training.seeds) or more test samples make it more certain.")


def test_changes_that_a_rule_refuses_are_no_advice_and_all_else_ends_the_guide(made):
    """Red where a full disk is taken for a change that a chip cannot have."""
    spec, problem, chip = made
    whole = spec.model_copy(update={"learning_rule": type(spec.learning_rule)()})
    parts, lost = (whole, problem, chip), (40, 41, 39, 40)  # batches have no trials
    refused = _stages(parts, refused=UnstableKeyError("the relaxation diverges"))
    guide, _ = _guide(made, lost, stages=refused)
    assert guide.tried == ()
    full = _stages(parts, refused=OutputError("kept: cannot be written (No space left on device)"))
    with pytest.raises(OutputError, match="No space left"):
        _guide(made, lost, stages=full)
