"""Finished stages on disk: taken again where nothing that matters has changed."""

from __future__ import annotations

import random
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch

from neurograd.errors import StageWarning
from neurograd.pipeline import stages
from neurograd.pipeline.check import check
from neurograd.pipeline.identity import Identity, Surroundings
from neurograd.pipeline.store import StageStore, say_if_of_another_version
from neurograd.records.training import PredictedNetwork
from neurograd.spec import validate_spec

LIKE = torch.zeros(1, dtype=torch.float64)
SPEC = {
    "name": "tiny",
    "device": {"preset": "epiram"},
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 50},
    "training": {"step_size": 0.2, "steps": 5, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 20, "loss_draws": 10, "points": 1, "seed": 1},
}


@dataclass(frozen=True)
class _Task(Identity):
    seed: int


def _lost():
    pytest.fail("computed again")


def test_stages_are_computed_once(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"x": 0.1, "y": (1, 2)}

    for _ in range(2):
        store = StageStore(tmp_path, _Task(1))
        assert store.run("stage", compute) == {"x": 0.1, "y": [1, 2]}
    assert len(calls) == 1
    (folder,) = tmp_path.iterdir()
    (folder / "stage.json").write_text('{"x": 0.')
    with pytest.warns(StageWarning, match=r"stage\.json: is damaged .* computed again"):
        StageStore(tmp_path, _Task(1)).run("stage", compute)
    assert len(calls) == 2
    StageStore(tmp_path, _Task(2)).run("stage", compute)
    assert len(calls) == 3
    assert len(list(tmp_path.iterdir())) == 2
    assert StageStore(None, _Task(1)).run("stage", compute)["y"] == [1, 2]


def _keep(store):
    tensors = {"5": torch.arange(700, dtype=torch.float64).sin()}
    return tensors, store.run_tensors("clean", lambda: ({"a": 1}, tensors), LIKE)


def test_tensors_come_back_to_the_bit(tmp_path):
    store = StageStore(tmp_path, _Task(1))
    tensors, _ = _keep(store)
    result, again = store.run_tensors("clean", _lost, LIKE)
    assert result == {"a": 1}
    assert again["5"].equal(tensors["5"])
    assert store.known("none") is None


@pytest.mark.parametrize("file", ["clean.json", "clean.npz"])
@pytest.mark.parametrize("part", [None, 0.0, 0.3, 0.9])
def test_a_damaged_file_is_not_trusted(tmp_path, file, part):
    store = StageStore(tmp_path, _Task(1))
    tensors, _ = _keep(store)
    (folder,) = tmp_path.iterdir()
    content = (folder / file).read_bytes()
    if part is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content[: int(part * len(content))])
    said = file if part is not None or file == "clean.npz" else None
    with _lines() as lines:
        assert store.known_tensors("clean") is None
    assert [line.split(": ")[0] for line in lines] == ([f"{folder / said}"] if said else [])
    with _lines():
        _, (_, again) = _keep(store)
    assert again["5"].equal(tensors["5"])
    assert (folder / file).read_bytes() == content


@contextmanager
def _lines():
    """What is said of stages that cannot be used."""
    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StageWarning)
        yield found
    found += [str(each.message) for each in caught if each.category is StageWarning]


@pytest.mark.parametrize(
    "content",
    [
        b"[1, 2]",
        b"null",
        b'{"a": 1}',
        b"\xff\xfe\x00",
        b"{" * 100_000,
        b'{"result": [], "sha256": 1}',
    ],
)
def test_json_that_is_no_result_is_not_trusted(tmp_path, content):
    store = StageStore(tmp_path, _Task(1))
    store.keep("stage", {"a": 1})
    (folder,) = tmp_path.iterdir()
    (folder / "stage.json").write_bytes(content)
    with pytest.warns(StageWarning, match="is damaged"):
        assert store.known("stage") is None


@pytest.mark.parametrize("file", ["clean.json", "clean.npz"])
def test_no_flipped_bit_changes_a_number(tmp_path, file):
    """Wherever it is: the stage is as it was (spaces between numbers), or computed again."""
    store = StageStore(tmp_path, _Task(1))
    tensors = {"5": torch.arange(5, dtype=torch.float64).sin()}
    result, _ = store.keep_tensors("clean", {"x": [0.1, 2], "y": "text"}, tensors)
    (folder,) = tmp_path.iterdir()
    content, refused = (folder / file).read_bytes(), 0
    for bit in random.Random(3).sample(range(8 * len(content)), 300):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (folder / file).write_bytes(flipped)
        with _lines() as lines:
            known = store.known_tensors("clean")
        assert (known is None) == bool(lines)
        refused += known is None
        assert known is None or (known[0] == result and known[1]["5"].equal(tensors["5"]))
    assert refused > 200


