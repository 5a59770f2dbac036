"""No file is ever unpickled: not one that would run code, whatever its name, nor a right one."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from neurograd.pipeline.check import check
from neurograd.spec import validate_spec
from tests.fuzz.interrupted import SPEC
from tests.fuzz.specs import ACTING
from tests.neurograd.command_line import refused, run_command
from tests.neurograd.pipeline.test_every_key import own_files

MARK = "code-has-run"


class Payload:
    """An object that makes a file as soon as it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (MARK, "w")


def plain() -> bytes:
    """A bare pickle."""
    return pickle.dumps({"x": Payload(), "y": Payload()})


def of_torch() -> bytes:
    """What ``torch.save`` writes."""
    buffer = io.BytesIO()
    torch.save({"0.weight": Payload()}, buffer)
    return buffer.getvalue()


def array() -> bytes:
    """A file of numpy with an array of objects."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def archive() -> bytes:
    """An archive of numpy with arrays of objects under the names that are read."""
    buffer, objects = io.BytesIO(), np.array([Payload()], dtype=object)
    names = ("x", "y", "0.weight", "0.bias", "2.weight", "2.bias", "5", "weights")
    np.savez(buffer, allow_pickle=True, **dict.fromkeys(names, objects))
    return buffer.getvalue()


KINDS = (plain, of_torch, array, archive)

TASK = "task: {{name: file, train: {0}, test_fraction: 0.5}}"
FOLDER = "task: {{name: {1}, folder: .}}"
NAMED = {
    **{
        f"own{end}": TASK
        for end in (".npz", ".csv", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".pth", ".joblib", "")
    },
    "own.npy": "task: {{name: file, train: [{0}, {0}], test_fraction: 0.5}}",
    **{
        f"start{end}": "network: {{hidden: [4], weights: {0}}}"
        for end in (".npz", ".safetensors", ".pt", ".bin", ".ckpt")
    },
    "graph.nir": "network: {{kind: nir, file: {0}}}",
    **{f"curve{end}": "device: {{measured: {0}}}" for end in (".csv", ".xlsx", ".txt", ".npy")},
}
"""Names of files, and the key of a spec that names them."""

LAID = {
    "train-images-idx3-ubyte": "mnist",
    "train-images-idx3-ubyte.gz": "mnist",
    "data_batch_1": "cifar10",
    "data_batch_1.bin": "cifar10",
    "train/a/picture.png": "image_folder",
}
"""Files that are found in a folder, and the task that looks for them."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The present folder, in which no code may have run."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / MARK).exists()


def test_the_files_would_run_code(tmp_path, monkeypatch):
    """Else the tests below say nothing."""
    monkeypatch.chdir(tmp_path)
    for content in (plain(), of_torch(), array(), archive()):
        if content == plain():
            pickle.loads(content)
        elif content[:2] == b"PK" and b"data.pkl" in content:
            torch.load(io.BytesIO(content), weights_only=False)
        elif content[:2] == b"PK":
            with np.load(io.BytesIO(content), allow_pickle=True) as found:
                found["x"]
        else:
            np.load(io.BytesIO(content), allow_pickle=True)
        (tmp_path / MARK).unlink()


@pytest.mark.parametrize("name", NAMED)
def test_a_pickle_is_refused_whatever_its_name(here, capsys, name):
    (here / "s.yaml").write_text(NAMED[name].format(name))
    for kind in KINDS:
        (here / name).write_bytes(kind())
        refused(capsys, "check", "s.yaml", "--quick")


@pytest.mark.parametrize("name", LAID)
def test_a_pickle_among_the_files_of_a_data_set_is_refused(here, capsys, name):
    (here / "s.yaml").write_text(FOLDER.format("", LAID[name]))
    (here / name).parent.mkdir(parents=True, exist_ok=True)
    for folder in ("train/b", "test/a", "test/b"):
        (here / folder).mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        content = gzip.compress(kind()) if name.endswith(".gz") else kind()
        (here / name).write_bytes(content)
        refused(capsys, "check", "s.yaml", "--quick")


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["migrate"], ["fit"], ["compare", "right.json"], ["limits"], ["train"]],
    ids=" ".join,
)
def test_a_pickle_in_place_of_a_spec_data_or_a_report_is_refused(here, capsys, arguments):
    (here / "right.json").write_text("{}")
    for kind in KINDS:
        for name in ("s.yaml", "s.json", "s.csv", "s.npz"):
            (here / name).write_bytes(kind())
            refused(capsys, *arguments, name)


def test_pickles_in_a_folder_of_stages_are_computed_again(here, capsys):
    (here / "s.yaml").write_text(SPEC)
    command = ("train", "s.yaml", "--resume", "stages", "--json", "r.json")
    usual, _, _ = run_command(capsys, *command)
    report = json.loads((here / "r.json").read_text())
    kept = sorted(path for path in (here / "stages").rglob("*") if path.is_file())
    assert {path.suffix for path in kept} == {".json", ".npz"}
    for kind in (plain, archive):
        for path in kept:
            path.write_bytes(kind())
        code, _, err = run_command(capsys, *command)
        assert code == usual
        assert err.count("its stage is computed again") >= 2
        again = json.loads((here / "r.json").read_text())
        assert {**again, "timing": None} == {**report, "timing": None}


_LISTENING: list[list[str]] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "pickle.find_class" and _LISTENING and not _within_numba():
        _LISTENING[-1].append(".".join(map(str, arguments)))


def _within_numba() -> bool:
    """Whether numba asks: it keeps compiled loops as pickles, in the program's own cache folder."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__", "").partition(".")[0] == "numba":
            return True
    return False


def test_nothing_is_unpickled_where_all_files_are_right(here):
    """Python itself tells of every class that a pickle asks for."""
    own_files(here)
    keys = ("task.train", "task.target", "device.measured", "network.weights", "network.file")
    graph = {**ACTING["network.step_duration"]}
    sys.addaudithook(_hear)  # stays, and hears nothing after this
    _LISTENING.append([])
    try:
        for data in (*(ACTING[key] for key in keys), graph, ACTING["task.crop"]):
            check(validate_spec(data).beside(allow_code=True), quick=True, resume=Path("stages"))
        assert _LISTENING[-1] == []
        pickle.loads(pickle.dumps(os.getcwd))
        assert _LISTENING[-1]
    finally:
        _LISTENING.pop()
