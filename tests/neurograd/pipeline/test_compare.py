"""Two designs side by side: chips in pairs, and two reports."""

from __future__ import annotations

import copy
import json
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from neurograd.errors import NeurogradError
from neurograd.judge.difference import Answer
from neurograd.pipeline.check import train_beside
from neurograd.pipeline.compare import compare_reports, compare_specs
from neurograd.pipeline.compare.keys import differing_keys
from neurograd.records.json_form import read_report, report_from_json, to_json_dict
from neurograd.report.content.comparisons import differences_sheet, sides_sheet
from neurograd.spec import validate_spec

KEYS = {
    "name": "a",
    "device": {"preset": "epiram"},
    "learning_rule": {"batch_size": 20},
    "network": {"hidden": [6]},
    "task": {"name": "digits", "train_samples": 80, "test_samples": 60},
    "training": {"step_size": 0.5, "steps": 15, "seeds": 3, "max_seeds": 5, "looks": 2},
    "measure": {"draws": 10, "points": 2, "seed": 1},
}
LOSSY = "device.write.cycle_to_cycle=30 %"
TEACHER = {
    "task": {
        "name": "teacher_student",
        "train_samples": 60,
        "test_samples": 20,
        "inputs": 4,
        "outputs": 2,
    },
    "training": {"step_size": 0.1, "steps": 30, "seeds": 3, "max_seeds": 3},
}


def _spec(*settings, keys=KEYS):
    return validate_spec(copy.deepcopy(keys), "spec", list(settings))


@cache
def _trained(*settings):
    return train_beside(_spec(*settings)).record


@cache
def _compared(*settings):
    return compare_specs(_spec(), _spec(*settings)).record


@pytest.mark.parametrize("steps", [15, None])
def test_trainings_counted_in_epochs_are_compared(steps):
    """Four updates an epoch of 80 samples; the other one in epochs as well, or in updates."""
    counted = {**KEYS["training"], "epochs": 3, "seeds": 2, "max_seeds": 2}
    counted.pop("steps")
    epochs = _spec(keys={**KEYS, "training": counted})
    other = epochs if steps is None else _spec(f"training.steps={steps}")
    for pair in ((epochs, other), (other, epochs)):
        found = compare_specs(*pair).record
        assert [each.time for each in found.differences] == [None]
        assert found.differences[0].chips >= 2


def test_a_lossy_chip_is_worse_and_both_are_what_training_them_alone_gives():
    """Batches are random, so that chips have clean twins of their own, which A and B share."""
    found = _compared(LOSSY)
    assert found.answer is Answer.WORSE
    assert [(each.key, each.a, each.b) for each in found.keys] == [
        ("device.write.cycle_to_cycle", 0.02, 0.3)
    ]
    (difference,) = found.differences
    sides = [_trained("training.seeds=5", *more) for more in ((), (LOSSY,))]
    rows = [
        np.array([[int(c) for c in row] for row in side.training.chip.correct]) for side in sides
    ]
    pairs = rows[0][: difference.chips], rows[1][: difference.chips]
    assert difference.value == pytest.approx(pairs[0].mean() - pairs[1].mean(), abs=1e-12)
    assert difference.lower_bound > 0
    assert re.match(
        r"B is worse than A: beyond A it loses .* at least .* by the one", found.reasons[0]
    )
    for side, alone in zip((found.a, found.b), sides, strict=True):
        assert side.clean_accuracy == pytest.approx(alone.training.clean.test_accuracy, abs=0.1)
    assert found.notes == ()


def _found(difference):
    """A difference without what would decide it, which a plan of more looks asks more of."""
    return difference.model_copy(update={"needed_chips": None, "needed_test_samples": None})


def test_two_reports_say_the_same_as_two_specs_with_as_many_chips():
    first, second = (
        train_beside(_spec("training.max_seeds=3", *more)).record for more in ((), (LOSSY,))
    )
    from_reports = compare_reports(first, second).record
    from_specs = compare_specs(
        _spec("training.max_seeds=3"), _spec("training.max_seeds=3", LOSSY)
    ).record
    assert list(map(_found, from_reports.differences)) == list(map(_found, from_specs.differences))
    # Chips of reports are looked at once: what further looks would spend is left for this one.
    (report,), (spec,) = from_reports.differences, from_specs.differences
    assert report.chips < report.needed_chips <= spec.needed_chips
    assert from_reports.keys == from_specs.keys
    assert (from_reports.a.verdict, from_reports.b.verdict) == (first.verdict, second.verdict)


