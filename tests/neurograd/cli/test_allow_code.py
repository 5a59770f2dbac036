"""Specs that name Python code: refused, and run with --allow-code."""

from __future__ import annotations

import json

import pytest

from neurograd.errors import SpecError
from neurograd.pipeline.check import check
from neurograd.spec import load_spec
from tests.neurograd.command_line import refused, run_command

SPEC = """
name: own
device: {preset: epiram}
network: {kind: module, file: net.py}
task: {name: digits, train_samples: 60, test_samples: 40}
training: {step_size: 0.2, steps: 3, seeds: 2, max_seeds: 2}
measure: {draws: 8, loss_draws: 8, points: 1}
"""
NET = """
from pathlib import Path
from torch import nn
Path(__file__).with_name("it ran").touch()
def make_net(width=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 10))
"""
SWEPT = ("--over", "network.arguments.width=3,4", "--jobs", "1")


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    path = tmp_path / "own.yaml"
    path.write_text(SPEC)
    return path


@pytest.mark.parametrize("command", ["check", "train", "limits", "sweep"])
def test_code_is_refused_in_one_line_and_does_not_run(command, spec, capsys):
    more = SWEPT if command == "sweep" else ()
    line = refused(capsys, command, spec, *more)
    assert "own.yaml: network.file: " in line
    assert "net.py is Python code" in line
    assert "--allow-code" in line
    assert not spec.with_name("it ran").exists()


def test_a_spec_from_python_has_no_leave_by_itself(spec):
    with pytest.raises(SpecError, match="is Python code"):
        check(load_spec(spec))
    assert not spec.with_name("it ran").exists()
    assert check(load_spec(spec, allow_code=True), quick=True).record.points


def test_leave_stays_with_a_spec_and_does_not_spread(spec):
    allowed = load_spec(spec, allow_code=True)
    assert allowed.allows_code
    assert not load_spec(spec).allows_code
    assert not load_spec(spec).like(load_spec(spec)).allows_code
    assert load_spec(spec).like(allowed).allows_code


@pytest.mark.parametrize("command", ["check", "train"])
def test_code_runs_with_leave(command, spec, capsys):
    code, out, _ = run_command(
        capsys, command, spec, "--allow-code", "--exit-zero", "--json", "r.json"
    )
    assert code == 0
    assert "module make_net of" in " ".join(out.split())
    report = json.loads(spec.with_name("r.json").read_text())
    assert report["num_parameters"] == 65 * 4 + 5 * 10
    assert report["spec"]["network"] == {
        **dict.fromkeys(report["spec"]["network"]), "kind": "module", "factory": "make_net",
        "file": str(spec.with_name("net.py")), "arguments": {}, "hidden": [],
        "biases": "analog",
    }  # fmt: skip


def test_a_sweep_over_arguments(spec, capsys):
    code, _, _ = run_command(capsys, "sweep", spec, "--allow-code", *SWEPT, "--table", "t.csv")
    assert code == 0
    rows = spec.with_name("t.csv").read_text().splitlines()
    assert rows[0].startswith("network.arguments.width,")
    numbers = [row.split(",")[rows[0].split(",").index("num_parameters")] for row in rows[1:]]
    assert numbers == [str(65 * width + (width + 1) * 10) for width in (3, 4)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["network.hidden=[3]"], "network.hidden: is not for kind module"),
        (["network.file=null"], "network.file: is missing"),
        (["network.file=none.py"], "network.file none.py: there is no such file"),
        (["network.kind=rate"], "is for kind module and nir only, not rate"),
        (["task.name=python"], "python is for a module that a program hands over"),
        (["network.factory=nothing"], "has no function 'nothing'"),
        (["learning_rule.name=eprop"], "eprop is not there for network.kind module"),
    ],
)
def test_mistakes_are_one_line(settings, message, spec, capsys):
    sets = [part for each in settings for part in ("--set", each)]
    assert message in refused(capsys, "check", spec, "--allow-code", *sets)
