"""What a report says of chips whose layers differ, and of keys of layers that act on nothing."""

from __future__ import annotations

import pytest

from neurograd.pipeline.build import build_problem
from neurograd.pipeline.notes import notes
from neurograd.spec import validate_spec

BASE = {
    "network": {"hidden": [4]},
    "task": {
        "name": "teacher_student", "train_samples": 12, "test_samples": 6, "inputs": 5,
        "outputs": 2, "teacher_hidden": [4],
    },
    "training": {"steps": 2, "seeds": 2},
}  # fmt: skip
NOISY = {"write": {"cycle_to_cycle": 0.1}}


def said(**keys):
    spec = validate_spec({**BASE, **keys})
    return notes(spec, build_problem(spec), "check")


def test_the_report_says_which_layers_have_what():
    layers = {"first": {"device": None, "quantization": {"weight_bits": 8}}}
    assert said(device=NOISY, layers=layers) == (
        "The layers differ: layer1 is digital with weights of 8 bits (its own "
        "quantization.weight_bits); layer2 is analog, as the whole chip.",
    )
    assert said(device=NOISY) == ()
    assert said() == ()


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        (
            {"layers": {"first": {}}},
            "The layers do not differ: layer1 is digital; layer2 is digital, as the whole chip.",
        ),
        (
            {"device": NOISY, "layers": {"first": {}}},
            "The layers do not differ: layer1 is analog; layer2 is analog, as the whole chip.",
        ),
        (
            {"layers": {name: {"device": {"preset": "epiram"}} for name in ("first", "last")}},
            "The layers do not differ: layer1 is analog (its own ",
        ),
        (
            {"device": NOISY, "layers": {"last": {"device": {"read": {"noise": 0.1}}}}},
            "The layers d",
        ),
    ],
)
def test_layers_that_do_not_differ_are_not_said_to(keys, note):
    found = said(**keys)[0]
    assert found.startswith(note)
    assert ("do not differ" in found) == ("do not differ" in note)


def test_digital_biases_are_told():
    (note,) = said(device=NOISY, network={"hidden": [4], "biases": "digital"})
    assert note.startswith("2 parameters of one dimension (biases, gains and offsets of normali")
    assert note.endswith(" are digital: they are kept and updated exactly.")
    (note,) = said(device=NOISY, network={"hidden": [], "biases": "digital"})
    assert note.startswith("1 parameter of one dimension ")
    assert note.endswith(" is digital: it is kept and updated exactly.")


@pytest.mark.parametrize(
    ("layers", "key"),
    [
        ({"last": {"device": {"write": {"cycle_to_cycle": 0.1}}}}, "device.write.cycle_to_cycle"),
        ({"last": {"quantization": {"weight_range": 1.0}}}, "quantization.weight_range"),
    ],
)
def test_keys_of_layers_that_change_nothing_are_told(layers, key):
    notes_of_layer = [note for note in said(device=NOISY, layers=layers) if "no number" in note]
    assert notes_of_layer == [f"layers.last.{key} changes no number of this spec."]


@pytest.mark.parametrize("section", ["read", "write", "conductance"])
def test_a_section_that_null_takes_away_is_named_as_a_whole(section):
    layers = {"first": {"device": {section: None}}}
    device = {**NOISY, "conductance": {"min": 1e-6, "max": 2e-6, "levels": 8}}
    differ, *others = said(device=device, layers=layers)
    assert f"layer1 is analog (its own device.{section}); layer2" in differ
    idle = [f"layers.first.device.{section} changes no number of this spec."]
    assert [note for note in others if "layers." in note] == (idle if section == "read" else [])


def test_a_digital_layer_of_a_digital_chip_changes_nothing():
    (_, note) = said(quantization={"weight_bits": 6}, layers={"first": {"device": None}})
    assert note == "layers.first.device changes no number of this spec."


def test_keys_of_the_chip_that_no_layer_has_are_told():
    layers = {"first": {"device": None}, "last": {"device": None}}
    found = [note for note in said(device=NOISY, layers=layers) if "no number" in note]
    assert found == ["device.write.cycle_to_cycle changes no number of this spec."]


def test_learned_factors_are_told_and_no_key_is_called_idle():
    (note,) = said(device=NOISY, layers={"last": {"output_scale": "learned"}})
    assert note == (
        "The layers differ: layer1 is analog, as the whole chip; layer2 is analog, its product "
        "times a learned digital factor."
    )
