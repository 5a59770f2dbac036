"""Training at the two numbers of a limit where nothing can be trained."""

from __future__ import annotations

import math

import pytest
import torch

from neurograd.errors import OutputError
from neurograd.pipeline.identity import content_fingerprint
from neurograd.pipeline.limits.confirm import Trainer
from neurograd.pipeline.limits.knobs import find_knobs
from neurograd.pipeline.limits.limit import Limit, Tried
from neurograd.pipeline.limits.outlook import Outlook
from neurograd.progress import Silent
from neurograd.spec import validate_spec

SMALL = {
    "network": {"hidden": [4]},
    "task": {"name": "digits", "train_samples": 20, "test_samples": 20},
    "training": {"step_size": 0.1, "steps": 3, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 6, "loss_draws": 4, "points": 2},
}
LEAKING = {"leakage": {"lifetime": 5000, "activation_energy": 0.8}, "temperature": "350 K"}
RELAXING = {"name": "equilibrium_propagation", "relaxation_rate": 0.4}


def _limit(spec, key, value, outlook):
    """A limit of a key whose outer value is one that is given."""
    samples = outlook.problem(spec).num_samples
    knob = next(each for each in find_knobs(spec, samples) if each.key == key)
    now = outlook.predict(spec)
    outside = Tried(value, now)
    return Limit(knob, now, "limit", None, outside, True, None, True, (outside,), None, None)


def _confirmed(spec, key, value):
    outlook = Outlook(torch.device("cpu"), None)
    data = content_fingerprint(outlook.problem(spec))
    trainer = Trainer("cpu", None, Silent(), outlook.problem)
    return trainer.confirm(spec, _limit(spec, key, value, outlook), data)


CANNOT = {
    "no chip can be made": ({"device": LEAKING}, "device.leakage.lifetime", 50.0, "lives"),
    "the chip's rule is not stable": (
        {"learning_rule": RELAXING},
        "learning_rule.relaxation_rate",
        3.2,
        "relaxation diverges",
    ),
}


@pytest.mark.parametrize(("sections", "key", "value", "why"), CANNOT.values(), ids=CANNOT)
def test_a_value_with_which_chips_cannot_compute_is_confirmed_to_be_lost(sections, key, value, why):
    """Red where `limits` ends in an error after all its work."""
    found = _confirmed(validate_spec({**SMALL, **sections}), key, value)
    assert found.status == "confirmed"
    assert (found.outside.verdict, found.outside.cost) == ("not tolerated", math.inf)
    assert why in found.outside.problem
    assert "\n" not in found.outside.problem


def test_what_no_value_causes_ends_the_training(monkeypatch):
    def full(trainer, spec, data, *, quick):
        raise OutputError("kept/a.json: cannot be written (No space left on device)")

    monkeypatch.setattr(Trainer, "_beside", full)
    with pytest.raises(OutputError, match="No space left"):
        _confirmed(validate_spec({**SMALL, "device": LEAKING}), "device.leakage.lifetime", 4000.0)
