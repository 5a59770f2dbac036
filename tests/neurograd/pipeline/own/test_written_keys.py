"""Keys that a program sweeps or lays over a spec meet the spec as it was written."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import neurograd
from neurograd.errors import NeurogradError
from neurograd.pipeline.own.handed_over import spec_for
from neurograd.pipeline.own.written_keys import with_keys, written_keys
from neurograd.spec import load_spec, validate_spec

KEYS = {
    "device": {"preset": "alox-hfo2"},
    "network": {"hidden": [4]},
    "task": {"name": "teacher_student", "inputs": 4, "outputs": 2, "train_samples": 30,
             "test_samples": 10},
    "learning_rule": {"batch_size": 10},
}  # fmt: skip
SHORT = {"seeds": 2, "max_seeds": 2}


def changed(keys, settings):
    spec = validate_spec(keys)
    return with_keys(spec, written_keys(spec), settings, "over")


def nested(keys, settings):
    """The keys with dotted ones in their places, by no code of ours."""
    found = {name: dict(section) for name, section in keys.items()}
    for key, value in settings.items():
        section, _, rest = key.partition(".")
        place = found.setdefault(section, {})
        for name in rest.split(".")[:-1]:
            place = place.setdefault(name, {})
        place[rest.rpartition(".")[2]] = value
    return found


POINTS = {
    "another preset": ({}, {"device.preset": "ag-asi"}),
    "no preset": ({}, {"device.preset": None}),
    "a pulsed preset": ({}, {"device.preset": "gokmen-vlasov"}),
    "a preset of inference": (
        {"deployment": {"preset": "reram-inference"}, "device": {}},
        {"deployment.preset": "pcm-inference"},
    ),
    "epochs": ({}, {"training.epochs": 2}),
    "many chips": ({}, {"training.seeds": 60}),
    "an optimizer": (
        {"training": {"optimizer": {"weight_decay": 0.1}}},
        {"training.optimizer.name": "adam"},
    ),
    "a rule": ({"learning_rule": {}}, {"learning_rule.name": "weight_perturbation"}),
    "a kind of network": ({"task": {"name": "digits"}}, {"network.kind": "spiking"}),
}


@pytest.mark.parametrize(("more", "settings"), POINTS.values(), ids=POINTS)
def test_a_point_is_the_spec_that_it_would_be_in_a_file(more, settings):
    keys = {**KEYS, **more}
    assert changed(keys, settings) == validate_spec(nested(keys, settings))


def test_a_sweep_over_presets_is_of_each_device():
    keys = {**KEYS, "training": {"steps": 4, **SHORT}}
    presets = ["alox-hfo2", "ag-asi"]
    found = neurograd.sweep(validate_spec(keys), over={"device.preset": presets}, mode="predict")
    costs = [row["cost"] for row in found.rows]
    alone = [
        neurograd.predict(validate_spec({**keys, "device": {"preset": preset}})).cost.value
        for preset in presets
    ]
    assert costs == alone
    assert costs[0] != costs[1]


def test_a_spec_of_a_file_keeps_its_places(tmp_path):
    """Files are named beside the spec, however it is read again."""
    (tmp_path / "a.yaml").write_text("network: {weights: start.safetensors}\n")
    spec = load_spec(tmp_path / "a.yaml")
    point = with_keys(spec, written_keys(spec), {"training.epochs": 3}, "over")
    assert point.network.weights == str(tmp_path / "start.safetensors")
    assert (point.training.epochs, point.training.order) == (3, "shuffled")


def test_a_spec_that_was_changed_since_keeps_its_change():
    spec = validate_spec(KEYS)
    shorter = spec.model_copy(
        update={"training": spec.training.model_copy(update={"steps": 7, "seeds": 3})}
    )
    point = with_keys(shorter, written_keys(shorter), {"training.step_size": 0.3}, "over")
    assert (point.training.steps, point.training.step_size) == (7, 0.3)


REFUSED = {
    "a swept value": ({"device.read.noise": -1}, r"^over: device\.read\.noise: -1 "),
    "beside a written key": (
        {"training.epochs": 2},
        r"^over: training\.epochs: is given beside steps",
    ),
    "another key": (
        {"training.seeds": 9},
        r"^named: training\.max_seeds: 4 is less .* \(at training\.seeds=9\)$",
    ),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_sweep_or_the_spec(settings, said):
    keys = {**KEYS, "name": "named", "training": {"steps": 4, "seeds": 2, "max_seeds": 4}}
    with pytest.raises(NeurogradError, match=said):
        neurograd.sweep(validate_spec(keys), over={key: [v] for key, v in settings.items()})


@pytest.fixture(scope="module")
def problem():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 4, generator=generator)
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    return neurograd.Problem(module, nn.CrossEntropyLoss(), x, (x[:, 0] > 0).long())


def test_sections_over_a_spec_meet_its_keys_as_they_were_written(problem):
    over = {"device": {"preset": "ag-asi"}, "training": {"epochs": 2}}
    found = spec_for(problem, validate_spec(KEYS), over)
    assert found.device == validate_spec({"device": {"preset": "ag-asi"}}).device
    assert (found.training.epochs, found.training.order) == (2, "shuffled")
    assert found.learning_rule.batch_size == 10


def test_ranges_of_a_spec_are_kept_beside_a_problem(problem):
    spread = {"typ": 0.04, "min": 0.03, "max": 0.06}
    known = {"device.read.noise": {"min": 0.0, "max": 0.02}}
    device = {"write": {"cycle_to_cycle": spread}, "read": {"noise": 0.01}}
    spec = validate_spec({**KEYS, "device": device, "ranges": {"numbers": known}})
    assert spec_for(problem, spec, {}).ranges == spec.ranges
    changed = spec_for(problem, spec.model_copy(update={"name": "another"}), {})
    assert changed.ranges == spec.ranges
    # What a section replaces is known.
    left = spec_for(problem, spec, {"device": {"read": {"noise": 0.1}}})
    assert [*left.ranges.numbers] == ["device.write.cycle_to_cycle"]
    gone = spec_for(problem, spec, {"device": {"read": None, "write": {"cycle_to_cycle": 0.1}}})
    assert gone.ranges is None


DECIDED = {
    "the samples": {"task": {"train_samples": 20}},
    "the start": {"network": {"weights": "start.safetensors"}},
    "the module": {"network": {"factory": "other"}},
    "the precision": {"measure": {"precision": "float32"}},
    "the passes": {"measure": {"chunk_size": 7}},
}


@pytest.mark.parametrize("sections", DECIDED.values(), ids=DECIDED)
def test_what_the_problem_has_is_refused_beside_it(problem, sections):
    """All of these were labels of rows that nothing had changed in."""
    ((name, section),) = sections.items()
    ((key, value),) = section.items()
    training = {"steps": 3, **SHORT}
    with pytest.raises(NeurogradError, match=rf"{name}\.{key}"):
        neurograd.predict(problem=problem, training=training, **sections)
    with pytest.raises(NeurogradError, match=rf"over: {name}\.{key} is for a spec alone"):
        neurograd.sweep(problem=problem, training=training, over={f"{name}.{key}": [value]})


def test_a_chip_of_keys_asks_for_no_other_precision(problem):
    with pytest.raises(NeurogradError, match=r"measure\.precision: float32 beside a problem"):
        spec_for(problem, {"measure": {"precision": "float32"}}, {})
    same = spec_for(problem, {"measure": {"precision": "float64", "chunk_size": 4096}}, {})
    assert same.measure.precision == "float64"
    # Of a spec both are left out, as its network and task are.
    single = validate_spec({**KEYS, "measure": {"precision": "float32", "chunk_size": 3}})
    assert spec_for(problem, single, {}).measure == same.measure


def test_where_the_biases_lie_is_left_open(problem):
    spec = spec_for(problem, "alox-hfo2", {"network": {"biases": "digital"}})
    assert (spec.network.biases, spec.network.kind) == ("digital", "module")
    rows = neurograd.sweep(
        problem=problem, chip="alox-hfo2", training={"steps": 3, **SHORT}, mode="predict",
        over={"network.biases": ["digital", "analog"]},
    ).rows  # fmt: skip
    assert rows[0]["cost"] != rows[1]["cost"]
