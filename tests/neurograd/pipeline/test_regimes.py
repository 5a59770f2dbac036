"""Chips that no path of means describes are forecast as they train."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from neurograd.forecast.small_batches.path import SmallBatchPath
from neurograd.judge.forecasts import twins_of
from neurograd.judge.prediction_error import LOSS_ERROR
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.build import (
    active_effects,
    build_chip,
    build_clean_chip,
    build_problem,
)
from neurograd.pipeline.forecasting import (
    forecast,
    forecast_chips,
    forecast_plan,
    grown_forecast,
    judge_forecast,
)
from neurograd.pipeline.limits.command import path_notes
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost
from neurograd.pipeline.notes import off_path
from neurograd.pipeline.pool import Inline
from neurograd.pipeline.predicted import way
from neurograd.pipeline.predicted.network import CLEAN, forecast_network, serves, way_of_all
from neurograd.pipeline.predicted.way import forecast_way, thrown_off
from neurograd.records.cost import ForecastResult
from neurograd.records.json_form import to_json_dict
from neurograd.records.training import PredictedNetwork
from neurograd.spec import validate_spec
from neurograd.training.loop import train

CHIPS = 4

COARSE = {"device": {"pulsed": {"model": "constant", "dw_min": 0.5}}}
NOISY = {
    "device": {
        "conductance": {"weight_range": 1.5},
        "write": {"model": "linear", "cycle_to_cycle": 0.03},
    }
}
READS = {"device": {"preset": "ecram-li", "read": {"noise": 0.15}}}


def _spec(step_size, steps, **sections):
    return validate_spec(
        {
            "network": {"hidden": [16]},
            "task": {"name": "digits", "train_samples": 100, "test_samples": 200},
            "training": {"step_size": step_size, "steps": steps, "seeds": 5, "max_seeds": 5},
            "measure": {"seed": 0},
            **sections,
        }
    )


@pytest.mark.parametrize(
    ("sections", "step_size", "steps", "name"),
    [
        (COARSE, 0.5, 300, "coarse_steps"),
        (NOISY, 0.2, 200, "large_noise"),
        (READS, 0.2, 200, "strong_reads"),
    ],
)
def test_what_no_path_describes_is_right_and_says_why(sections, step_size, steps, name):
    """Logarithms of training losses of four forecast and four trained chips: Welch's t at 99 %.

    Followed as paths noisy chips end at 4 times the loss of training (p = 0.0002); few coarse chips
    and strong reads are told by their ways alone.
    """
    spec = _spec(step_size, steps, **sections)
    problem = build_problem(spec)
    predicted, trained = [], []
    for index in range(CHIPS):
        predicted.append(forecast_network(spec, problem, index).loss)
        chip = build_chip(spec, problem, index=index)
        ended = train(problem, chip, steps, 1, chip_index=index + 1, curve_points=2)
        trained.append(ended.train_loss)
    assert stats.ttest_ind(np.log(predicted), np.log(trained), equal_var=False).pvalue > 0.01
    found = forecast(spec, problem)
    assert (found.way, found.regime.name) == ("every_update", name)
    assert ForecastResult.of(found).regime.reason == found.regime.reason
    assert found.regime.reason.endswith("every update is drawn for itself, as in training")


def test_drawn_chips_are_judged_beside_drawn_twins_without_an_error_of_the_prediction():
    """Batches of the manhattan rule: each twin sees the batches of its chip."""
    spec = _spec(0.1, 40, learning_rule={"name": "manhattan", "magnitude": 0.1, "batch_size": 4})
    problem = build_problem(spec)
    chips = [forecast_network(spec, problem, index) for index in range(2)]
    assert all(chip.drawn for chip in chips)
    assert chips[0].twin.loss != chips[1].twin.loss
    assert PredictedNetwork.model_validate(to_json_dict(chips[0])) == chips[0]
    clean = forecast_network(spec, problem, CLEAN)
    found = judge_forecast(spec, problem, clean, chips)
    drops = [chip.twin.test_accuracy - chip.test_accuracy for chip in chips]
    assert found.judgement.cost.value == pytest.approx(np.mean(drops))
    excess = found.judgement.excess_loss
    assert excess.value != 0.0
    assert excess.ci == excess.chance
    path = judge_forecast(
        spec, problem, clean, [chip.model_copy(update={"drawn": False}) for chip in chips]
    ).judgement.excess_loss
    low, high = path.chance
    extra = LOSS_ERROR * abs(path.value)
    below, above = math.hypot(path.value - low, extra), math.hypot(high - path.value, extra)
    assert path.ci == pytest.approx((path.value - below, path.value + above))


def test_the_twin_of_whole_batches_is_drawn_once_and_is_that_of_training():
    spec = _spec(0.2, 60, **NOISY)
    problem = build_problem(spec)
    chips = [forecast_network(spec, problem, index) for index in range(2)]
    clean = train(problem, build_clean_chip(spec, problem), 60, 0, curve_points=2)
    assert chips[0].twin.loss == pytest.approx(clean.train_loss, rel=1e-12)
    assert chips[1].twin is None
    found = forecast(spec, problem)
    assert found.clean_loss == chips[0].twin.loss
    assert len(found.twins) == 5


def test_few_chips_follow_their_path_and_decide_nothing():
    # Noise so little above its limit that no path of a chip is lost.
    mild = {**NOISY["device"], "write": {"model": "linear", "cycle_to_cycle": 0.01}}
    spec = _spec(0.2, 60, targets={"max_accuracy_drop": "99 %"}, device=mild)
    few = spec.model_copy(update={"training": spec.training.model_copy(update={"seeds": 2})})
    problem = build_problem(few)
    found = forecast(few, problem)
    assert (found.way, found.regime.name) == ("whole_set", "large_noise")
    assert "2 chips are too few" in found.regime.reason
    networks = [forecast_network(few, problem, index) for index in (CLEAN, 0, 1)]
    plain = judge_forecast(few, problem, networks[0], networks[1:])
    assert (plain.verdict.value, found.verdict.value) == ("tolerated", "inconclusive")
    assert found.judgement.cost == plain.judgement.cost
    assert forecast_plan(few, found.way, found.regime) is None


def test_a_chip_without_an_effect_is_predicted_the_way_of_the_whole_chip():
    """What the two ways are off by would be taken for the cost of the effect."""
    spec = _spec(0.2, 20, **NOISY)
    problem = build_problem(spec)
    noise = active_effects(spec, problem)
    bare = forecast_network(spec, problem, 0, without=noise)
    assert bare.drawn
    quiet = build_chip(spec, problem, without=noise)
    assert forecast_way(spec, problem, quiet) == ("whole_set", None)


def test_the_way_of_a_chip_is_looked_at_once(monkeypatch):
    spec = _spec(0.2, 20, **READS)
    problem = build_problem(spec)
    chip, other = build_chip(spec, problem), build_chip(spec, problem)
    looked_at = []
    look = way.path_and_regime
    monkeypatch.setattr(
        way, "path_and_regime", lambda *asked: (looked_at.append(asked[1]), look(*asked))[1]
    )
    found = [forecast_way(spec, each, chip) for each in (problem, problem.replica(), problem)]
    assert found[0] == found[1] == found[2] != (None, None)
    assert [id(each) for each in looked_at] == [id(chip)]
    assert forecast_way(spec, problem, other) == found[0]
    fewer = problem.on_samples(torch.arange(50))
    forecast_way(spec, fewer, chip)
    assert [id(each) for each in looked_at] == [id(chip), id(other), id(chip)]
    first = forecast_network(spec, problem, 0, first=chip)
    assert first == forecast_network(spec, problem, 0)


@pytest.mark.parametrize("chips", [4, 5])
def test_predictions_of_few_chips_may_be_off(chips):
    spec = _spec(0.2, 60, **NOISY)
    asked = spec.training.model_copy(update={"seeds": chips})
    spec = spec.model_copy(update={"training": asked})
    said = off_path(spec, build_problem(spec))
    assert said.endswith("4 chips are too few to draw every update of" if chips == 4 else "")
    assert bool(said) is (chips == 4)


def test_limits_say_where_predictions_may_be_off():
    fine = PredictedCost(0.1, (0.0, 0.2), Verdict.TOLERATED, 0.2, None, None, "excess_loss", True)
    off = replace(fine, off_path="noise is large")
    end = ": predictions follow paths all the same, which may be off."
    assert path_notes(off, [off, fine]) == [f"With the numbers as they are noise is large{end}"]
    assert path_notes(fine, [fine, fine]) == []
    (said,) = path_notes(fine, [fine, off, off])
    assert said.startswith("At 2 of 3 values that were tried no path describes a training (noise")
    assert said.endswith(end)


def _thrown(monkeypatch, place):
    """Paths of one network rise, as soon as there is one, to four times their lowest loss."""

    def losses(path):
        return SimpleNamespace(lost=lambda steps: path._index == place)

    monkeypatch.setattr(SmallBatchPath, "losses", property(losses))


@pytest.mark.parametrize("place", [1, 3])
def test_all_chips_are_drawn_where_one_path_is_thrown_off(monkeypatch, place):
    """That of a chip, which is ideal, and of its clean twin; ``check`` finds the same."""
    spec = _spec(0.1, 150, learning_rule={"batch_size": 4})
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    assert forecast_way(spec, problem, chip) == ("small_batches", None)
    _thrown(monkeypatch, place)
    found = forecast(spec, problem)
    assert (found.way, found.regime.name) == ("every_update", "path_thrown")
    assert found.regime.number == pytest.approx(2 / 10)
    assert "2 of 10 paths" in found.regime.reason
    assert len(found.twins) == 5
    excess = found.judgement.excess_loss
    assert excess.ci == excess.chance
    real = forecast_network(spec, problem, 2, way="every_update")
    assert found.twins[2].loss == real.twin.loss

    def predicted(index, every_update):
        return Inline().submit(
            lambda: forecast_network(
                spec, problem, index, way="every_update" if every_update else None
            )
        )

    networks = [forecast_network(spec, problem, k) for k in (CLEAN, *range(5))]
    grown = grown_forecast(spec, problem, chip, networks, predicted, Inline())
    assert grown.judgement == found.judgement
    assert (grown.way, grown.regime) == (found.way, found.regime)
    assert grown.path.unchecked == "every update is drawn for itself, as in training"
    assert ForecastResult.of(grown).regime.name == "path_thrown"


def test_paths_that_are_thrown_off_beside_others_are_said(monkeypatch):
    """By ``limits`` and over ranges, which keep the others' paths."""
    spec = _spec(0.1, 150, learning_rule={"batch_size": 4})
    few = spec.model_copy(update={"training": spec.training.model_copy(update={"seeds": 2})})
    outlook = Outlook(torch.device("cpu"), None)
    assert outlook.predict(few).off_path == ""
    _thrown(monkeypatch, 1)
    found = outlook.predict(few)
    assert found.off_path == "1 of 4 paths are thrown off, and only their updates are drawn"
    (said,) = path_notes(found, [found])
    assert "1 of 4 paths" in said
    path = PredictedNetwork(
        loss=0.1, test_accuracy=None, correct=None, diverged=False, gradients=1
    )  # fmt: skip
    thrown = path.model_copy(update={"drawn": True, "thrown": True})
    drawn = path.model_copy(update={"drawn": True})
    assert thrown_off([path, path]) == thrown_off([thrown, thrown]) == ""
    assert thrown_off([path, thrown, drawn]) == ""
    assert thrown_off([thrown, path, drawn]).startswith("1 of 2 paths")


