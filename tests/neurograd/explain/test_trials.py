"""What advice says to set is what was tried, in words that a spec takes."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from neurograd.effects.knob import shown
from neurograd.effects.registry import all_effects
from neurograd.explain.advice import advice, first_change
from neurograd.explain.guide import ChipInWords, Guide
from neurograd.explain.trials import Tried, trials_of
from neurograd.judge.cost import Judgement
from neurograd.judge.verdict import Bounds, Cost, Verdict
from neurograd.pipeline.changed import with_settings
from neurograd.spec import list_presets, spec_to_dict, validate_spec

SAMPLES = 100
COMMON = {"task": {"name": "digits", "train_samples": SAMPLES}, "network": {"hidden": [8]}}
DEVICES = {name: {"preset": name} for name in list_presets()} | {
    "two labels": {"write": {"nonlinearity": {"potentiation": 1.94, "depression": -0.61}}},
    "two slopes": {"write": {"slope": {"potentiation": 0.2, "depression": 0.1}}},
    "age": {"drift": {"time": "4 h", "exponent": 0.05}, "faults": {"stuck_low": "3 %"}},
    "pulses": {"pulsed": {"model": "linear", "up_down": -0.2, "dw_min_std": 0.3}},
}
_SET = re.compile(r"([\w.]+) to (.+?) \(now (.+?)\)")


def _design(device, *, digital):
    bits = {"weight_bits": 6, "update_bits": 8}
    return {**COMMON, "device": device, **({"quantization": bits} if digital else {})}


def _trials(spec):
    effects = [effect for effect in all_effects() if effect.active(spec, SAMPLES)]
    return trials_of(spec, SAMPLES, effects)


def _values(value, key=""):
    """All values of a spec by their dotted keys."""
    if not isinstance(value, dict):
        return {key: value}
    parts = [_values(each, f"{key}.{name}") for name, each in value.items()]
    return {name: each for part in parts for name, each in part.items()}


def _as_said(spec):
    """The values of a spec as three digits tell them."""
    values = _values(spec_to_dict(spec))
    return {
        key: pytest.approx(each, rel=5e-3) if isinstance(each, float) else each
        for key, each in values.items()
    }


@pytest.mark.parametrize("digital", [False, True])
@pytest.mark.parametrize("name", DEVICES)
def test_what_is_said_to_be_set_can_be_typed_and_is_what_was_tried(name, digital):
    design = _design(DEVICES[name], digital=digital)
    spec = validate_spec(design)
    for trial in _trials(spec):
        typed = _SET.findall(trial.words)
        again = validate_spec(design, "spec", [f"{key}={value}" for key, value, _ in typed])
        tried = with_settings(spec, trial.settings)
        assert _values(spec_to_dict(again)) == _as_said(tried), trial.words
        before = validate_spec(design, "spec", [f"{key}={now}" for key, _, now in typed])
        assert _values(spec_to_dict(before)) == _as_said(spec), trial.words


def test_each_direction_is_advised_by_its_own_key():
    spec = validate_spec(_design(DEVICES["two labels"], digital=False))
    (effect,) = (e for e in all_effects() if e.name == "nonlinearity")
    trial = trials_of(spec, SAMPLES, [effect])[0]
    assert trial.settings == {
        "device.write.nonlinearity.potentiation": 0.97,
        "device.write.nonlinearity.depression": pytest.approx(-0.305),
    }
    remedies = {effect.name: SimpleNamespace(words="", key="")}
    chip = ChipInWords((effect,), remedies, "device.conductance.weight_range", window_holds=True)
    whole = _judged(0.2)
    found = Guide(chip, whole, whole, None, (), None, (_tried(trial, 0.2, 0.01),))
    assert first_change(found) == advice(found)[0]
    assert advice(found)[0].startswith(
        "Set device.write.nonlinearity.potentiation to 0.97 (now 1.94) and "
        "device.write.nonlinearity.depression to -0.305 (now -0.61): the predicted accuracy drop"
    )


def test_what_was_tried_in_vain_is_no_change_to_make():
    spec = validate_spec(_design(DEVICES["two labels"], digital=False))
    (effect,) = (e for e in all_effects() if e.name == "nonlinearity")
    trial = trials_of(spec, SAMPLES, [effect])[0]
    remedies = {effect.name: SimpleNamespace(words="straighten it", key="")}
    chip = ChipInWords((effect,), remedies, "device.conductance.weight_range", window_holds=True)
    whole = _judged(0.2)
    worse = Guide(chip, whole, whole, None, (), None, (_tried(trial, 0.2, 0.3),))
    assert advice(worse)[0].startswith("Nothing that was tried is known to lower the predicted ")
    assert first_change(worse) is None
    untried = Guide(chip, whole, whole, None, (), None, (), "it takes long")
    assert first_change(untried) == advice(untried)[0]
    assert "straighten it (not tried: it takes long)" in first_change(untried)


def _tried(trial, whole, drop):
    saves = whole - drop
    return Tried(trial, _judged(drop), Cost(saves, (saves, saves), 0.99))


def _judged(drop):
    verdict = Verdict.TOLERATED if drop < 0.02 else Verdict.NOT_TOLERATED
    cost = Cost(drop, (drop, drop), 0.95)
    return Judgement(verdict, "accuracy_drop", cost, Bounds(drop, drop, 0.95), cost, 0.02, True)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1.0, "bits", "1 bit"),
        (2.0, "bits", "2 bits"),
        (86400.0, "s", "1 day"),
        (2 * 86400.0, "s", "2 days"),
        (31557600.0, "s", "1 year"),
        (1.5 * 31557600.0, "s", "1.5 years"),
        (3600.0, "s", "1 h"),
        (1.0, "s", "1 s"),
        (1.0, "", "1"),
    ],
)
def test_one_of_a_unit_is_said_as_one(value, unit, said):
    assert shown(value, unit, whole=unit == "bits") == said
