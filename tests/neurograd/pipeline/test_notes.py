"""Keys without effect, and likely slips, as a report says them."""

from __future__ import annotations

import pytest
import torch

from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import train_beside
from neurograd.pipeline.notes import idle_keys, notes, same
from neurograd.spec import validate_spec

TEACHER = {"name": "teacher_student", "train_samples": 8, "test_samples": 4}


def notes_of(device=None, command="check", **sections):
    spec = validate_spec({"device": device, "network": {"hidden": [3]}, "task": TEACHER} | sections)
    return notes(spec, build_problem(spec), command)


def test_a_window_without_a_smallest_conductance_is_told_by_what_it_acts_on():
    """The spec has a drift and a programming error; its min/max is 0, as without the keys."""
    device = {"conductance": {"min": 0, "max": "25 uS"}, "drift": {"exponent": 0.03}}
    (note,) = (
        each
        for each in notes_of(device, deployment={"program_error": "2 %"})
        if "conductance.min" in each
    )
    assert note.startswith(
        "device.conductance.min and device.conductance.max change no number of this spec: they act "
        "by min/max (0 without a window) on wires"
    )


@pytest.mark.parametrize(("noise", "said"), [("0.03 %", True), ("0.0299 %", False), ("3 %", False)])
def test_a_small_part_that_a_fit_has_estimated_is_no_slip(noise, said):
    """Fits write three digits; a percentage that was a fraction already has one or two."""
    found = [note for note in notes_of({"read": {"noise": noise}}) if "less than devices" in note]
    assert bool(found) is said


DRIFT = {"time": "1 h", "exponent": 0.03}
SHORT = {"training": {"steps": 5, "step_size": 0.1, "seeds": 2, "max_seeds": 2}}
NEAREST = {"update_rounding": "nearest"}
SCALED = {"noise": "multiplicative"}
OFFSET = {"model": "exponential", "noise_offset": 0.1}
SLOPE = {"model": "exponential", "noise_slope": 0.2}
WINDOW = {"min": "3.8 uS", "max": "59 uS"}


@pytest.mark.parametrize(
    ("idle", "device", "sections"),
    [
        (("device.conductance.min", "device.conductance.max"), {"conductance": WINDOW}, {}),
        ((), {"conductance": WINDOW, "drift": DRIFT}, {}),
        ((), {"conductance": {"mapping": "reference"}, "read": {"noise": "1 %"}}, {}),
        (("dw_min_dtod_log_normal",), {"pulsed": {"dw_min_dtod_log_normal": True}}, {}),
        (
            ("quantization.update_rounding",),
            None,
            {"quantization": {"update_rounding": "nearest"}},
        ),
        ((), None, {"quantization": {"update_bits": 4, "update_rounding": "nearest"}}),
        (
            (),
            {"conductance": {"levels": 40}},
            {"quantization": {"update_rounding": "nearest"}},
        ),
        (("learning_rule.write_each",), None, {"learning_rule": {"write_each": "sample"}}),
        (
            (),
            {"conductance": {"levels": 40}},
            {"learning_rule": {"write_each": "sample"}},
        ),
        # nothing is rounded where pulses are infinitely fine
        (("quantization.update_rounding",), {"conductance": {}}, {"quantization": NEAREST}),
        ((), {"conductance": {"states": 4}}, {"quantization": NEAREST}),
        ((), {"pulsed": {}}, {"quantization": NEAREST}),
        # parts and kinds of a noise that there is none of, or that is the same either way
        (("device.pulsed.noise_offset changes",), {"pulsed": OFFSET}, {}),
        (("device.pulsed.noise_slope changes",), {"pulsed": SLOPE}, {}),
        ((), {"pulsed": {**OFFSET, "dw_min_std": 0.1}}, {}),
        ((), {"pulsed": {**SLOPE, "dw_min_std": 0.1}}, {}),
        (("pulsed.noise",), {"pulsed": {"model": "soft_bounds", **SCALED}}, {}),
        (("pulsed.noise",), {"pulsed": {"model": "linear", "dw_min_std": 1, **SCALED}}, {}),
        ((), {"pulsed": {"model": "soft_bounds", "dw_min_std": 1, **SCALED}}, {}),
        ((), {"pulsed": {"model": "linear", "gamma_dtod": 0.1, "dw_min_std": 1, **SCALED}}, {}),
        # one nominal step, whichever way it is counted
        (("pulsed.known_step",), {"pulsed": {"known_step": "mean"}}, {}),
        ((), {"pulsed": {"known_step": "mean", "up_down": 0.1}}, {}),
        (
            ("device.ir_drop changes",),
            {"ir_drop": {"wire_ratio": 0, "array_rows": 2, "array_columns": 2}},
            {},
        ),
        (("device.endurance changes",), {"endurance": {"cycles": 100}}, {}),
        # sections that do nothing as a whole
        (("drift changes",), {"drift": {"time": "1 h", "exponent": 0, "t0": "1 min"}}, {}),
        (("drift changes",), {"drift": {"time": "20 s", "exponent": 0.1}}, {}),
        (("drift changes",), {"drift": {"time": "1 h", "t0": "1 h"}}, {}),
        (("drift changes",), {"drift": {"time": "1 h", "exponent": 0}}, {}),
        (("ir_drop changes",), {"ir_drop": {"wire_ratio": 0}}, {}),
        ((), {"ir_drop": {"wire_ratio": 1e-3}, "drift": DRIFT}, {}),
        ((), {"drift": {"exponent": 0.03}}, {"deployment": {"times": ["1 h"]}}),
        # defaults that a model fills in are no one's wish
        ((), {"preset": "reram-es"}, {}),
    ],
)  # fmt: skip
def test_keys_without_effect_are_named(idle, device, sections):
    found = notes_of(device, **sections)
    assert [note for note in found if "no number" in note] == [note for note in found if idle]
    for key in idle:
        assert key in found[0]
    assert len(found) == bool(idle)


