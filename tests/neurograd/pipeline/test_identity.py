"""What tasks depend on, and what they do not."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
import torch

from neurograd.pipeline import identity
from neurograd.pipeline.build import build_problem
from neurograd.pipeline.identity import (
    ChipTask,
    CleanTask,
    Surroundings,
    VerdictTask,
    code_digest,
    data_fingerprint,
    digest_of_sources,
    table_fingerprint,
)
from neurograd.spec import validate_spec

SPEC = {
    "name": "tiny",
    "device": {"preset": "epiram"},
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 50},
    "training": {"step_size": 0.2, "steps": 5, "seeds": 2, "max_seeds": 3},
    "measure": {"draws": 20, "loss_draws": 10, "points": 1, "seed": 1},
}


def _tasks(changes=None, data="d"):
    """The clean twin, the chips and the verdict of a spec with some keys changed."""
    given = copy.deepcopy(SPEC)
    for key, value in (changes or {}).items():
        *path, last = key.split(".")
        section = given
        for name in path:
            section = section.setdefault(name, {})
        section[last] = value
    spec = validate_spec(given)
    chip = ChipTask.of(spec, "cpu", data)
    return chip.clean, chip, VerdictTask.of(chip, spec, "train")


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, (True, True, True)),
        ({"name": "other"}, (True, True, True)),
        ({"targets.max_accuracy_drop": "7 %"}, (True, True, False)),
        ({"training.seeds": 3}, (True, True, False)),
        ({"device.read": {"noise": "3 %"}}, (True, False, False)),
        ({"quantization.weight_bits": 5}, (True, False, False)),
        ({"learning_rule.name": "manhattan"}, (True, False, False)),
        ({"layers.first.device": None}, (True, False, False)),
        ({"layers.first.output_scale": "learned"}, (False, False, False)),
        ({"measure.draws": 21}, (True, False, False)),
        ({"learning_rule.batch_size": 10}, (False, False, False)),
        ({"measure.seed": 2}, (False, False, False)),
        ({"measure.points": 2}, (False, False, False)),
        ({"training.steps": 6}, (False, False, False)),
        ({"training.step_size": 0.1}, (False, False, False)),
        ({"network.hidden": [9]}, (False, False, False)),
        ({"task.train_samples": 99}, (False, False, False)),
    ],
)
def test_which_keys_matter_for_what(changes, same):
    before, after = _tasks(), _tasks(changes)
    assert tuple(a.digest == b.digest for a, b in zip(before, after, strict=True)) == same
    assert tuple(a == b for a, b in zip(before, after, strict=True)) == same


def test_data_device_code_and_versions_matter_for_everything():
    for before, after in zip(_tasks(), _tasks(data="e"), strict=True):
        assert before.digest != after.digest
    here = Surroundings.of("cpu")
    clean, chip, verdict = _tasks()
    for changed in (
        replace(here, code="other"),
        replace(here, device="cuda"),
        replace(here, versions={**here.versions, "torch": "0.0"}),
    ):
        other = replace(clean, surroundings=changed)
        assert other.digest != clean.digest
        others = replace(chip, clean=other)
        assert others.digest != chip.digest
        assert replace(verdict, chip=others).digest != verdict.digest
    assert here.difference(here) is None
    assert here.difference(replace(here, code="other")) == ("code", here.code, "other")


def test_a_task_survives_the_way_to_a_worker():
    for task in _tasks():
        again = pickle.loads(pickle.dumps(task))
        assert again == task
        assert again.digest == task.digest


def test_quick_and_the_clean_twin_without_data():
    spec = validate_spec(SPEC)
    exact, quick = (ChipTask.of(spec, "cpu", "d", quick=quick) for quick in (False, True))
    assert exact.digest != quick.digest
    alone = CleanTask.of(spec, torch.device("cpu"))
    assert alone.data is None
    assert alone.on("d") == _tasks()[0]


def test_code_is_all_modules_and_presets(tmp_path):
    package = tmp_path / "package"
    (package / "presets").mkdir(parents=True)
    (package / "a.py").write_text("x = 1\n")
    (package / "presets" / "p.yaml").write_text("a: 1\n")
    (package / "__pycache__").mkdir()
    seen = {digest_of_sources({"p": package})}
    (package / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    (package / "notes.txt").write_text("hello")
    assert digest_of_sources({"p": package}) in seen
    for path, text in (
        (package / "a.py", "x = 2\n"),
        (package / "presets" / "p.yaml", "a: 2\n"),
        (package / "b.py", ""),
        (package / "presets" / "c.py", ""),
    ):
        path.write_text(text)
        digest = digest_of_sources({"p": package})
        assert digest not in seen
        seen.add(digest)
    moved = tmp_path / "elsewhere"
    package.rename(moved)
    assert digest_of_sources({"p": moved}) == digest
    assert len(code_digest()) == identity.DIGITS
    assert code_digest() != code_digest((*identity.CODE, "experiments"))


def test_data_are_told_apart_to_the_last_bit():
    spec = validate_spec(SPEC)
    problem = build_problem(spec)
    first = data_fingerprint(problem)
    assert data_fingerprint(build_problem(spec)) == first
    for split in ("train", "test"):
        inputs, targets = problem.data(split)
        kept = inputs[3, 7].clone()
        inputs[3, 7] = torch.nextafter(kept, kept + 1)
        assert data_fingerprint(problem) != first
        inputs[3, 7] = kept
        assert data_fingerprint(problem) == first
        targets[0] += 1
        assert data_fingerprint(problem) != first
        targets[0] -= 1


def test_a_device_without_a_table_has_no_fingerprint():
    for device in (SPEC["device"], None):
        assert table_fingerprint(validate_spec({**SPEC, "device": device})) is None