def test_few_chips_whose_path_is_thrown_off_decide_nothing(monkeypatch):
    spec = _spec(0.1, 150, learning_rule={"batch_size": 4}, targets={"max_accuracy_drop": "99 %"})
    few = spec.model_copy(update={"training": spec.training.model_copy(update={"seeds": 2})})
    problem = build_problem(few)
    path = forecast(few, problem)
    assert (path.verdict.value, path.regime) == ("tolerated", None)
    _thrown(monkeypatch, 1)
    found = forecast(few, problem)
    assert (found.way, found.verdict.value) == ("small_batches", "inconclusive")
    assert "2 chips are too few" in found.regime.reason


@pytest.mark.parametrize("batch", [1, 8])
def test_a_chip_that_is_ideal_ends_where_its_clean_twin_does(batch):
    """Paths with the same seeds: red where clean twins have others, which cost 2 % of accuracy."""
    spec = _spec(0.05, 200, learning_rule={"batch_size": batch})
    problem = build_problem(spec)
    clean = forecast_network(spec, problem, CLEAN, way="small_batches")
    chips = [forecast_network(spec, problem, index, way="small_batches") for index in range(6)]
    twins = twins_of(clean, chips)
    assert len({twin.loss for twin in twins}) == 6
    assert [chip.loss for chip in chips] == [twin.loss for twin in twins]
    assert chips[4].twin is None
    assert chips[5].twin is not None, "beyond training.seeds"
    gradients = clean.gradients - sum(twin.gradients for twin in clean.beside)
    assert gradients == chips[0].gradients


