"""Changes of a design of which no cost can be predicted: said in words, and never the best ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from neurograd.judge.cost import Baseline
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.limits import clean_twin, outlook
from neurograd.pipeline.limits.design_changes import (
    DesignChange,
    PredictedChange,
    best_first,
    find_changes,
    try_change,
)
from neurograd.pipeline.limits.knobs import find_knobs, length_notes, turn
from neurograd.pipeline.limits.limits_report import change_result
from neurograd.pipeline.limits.outlook import Outlook, PredictedCost
from neurograd.records.report import LimitsReport
from neurograd.report.content.limits import remedies_sheet
from neurograd.spec import validate_spec
from neurograd.training.keyed_rule import UnstableKeyError
from tests.neurograd.pipeline.pool.specs import LIMITED

SLOWER = DesignChange("half the step size", {"training.step_size": 0.25}, "less noise")
FASTER = DesignChange("far too large a step", {"training.step_size": 20.0}, "fewer writes")


def _tried(change):
    look = Outlook(torch.device("cpu"), None)
    return try_change(LIMITED, change, look, look.predict(LIMITED))


def _rows(*changes):
    """The cells of the table of changes."""
    report = LimitsReport.model_construct(
        remedies=tuple(change_result(each) for each in changes), confidence=0.99
    )
    sheet = remedies_sheet(report)
    return sheet.cells()


@pytest.fixture(scope="module")
def slower() -> PredictedChange:
    return _tried(SLOWER)


def test_a_change_with_which_the_clean_network_learns_nothing_saves_nothing(slower):
    hopeless = _tried(FASTER)
    assert best_first([hopeless, slower]) == [slower, hopeless]
    result = change_result(hopeless)
    assert (result.saves, result.cost, result.ci, result.verdict) == (False, None, None, None)
    (good, bad) = _rows(slower, hopeless)
    assert good[-1] == SLOWER.why
    assert bad[1:4] == ["–", "–", ""]
    assert "learn nothing" in bad[-1]


def test_chips_that_cannot_compute_with_a_change_say_why(slower, monkeypatch):
    predicted = outlook.forecast_network

    def failing(spec, problem, index, **options):
        if index != outlook.CLEAN:
            raise UnstableKeyError("the relaxation diverges")
        return predicted(spec, problem, index, **options)

    monkeypatch.setattr(outlook, "forecast_network", failing)
    failed = _tried(SLOWER)
    assert failed.estimate.cost == math.inf
    assert best_first([failed, slower]) == [slower, failed]
    assert change_result(failed).saves is False
    (row,) = _rows(failed)
    assert row[1:] == ["no training", "–", "not tolerated", "the relaxation diverges"]


SHUFFLED = {
    "device": {"write": {"cycle_to_cycle": "3 %"}},
    "network": {"hidden": [4]},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 50},
    "learning_rule": {"batch_size": 8},
    "training": {"epochs": 2, "step_size": 0.1, "seeds": 2, "max_seeds": 2},
    "targets": {"max_accuracy_drop": 0.02, "max_excess_loss": 0.05},
}


@pytest.mark.parametrize(
    ("schedule", "every"), [(None, None), ({"every": "1 epoch"}, 13), ({"every": 7}, 7)]
)
def test_batches_of_another_size_are_as_many_updates(schedule, every):
    """Red where as many epochs of larger batches are fewer updates of the same step size."""
    training = {**SHUFFLED["training"], "schedule": schedule}
    spec = validate_spec({**SHUFFLED, "training": training})
    (larger,) = (each for each in find_changes(spec, 100) if "batch" in each.label)
    assert larger.label == "batches of 32, 26 steps"
    (knob,) = (each for each in find_knobs(spec, 100) if each.label == "batch size")
    changed = [with_settings(spec, larger.settings), *(turn(knob, spec, b) for b in (1, 7, 100))]
    assert [each.learning_rule.batch_size for each in changed] == [32, 1, 7, 100]
    for each in changed:
        assert each.count_updates(100) == spec.count_updates(100) == 26
        assert each.training.order == spec.training.order == "shuffled"
        if schedule is not None:
            assert each.training.schedule.every == every
    assert length_notes(spec, 100) == [
        "Batches of other sizes are tried with as many updates as now, 26, not with as many epochs."
    ]
    steps = validate_spec({**SHUFFLED, "training": {"steps": 26}})
    (larger,) = (each for each in find_changes(steps, 100) if "batch" in each.label)
    assert (larger.label, larger.settings) == ("batches of 32", {"learning_rule.batch_size": 32})
    assert length_notes(steps, 100) == []


def _predicted(clean, loss, cost, classes=True):
    """A prediction of a clean network, and what chips lose of it."""
    chip = clean - cost if classes else None
    kind, accuracy = ("accuracy_drop", clean) if classes else ("excess_loss", None)
    return PredictedCost(
        cost, (cost, cost), Verdict.TOLERATED, 0.02, accuracy, chip, kind, True, clean_loss=loss
    )


WORSE = "the clean network gets worse itself: "


@pytest.mark.parametrize(
    ("after", "classes", "said"),
    [
        ((0.376, 1.9), True, f"{WORSE}test accuracy 37.6 % in place of 81.1 %"),
        ((0.785, 0.1), True, f"{WORSE}test accuracy 78.5 % in place of 81.1 %"),
        ((0.795, 1.9), True, ""),
        ((0.9, 0.1), True, ""),
        ((None, 0.5), False, f"{WORSE}loss 0.5 in place of 0.4"),
        ((None, 0.42), False, ""),
        ((None, 0.1), False, ""),
    ],
)
def test_a_change_that_costs_the_clean_network_more_than_chips_may_lose_saves_nothing(
    after, classes, said, monkeypatch
):
    """Red where a training is called saved that has next to nothing left to lose."""
    spec = validate_spec(SHUFFLED)
    look = Outlook(torch.device("cpu"), None)
    now = _predicted(0.811, 0.4, 0.031, classes)
    monkeypatch.setattr(look, "predict", lambda *given: _predicted(*after, -0.003, classes))
    monkeypatch.setattr(clean_twin, "baseline_of", lambda problem: Baseline(2.3, 0.1))
    found = try_change(spec, DesignChange("a change", {}, "why"), look, now)
    result = change_result(found)
    assert (result.problem, result.saves) == (said, not said)
    assert (result.clean_accuracy, result.cost) == (after[0] if classes else None, -0.003)
    cheaper = replace(found, estimate=_predicted(0.811, 0.4, 0.01, classes), worse="")
    assert best_first([found, cheaper]) == ([cheaper, found] if said else [found, cheaper])
    (row,) = _rows(found)
    assert row[-1] == (said or "why")
    accuracies = (after[0], after[0] + 0.003) if classes else ()
    assert row[3:-2] == [f"{100 * each:.1f} %" for each in accuracies]


def test_numbers_that_do_not_go_together_with_a_change_say_why(monkeypatch):
    """Such as a schedule of which next to nothing is left in a longer training."""
    look = Outlook(torch.device("cpu"), None)
    now = look.predict(LIMITED)
    falling = {"training.steps": 400, "training.schedule": {"every": 1, "factor": 0.1}}
    found = try_change(LIMITED, DesignChange("longer", falling, ""), look, now)
    assert found.estimate is None
    assert "allowed: longer periods" in found.problem


def test_weights_from_a_file_fit_no_other_width():
    """Red where a network twice as wide is to start from them, which ends the whole command."""
    given = {**SHUFFLED, "network": {"hidden": [4], "weights": "start.npz"}}
    labels = [each.label for each in find_changes(validate_spec(given), 100)]
    assert "twice the width" not in labels
    assert "half the step size, 4 epochs" in labels
    assert "twice the width" in [each.label for each in find_changes(validate_spec(SHUFFLED), 100)]


@pytest.mark.parametrize(
    ("sections", "rounds"),
    [
        ({"device": {"conductance": {}}}, False),
        ({"device": {"conductance": {"levels": 20}}}, True),
        ({"device": {"conductance": {"states": 20}}}, True),
        ({"device": {"pulsed": {}}}, True),
        ({"device": {"conductance": {}}, "quantization": {"update_bits": 6}}, True),
        ({"device": {"conductance": {}}, "quantization": {"weight_bits": 6}}, False),
        ({"quantization": {"weight_bits": 6}}, True),
        ({"device": {}, "layers": {"1": {"device": {"conductance": {"levels": 20}}}}}, True),
    ],
)
def test_stochastic_rounding_is_a_change_only_where_updates_are_rounded(sections, rounds):
    """Devices of infinitely fine pulses round nothing, whatever reads make of their weights."""
    quantization = {**sections.get("quantization", {}), "update_rounding": "nearest"}
    given = {**SHUFFLED, "device": None, **sections, "quantization": quantization}
    labels = [each.label for each in find_changes(validate_spec(given), 100)]
    assert ("stochastic rounding of updates" in labels) == rounds


@pytest.mark.parametrize(
    ("now", "label", "larger"),
    [
        ({"epochs": 3}, "1.5 times the step size, 2 epochs", 1.5),
        ({"epochs": 4}, "twice the step size, 2 epochs", 2.0),
        ({"steps": 5}, "2.5 times the step size, 2 steps", 2.5),
        ({"steps": 7}, "1.75 times the step size, 4 steps", 1.75),
    ],
)
def test_a_step_size_is_called_what_it_is_where_half_a_count_is_no_count(now, label, larger):
    training = {**SHUFFLED["training"], "epochs": None, **now}
    spec = validate_spec({**SHUFFLED, "training": training})
    (found,) = (each for each in find_changes(spec, 100) if each.why.startswith("fewer writes"))
    assert found.label == label
    assert found.settings["training.step_size"] == pytest.approx(larger * 0.1)
