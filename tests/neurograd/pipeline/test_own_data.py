"""A user's own samples and start weights, from the spec to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from neurograd.errors import DataError, ModelError
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.identity import ChipTask, CleanTask, data_fingerprint, data_used
from neurograd.pipeline.notes import notes
from neurograd.spec import load_spec, spec_to_dict, validate_spec
from neurograd.spec.loading import PATHS, input_files
from tests.neurograd.command_line import refused, run_command

TINY = {
    "name": "own",
    "device": {"preset": "epiram"},
    "network": {"hidden": [4]},
    "training": {"step_size": 0.2, "steps": 4, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 12, "loss_draws": 8, "points": 1},
}
TASK = {"name": "file", "train": "own.npz", "test_fraction": "25 %"}


def _samples(folder, shape=(6,), classes=3, seed=0, name="own.npz", scale=1.0):
    source = np.random.default_rng(seed)
    y = np.arange(80) % classes
    middle = 1.5 * source.normal(size=(classes, *shape))
    x = scale * (middle[y] + source.normal(size=(80, *shape)))
    np.savez(folder / name, x=x, y=y)
    return x, y


def _spec(folder, task=TASK, **sections):
    (folder / "spec.yaml").write_text(yaml.safe_dump({**TINY, "task": task, **sections}))
    return folder / "spec.yaml"


def test_own_samples_go_through_every_command(capsys, tmp_path, monkeypatch):
    """The report says how they were read, and has a digest that moves with one value."""
    monkeypatch.chdir(tmp_path)
    x, y = _samples(tmp_path)
    spec, out = _spec(tmp_path), tmp_path / "out.json"
    assert run_command(capsys, "check", spec, "--json", out, "--exit-zero")[0] == 0
    report = json.loads(out.read_text())
    data = report["data"]
    assert (data["train_samples"], data["test_samples"]) == (60, 20)
    assert (data["sample_shape"], data["classes"], data["start_weights"]) == ([6], 3, None)
    assert data["digest"] == data_fingerprint(build_problem(load_spec(spec)))
    assert report["training"]["cost"]["test_samples"] == 20
    (said,) = [note for note in report["notes"] if "were read as" in note]
    assert "60 training and 20 test samples of 6 inputs; the targets are classes, 3 of" in said
    x[3, 2] += 1e-9
    np.savez(tmp_path / "own.npz", x=x, y=y)
    code, printed, _ = run_command(capsys, "train", spec, "--json", out, "--exit-zero")
    assert code == 0
    moved = json.loads(out.read_text())["data"]["digest"]
    assert moved != data["digest"]
    assert f"digest {moved[:12]}" in " ".join(printed.split())
    assert "The cost is that on this test set of 20 samples." in " ".join(printed.split())
    assert run_command(capsys, "limits", spec, "--quick", "--exit-zero")[0] == 0
    table = tmp_path / "sweep"
    over = "task.test_fraction=25 %,50 %"
    assert run_command(capsys, "sweep", spec, "--over", over, "--resume", table)[0] == 0


def test_classes_are_those_of_training_and_test(tmp_path):
    """As many as the network has outputs, where few training samples of digits have not all."""
    few = {"name": "digits", "train_samples": 3, "test_samples": 60}
    spec = load_spec(_spec(tmp_path, few))
    problem = build_problem(spec)
    assert problem.data()[1].unique().numel() < 10
    assert data_used(spec, problem, "").classes == 10
    rare = np.where(np.arange(80) == 5, 2, np.arange(80) % 2)
    np.savez(tmp_path / "own.npz", x=_samples(tmp_path)[0], y=rare)
    with pytest.raises(DataError, match=r"task\.train_samples: 9 .*1 of 3 classes"):
        build_problem(load_spec(_spec(tmp_path, {**TASK, "train_samples": 9})))


def test_paths_are_relative_to_the_spec(tmp_path, monkeypatch):
    inside = tmp_path / "specs"
    inside.mkdir()
    x, y = _samples(inside)
    np.save(inside / "x.npy", x)
    np.save(inside / "y.npy", y)
    pair = {"name": "file", "train": ["x.npy", "y.npy"], "test": "own.npz"}
    monkeypatch.chdir(tmp_path)
    spec = load_spec(_spec(inside, pair))
    assert spec.task.train == (str(inside / "x.npy"), str(inside / "y.npy"))
    assert spec.task.test == str(inside / "own.npz")
    assert torch.equal(build_problem(spec).data("test")[0], torch.from_numpy(x))
    assert validate_spec(spec_to_dict(spec)) == spec


def test_what_is_not_beside_the_spec_is_not_looked_for_elsewhere(tmp_path, monkeypatch):
    """A file of the same name in the working folder is another one, but for overrides."""
    inside = tmp_path / "specs"
    inside.mkdir()
    _samples(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = _spec(inside)
    with pytest.raises(DataError, match=rf"^task\.train: {inside / 'own.npz'}: does not exist"):
        build_problem(load_spec(path))
    spec = load_spec(path, ["task.train=own.npz"])
    assert spec.task.train == "own.npz"
    assert build_problem(spec).num_samples == 60


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize("name", ["there.x", "../specs/up.x"])
def test_every_path_of_a_spec_is_beside_it(key, name, tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    for place in ("there.x", "specs/there.x", "specs/up.x"):
        (tmp_path / place).touch()
    monkeypatch.chdir(tmp_path)
    section, key = key.split(".")
    own = {section: {key: name}}
    path = tmp_path / "specs" / "spec.yaml"
    path.write_text(yaml.safe_dump({**own, "layers": {"0": own}}))
    assert input_files("specs/spec.yaml")[1:] == (Path("specs") / name,) * 2
    override = f"{section}.{key}=there.x"
    assert input_files("specs/spec.yaml", [override])[-1] == Path("there.x")
    there = tmp_path / "there.x"
    path.write_text(yaml.safe_dump({section: {key: str(there)}}))
    assert input_files("specs/spec.yaml")[1:] == (there,)


def test_values_have_no_accuracy(tmp_path):
    x, _ = _samples(tmp_path)
    np.savez(tmp_path / "own.npz", x=x, y=x[:, :2] ** 2)
    problem = build_problem(load_spec(_spec(tmp_path)))
    assert not problem.is_classification
    assert problem.loss_function.name == "mse"
    assert problem.data()[1].shape == (60, 2)


@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 16, 3), (16, 9, 4)])
def test_images_with_channels_last_are_refused(shape, tmp_path):
    _samples(tmp_path, shape=shape)
    spec = load_spec(_spec(tmp_path, network={"architecture": "cnn"}))
    with pytest.raises(DataError, match=r"channels\)\? allowed: .*x\.transpose\(0, 3, 1, 2\)"):
        build_problem(spec)
    assert build_problem(load_spec(_spec(tmp_path))).data()[0].shape[1:] == (np.prod(shape),)


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 4, 4), (9, 40, 1), (3, 3, 3), (16, 2, 3)])
def test_images_and_signals_with_channels_first_are_taken(shape, tmp_path):
    _samples(tmp_path, shape=shape)
    spec = load_spec(_spec(tmp_path, network={"architecture": "cnn"}))
    assert build_problem(spec).data()[0].shape[1:] == shape


OWN = """
from torch import nn
def make_net(outputs):
    return nn.Linear(6, outputs)
