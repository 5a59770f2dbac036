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
task: {name: digits, train_samples: 100, test_samples: 50}
training: {step_size: 0.5, steps: 60, seeds: 2, max_seeds: 2}
targets: {max_accuracy_drop: 20 %}
measure: {draws: 10, loss_draws: 5, points: 1}
"""


def test_it_is_a_workflow():
    assert {"name", "permissions", "jobs"} <= set(WORKFLOW)
    assert WORKFLOW[True] == {"pull_request": {"paths": ["chip.yaml"]}}  # YAML 1.1 reads `on` so
    assert all(("run" in step) != ("uses" in step) for step in STEPS)
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", s["uses"]) for s in STEPS if "uses" in s)


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
    (folder / "chip.yaml").write_text(SPEC.replace("proposal", "base"))
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "base"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "chip.yaml").write_text(SPEC)
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BASE": "HEAD",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    return folder, environment


def test_its_commands_run(runner, tmp_path):
    folder, environment = runner
    for step in STEPS:
        if "run" not in step:
            continue
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
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