def test_a_spec_is_not_worse_than_itself_whatever_the_margin_and_its_name():
    same = compare_specs(_spec(), _spec("name=b", "targets.max_accuracy_drop=90 %"), margin=0.0)
    found = same.record
    assert (found.answer, found.differences[0].value) == (Answer.NOT_WORSE, 0.0)
    assert "the same chips" in found.notes[0]
    assert [side.cost.allowed for side in (found.a, found.b)] == [0.02, 0.9]


def test_the_margin_is_what_a_s_targets_allow_or_what_is_asked_for():
    a = _spec("targets.max_accuracy_drop=90 %")
    assert compare_specs(a, _spec()).record.differences[0].margin == 0.9
    assert compare_specs(a, _spec(), margin=0.5).record.differences[0].margin == 0.5


def test_clean_twins_that_differ_are_said():
    found = _compared("training.step_size=0.3")
    assert "clean twins differ" in found.notes[0]
    assert [each.key for each in found.keys] == ["training.step_size"]
    assert found.a.clean_loss != found.b.clean_loss


def test_networks_of_another_kind_are_compared_on_the_same_samples():
    spiking = {**KEYS, "network": {"kind": "spiking", "hidden": [6], "time_steps": 3}}
    longer = "training.steps=40"
    found = compare_specs(_spec(longer), _spec(longer, keys=spiking)).record
    assert found.differences[0].test_samples == 60
    assert found.answer is Answer.WORSE


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("measure.seed=2", r"measure\.seed: 1 in A and 2 in B; allowed: one seed"),
        ("task.test_samples=50", r"task\.test_samples: A and B have other data; allowed: .* task"),
    ],
)
def test_what_cannot_be_paired_is_refused(setting, message):
    with pytest.raises(NeurogradError, match=message):
        compare_specs(_spec(), _spec(setting))


def test_a_quick_look_compares_no_lengths_that_it_cuts():
    """300 and 1000 steps would be 200 of both, and the same chips."""
    lengths = [_spec(f"training.steps={steps}") for steps in (300, 1000)]
    message = (
        r"training\.steps: in a quick look \(--quick\) 300 of A is 200 and 1000 of B is 200, .*; "
        r"allowed: no --quick, or one length"
    )
    with pytest.raises(NeurogradError, match=message):
        compare_specs(*lengths, quick=True)
    counted = {k: v for k, v in KEYS["training"].items() if k != "steps"} | {"epochs": 60}
    epochs = _spec(keys={**KEYS, "training": counted})
    with pytest.raises(NeurogradError, match=r"epochs: .* 60 of B is 200 steps"):
        compare_specs(_spec(), epochs, quick=True)


def test_keys_of_a_quick_look_are_those_of_the_specs_as_given():
    found = compare_specs(
        _spec("training.steps=2"), _spec("training.steps=2", "measure.points=7"), quick=True
    ).record
    assert [(each.key, each.a, each.b) for each in found.keys] == [("measure.points", 2, 7)]


def test_an_error_names_the_spec_that_it_comes_from():
    wild = _spec("training.step_size=1e6", keys={**KEYS, **TEACHER})
    with pytest.raises(
        NeurogradError, match=r"^B: training\.step_size: the clean training diverged"
    ):
        compare_specs(_spec(keys={**KEYS, **TEACHER}), wild)


def test_values_are_compared_by_their_loss():
    found = compare_specs(
        _spec(keys={**KEYS, **TEACHER}), _spec(LOSSY, keys={**KEYS, **TEACHER})
    ).record
    (difference,) = found.differences
    assert (difference.kind, difference.test_samples) == ("excess_loss", None)
    expected = found.b.chip_loss - found.a.chip_loss
    assert difference.value > 0
    assert np.sign(difference.value) == np.sign(expected)


