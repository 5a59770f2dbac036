"""Each effect changes its own part of a chip, and parts stand in the order of an update."""

from __future__ import annotations

import pytest
import torch

from device_models import Backprop
from neurograd.effects.registry import active_in, all_effects, knobs_of
from neurograd.effects.rules.rule import never
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.spec import spec_to_dict, validate_spec

COUNTED = {"conductance": {"levels": 30}}
SPIKING = {"network": {"kind": "spiking", "hidden": [3], "time_steps": 3}}

SECTIONS = {
    "surrogate": {**SPIKING, "learning_rule": {"name": "surrogate", "truncation": 2}},
    "eprop": {**SPIKING, "learning_rule": {"name": "eprop"}},
    **{
        name: {"learning_rule": {"name": name}}
        for name in (
            "feedback_alignment",
            "direct_feedback_alignment",
            "sign_symmetric",
            "local_loss",
            "weight_perturbation",
            "node_perturbation",
            "forward_gradient",
            "equilibrium_propagation",
            "manhattan",
        )
    },
    "pulse_train": {"device": {**COUNTED, "pulse_train": {}}},
    "minibatch": {"learning_rule": {"batch_size": 5}},
    "write_each": {"device": COUNTED, "learning_rule": {"batch_size": 5, "write_each": "sample"}},
    "weight_rounding": {"quantization": {"weight_bits": 4}},
    "update_rounding": {"quantization": {"update_bits": 6}},
    "drift": {"device": {"drift": {"time": "1 h"}}},
    "ir_drop": {"device": {"ir_drop": {"wire_ratio": 1e-3}}},
    "write_noise": {"device": {"pulsed": {"write_noise_std": 1}}},
    "thermal_noise": {
        "device": {
            "conductance": {"min": "0 S", "max": "1 nS"},
            "read": {"voltage": "0.1 V", "bandwidth": "1 MHz"},
        }
    },
    "read_noise": {"device": {"read": {"noise": "1 %"}}},
    "converters": {"device": {"converters": {"adc_bits": 6}}},
    "converter_clipping": {"device": {"converters": {"output_range": 0.1}}},
    "output_noise": {"device": {"converters": {"output_noise": 0.1}}},
    "levels": {"device": COUNTED},
    "granularity": {"device": {"pulsed": {"dw_min": 0.25}}},
    "nonlinearity": {"device": {"write": {"nonlinearity": {"potentiation": 2}}}},
    "cycle_to_cycle": {"device": {"write": {"cycle_to_cycle": "2 %"}}},
    "device_to_device": {"device": {"write": {"device_to_device": "5 %"}}},
    "states": {"device": {"conductance": {"states": 5}}},
    "leakage": {"device": {"leakage": {"lifetime": 50}}},
    "faults": {"device": {"faults": {"stuck_low": "30 %"}}},
    "endurance": {"device": {"endurance": {"age": 1e6}}},
}
PARTS = {
    "RULE": "rule",
    "TRAIN": "rule",
    "BATCH": "rule",
    "DIGITAL": "writes",
    "READ": "reads",
    "PASS": "passes",
    "WRITE": "writes",
    "AFTER": "writes",
}
PLACES = ("reads", "writes", "passes")
EFFECTS = {each.name: each for each in all_effects()}


def spec_with(sections):
    task = {"train_samples": 20, "test_samples": 10}
    return validate_spec({"network": {"hidden": [3]}, "task": task, **sections})


def behaviour(chip, problem):
    """What a chip reads, estimates and realizes with given numbers, which tells chips apart."""
    w = chip.program(problem.initial_weights)
    estimate = chip.estimate(problem, w, torch.Generator().manual_seed(1))
    return {
        "rule": chip.rule.gradient(problem, w, torch.Generator().manual_seed(2)),
        "reads": chip.read(w, torch.Generator().manual_seed(3)),
        "passes": estimate,
        "writes": chip.write(w, torch.full_like(w, -0.37), torch.Generator().manual_seed(4)),
        "updates": chip.sample_update(problem, w, torch.Generator().manual_seed(5)),
    }


def test_every_effect_is_tried():
    assert set(SECTIONS) == {name for name, each in EFFECTS.items() if each.when is not never}


@pytest.mark.parametrize("name", SECTIONS)
def test_an_effect_is_in_its_own_part_of_the_chip_and_can_be_left_out(name):
    spec, effect = spec_with(SECTIONS[name]), EFFECTS[name]
    problem = build_problem(spec)
    assert effect in active_in(spec, problem.num_samples)
    whole, without = build_chip(spec, problem), build_chip(spec, problem, without=[effect])
    part = "updates" if name == "write_each" else PARTS[effect.stage.name]
    here = behaviour(whole, problem)[part], behaviour(without, problem)[part]
    assert not torch.equal(*here)