"""


def test_labels_are_the_outputs_of_a_network_that_has_them(tmp_path):
    """As in torch; only a network that is made for the data numbers them anew, and says so."""
    x, y = _samples(tmp_path)
    np.savez(tmp_path / "own.npz", x=x, y=y + 1)
    (tmp_path / "net.py").write_text(OWN)
    module = {"kind": "module", "file": "net.py", "arguments": {"outputs": 4}}
    spec = load_spec(_spec(tmp_path, network=module), allow_code=True)
    own, made = build_problem(spec), build_problem(load_spec(_spec(tmp_path)))
    assert own.data()[1].equal(made.data()[1] + 1)
    kept, new = (
        next(note for note in notes(spec, problem, "check") if "were read as" in note)
        for problem in (own, made)
    )
    assert "classes, 3 of them. Classes 1, 2 and 3 are the outputs of these numbers" in kept
    assert new.endswith("classes, 3 of them. Classes 1, 2 and 3 are outputs 0, 1 and 2.")
    with pytest.raises(ModelError, match=r"outputs of shape \(8, 3\) for 8 samples of 4 classes"):
        build_problem(spec.model_copy(update={"network": _with(spec.network, outputs=3)}))


def _with(network, **arguments):
    return network.model_copy(update={"arguments": arguments})


SPIKES = {"kind": "spiking", "hidden": [4]}


@pytest.mark.parametrize("network", [SPIKES, {**SPIKES, "coding": "events"}])
def test_spike_trains_go_into_a_spiking_network_as_they_are(network, tmp_path):
    x, _ = _samples(tmp_path, shape=(7, 5))
    spec = load_spec(_spec(tmp_path, {**TASK, "test_fraction": 0.1}, network=network))
    problem = build_problem(spec)
    together = torch.cat([problem.data()[0], problem.data("test")[0]]).numpy()
    assert np.array_equal(np.unique(together, axis=0), np.unique(x, axis=0))
    (said,) = [note for note in notes(spec, problem, "check") if "were read as" in note]
    assert "7×5 spikes or currents (time steps × inputs)" in said
    wrong = validate_spec({**spec_to_dict(spec), "network": {**network, "time_steps": 3}})
    with pytest.raises(DataError, match=r"time_steps: 3.*have 7"):
        build_problem(wrong)


def test_values_become_spike_trains_where_that_is_asked_for(tmp_path):
    _samples(tmp_path)
    by_default = load_spec(_spec(tmp_path, network=SPIKES))
    assert (by_default.network.coding, by_default.network.time_steps) == (None, None)
    with pytest.raises(DataError, match=r"network\.coding: rate needs inputs from 0 to 1"):
        build_problem(by_default)
    current = load_spec(_spec(tmp_path, network={**SPIKES, "coding": "current"}))
    assert build_problem(current).data()[0].shape == (60, 10, 6)
    events = load_spec(_spec(tmp_path, network={**SPIKES, "coding": "events"}))
    with pytest.raises(DataError, match=r"events needs samples of shape"):
        build_problem(events)
    x, y = _samples(tmp_path)
    np.savez(tmp_path / "own.npz", x=(x > 0).astype(np.uint8), y=y)
    drawn = build_problem(by_default).data()[0]
    assert drawn.shape == (60, 10, 6)
    # A value of 1 spikes at every step, one of 0 never.
    assert torch.equal(drawn, drawn[:, :1].expand(-1, 10, -1))


def test_a_convolutional_network_needs_images(tmp_path):
    cnn = {"architecture": "cnn", "channels": [2]}
    for shape, placed in (((6, 4), (1, 6, 4)), ((3, 6, 4), (3, 6, 4))):
        _samples(tmp_path, shape=shape)
        problem = build_problem(load_spec(_spec(tmp_path, network=cnn)))
        assert problem.data()[0].shape[1:] == placed
        assert problem.data("test")[0].shape[1:] == placed
    _samples(tmp_path, shape=(6,))
    with pytest.raises(DataError, match="cnn needs images"):
        build_problem(load_spec(_spec(tmp_path, network=cnn)))


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({**TASK, "train": "none.npz"}, ["task.train", "none.npz", "does not exist"]),
        ({**TASK, "target": "y"}, ["task.target"]),
        ({"name": "image_folder", "folder": "none"}, ["task.folder", "none"]),
    ],
)
def test_what_cannot_be_read_is_one_line(capsys, tmp_path, task, words):
    _samples(tmp_path)
    error = refused(capsys, "check", _spec(tmp_path, task))
    assert all(word in error for word in words), error


def test_images_of_a_folder(tmp_path):
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 256, (5, 5), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    task = {"name": "image_folder", "folder": "images", "test_fraction": 0.25}
    for network, shape in (({"hidden": [3]}, (25,)), ({"architecture": "cnn"}, (1, 5, 5))):
        spec = load_spec(_spec(tmp_path, task, network=network))
        problem = build_problem(spec)
        assert problem.data()[0].shape == (6, *shape)
        assert any("6 training and 2 test" in note for note in notes(spec, problem, "check"))


def test_inputs_that_were_not_scaled_get_a_note(tmp_path):
    for scale, noted in ((1.0, False), (100.0, True)):
        _samples(tmp_path, scale=scale)
        spec = load_spec(_spec(tmp_path))
        found = notes(spec, build_problem(spec), "check")
        assert any("scale them" in note for note in found) == noted


# -- Start weights ---------------------------------------------------------------------------------


def _start(folder, seed=0):
    source = np.random.default_rng(seed)
    shapes = {"0.weight": (4, 6), "0.bias": (4,), "2.weight": (3, 4), "2.bias": (3,)}
    arrays = {name: source.normal(size=shape) for name, shape in shapes.items()}
    np.savez(folder / "start.npz", **arrays)
    return np.concatenate([array.ravel() for array in arrays.values()])


def test_trainings_start_from_the_weights_of_a_file(capsys, tmp_path):
    _samples(tmp_path)
    network = {"hidden": [4], "weights": "start.npz"}
    flat = _start(tmp_path)
    path, out = _spec(tmp_path, network=network), tmp_path / "out.json"
    spec = load_spec(path)
    assert np.array_equal(build_problem(spec).initial_weights.numpy(), flat)
    tasks = [(CleanTask.of(spec, "cpu"), ChipTask.of(spec, "cpu", "d")) for _ in range(2)]
    assert tasks[0] == tasks[1]
    run_command(capsys, "train", path, "--json", out, "--exit-zero")
    before = json.loads(out.read_text())
    _start(tmp_path, seed=1)
    changed = (CleanTask.of(spec, "cpu"), ChipTask.of(spec, "cpu", "d"))
    assert all(new.digest != old.digest for new, old in zip(changed, tasks[0], strict=True))
    run_command(capsys, "train", path, "--json", out, "--exit-zero")
    after = json.loads(out.read_text())
    assert after["data"]["start_weights"] != before["data"]["start_weights"]
    assert after["data"]["digest"] == before["data"]["digest"]
    assert after["training"]["clean"]["loss"] != before["training"]["clean"]["loss"]


MODULE = """
from torch import nn