def test_a_folder_of_another_version_is_said(tmp_path, monkeypatch):
    with _lines() as lines:
        say_if_of_another_version(None)
        say_if_of_another_version(tmp_path / "none")
        say_if_of_another_version(tmp_path)
        StageStore(tmp_path, _Task(1)).keep("stage", {})
        StageStore(tmp_path, _Task(2)).keep("stage", {})
        say_if_of_another_version(tmp_path)
    assert lines == []
    monkeypatch.setattr("neurograd.pipeline.identity.code_digest", lambda: "another")
    with pytest.warns(StageWarning, match="is of another version"):
        say_if_of_another_version(tmp_path)
    StageStore(tmp_path, _Task(3)).keep("stage", {})
    with _lines() as lines:
        say_if_of_another_version(tmp_path)
    assert lines == []


@pytest.fixture
def trained(monkeypatch):
    """An entry for every network that is trained from here on."""
    found, real = [], stages.train
    monkeypatch.setattr(stages, "train", lambda *a, **k: found.append(1) or real(*a, **k))
    return found


def test_other_code_computes_everything_again_and_the_same_code_nothing(
    tmp_path, monkeypatch, trained
):
    spec = validate_spec(SPEC)
    first = check(spec, resume=tmp_path).report
    assert first["code"] == Surroundings.of("cpu").code
    assert len(trained) == 3
    assert check(spec, resume=tmp_path).report["points"] == first["points"]
    assert len(trained) == 3
    monkeypatch.setattr("neurograd.pipeline.identity.code_digest", lambda: "another")
    assert check(spec, resume=tmp_path).report["points"] == first["points"]
    assert len(trained) == 6
    assert len(list(tmp_path.iterdir())) == 2


def test_what_only_judges_throws_no_training_away(tmp_path, trained):
    check(validate_spec(SPEC), resume=tmp_path)
    assert len(trained) == 3
    stricter = validate_spec({**SPEC, "name": "other", "targets": {"max_accuracy_drop": "1 %"}})
    again = check(stricter, resume=tmp_path).report
    assert len(trained) == 3
    assert {**again, "timing": None} == {**check(stricter).report, "timing": None}
    assert len(trained) == 6
    more = {**SPEC["training"], "seeds": 3, "max_seeds": 3}
    check(validate_spec({**SPEC, "training": more}), resume=tmp_path)
    assert len(trained) == 7


def _network():
    return PredictedNetwork(loss=0.25, test_accuracy=0.5, correct="10", diverged=False, gradients=3)


def test_records_come_back_as_they_were_and_broken_ones_are_computed_again(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return _network()

    for _ in range(2):
        store = StageStore(tmp_path, _Task(1))
        assert store.run_record("chip", PredictedNetwork, compute) == _network()
    assert len(calls) == 1
    (folder,) = tmp_path.iterdir()
    for broken in ({"loss": 0.25}, {}):
        store.keep("chip", broken)
        assert store.known_record("chip", PredictedNetwork) is None
        assert store.run_record("chip", PredictedNetwork, compute) == _network()
    (folder / "chip.json").write_text("[]")
    with pytest.warns(StageWarning):
        assert store.run_record("chip", PredictedNetwork, compute) == _network()
    assert len(calls) == 4
    assert StageStore(None, _Task(1)).run_record("chip", PredictedNetwork, compute) == _network()


def test_records_with_tensors_need_both_files(tmp_path):
    tensors = {"5": torch.arange(7, dtype=torch.float64).sin()}
    store = StageStore(tmp_path, _Task(1))

    def run(compute):
        return store.run_record_tensors("clean", PredictedNetwork, compute, LIKE)

    run(lambda: (_network(), tensors))
    record, again = run(_lost)
    assert record == _network()
    assert torch.equal(again["5"], tensors["5"])
    (folder,) = tmp_path.iterdir()
    store.keep_tensors("clean", {"loss": 0.25}, tensors)
    assert store.known_record_tensors("clean", PredictedNetwork) is None
    run(lambda: (_network(), tensors))
    (folder / "clean.npz").write_bytes(b"PK")
    with pytest.warns(StageWarning):
        assert store.known_record_tensors("clean", PredictedNetwork) is None
