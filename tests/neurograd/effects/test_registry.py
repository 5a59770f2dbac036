"""Every file of the folder is found, and what the files bring goes together."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

import neurograd.effects
from neurograd.effects import cycle_to_cycle, drift, read_noise, registry
from neurograd.effects.effect import Keys
from neurograd.effects.rules.rule import Rule
from neurograd.keys.fields import Fraction, SpecModel
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import Device, LearningRule, Quantization, validate_spec

FOLDER = Path(neurograd.effects.__file__).parent


def test_every_file_that_brings_something_is_found():
    written = {
        path.stem
        for path in FOLDER.rglob("*.py")
        if any(line.startswith(("EFFECT = ", "SHARED = ")) for line in path.open(encoding="utf-8"))
    }
    assert {each.name for each in registry.contributions()} == written
    assert len(written) > 30


def test_effects_stand_in_the_order_in_which_an_update_meets_them():
    names = [each.name for each in registry.all_effects() if not isinstance(each, Rule)]
    assert names == [
        "pulse_train",
        "minibatch",
        "write_each",
        "weight_rounding",
        "update_rounding",
        "drift",
        "ir_drop",
        "write_noise",
        "thermal_noise",
        "read_noise",
        "converters",
        "converter_clipping",
        "output_noise",
        "levels",
        "granularity",
        "nonlinearity",
        "cycle_to_cycle",
        "device_to_device",
        "states",
        "faults",
        "endurance",
        "leakage",
    ]


def test_knobs_stand_in_the_order_of_a_limits_report():
    device = {
        "conductance": {"levels": 40},
        "write": {"cycle_to_cycle": "1 %"},
        "pulse_train": {},
        "ir_drop": {"wire_ratio": 1e-4},
        "drift": {"time": "1 h", "exponent": 0.05},
        "leakage": {},
        "endurance": {"age": 1e4},
    }
    digital = {"weight_bits": 8, "update_bits": 12}
    spec = validate_spec(
        {"device": device, "quantization": digital, "learning_rule": {"batch_size": 10}}
    )
    assert [knob.key for knob in registry.knobs_of(spec, 1000)] == [
        "device.write.cycle_to_cycle",
        "device.write.device_to_device",
        "device.conductance.levels",
        "device.write.nonlinearity",
        "device.read.noise",
        "device.faults.stuck_low",
        "device.faults.stuck_high",
        "device.converters.adc_bits",
        "device.converters.dac_bits",
        "device.ir_drop.wire_ratio",
        "device.pulse_train.length",
        "device.drift.time",
        "device.drift.exponent",
        "device.drift.exponent_spread",
        "device.leakage.lifetime",
        "device.leakage.spread",
        "device.endurance.age",
        "device.endurance.cycles",
        "learning_rule.batch_size",
        "quantization.weight_bits",
        "quantization.update_bits",
        "device.conductance.weight_range",
    ]


def test_noise_of_both_directions_is_two_knobs():
    noise = {"potentiation": "1 %", "depression": "2 %"}
    spec = validate_spec({"device": {"write": {"cycle_to_cycle": noise}}})
    found = [knob for knob in registry.knobs_of(spec, 1000) if "cycle" in knob.key]
    assert [(knob.key, knob.now) for knob in found] == [
        ("device.write.cycle_to_cycle.potentiation", 0.01),
        ("device.write.cycle_to_cycle.depression", 0.02),
    ]
    assert found[1].label == "cycle-to-cycle noise of depression"


def test_every_key_of_an_effect_is_one_of_its_section():
    sections = {"device": Device, "quantization": Quantization, "learning_rule": LearningRule}
    for each in registry.contributions():
        for keys in each.keys:
            assert set(keys.model.model_fields) <= set(sections[keys.place].model_fields)


def test_every_rule_brings_the_keys_that_it_has():
    for rule in registry.rules():
        brought = {name for keys in rule.keys for name in keys.model.model_fields}
        assert brought == rule.own_keys
        assert set(rule.networks) <= {"rate", "spiking"}


def test_every_rule_says_whether_it_is_a_mean_over_samples():
    """So that a spec is refused before a chip is built that cannot write samples for themselves."""
    for rule in registry.rules():
        spiking = "rate" not in rule.networks
        network = {"kind": "spiking", "time_steps": 2} if spiking else {}
        spec = validate_spec(
            {
                "learning_rule": {"name": rule.name},
                "network": {"hidden": [2], **network},
                "task": {"train_samples": 10, "test_samples": 5},
            }
        )
        built = build_chip(spec, build_problem(spec)).rule
        assert built.mean_over_samples == rule.mean_over_samples, rule.name


def test_active_effects_follow_the_spec():
    spec = validate_spec(
        {
            "device": {"read": {"noise": "1 %"}, "drift": {"time": "1 h"}},
            "learning_rule": {"name": "manhattan", "batch_size": 16},
        }
    )
    names = [effect.name for effect in registry.active_in(spec, 100)]
    assert names == ["manhattan", "minibatch", "drift", "read_noise"]
    assert [effect.name for effect in registry.active_in(spec, 16)] == names[:1] + names[2:]
    assert registry.active_in(validate_spec({}), 100) == []


def test_two_effects_of_one_name_or_key_are_refused(monkeypatch):
    class Noisier(SpecModel):
        """A second device.drift."""

        drift: Annotated[float, Fraction()] = Field(0.0, description="Default: 0 %.")

    twice = replace(read_noise.EFFECT, name="noisier", keys=(Keys("device", Noisier),))
    found = registry.contributions()
    monkeypatch.setattr(registry, "contributions", lambda: (*found, twice))
    with pytest.raises(TypeError, match=r"effects\.drift and .* both bring drift into device"):
        registry.section("device")
    module = sys.modules["neurograd.effects.cycle_to_cycle"]
    same = replace(cycle_to_cycle.EFFECT, name="drift")
    monkeypatch.undo()
    monkeypatch.setattr(module, "EFFECT", same)
    with pytest.raises(TypeError, match=r"two modules of neurograd\.effects are called drift"):
        registry.contributions.__wrapped__()
    assert drift.EFFECT in found


def test_keys_of_a_section_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match=r"place is 'devcie'; allowed: device, quantization"):
        Keys("devcie", SpecModel)


def test_effects_do_not_import_torch():
    code = (
        "import sys; from neurograd.effects.registry import contributions; contributions(); "
        "import neurograd.spec; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_slope_is_turned_as_far_as_it_may_go():
    """A linear step that grows begins at 0 at the least, with a gamma of -1."""
    for up, down, most in ((0.4, 0.2, 100.0), (-0.4, 0.2, 1.0), (0.4, -0.2, 2.0)):
        gamma = {"potentiation": up, "depression": down}
        spec = validate_spec({"device": {"pulsed": {"model": "linear", "gamma": gamma}}})
        (knob,) = (k for k in registry.knobs_of(spec, 20) if k.key == "device.pulsed.gamma")
        assert (knob.now, knob.high) == pytest.approx((0.4, most))
        ends = knob.settings(knob.high)
        turned = {name: ends[f"device.pulsed.gamma.{name}"] for name in gamma}
        validate_spec({"device": {"pulsed": {"model": "linear", "gamma": turned}}})