def network(**given):
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3))
"""


def test_a_module_of_float32_takes_the_numbers_of_a_file_in_the_precision_of_the_spec(tmp_path):
    _samples(tmp_path)
    flat = _start(tmp_path)
    (tmp_path / "own.py").write_text(MODULE)
    own = {"kind": "module", "file": "own.py", "factory": "network", "weights": "start.npz"}

    def built(precision):
        path = _spec(tmp_path, network=own, measure={"precision": precision})
        return build_problem(load_spec(path, allow_code=True))

    assert np.array_equal(built("float64").initial_weights.numpy(), flat)
    assert np.array_equal(built("float32").initial_weights.numpy(), flat.astype(np.float32))
    arrays = dict(np.load(tmp_path / "start.npz"))
    np.savez(tmp_path / "start.npz", **{**arrays, "0.bias": 1e39 * arrays["0.bias"]})
    assert built("float64").initial_weights.isfinite().all()
    with pytest.raises(DataError, match=r"0\.bias has values .* allowed: finite ones in float32"):
        built("float32")


def test_weights_of_a_file_are_deployed_as_they_are(capsys, tmp_path):
    """Without a step the clean network is that of the file."""
    _samples(tmp_path)
    _start(tmp_path)
    sections = {
        "network": {"hidden": [4], "weights": "start.npz"},
        "device": {"conductance": {"weight_range": 4}},
        "training": {"steps": 0, "seeds": 2, "max_seeds": 2},
        "deployment": {"program_error": "2 %", "times": ["0 s"]},
    }
    path, out = _spec(tmp_path, **sections), tmp_path / "out.json"
    code, _, _ = run_command(capsys, "check", path, "--json", out, "--exit-zero")
    assert code == 0
    report, problem = json.loads(out.read_text()), build_problem(load_spec(path))
    clean = report["training"]["clean"]
    assert clean["loss"] == pytest.approx(problem.loss(problem.initial_weights), rel=1e-12)
    (deployed,) = report["deployment"]
    assert deployed["loss"] != clean["loss"]


def test_start_weights_that_do_not_fit_are_one_line(capsys, tmp_path):
    _samples(tmp_path)
    _start(tmp_path)
    for weights, word in (("start.npz", "(5, 6)"), ("none.npz", "does not exist")):
        network = {"hidden": [5], "weights": weights}
        assert word in refused(capsys, "train", _spec(tmp_path, network=network))


def test_start_weights_beyond_the_window_get_a_note(tmp_path):
    _samples(tmp_path)
    flat = _start(tmp_path)
    network = {"hidden": [4], "weights": "start.npz"}
    beyond = int((np.abs(flat) > 1).sum())
    assert 0 < beyond < len(flat)
    for device, said in ((TINY["device"], f"{beyond} of {len(flat)} initial weights"), (None, "")):
        spec = load_spec(_spec(tmp_path, network=network, device=device))
        found = [n for n in notes(spec, build_problem(spec), "train") if "initial weights" in n]
        assert len(found) == bool(said)
        assert all(said in note for note in found)


def test_an_initialization_beside_start_weights_gets_a_note(tmp_path):
    _samples(tmp_path)
    _start(tmp_path)
    for init, noted in (("xavier", False), ("kaiming", True)):
        network = {"hidden": [4], "weights": "start.npz", "init": init}
        spec = load_spec(_spec(tmp_path, network=network))
        found = notes(spec, build_problem(spec), "train")
        assert any("network.init changes no number" in note for note in found) == noted


@pytest.mark.parametrize(("labels", "said"), [([1], "1 sample,"), ([2, 2, 2], "3 samples,")])
def test_a_test_set_of_one_class_is_refused(capsys, tmp_path, monkeypatch, labels, said):
    """Whoever always answers that class is right: there is nothing that a chip could lose."""
    monkeypatch.chdir(tmp_path)
    x, _ = _samples(tmp_path)
    np.savez(tmp_path / "test.npz", x=x[: len(labels)], y=labels)
    spec = _spec(tmp_path, {"name": "file", "train": "own.npz", "test": "test.npz"})
    message = refused(capsys, "check", spec)
    assert f"task: the test set, {said} has one class only" in message
    assert "allowed: 2 or more" in message