def test_where_an_idle_key_would_act():
    (note,) = notes_of({"conductance": WINDOW})
    assert "wires (device.ir_drop), drift (device.drift) and programming errors (deployment" in note


@pytest.mark.parametrize(
    ("words", "device"),
    [
        ("write that, or 0.05", {"write": {"cycle_to_cycle": "0.05 %"}}),
        (
            "cycle_to_cycle.depression is 0.05 %",
            {"write": {"cycle_to_cycle": {"potentiation": "5 %", "depression": "0.05 %"}}},
        ),
        ("write that, or 0.05", {"write": {"device_to_device": "0.05 %"}}),
        ("write that, or 0.02", {"read": {"noise": 0.0002}}),
        ("0.059 S", {"conductance": {"min": "1 mS", "max": "59 mS"}, "drift": DRIFT}),
        ("times min", {"conductance": {"min": "1e-15 S", "max": "1 uS"}, "drift": DRIFT}),
        ("has 3 %", {"ir_drop": {"wire_ratio": 0.03, "array_rows": 4, "array_columns": 4}}),
        (
            "depression: -0.6",
            {"write": {"nonlinearity": {"potentiation": 1.9, "depression": 0.6}}},
        ),
    ],
)
def test_likely_slips_are_hinted_at(words, device):
    (note,) = notes_of(device)
    assert words in note
    assert len(note.splitlines()) == 1


def test_ordinary_devices_have_no_hints():
    device = {
        "conductance": {"min": "3.8 uS", "max": "59 uS"},
        "write": {
            "nonlinearity": {"potentiation": 1.94, "depression": -0.61},
            "cycle_to_cycle": "5 %",
            "device_to_device": "0.1 %",
        },
        "read": {"noise": "1 %"},
        "drift": DRIFT,
        "ir_drop": {"wire_ratio": 1e-4, "array_rows": 64, "array_columns": 64},
    }
    assert notes_of(device) == ()


def test_keys_of_another_command_or_task():
    targets = {"max_accuracy_drop": "3 %"}
    assert notes_of(targets=targets) == (
        "targets.max_accuracy_drop changes no number of this spec: it is for classification.",
    )
    measured = {"draws": 30, "points": 2}
    assert notes_of(measure=measured) == ()
    (note,) = notes_of(measure=measured, command="train")
    assert note.startswith("measure.draws and measure.points change no number of train")


def test_an_idle_key_leaves_every_number_of_the_chip():
    """Chips are told apart by any number, and by what is drawn for them."""
    spec = {"network": {"hidden": [3]}, "task": TEACHER}

    def chip(device):
        whole = validate_spec(spec | {"device": device})
        return build_chip(whole, build_problem(whole))

    noisy = {"read": {"noise": 0.01}, "write": {"device_to_device": 0.1}}
    assert same(chip(noisy), chip(noisy))
    assert not same(chip(noisy), chip(noisy | {"read": {"noise": 0.0100001}}))
    assert not same(chip(noisy), chip(noisy | {"write": {"device_to_device": 0.11}}))
    assert not same(object(), object())
    one, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    assert same(one, one)
    assert not same(one, other)
    whole = validate_spec(spec | {"device": noisy})
    assert idle_keys(whole, build_problem(whole)) == []


