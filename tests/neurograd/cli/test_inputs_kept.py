"""No command writes over what it reads."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.neurograd.command_line import TINY, refused

OWN = """
device: {measured: pulses_LTP.csv}
network: {hidden: [4], weights: start.npz}
task: {name: file, train: [x.npy, y.npy], test: points.csv, target: "3"}
training: {steps: 2, seeds: 1}
layers: {layer1: {device: {measured: other.csv}}}
"""
FILES = ["x.npy", "y.npy", "start.npz", "points.csv", "pulses_LTP.csv", "pulses_LTD.csv"]
FILES += ["other.csv", "own.yaml"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A spec with the files that it names, in the working folder."""
    monkeypatch.chdir(tmp_path)
    up = [f"{k},{1 + k}" for k in range(12)]
    down = [f"{k},{12 - k}" for k in range(12)]
    (tmp_path / "pulses_LTP.csv").write_text("\n".join(["n,LTP", *up]))
    (tmp_path / "pulses_LTD.csv").write_text("\n".join(["n,LTD", *down]))
    both = (f"{line},{12 - k}" for k, line in enumerate(up))
    (tmp_path / "other.csv").write_text("\n".join(["n,LTP,LTD", *both]))
    np.save(tmp_path / "x.npy", np.eye(4, 2))
    np.save(tmp_path / "y.npy", np.array([0, 1, 0, 1]))
    np.savez(tmp_path / "start.npz", a=np.zeros(2))
    (tmp_path / "points.csv").write_text("0,1,0\n1,0,1\n")
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_the_spec_and_what_it_names_are_kept(capsys, folder, name):
    before = (folder / name).read_bytes()
    for arguments in (["check", "own.yaml", "--plan", "--json", name], ["train", "own.yaml"]):
        more = [] if "--json" in arguments else ["--json", folder / "." / name]
        assert f"{name}, which is read" in refused(capsys, *arguments, *more)
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "tiny.yaml", "--html", "tiny.yaml"],
        ["check", "tiny.yaml", "--junit", "here/tiny.yaml"],
        ["limits", "tiny.yaml", "--html", "tiny.yaml"],
        ["train", "tiny.yaml", "--set", "network.weights=start.npz", "--json", "start.npz"],
        ["compare", "tiny.yaml", "own.yaml", "--json", "x.npy"],
        ["compare", "a.json", "b.json", "--json", "b.json"],
        ["migrate", "own.yaml", "--output", "points.csv"],
        ["migrate", "own.yaml", "--output", "here/own.yaml"],
        ["sweep", "own.yaml", "--over", "training.steps=1,2", "--table", "other.csv"],
        ["sweep", "tiny.yaml", "--over", "device.measured=other.csv", "--table", "other.csv"],
        ["fit", "other.csv", "--yaml", "other.csv"],
        ["fit", "pulses_LTP.csv", "--yaml", "pulses_LTD.csv"],
        ["fit", "pulses_LTP.csv", "--yaml", "pulses_LTD.yaml"],
        ["fit", "other.svg", "--plot", "other.svg"],
    ],
    ids=" ".join,
)
def test_no_command_writes_over_what_it_reads(capsys, folder, arguments):
    (folder / "here").symlink_to(folder)
    for report in ("a.json", "b.json"):
        (folder / report).touch()
    shutil.copy(folder / "other.csv", folder / "other.svg")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    words = refused(capsys, *arguments)
    assert any(
        each in words
        for each in ("which is read", "is the old spec itself", "its jump table would", "twice")
    )
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