def test_deployments_are_compared_at_the_times_that_both_have():
    deployed = {
        **KEYS,
        "device": {"preset": "epiram", "drift": {"exponent": 0.05, "exponent_spread": 0.1}},
        "training": {**KEYS["training"], "seeds": 2, "max_seeds": 2},
        "deployment": {"program_error": "2 %", "times": ["1 h", "1 y"]},
    }
    b = _spec("deployment.times=[1 y]", "deployment.program_error=20 %", keys=deployed)
    specs = compare_specs(_spec(keys=deployed), b)
    found = specs.record
    year = 365.25 * 86400
    assert [each.time for each in found.differences] == [None, year]
    assert found.differences[0].value == 0
    assert found.differences[1].value > 0
    assert found.reasons[1].startswith("1 year after programming B is ")
    alone = compare_specs(
        _spec(keys=deployed), _spec("deployment=null", "device.drift=null", keys=deployed)
    ).record
    assert [each.time for each in alone.differences] == [None]
    assert any("Only one spec has a deployment" in note for note in alone.notes)
    reports = [train_beside(spec).record for spec in (_spec(keys=deployed), b)]
    compared = compare_reports(*reports).record
    # The chips of the training are the same ones, which reports without their files cannot know.
    assert [each.value for each in compared.differences] == [
        each.value for each in found.differences
    ]
    assert _found(compared.differences[1]) == _found(found.differences[1])
    assert found.differences[0].ci == (0.0, 0.0)
    for side, report in zip((compared.a, compared.b), reports, strict=True):
        cost, time = report.deciding
        (aged,) = (each for each in report.deployment if each.time == time)
        assert (side.cost, side.time, side.chips) == (cost, time, aged.chips)
        assert (side.chip_accuracy, side.chip_loss) == (aged.accuracy, aged.loss)
        assert side.verdict == aged.verdict
    shown = {row.label: (row.a, row.b) for row in sides_sheet(compared).rows}
    assert shown["chips after"][1] == "1 year"


def test_a_deployment_and_its_drift_change_no_training():
    """The same chips are not worse at the end of it, as a spec beside itself."""
    device = {"preset": "epiram", "drift": {"exponent": 0.05}}
    deployment = {"program_error": "2 %", "times": ["1 h"]}
    deployed = _spec(keys={**KEYS, "device": device, "deployment": deployment})
    found = compare_specs(_spec(), deployed).record
    assert [(each.answer, each.ci) for each in found.differences] == [(Answer.NOT_WORSE, (0, 0))]
    assert "No key differs that the training depends on" in found.notes[0]
    aged = {"preset": "epiram", "drift": {"exponent": 0.05, "time": "1 d"}}
    other = compare_specs(_spec(), _spec(keys={**KEYS, "device": aged})).record
    assert not any("No key differs" in note for note in other.notes)


def test_whole_batches_are_the_same_chips_whether_counted_in_steps_or_epochs():
    counted = {key: each for key, each in KEYS["training"].items() if key != "steps"}
    rule = {"batch_size": "full"}
    steps = _spec(keys={**KEYS, "learning_rule": rule})
    epochs = _spec(
        keys={**KEYS, "learning_rule": {"batch_size": 80}, "training": {**counted, "epochs": 15}}
    )
    found = compare_specs(steps, epochs).record
    assert (found.answer, found.differences[0].ci) == (Answer.NOT_WORSE, (0.0, 0.0))
    assert "A and B are the same chips" in found.notes[0]
    alone = [train_beside(spec).record.training for spec in (steps, epochs)]
    assert alone[0].chip.correct == alone[1].chip.correct
    assert alone[0].clean.loss == alone[1].clean.loss


def test_equal_clean_twins_are_not_said_to_differ():
    """Where weights are kept changes no training."""
    found = compare_specs(_spec(), _spec(LOSSY, "measure.points=5")).record
    assert found.notes == ()


def _without_chips(report):
    data = to_json_dict(report)
    data["training"]["chip"]["correct"] = []
    return report_from_json(json.loads(json.dumps(data)))