@pytest.mark.parametrize(
    ("name", "idle", "acting"),
    [
        ("endurance", {}, {"age": 1}),
        ("ir_drop", {"wire_ratio": 0}, {"wire_ratio": 1e-6}),
        ("drift", {"time": "1 h", "exponent": 0}, {"time": "1 h", "exponent": 0.01}),
        ("drift", {"time": "20 s"}, {"time": "21 s"}),
        (
            "drift",
            {"time": "1 h", "exponent": 0, "exponent_spread": 0},
            {"time": "1 h", "exponent": 0, "exponent_spread": 0.01},
        ),
    ],
)
def test_sections_that_change_nothing_are_no_effect(name, idle, acting):
    for section, active in ((idle, False), (acting, True)):
        spec = spec_with({"device": {name: section}})
        problem = build_problem(spec)
        names = [each.name for each in active_in(spec, problem.num_samples)]
        assert (name in names) == active
        chip = build_chip(spec, problem)
        assert bool(chip.reads) == (active and name != "endurance")
    # What they would be is a number to turn all the same.
    knobs = {each.key for each in knobs_of(spec_with({"device": {name: idle}}), 20)}
    turned = {"endurance": "age", "ir_drop": "wire_ratio"}.get(name)
    turned = turned or ("exponent" if "exponent" in idle else "time")
    assert f"device.{name}.{turned}" in knobs
    assert ("device.drift.time" in knobs) == (name == "drift" and "exponent" not in idle)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_remedy_names_a_key_that_the_spec_has(name):
    spec, effect = spec_with(SECTIONS[name]), EFFECTS[name]
    found = effect.remedy(spec)
    assert found.key in found.words
    value = spec_to_dict(spec)
    for word in found.key.split("."):
        value = value[word]
    assert value not in (None, 0, False)


def test_parts_stand_in_the_order_in_which_an_update_meets_them():
    device = {
        "pulsed": {"write_noise_std": 1},
        "read": {"noise": "1 %"},
        "drift": {"time": "1 h"},
        "ir_drop": {"wire_ratio": 1e-3},
        "converters": {"adc_bits": 8},
        "leakage": {},
        "faults": {"stuck_high": "10 %"},
        "endurance": {"age": 1e6},
    }
    spec = spec_with(
        {
            "device": device,
            "quantization": {"weight_bits": 6, "update_bits": 10},
            "learning_rule": {"name": "sign_symmetric", "batch_size": 5},
        }
    )
    chip = build_chip(spec, build_problem(spec))
    kinds = {part: [type(each).__name__ for each in getattr(chip, part)] for part in PLACES}
    assert kinds == {
        "reads": ["ConductanceDrift", "IrDrop", "WriteNoise", "ReadNoise", "WeightRounding"],
        "writes": ["UpdateRounding", "WornDevices", "Leakage"],
        "passes": ["Converters"],
    }
    worn = chip.writes[1]
    # Worn devices were stuck ones before they wore out, and pulsed ones before that.
    assert [type(each).__name__ for each in (worn.inner, worn.inner.inner)] == [
        "WornDevices",
        "PulsedWrite",
    ]
    assert type(chip.rule.rule).__name__ == "SignSymmetric"


@pytest.mark.parametrize("preset", ["ecram-li", "capacitor"])
def test_devices_without_the_nonlinear_pulse_response_are_straight_and_vary_as_before(preset):
    """Slopes of all devices are 0, also those that vary about the nominal one."""
    spec = spec_with({"device": {"preset": preset}})
    problem = build_problem(spec)
    whole, straight = (
        build_chip(spec, problem, without=without).writes[0].devices
        for without in ([], [EFFECTS["nonlinearity"]])
    )
    for slope in (straight.slope_up, straight.slope_down):
        assert float(slope.abs().max()) == 0
    assert float(whole.slope_up.abs().max()) > 0
    for name in ("low", "high", "reference"):
        assert torch.equal(getattr(whole, name), getattr(straight, name))
    # Steps vary by the same part, about the step that the controller counts in.
    ratio = (straight.step_up + straight.step_down) / (whole.step_up + whole.step_down)
    assert float(ratio.std()) < 1e-12


def test_a_chip_without_its_rule_computes_the_gradient():
    spec = spec_with({"learning_rule": {"name": "feedback_alignment", "batch_size": 5}})
    problem = build_problem(spec)
    batched = build_chip(spec, problem, without=[EFFECTS["feedback_alignment"]]).rule
    assert batched.batch_size == 5
    assert isinstance(batched.rule, Backprop)
    whole = build_chip(
        spec, problem, without=[EFFECTS["feedback_alignment"], EFFECTS["minibatch"]]
    ).rule
    assert isinstance(whole, Backprop)
