"""A check whose training has epochs and step sizes that fall."""

from __future__ import annotations

import pytest
import torch

from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.check import check
from neurograd.pipeline.notes import notes
from neurograd.spec import validate_spec
from neurograd.training.course import Course
from neurograd.training.schedules import ConstantStep


def spec_of(training, batch=5):
    return validate_spec(
        {
            "device": {"write": {"cycle_to_cycle": "2 %"}},
            "learning_rule": {"batch_size": batch},
            "network": {"hidden": [4]},
            "task": {"name": "teacher_student", "train_samples": 12, "test_samples": 6},
            "training": {"step_size": 0.2, "seeds": 2, "max_seeds": 2, **training},
            "measure": {"draws": 4, "loss_draws": 4, "points": 3},
        }
    )


def test_points_are_measured_with_the_step_size_of_the_update_that_comes_next():
    """At the end with that of the last one: 2 epochs of 3 updates, halved after each 2 updates."""
    falling = {"epochs": 2, "schedule": {"every": 2, "factor": 0.5}}
    report = check(spec_of(falling)).report
    assert report["steps"] == 6
    assert report["step_size"] == 0.2
    points = [(point["step"], point["step_size"]) for point in report["points"]]
    assert points == [(0, 0.2), (3, pytest.approx(0.1)), (6, pytest.approx(0.05))]
    assert report["training"]["clean"]["twins"] == 2
    assert report["training"]["forecast"] is not None
    assert report["training"]["frozen_excess_loss"] is None
    assert any("shuffled epoch" in note for note in report["notes"])
    # The same weights before the first update, measured at another Δt.
    halved = check(spec_of({**falling, "step_size": 0.1})).report
    size = [each["points"][0]["moments"]["total_variance"] for each in (report, halved)]
    assert size[0] != size[1]


def test_a_chip_and_its_clean_twin_have_one_order():
    spec = spec_of({"epochs": 2})
    problem = build_problem(spec)
    here = torch.device("cpu")
    for index in (0, 1):
        courses = [
            Course(chip, problem.num_samples, ConstantStep(), 0, "order", index + 1)
            for chip in (build_clean_chip(spec, problem), build_chip(spec, problem, index=index))
        ]
        for step in range(6):
            clean, chip = (each.at(step, here).rule.batch for each in courses)
            assert clean.equal(chip)


def test_quick_takes_as_many_updates_as_there_are_up_to_200():
    few, many = quick_spec(spec_of({"epochs": 2})), quick_spec(spec_of({"epochs": 1000}))
    assert (few.training.steps, few.training.epochs, few.training.order) == (6, None, "shuffled")
    assert many.training.steps == 200
    assert validate_spec(few.model_dump()) is not None


def test_an_order_of_whole_sets_is_called_idle():
    for order, said in (("shuffled", True), ("with_replacement", True), ("fresh", False)):
        spec = spec_of({"steps": 2, "order": order}, batch="full")
        found = notes(spec, build_problem(spec), "train")
        assert any("training.order changes no number" in note for note in found) is said
    spec = spec_of({"epochs": 2}, batch="full")
    assert not any("training.order" in note for note in notes(spec, build_problem(spec), "train"))