def test_reports_without_chips_are_compared_by_their_intervals():
    """The difference is the same number; its interval is wider, and the report says why."""
    pairs = compare_reports(_trained(), _trained(LOSSY)).record
    alone = compare_reports(_without_chips(_trained()), _trained(LOSSY)).record
    (paired,), (loose,) = pairs.differences, alone.differences
    assert (paired.paired, loose.paired) == (True, False)
    costs = [_trained().training.cost.value, _trained(LOSSY).training.cost.value]
    assert loose.value == pytest.approx(costs[1] - costs[0], abs=1e-12)
    assert loose.bound_confidence == pytest.approx(0.995)
    assert any("no test sample in common" in note for note in alone.notes)


def test_which_chips_are_compared_is_said_as_it_is():
    """Pairs are as many as both have; intervals are those of all chips, however many of each."""
    few, more = _trained("training.seeds=2", "training.max_seeds=2"), _trained()
    counts = [report.training.chip.chips for report in (more, few)]
    assert counts[0] > counts[1] == 2

    def told(a, b):
        found = compare_reports(a, b).record
        (shown,) = (
            dict(zip([c.title for c in sheet.columns], row, strict=True))
            for sheet in [differences_sheet(found)]
            for row in sheet.cells()
        )
        (note,) = (note for note in found.notes if note.startswith("A has "))
        return shown, note, found.differences[0]

    shown, note, difference = told(more, few)
    assert shown["pairs"] == "2"
    assert note == f"A has {counts[0]} chips and B 2: as many of each as both have are compared."
    shown, note, difference = told(_without_chips(more), few)
    assert shown["chips"] == f"{counts[0]} and 2"
    assert note.endswith("B 2: all of each are compared, by the intervals of their costs.")
    assert difference.chips == 2
    costs = [report.training.cost for report in (more, few)]
    below = math.hypot(costs[1].value - costs[1].ci[0], costs[0].ci[1] - costs[0].value)
    assert difference.ci[0] == pytest.approx(max(-1.0, difference.value - below))


def test_what_else_differs_between_reports_is_said():
    other = _trained().model_copy(
        update={"versions": {**_trained().versions, "torch": "1.0"}, "code": "0", "quick": True}
    )
    notes = " ".join(compare_reports(_trained(), other).record.notes)
    assert "One is a quick look" in notes
    assert re.search(r"other versions: torch \S+ and 1\.0\.", notes)
    assert "other code" in notes
    elsewhere = _trained().model_copy(
        update={"data": _trained().data.model_copy(update={"digest": "0"})}
    )
    found = compare_reports(_trained(), elsewhere).record
    assert not found.differences[0].paired
    assert "other data" in found.notes[0]


def test_differing_keys():
    a = {"name": "x", "device": {"levels": 3, "faults": None}, "hidden": [4, 4]}
    b = {"name": "y", "device": None, "hidden": [4, 5], "new": 1}
    found = [(each.key, each.a, each.b) for each in differing_keys(a, b)]
    assert found == [("device.levels", 3, None), ("hidden", [4, 4], [4, 5]), ("new", None, 1)]


def test_finished_chips_are_taken_from_their_folder(tmp_path, monkeypatch):
    first = compare_specs(_spec(), _spec(LOSSY), resume=tmp_path).record
    monkeypatch.setattr("neurograd.pipeline.stages.train", None)
    again = compare_specs(_spec(), _spec(LOSSY), resume=tmp_path).record
    assert again.model_copy(update={"timing": {}}) == first.model_copy(update={"timing": {}})


OLD = Path(__file__).parents[2] / "old" / "reports"


def test_limits_that_were_trained_are_compared_at_their_time_and_no_other():
    limits = read_report(OLD / "hfo2_limits.json", note=lambda line: None)
    cost = _trained().training.cost
    now = limits.model_copy(update={"trained": cost})
    later = limits.model_copy(update={"trained": cost, "trained_time": 60.0})
    (difference,) = compare_reports(now, now).record.differences
    assert (difference.time, difference.paired, difference.value) == (None, False, 0.0)
    assert [each.time for each in compare_reports(later, later).record.differences] == [60.0]
    for pair in ((now, later), (limits, now)):
        found = compare_reports(*pair).record
        assert found.differences == ()
        assert found.answer is Answer.NOT_TOLD_APART
        assert any("costs at other times" in note for note in found.notes)
