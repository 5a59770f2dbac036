"""`neurograd migrate`, and what a user of an old spec is told."""

from __future__ import annotations

import pytest

from neurograd.spec import versions
from neurograd.spec.versions import Change
from tests.neurograd.command_line import TINY, refused, run_command

OLD = TINY.replace("steps: 5", "rounds: 5")
NEW = OLD.replace("rounds", "steps").replace("name: tiny", "spec_version: 2\nname: tiny")


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A spec of version 1 where version 2 calls a key otherwise."""
    monkeypatch.setattr(versions, "CHANGES", (Change("training.rounds", "training.steps", 2),))
    monkeypatch.setattr(versions, "CURRENT", 2)
    path = tmp_path / "old.yaml"
    path.write_text(OLD)
    return path


def test_it_prints_the_new_spec_and_leaves_the_old_one(capsys, old):
    code, out, err = run_command(capsys, "migrate", old)
    assert (code, out) == (0, NEW)
    assert err == f"{old}: training.rounds is now training.steps\n"
    assert old.read_text() == OLD


def test_it_writes_another_file_or_the_same(capsys, old, tmp_path):
    code, out, err = run_command(capsys, "migrate", old, "--output", tmp_path / "new.yaml")
    assert (code, out) == (0, "")
    assert err.endswith(f"wrote {tmp_path / 'new.yaml'}\n")
    assert (tmp_path / "new.yaml").read_text() == NEW
    assert old.read_text() == OLD
    assert run_command(capsys, "migrate", old, "--in-place")[0] == 0
    assert old.read_text() == NEW


def test_a_spec_of_today_is_not_written_again(capsys, tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text(f"spec_version: 1{TINY}")
    before = path.stat().st_mtime_ns
    code, _, err = run_command(capsys, "migrate", path, "--in-place")
    assert (code, err) == (0, f"{path}: no key has changed\n")
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("network: {hidden: [8], weights: w.npz}", "network.weights: w.npz is"),
        ("network: {hidden: [8]}\nlayers: {first: {device: {measured: a.csv}}}", "measured: a.csv"),
    ],
)
def test_a_spec_is_not_written_where_it_would_not_find_its_files(capsys, old, section, said):
    place = old.parent / "d" / "new.yaml"
    place.parent.mkdir()
    (old.parent / "a.csv").write_text(
        "pulse,conductance\n" + "".join(f"{n},{20 - abs(20 - n)}e-6\n" for n in range(1, 39))
    )
    old.write_text(OLD.replace("network: {hidden: [8]}", section))
    assert said in refused(capsys, "migrate", old, "--output", place)
    assert not place.exists()
    assert run_command(capsys, "migrate", old, "--output", old.parent / "new.yaml")[0] == 0
    old.write_text(
        old.read_text()
        .replace("w.npz", f"{old.parent}/w.npz")
        .replace("a.csv", f"{old.parent}/a.csv")
    )
    assert run_command(capsys, "migrate", old, "--output", place)[0] == 0


def test_mistakes_are_one_line(capsys, old, tmp_path):
    assert "--in-place" in refused(capsys, "migrate", old, "--output", old)
    assert "one of them" in refused(capsys, "migrate", old, "--in-place", "--output", "x.yaml")
    assert "no such file" in refused(capsys, "migrate", tmp_path / "gone.yaml")
    assert "is a folder" in refused(capsys, "migrate", old, "--output", tmp_path)
    old.write_text(OLD + "devise: 3\n")
    assert "devise" in refused(capsys, "migrate", old, "--in-place")
    assert old.read_text() == OLD + "devise: 3\n"


def test_an_old_spec_runs_with_one_line_for_each_changed_key(capsys, old):
    code, _, err = run_command(capsys, "train", old, "--set", "training.seeds=1")
    assert code == 3
    assert err == (
        f"neurograd: {old}: training.rounds is now training.steps (spec_version 2); "
        f"'neurograd migrate {old}' rewrites it\n"
    )


def test_a_sweep_says_it_once(capsys, old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--over", "training.step_size=0.1,0.2", "--jobs", "1"]
    code, _, err = run_command(capsys, "sweep", old, *arguments)
    assert code == 0
    assert err.count("training.rounds") == 1


def test_a_newer_spec_is_one_line(capsys, tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text("spec_version: 7\nfuture: 1\n")
    for command in ("check", "train", "limits", "migrate"):
        assert "spec_version: 7 is newer" in refused(capsys, command, path)
