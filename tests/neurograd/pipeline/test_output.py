"""Files, stages, seeds, tasks and intervals."""

from __future__ import annotations

import json
import math
import os
import stat

import numpy as np
import pytest
import torch

from neurograd import output
from neurograd.compute_device import choose_device
from neurograd.errors import NeurogradError, OutputError
from neurograd.pipeline.pool import Threads
from neurograd.seeding import generator_for


def test_json_keeps_every_digit_and_has_no_nan():
    value = {"a": (0.1, math.nan, np.float64(1 / 3)), "b": True, "c": None, "n": np.int64(3)}
    assert json.loads(output.to_json(value)) == {
        "a": [0.1, None, 1 / 3],
        "b": True,
        "c": None,
        "n": 3,
    }


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output.check_writable(pipe)
    output.write_atomically(pipe, "σ")
    assert os.read(reader, 9) == "σ".encode()
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


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
