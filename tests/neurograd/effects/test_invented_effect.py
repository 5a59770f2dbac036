"""A new effect is two files: a patch of nothing else is built, measured, explained and turned."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PATCH = Path(__file__).with_name("invented_effect.patch")
LABEL = "the ripple of the read supply"

SPEC = """
name: rippling supply
device:
  write: {cycle_to_cycle: 0.1 %}
  supply: {droop: 20 %, ripple: 80 %}
network: {hidden: [4]}
task: {train_samples: 60, test_samples: 40}
training: {step_size: 0.5, steps: 30, seeds: 10, max_seeds: 10}
measure: {draws: 20, loss_draws: 10, points: 1}
"""

ASKED = """
import json
import torch
from device_models.read.supply_ripple import SupplyRipple
from neurograd.pipeline.limits.knobs import find_knobs
from neurograd.spec import json_schema, load_spec
from neurograd.spec.reference import page

w = torch.tensor([-2.0, 0.5, 1.0], dtype=torch.float64)
effect, generator = SupplyRipple(0.2, 0.3), torch.Generator().manual_seed(0)
draws = torch.stack([effect.read(w, generator) for _ in range(4000)])
moments = effect.moments(w)
print(json.dumps({
    "knobs": {knob.key: knob.now for knob in find_knobs(load_spec("chip.yaml"), 60)},
    "schema": json_schema(),
    "page": page(),
    "mean": draws.mean(0).tolist(),
    "closed_mean": moments.mean.tolist(),
    "std": draws.std(0).tolist(),
    "closed_std": moments.variance.sqrt().tolist(),
}))
"""


def new_files(patch: str) -> dict[str, str]:
    """The files that a patch creates, by their paths; it may do nothing else."""
    files = {}
    for part in re.split(r"^diff --git .*\n", patch, flags=re.M)[1:]:
        head, body = part.split("@@\n", 1)
        assert "new file mode" in head
        assert "--- /dev/null" in head
        path = re.search(r"^\+\+\+ b/(.+)$", head, flags=re.M)[1]
        lines = body.splitlines(keepends=True)
        assert all(line.startswith("+") for line in lines)
        files[path] = "".join(line[1:] for line in lines)
    return files


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of both packages with the patch applied, and a spec."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("device_models", "neurograd"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    for path, text in new_files(PATCH.read_text(encoding="utf-8")).items():
        assert not (folder / path).exists()
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "chip.yaml").write_text(SPEC, encoding="utf-8")
    return folder


def python(tree, *arguments):
    """Python, with the patched tree's packages; compiling their kernels anew takes a minute."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def run(tree, *arguments):
    """Its standard output."""
    done = python(tree, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def answers(tree):
    return json.loads(run(tree, "-c", ASKED))


def test_the_patch_is_one_file_of_physics_and_one_of_its_keys():
    assert [path.rpartition("/")[0] for path in new_files(PATCH.read_text(encoding="utf-8"))] == [
        "device_models/read",
        "neurograd/effects",
    ]


def test_contributing_shows_this_very_patch():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Add an effect in two files\n")[2].partition("\n## ")[0]
    assert f"```diff\n{PATCH.read_text(encoding='utf-8')}```" in section


def test_a_check_takes_its_key_and_names_it(tree):
    run(tree, "-m", "neurograd", "check", "chip.yaml", "--json", "chip.json", "--exit-zero")
    report = json.loads((tree / "chip.json").read_text(encoding="utf-8"))
    assert report["spec"]["device"]["supply"] == {"droop": 0.2, "ripple": 0.8}
    assert report["verdict"] == "not tolerated"
    assert report["cause"] == LABEL
    assert report["reasons"][0].startswith(f"Cause: {LABEL}; without it")
    guide = report["mitigation"]
    assert guide["effects"][0]["effect"] == "supply_ripple"
    assert guide["effects"][0]["key"] == "device.supply.droop"
    assert "device.supply." in guide["advice"][0]
    assert any(
        LABEL in advice and "ower device.supply.droop and device.supply.ripple" in advice
        for advice in guide["advice"]
    )


def test_a_wrong_value_is_one_line_with_file_and_key(tree):
    strong = ("--set", "device.supply.ripple=5")
    done = python(tree, "-m", "neurograd", "check", "chip.yaml", *strong)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "device.supply.ripple" in line
    assert "write '5 %'" in line


def test_its_numbers_are_knobs_of_a_limits_run(answers):
    assert answers["knobs"]["device.supply.ripple"] == 0.8
    assert answers["knobs"]["device.supply.droop"] == 0.2


def test_the_schema_has_its_keys(answers):
    definitions = answers["schema"]["$defs"]
    assert "supply" in definitions["Device"]["properties"]
    assert set(definitions["Supply"]["properties"]) == {"droop", "ripple"}


def test_the_page_of_keys_has_its_rows(answers):
    rows = [line for line in answers["page"].splitlines() if "device.supply" in line]
    assert f"| {LABEL} | `device.supply` | `supply_ripple.py` |" in rows
    (row,) = [line for line in rows if line.startswith("| `device.supply.ripple` |")]
    assert row.endswith(f"| 0 % | {LABEL} |")


def test_its_samples_have_its_closed_form(answers):
    # 4,000 draws of one factor: five standard errors of the mean and of the deviation.
    assert answers["mean"] == pytest.approx(answers["closed_mean"], rel=5 * 0.3 / 0.8 / 4000**0.5)
    assert answers["std"] == pytest.approx(answers["closed_std"], rel=5 / (2 * 4000) ** 0.5)
