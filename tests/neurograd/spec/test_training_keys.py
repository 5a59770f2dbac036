"""Length, order and schedule of a training."""

from __future__ import annotations

import pytest

from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_schedule
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.limits.design_changes import find_changes
from neurograd.spec import spec_to_dict, validate_spec
from neurograd.training.schedules import ConstantStep, CosineDecay, StepDecay


def read(training, **sections):
    return validate_spec({"training": training, **sections})


def test_steps_or_epochs_and_the_order_that_goes_with_them():
    spec = read({})
    assert (spec.training.steps, spec.training.epochs, spec.training.order) == (1000, None, "fresh")
    spec = read({"epochs": 3})
    assert (spec.training.steps, spec.training.epochs) == (None, 3)
    assert spec.training.order == "shuffled"
    assert read({"epochs": 3, "order": "fresh"}).training.order == "fresh"
    assert read({"epochs": None, "steps": 7}).training.steps == 7
    # What a report says of its spec is a spec.
    assert validate_spec(spec_to_dict(spec)) == spec


@pytest.mark.parametrize(("batch", "updates"), [("full", 3), (1, 33), (4, 9), (11, 3), (20, 3)])
def test_epochs_are_as_many_updates_as_cover_the_samples(batch, updates):
    spec = read({"epochs": 3}, learning_rule={"batch_size": batch})
    assert spec.count_updates(11) == updates


def test_too_many_updates():
    spec = read({"epochs": 10**6}, learning_rule={"batch_size": 1})
    with pytest.raises(NeurogradError, match=r"^training.epochs: 1000000 of 11 .* up to 10000000"):
        spec.count_updates(11)


@pytest.mark.parametrize(
    ("every", "updates"), [(5, 5), ("5", 5), ("5 steps", 5), ("1 update", 1), ("2 epochs", 6)]
)
def test_periods_of_a_step(every, updates):
    training = {"steps": 8, "schedule": {"kind": "step", "every": every, "factor": 0.5}}
    spec = read(training, learning_rule={"batch_size": 4})
    assert build_schedule(spec, 11) == StepDecay(updates, 0.5)
    assert validate_spec(spec_to_dict(spec)) == spec


def test_schedules():
    assert build_schedule(read({}), 11) == ConstantStep()
    cosine = read({"epochs": 4, "schedule": {"kind": "cosine"}}, learning_rule={"batch_size": 4})
    assert build_schedule(cosine, 11) == CosineDecay(12, 0.0)
    low = read({"steps": 5, "schedule": {"kind": "cosine", "minimum": "1 %"}})
    assert build_schedule(low, 11) == CosineDecay(5, 0.01)
    gone = read({"steps": 1000, "schedule": {"every": 1}})
    with pytest.raises(NeurogradError, match=r"^training.schedule: 1000 updates, .*longer periods"):
        build_schedule(gone, 11)


@pytest.mark.parametrize(
    ("training", "key", "words"),
    [
        ({"steps": 5, "epochs": 5}, "epochs", "is given beside steps; allowed: one of them"),
        ({"epochs": 0}, "epochs", "allowed: an integer from 1"),
        ({"order": "sorted"}, "order", "allowed: fresh, shuffled, with_replacement"),
        ({"schedule": {}}, "schedule.every", "is missing; allowed: 1 to 10000000 steps or epochs"),
        ({"schedule": {"every": "soon"}}, "schedule.every", "such as 500 or '10 epochs'"),
        ({"schedule": {"every": True}}, "schedule.every", "such as 500 or '10 epochs'"),
        ({"schedule": {"every": 0}}, "schedule.every", "such as 500 or '10 epochs'"),
        ({"schedule": {"every": 5, "factor": 2}}, "schedule.factor", "up to 1"),
        ({"schedule": {"every": 5, "minimum": 0.1}}, "schedule.minimum", "kind cosine only"),
        ({"schedule": {"kind": "cosine", "every": 5}}, "schedule.every", "kind step only"),
        ({"schedule": {"kind": "cosine", "factor": 0.5}}, "schedule.factor", "kind step only"),
    ],
)
def test_refusals(training, key, words):
    with pytest.raises(NeurogradError, match=rf"training\.{key}: ") as caught:
        read(training)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_step_size_keeps_the_length_of_a_training_and_its_schedule():
    training = {"epochs": 8, "schedule": {"every": "4 epochs"}}
    spec = read(training, learning_rule={"batch_size": 4})
    (half,) = (each for each in find_changes(spec, 11) if each.label.startswith("half the step"))
    assert half.label == "half the step size, 16 epochs"
    assert half.settings == {
        "training.step_size": 0.05,
        "training.epochs": 16,
        "training.schedule.every": "8 epochs",
    }
    assert with_settings(spec, half.settings).training.epochs == 16
