"""Files: whole or not at all, and checked before the work."""

from __future__ import annotations

import json
import math
import os
import stat
from contextlib import suppress

import numpy as np
import pytest

from neurograd import output
from neurograd.errors import OutputError


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


@pytest.mark.parametrize("place", ["{}.json", "new/{}.json", "{}/r.json"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, place):
    """Also in a folder that is not there yet."""
    path = tmp_path / place.format("σ" * 200)
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\)"):
        output.check_writable(path)
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\)"):
        output.check_folder(path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_read_is_not_written_to(tmp_path):
    read, link = tmp_path / "data.csv", tmp_path / "link"
    read.touch()
    link.symlink_to(tmp_path)
    for path in (read, link / "data.csv", tmp_path / "new" / ".." / "data.csv"):
        (tmp_path / "new").mkdir(exist_ok=True)
        with pytest.raises(
            OutputError, match=r"would take the place of .*data\.csv, which is read"
        ):
            output.check_apart(path, [tmp_path / "none", read])
    output.check_apart(tmp_path / "other.csv", [read])
    output.check_apart(output.Path(os.devnull), [output.Path(os.devnull)])


@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("call", ["fsync", "link", "replace", "open"])
def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch, call, unnamed):
    if not unnamed:
        monkeypatch.setattr(output, "_write_without_name", lambda path, data: False)
    output.write_atomically(tmp_path / "r.json", "before")
    real, calls = getattr(os, call), []

    def interrupt(*arguments, **options):
        real(*arguments, **options)
        calls.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(output.os, call, interrupt)
    with suppress(KeyboardInterrupt):
        output.write_atomically(tmp_path / "r.json", "text")
    monkeypatch.undo()
    assert calls or (call == "link" and not unnamed)
    assert os.listdir(tmp_path) == ["r.json"]
    assert (tmp_path / "r.json").read_text() in ("before", "text")


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="needs files without a name")
def test_no_half_of_a_file_has_a_name(tmp_path, monkeypatch):
    """So that none stays where the process is killed: there is nothing to clear away."""
    seen = []
    monkeypatch.setattr(output.os, "fsync", lambda handle: seen.append(os.listdir(tmp_path)))
    output.write_atomically(tmp_path / "r.json", "one")
    output.write_atomically(tmp_path / "r.json", "two")
    assert seen == [[], ["r.json"]]
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o644
