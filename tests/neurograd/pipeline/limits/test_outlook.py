"""What a value can cause is a result of its prediction; all else ends the command."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import UnstableRuleError
from neurograd.errors import (
    DataError,
    DivergenceError,
    ModelError,
    NeurogradError,
    NumbersError,
    OutputError,
    SpecError,
)
from neurograd.judge.verdict import Verdict
from neurograd.pipeline import store
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.limits import outlook
from neurograd.pipeline.limits.outlook import Outlook
from neurograd.spec import validate_spec
from neurograd.training.keyed_rule import UnstableKeyError
from tests.neurograd.pipeline.pool.specs import LIMITED

FINER = {"quantization.weight_bits": 8}


def _predicted(error, monkeypatch):
    """What is predicted where the forecasts of chips fail."""
    predicted = outlook.forecast_network

    def failing(spec, problem, index, **options):
        if index != outlook.CLEAN:
            raise error
        return predicted(spec, problem, index, **options)

    monkeypatch.setattr(outlook, "forecast_network", failing)
    return Outlook(torch.device("cpu"), None).predict(with_settings(LIMITED, FINER))


BY_VALUES = (
    UnstableKeyError("learning_rule.relaxation_rate: the relaxation diverges"),
    UnstableRuleError("the relaxation diverges"),
    DivergenceError("the training diverges"),
    ModelError("the update has NaN or infinite entries"),
    NumbersError("device.ir_drop: too much"),
    SpecError("limits", "a.key", "does not go with another"),
)


@pytest.mark.parametrize("error", BY_VALUES, ids=lambda error: type(error).__name__)
def test_what_a_value_causes_is_that_chips_cannot_compute_with_it(error, monkeypatch):
    found = _predicted(error, monkeypatch)
    assert (found.cost, found.verdict) == (math.inf, Verdict.NOT_TOLERATED)
    assert found.problem == str(error)


BY_ALL_ELSE = (
    OutputError("kept/a.json: cannot be written (No space left on device)"),
    DataError("task.train: is gone"),
    NeurogradError("--scheduler: a worker has torch 1.0; allowed: the one here"),
)


@pytest.mark.parametrize("error", BY_ALL_ELSE, ids=lambda error: type(error).__name__)
def test_what_no_value_causes_is_no_verdict_on_a_chip(error, monkeypatch):
    """Red where a full disk is 'not tolerated'."""
    with pytest.raises(type(error), match=str(error).split(":")[0]):
        _predicted(error, monkeypatch)


def test_a_disk_that_is_full_ends_the_search(tmp_path, monkeypatch):
    look = Outlook(torch.device("cpu"), tmp_path)
    look.predict(LIMITED)

    def full(path, content):
        raise OutputError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr(store, "write_atomically", full)
    with pytest.raises(OutputError, match="No space left"):
        look.predict(with_settings(LIMITED, FINER))


def test_numbers_of_which_no_chip_can_be_made_are_predicted_to_be_lost():
    """A lifetime below an update is allowed by itself, and not at every temperature."""
    leaking = {"leakage": {"lifetime": 50, "activation_energy": 0.8}, "temperature": "300 K"}
    spec = validate_spec(
        {
            "device": leaking,
            "network": {"hidden": [4]},
            "task": {"name": "digits", "train_samples": 20, "test_samples": 20},
            "training": {"steps": 3, "seeds": 2, "max_seeds": 2},
        }
    )
    look = Outlook(torch.device("cpu"), None)
    assert look.predict(spec).problem == ""
    found = look.predict(with_settings(spec, {"device.temperature": "400 K"}))
    assert found.verdict is Verdict.NOT_TOLERATED
    assert "lives" in found.problem
