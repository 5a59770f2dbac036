"""Files, stages, seeds, tasks and intervals."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from neurograd import output
from neurograd.compute_device import choose_device
from neurograd.errors import NeurogradError, OutputError
from neurograd.pipeline import store as checkpoint
from neurograd.pipeline.pool import Threads
from neurograd.pipeline.store import StageStore
from neurograd.seeding import generator_for


def test_json_keeps_every_digit_and_has_no_nan():
    value = {"a": (0.1, math.nan, np.float64(1 / 3)), "b": True, "c": None, "n": np.int64(3)}
    assert json.loads(output.to_json(value)) == {
        "a": [0.1, None, 1 / 3],
        "b": True,
        "c": None,
        "n": 3,
    }


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "r.json"
    output.write_atomically(path, "one")
    output.write_atomically(path, "two")
    assert path.read_text() == "two"

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        output.write_atomically(path, "three")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]


def test_checks_leave_nothing_behind(tmp_path):
    output.check_writable(tmp_path / "a" / "b" / "c.json")
    output.check_folder(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="is a folder"):
        output.check_writable(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        output.check_writable(output.Path("/proc/neurograd/r.json"))


def test_stages_are_computed_once(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"x": 0.1, "y": (1, 2)}

    for _ in range(2):
        store = StageStore(tmp_path, {"seed": 1})
        assert store.run("stage", compute) == {"x": 0.1, "y": [1, 2]}
    assert len(calls) == 1
    (folder,) = tmp_path.iterdir()
    (folder / "stage.json").write_text('{"x": 0.')
    StageStore(tmp_path, {"seed": 1}).run("stage", compute)
    assert len(calls) == 2
    StageStore(tmp_path, {"seed": 2}).run("stage", compute)
    assert len(calls) == 3
    assert len(list(tmp_path.iterdir())) == 2
    assert StageStore(None, {}).run("stage", compute)["y"] == [1, 2]


def test_tensors_come_back_to_the_bit(tmp_path):
    like = torch.zeros(1, dtype=torch.float64)
    tensors = {"5": torch.randn(7, dtype=torch.float64)}
    store = StageStore(tmp_path, {})
    store.run_tensors("clean", lambda: ({"a": 1}, tensors), like)
    result, again = store.run_tensors("clean", lambda: pytest.fail("computed again"), like)
    assert result == {"a": 1}
    assert again["5"].equal(tensors["5"])
    assert checkpoint._read(tmp_path / "none.json") is None


def test_generators_depend_on_their_path_alone():
    first = torch.rand(3, generator=generator_for(1, "a", 2))
    generator_for(1, "b", 2)
    assert torch.rand(3, generator=generator_for(1, "a", 2)).equal(first)
    for other in (generator_for(2, "a", 2), generator_for(1, "b", 2), generator_for(1, "a", 3)):
        assert not torch.rand(3, generator=other).equal(first)
    with pytest.raises(ValueError, match="from 0"):
        generator_for(-1)


def test_tasks_run_and_an_error_stops_the_others():
    threads = torch.get_num_threads()
    with Threads(torch.device("cpu")) as pool:
        tasks = [pool.submit(lambda k=k: (k, torch.get_num_threads())) for k in range(5)]
        assert [t.result() for t in tasks] == [(k, 1) for k in range(5)]
    assert torch.get_num_threads() == threads

    def endless(pool):
        report = pool.stage("endless", 1)
        while True:
            report(0)

    def fail():
        raise NeurogradError("one line")

    def work():
        with Threads(torch.device("cpu")) as failing:
            failing.submit(lambda: endless(failing))
            failing.submit(fail).result()

    torch.set_num_threads(2)  # on one core the task that fails would wait for the endless one
    with pytest.raises(NeurogradError):
        work()
    assert torch.get_num_threads() == 2


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(NeurogradError, match="auto, cpu, cuda"):
        choose_device("tpu")
