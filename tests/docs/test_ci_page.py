"""The page about continuous integration: its workflow is one, and its commands run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
(WORKFLOW,) = (
    yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S)
)
STEPS = WORKFLOW["jobs"]["check"]["steps"]

SPEC = """
name: proposal
device: null
network: {hidden: [8]}
task: {name: file, train: chip/own.npz, test_fraction: 50 %}
training: {step_size: 0.5, steps: 60, seeds: 2, max_seeds: 2}
targets: {max_accuracy_drop: 20 %}
measure: {draws: 10, loss_draws: 5, points: 1}
"""


def test_it_is_a_workflow():
    assert {"name", "permissions", "jobs"} <= set(WORKFLOW)
    on = WORKFLOW[True]  # YAML 1.1 reads `on` so
    assert on == {"pull_request": {"paths": ["chip.yaml", "chip/**"]}}
    assert all(("run" in step) != ("uses" in step) for step in STEPS)
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", s["uses"]) for s in STEPS if "uses" in s)


def _own_samples(folder, seed):
    """A side file of the chip, three classes that are far apart."""
    source = np.random.default_rng(seed)
    y = np.arange(120) % 3
    x = 3 * np.eye(3, 6)[y] + source.normal(size=(120, 6))
    (folder / "chip").mkdir(exist_ok=True)
    np.savez(folder / "chip" / "own.npz", x=x, y=y)


@pytest.fixture
def runner(tmp_path):
    """A repository with the base of a pull request, and commands as a runner has them."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, line in (
        ("neurograd", f'exec "{sys.executable}" -m neurograd "$@"'),
        ("pip", f'echo "$@" >> "{tmp_path}/pip"'),
    ):
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "-q")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "empty")
    (folder / "chip.yaml").write_text(SPEC.replace("proposal", "base"))
    _own_samples(folder, seed=0)
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "base")
    (folder / "chip.yaml").write_text(SPEC)
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BASE": "HEAD",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    return folder, environment


def _git(folder, *arguments):
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def _run(step, runner):
    """A step of the workflow as a runner runs it."""
    folder, environment = runner
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _step(name):
    return next(step for step in STEPS if step.get("name") == name)


def test_its_commands_run(runner, tmp_path):
    folder, _ = runner
    for step in STEPS:
        if "run" not in step:
            continue
        done = _run(step, runner)
        assert done.returncode == 0, (step["name"], done.stderr)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (tmp_path / "pip").read_text() == f"install {project['name']}\n"
    made = {path.name for path in (folder / STEPS[-1]["with"]["path"]).iterdir()}
    assert made == {"report.json", "report.html", "report.xml", "report.md", "comparison.json"}
    assert (
        (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("### proposal: tolerated")
    )
    suite = ElementTree.parse(folder / "out" / "report.xml").getroot().find("testsuite")
    assert suite.get("errors") == "0"
    comparison = json.loads((folder / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert comparison["a"]["name"] == "base"
    assert comparison["answer"] == "not worse"


def test_the_base_has_the_files_of_the_base(runner):
    """A side file of the proposal is another one: chips on other data are no pairs."""
    folder, _ = runner
    _own_samples(folder, seed=1)
    done = _run(_step("Compare with the base"), runner)
    assert done.returncode == 2, done.stdout
    assert "data" in done.stderr


def test_a_first_pull_request_has_no_base(runner, tmp_path):
    folder, environment = runner
    _own_samples(folder, seed=1)
    done = _run(_step("Compare with the base"), (folder, {**environment, "BASE": "HEAD~1"}))
    assert done.returncode == 0, done.stderr
    assert "no chip.yaml to compare with" in done.stdout
    assert not (folder / "out").exists()


def test_bad_input_leaves_no_report_and_an_empty_summary(runner, tmp_path):
    folder, _ = runner
    (folder / "chip.yaml").write_text(SPEC.replace("steps", "setps"))
    assert _run(_step("Check"), runner).returncode == 2
    assert _run(_step("Summary"), runner).returncode == 0
    assert not (tmp_path / "summary.md").exists()
