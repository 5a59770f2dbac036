"""Keys of a recipe: what they become, and what is refused in one line."""

from __future__ import annotations

import pytest
import torch

from device_models.updates.adam import Adam
from device_models.updates.momentum import Momentum
from neurograd.effects.recipe_keys import effective_step_size, recipe_hints, recipe_of
from neurograd.errors import NeurogradError, SpecError
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.notes import notes
from neurograd.spec import spec_to_dict, validate_spec

TASK = {"name": "teacher_student", "train_samples": 12, "test_samples": 6, "inputs": 5,
        "outputs": 3, "teacher_hidden": [4]}  # fmt: skip


def spec_of(training, **more):
    return validate_spec({"network": {"hidden": [4]}, "task": TASK, "training": training, **more})


@pytest.fixture(scope="module")
def problem():
    return build_problem(spec_of({}))


def test_defaults_are_those_of_torch(problem):
    adam = recipe_of(spec_of({"optimizer": {"name": "adam"}}).training, problem)
    assert (adam.optimizer, adam.weight_decay, adam.clip) == (Adam(0.9, 0.999, 1e-8), 0.0, None)
    training = spec_of({"step_size": 0.1, "optimizer": {"momentum": 0.9}, "clip": 3}).training
    sgd = recipe_of(training, problem)
    assert (sgd.optimizer, sgd.weight_decay, sgd.clip) == (Momentum(0.9), 0.0, 3.0)
    assert effective_step_size(training) == pytest.approx(1.0)


@pytest.mark.parametrize("training", [{}, {"optimizer": {}}, {"step_size": {"default": 0.1}}])
def test_a_recipe_without_effect_is_none(problem, training):
    spec = spec_of(training)
    assert recipe_of(spec.training, problem) is None
    assert build_chip(spec, problem).step_size == 0.1
    said = list(recipe_hints(spec.training, batched=False))
    assert (len(said) == 1 and "changes no number" in said[0]) == ("optimizer" in training)


def test_every_layer_has_its_step_size(problem):
    spec = spec_of({"step_size": {"last": 0.1, "default": "0.4"}})
    for chip in (build_chip(spec, problem), build_clean_chip(spec, problem)):
        sizes = chip.step_size * chip.recipe.rates
        # 5 × 4 + 4 weights, then 4 × 3 + 3.
        assert sizes[:24].tolist() == [0.4] * 24
        torch.testing.assert_close(sizes[24:], torch.full((15,), 0.1, dtype=sizes.dtype))
    longer = with_settings(spec, {"training.step_size": spec.training.scaled_step_size(2.0)})
    assert longer.training.step_size == {"last": 0.2, "default": 0.8}
    assert validate_spec(spec_to_dict(longer)) == longer


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"fc9": 0.1, "default": 0.1}, "no layer 'fc9'.*allowed: layer1, layer2"),
        ({"layer1": 0.1}, "has none for layer2; allowed: one for every layer, or default"),
        ({"layer1": 0.1, "layer2": 0.2, "default": 0.3}, "default is left for no layer"),
        ({"layer2": 0.1, "last": 0.2}, "layer2 and last are one layer"),
    ],
)
def test_layers_that_are_not_there_are_refused(problem, sizes, told):
    with pytest.raises(NeurogradError, match=f"training.step_size: .*{told}"):
        build_chip(spec_of({"step_size": sizes}), problem)


LEVELS = {"conductance": {"levels": 20}}


@pytest.mark.parametrize(
    ("training", "more", "told"),
    [
        ({"step_size": {}}, {}, "training.step_size: is empty; allowed: a number above 0, or one"),
        ({"step_size": {"a": 0}}, {}, "training.step_size: 0 is out of range"),
        ({"optimizer": {"beta1": 0.5}}, {}, "optimizer.beta1: is for optimizer adam only"),
        ({"optimizer": {"name": "adam", "momentum": 0.5}}, {}, "is for optimizer sgd only"),
        ({"optimizer": {"momentum": 1}}, {}, "momentum: 1 is out of range"),
        ({"optimizer": {"name": "lion"}}, {}, "optimizer.name.*sgd"),
        ({"clip": 0}, {}, "training.clip: 0 is out of range; allowed: a number above 0"),
        (
            {"clip": 1},
            {"device": {**LEVELS, "pulse_train": {}}},
            "training.clip: is not for device.pulse_train",
        ),
        (
            {"step_size": {"default": 1}},
            {"device": LEVELS, "learning_rule": {"write_each": "sample"}},
            "training.step_size: one a layer needs the sum over a batch; allowed: learning_rule",
        ),
    ],
)
def test_bad_keys_are_refused(training, more, told):
    with pytest.raises(SpecError, match=told):
        spec_of(training, **more)


SHUFFLED = {"epochs": 4, "optimizer": {"name": "adam"}}
EACH_UPDATE = "takes every update of shuffled epochs by itself"


def test_only_batches_are_shuffled():
    """A whole batch has no order, so that its forecast leaps."""
    for size, shuffled in ((4, True), (12, False), ("full", False)):
        spec = spec_of(SHUFFLED, learning_rule={"batch_size": size})
        said = " ".join(notes(spec, build_problem(spec), "train"))
        assert (EACH_UPDATE in said) == shuffled
    clipped = spec_of({**SHUFFLED, "clip": 1.0})
    assert "clipped ones" in " ".join(notes(clipped, build_problem(clipped), "train"))


def test_step_sizes_that_are_all_equal_are_no_recipe():
    assert not list(recipe_hints(spec_of({"step_size": {"last": 0.1, "default": 0.1}}).training,
                                 batched=False))  # fmt: skip
    (said,) = recipe_hints(
        spec_of({"step_size": {"last": 0.1, "default": 0.2}}).training, batched=False
    )
    assert "the digital recipe" in said


SCHEDULES = {
    "a factor of 1": ({"every": 2, "factor": 1}, True),
    "beyond the end": ({"every": 6}, True),
    "with the last update": ({"every": 5}, False),
    "epochs beyond the end": ({"every": "6 epochs"}, True),
    "a cosine": ({"kind": "cosine", "minimum": "99.9 %"}, False),
}


@pytest.mark.parametrize(("schedule", "idle"), SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_that_has_not_fallen_is_said(schedule, idle):
    spec = spec_of({"steps": 6, "schedule": schedule})
    said = " ".join(notes(spec, build_problem(spec), "train"))
    assert ("training.schedule changes no number of this spec" in said) == idle
