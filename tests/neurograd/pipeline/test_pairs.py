"""Chips beside their clean twins, more of them until they decide."""

from __future__ import annotations

import pytest
import torch

from neurograd.pipeline import stages
from neurograd.pipeline.check import train_beside
from neurograd.records.json_form import from_json_dict
from neurograd.records.report import CheckReport
from neurograd.spec import validate_spec

SMALL = {
    "network": {"hidden": [6]},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 60},
    "targets": {"max_accuracy_drop": "2 %"},
}


def _spec(training, **sections):
    return validate_spec({**SMALL, **sections, "training": {"step_size": 0.2, **training}})


def _report(spec, **options):
    report = train_beside(spec, **options).report
    return {**report, "timing": None}


@pytest.fixture
def trained(monkeypatch):
    """The number of every network that is trained from here on."""
    found, real = [], stages.train

    def train(*arguments, **options):
        found.append(options["chip_index"])
        return real(*arguments, **options)

    monkeypatch.setattr(stages, "train", train)
    return found


def test_ideal_chips_cost_nothing_whatever_their_batches():
    """Beside one clean training of other batches their cost is some percent either way."""
    spec = _spec(
        {"steps": 60, "seeds": 3, "max_seeds": 3},
        learning_rule={"name": "backprop", "batch_size": 4},
    )
    training = train_beside(spec).record.training
    assert (training.clean.twins, training.chip.chips) == (3, 3)
    assert training.cost.value == training.measured_excess_loss == 0
    assert len({curve.train_loss[-1] for curve in training.chip.curves}) == 3


def test_reads_that_draw_numbers_leave_the_batches_alone():
    """A chip whose reads are noisy by next to nothing goes the way of its twin."""
    spec = _spec(
        {"steps": 40, "seeds": 2, "max_seeds": 2},
        device={"conductance": {"weight_range": 100}, "read": {"noise": 1e-12}},
        learning_rule={"name": "backprop", "batch_size": 4},
    )
    assert abs(train_beside(spec).record.training.measured_excess_loss) < 1e-6


def test_clean_trainings_without_random_batches_are_one(trained):
    report = train_beside(_spec({"steps": 3, "seeds": 2, "max_seeds": 2})).record
    assert report.training.clean.twins == 1
    assert sorted(trained) == [1, 1, 2]


def test_more_chips_are_trained_and_looked_at_as_if_there_had_always_been_as_many(
    tmp_path, trained
):
    """Interrupted or not, on one core or two: the same looks."""
    spec = _spec(
        {"steps": 100, "seeds": 2, "max_seeds": 6, "looks": 3},
        device={"preset": "epiram"},
        learning_rule={"name": "backprop", "batch_size": 8},
    )
    whole = _report(spec)
    cost = whole["training"]["cost"]
    chips = [look["chips"] for look in cost["looks"]]
    assert chips == [2, 3, 6][: len(chips)]
    assert len(chips) > 1
    assert whole["training"]["chip"]["chips"] == chips[-1] == len(trained) // 2
    first = spec.training.model_copy(update={"max_seeds": 2})
    _report(spec.model_copy(update={"training": first}), resume=tmp_path)
    trained.clear()
    assert _report(spec, resume=tmp_path) == whole
    assert min(trained) == 3
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        assert _report(spec) == whole
    finally:
        torch.set_num_threads(threads)
    assert from_json_dict(CheckReport, {**whole, "timing": {}}).training.cost.looks[0].chips == 2


def test_quick_looks_at_the_first_chips_only():
    spec = _spec({"steps": 5, "seeds": 9, "max_seeds": 20}, device={"preset": "epiram"})
    cost = train_beside(spec, quick=True).record.training.cost
    assert [look.chips for look in cost.looks] == [3]


def test_every_chip_has_devices_of_its_own():
    """One draw for all chips would have no spread over chips where nothing else is random."""
    spec = _spec(
        {"steps": 20, "seeds": 3, "max_seeds": 3},
        device={"write": {"device_to_device": "30 %"}, "conductance": {"levels": 1000}},
        quantization={"update_rounding": "nearest"},
    )
    chip = train_beside(spec).record.training.chip
    assert len({curve.train_loss[-1] for curve in chip.curves}) == 3