def test_clean_twins_go_the_way_of_the_chips():
    """Of trains of pulses nothing is known of single samples: what ways are off by cancels."""
    trains = {"device": {"preset": "gokmen-vlasov", "pulse_train": {"length": 31}}}
    training = {"training": {"step_size": 0.1, "steps": 2000, "seeds": 2, "max_seeds": 2}}
    spec = _spec(0.1, 2000, learning_rule={"batch_size": 8}, **trains)
    spec = spec.model_copy(update={"training": validate_spec(training).training})
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    assert forecast_way(spec, problem, chip)[0] == "whole_set" == way_of_all(spec, problem)
    assert forecast_way(spec, problem, build_clean_chip(spec, problem))[0] == "small_batches"
    clean = forecast_network(spec, problem, CLEAN)
    assert clean.way == "whole_set"
    assert serves(spec, problem, clean, "whole_set")
    assert not serves(spec, problem, clean, "small_batches")
    more = spec.training.model_copy(update={"seeds": 3})
    assert not serves(spec.model_copy(update={"training": more}), problem, clean, "whole_set")


def test_drawn_chips_are_in_no_regime_of_paths_that_are_thrown():
    """Their clean twin follows a path, which decides nothing."""
    twin = forecast_network(*_manhattan(), CLEAN).model_copy(update={"thrown": True})
    spec, problem = _manhattan()
    found, networks = forecast_chips(spec, problem, clean=twin)
    assert (found.way, found.regime) == ("every_update", None)
    assert all(network.drawn for network in networks[1:])


def _manhattan():
    rule = {"name": "manhattan", "magnitude": 0.1, "batch_size": 4}
    spec = _spec(0.1, 100, learning_rule=rule)
    return spec, build_problem(spec)


def test_without_an_effect_chips_go_the_way_of_the_whole_chip():
    """Coarse steps are drawn, and so is the chip without them: red by its own way, a path."""
    spec = _spec(0.5, 60, **COARSE)
    problem = build_problem(spec)
    without = active_effects(spec, problem)
    whole, rest = build_chip(spec, problem), build_chip(spec, problem, without=without)
    ways = [forecast_way(spec, problem, chip)[0] for chip in (whole, rest)]
    assert ways == ["every_update", "whole_set"]
    _, networks = forecast_chips(spec, problem, without=without)
    assert all(chip.drawn for chip in networks[1:])