WEAR = {"cycles": 3, "spread": 0.1, "age": 1}
RARE = {"stuck_low": "0.0001 %"}
STILL = {"exponent": 0, "exponent_spread": 0}
WIRES = {"wire_ratio": 1e-3, "array_rows": 8, "array_columns": 8}


@pytest.mark.parametrize(
    ("key", "device"),
    [
        ("device.endurance", {"endurance": WEAR}),
        ("device.endurance", {"endurance": {"cycles": 1e6, "age": 1}}),
        ("device.endurance", {"endurance": WEAR, "ir_drop": WIRES}),
        ("device.faults.stuck_low", {"faults": RARE}),
        ("device.faults.stuck_low", {"faults": RARE, "pulsed": {"model": "one_sided_pair"}}),
        ("device.faults.stuck_low", {"faults": RARE, "devices_per_weight": {"count": 2}}),
        ("device.drift", {"drift": STILL}),
    ],
)
def test_sections_of_which_no_device_has_anything_are_idle(key, device):
    """None is worn, stuck or drifts in any chip, which is that of a spec without the section."""
    keys = {} if "drift" not in device else {"deployment": {"times": ["1 h"]}}
    found = [note for note in notes_of(device, **keys) if note.startswith(key)]
    assert found == [f"{key} changes no number of this spec."]


RATE = {"hidden": []}
SPIKES = {"kind": "spiking", "hidden": [3], "time_steps": 4, "coding": "current"}
TRAINS = {"pulsed": {}, "pulse_train": {}}


@pytest.mark.parametrize(
    ("key", "device", "sections"),
    [
        *(
            ("learning_rule.name", None, {"network": RATE, "learning_rule": {"name": name}})
            for name in ("direct_feedback_alignment", "local_loss", "sign_symmetric")
        ),
        ("network.activation", None, {"network": {**RATE, "activation": "tanh"}}),
        (
            "learning_rule.truncation",
            None,
            {"network": SPIKES, "learning_rule": {"name": "surrogate", "truncation": 4}},
        ),
        ("quantization.update_rounding", TRAINS, {"quantization": NEAREST}),
        ("device.devices_per_weight", {"devices_per_weight": {"count": 8}}, {}),
    ],
)
def test_parts_that_do_the_same_as_others_are_told(key, device, sections):
    """The losses are those without the key, to the last digits; no chip object is equal."""
    found = [note for note in notes_of(device, **sections) if note.startswith(key)]
    assert len(found) == 1
    assert found[0].startswith(f"{key} changes no number of this spec: ")
    *path, name = key.split(".")
    plain = {**sections, "device": device}
    changed = {place: dict(each) for place, each in plain.items() if each is not None}
    del changed[path[0]][name]
    results = [
        train_beside(validate_spec({"network": {"hidden": [3]}, "task": TEACHER, **SHORT, **each}))
        for each in (plain, changed)
    ]
    losses = [result.record.training.chip.loss for result in results]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@pytest.mark.parametrize(
    ("device", "sections"),
    [
        (None, {"learning_rule": {"name": "sign_symmetric"}}),
        (None, {"network": {"hidden": [3], "activation": "tanh"}}),
        (None, {"network": SPIKES, "learning_rule": {"name": "surrogate", "truncation": 3}}),
        (TRAINS, {"quantization": {**NEAREST, "update_bits": 6}}),
        ({"devices_per_weight": {"count": 2}, "write": {"cycle_to_cycle": 0.1}}, {}),
    ],
)
def test_parts_that_act_are_not_told_to_be_without_effect(device, sections):
    assert not any("changes no number" in note for note in notes_of(device, **sections))


def test_a_fault_that_spares_the_first_chip_changes_numbers_of_others():
    """A few in a thousand weights: the first of these chips has no device that is stuck high."""
    few = {"device": {"faults": {"stuck_low": 0.1, "stuck_high": 0.002}}}
    few |= {"network": {"hidden": [3]}, "task": TEACHER}

    def idle(seeds):
        spec = validate_spec(few | {"training": {"seeds": seeds}})
        return idle_keys(spec, build_problem(spec))

    assert idle(1) == [("device.faults.stuck_high",)]
    assert idle(200) == []


@pytest.mark.parametrize(
    ("rule", "idle"), [(None, 0), ("surrogate", 0), ("eprop", 0), ("backprop", 1)]
)
def test_the_default_rule_of_a_spiking_network_is_no_ones_wish(rule, idle):
    network = {"kind": "spiking", "hidden": [3], "time_steps": 2, "coding": "current"}
    sections = {"learning_rule": {"name": rule}} if rule else {}
    for command in ("check", "train"):
        found = notes_of(command=command, network=network, **sections)
        assert len(found) == idle
        assert all("learning_rule.name changes no number" in note for note in found)
