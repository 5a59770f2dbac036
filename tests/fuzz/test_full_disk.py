"""Disks that are full, folders that cannot be written to: one line, and nothing half written."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurograd.errors import StageWarning
from tests.fuzz.interrupted import CURVE, SPEC
from tests.neurograd.command_line import refused, run_command

_SECONDS = re.compile(rb'"timing": {[^}]*}|[0-9.]+ s\b|"seconds": [0-9.]+')
COMMANDS = {
    "check": ["check", "s.yaml", "--resume", "stages", "--json", "r.json", "--markdown", "r.md"],
    "sweep": ["sweep", "s.yaml", "--over", "measure.seed=1,2", "--jobs", "1", "--table", "t.csv"],
}


@contextmanager
def space(most: int):
    """No file of this process can be larger, as where a disk is full or a quota used up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The present folder, with a spec and measured data."""
    (tmp_path / "s.yaml").write_text(SPEC)
    (tmp_path / "d.csv").write_text(CURVE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _files(folder: Path) -> dict[str, bytes]:
    found = (each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in found}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(here, capsys, command):
    """Full at drawn sizes, of which each lets more through; what is there then is whole."""
    before = _files(here)
    usual, _, _ = run_command(capsys, *COMMANDS[command])
    whole = _written(here, before)
    largest = max(len(content) for content in whole.values())
    shutil.rmtree(here / "stages", ignore_errors=True)
    for name in set(_files(here)) - set(before):
        Path(name).unlink()
    for size in sorted(random.Random(command).sample(range(largest), 2)):
        with space(size):
            code, _, err = run_command(capsys, *COMMANDS[command])
        last = err.splitlines()[-1]
        assert (code, "File too large" in last, "Traceback" in err) == (2, True, False), err
        assert last.startswith("neurograd: error: ")
        kept = _written(here, before)
        assert all(whole.get(name, content) == content for name, content in kept.items())
        assert not [name for name in kept if Path(name).name.startswith(".")]
    with warnings.catch_warnings():
        warnings.simplefilter("error", StageWarning)  # what was kept is taken
        assert run_command(capsys, *COMMANDS[command])[0] == usual
    assert _written(here, before) == whole


def _written(folder: Path, before: dict[str, bytes]) -> dict[str, object]:
    """What was written since, without the times that it took."""
    new = {name: content for name, content in _files(folder).items() if name not in before}
    return {name: _SECONDS.sub(b"", content) for name, content in new.items()}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_report_to_a_full_device_is_one_line(here, capsys):
    code, _, err = run_command(capsys, "train", "s.yaml", "--json", "/dev/full")
    assert code == 2
    assert "/dev/full: cannot be written (No space left on device)" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["check", "s.yaml", "--json"], "r.json"),
        (["check", "s.yaml", "--html"], "r.html"),
        (["check", "s.yaml", "--junit"], "r.xml"),
        (["check", "s.yaml", "--resume"], "stages"),
        (["limits", "s.yaml", "--json"], "r.json"),
        (["sweep", "s.yaml", "--over", "measure.seed=1,2", "--table"], "t.csv"),
        (["fit", "d.csv", "--yaml"], "f.yaml"),
        (["fit", "d.csv", "--plot"], "f.png"),
        (["migrate", "s.yaml", "--output"], "m.yaml"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else each,
)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    here, capsys, monkeypatch, arguments, place
):
    """Below a file; a folder in place of a file; and a folder without permission to write."""
    monkeypatch.setattr("neurograd.pipeline.check.Checking.run", lambda *a, **k: pytest.fail("ran"))
    (here / "file").write_text("")
    assert "is not a folder" in refused(capsys, *arguments, f"file/{place}")
    if place != "stages":
        (here / f"taken.{place}").mkdir()
        assert "is a folder" in refused(capsys, *arguments, f"taken.{place}")
    (here / "locked").mkdir(mode=0o555)
    if not os.access(here / "locked", os.W_OK):  # root may write everywhere
        assert "Permission denied" in refused(capsys, *arguments, f"locked/{place}")
    assert not [each for each in _files(here) if each not in ("s.yaml", "d.csv", "file")]


def test_a_disk_that_is_full_in_truth(here):
    """A file system of 64 kB, in a namespace of its own, where the machine lets users have one."""
    script = (
        "mkdir small && mount -t tmpfs -o size=64k none small && "
        "head -c 60000 /dev/zero > small/fill && "
        '"$0" -c "from neurograd.output import write_atomically; from pathlib import Path; '
        "write_atomically(Path('small/r.json'), 'x' * 30000)\"; "
        "ls -A small"
    )
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        sys.executable,
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare")
    if "ModuleNotFound" not in done.stderr and "OutputError" not in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()[:100]}")
    assert "No space left on device" in done.stderr
    assert done.stdout.split() == ["fill"]
