"""``neurograd compare``: its answers as exit codes, its JSON, and what it refuses."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest

from neurograd.records.json_form import report_schema
from tests.neurograd.command_line import TINY, refused, run_command
from tests.neurograd.small_report import small_report


@pytest.fixture
def specs(tmp_path):
    paths = tmp_path / "a.yaml", tmp_path / "b.yaml"
    for path in paths:
        path.write_text(TINY.replace("tiny", path.stem))
    return paths


@pytest.fixture
def reports(tmp_path):
    """Three reports of one network: as it is, with every sample wrong, with every other one."""
    found = []
    for name, digits in (("good", None), ("bad", "00"), ("half", "01")):
        report = copy.deepcopy(small_report())
        chip = report["training"]["chip"]
        length = len(chip["correct"][0])
        chip["correct"] = [("11" if digits is None else digits) * (length // 2)] * 3
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(report))
        found.append(path)
    return found


def test_two_specs(capsys, specs):
    code, out, err = run_command(capsys, "compare", *specs, "--json", "-")
    assert code == 0
    found = json.loads(out)
    jsonschema.validate(found, report_schema())
    assert (found["kind"], found["answer"], found["keys"]) == ("compare", "not worse", [])
    assert [found[side]["source"] for side in "ab"] == [str(path) for path in specs]
    assert "B is not worse than A" in " ".join(err.split())


def test_the_exit_code_is_the_answer(capsys, reports):
    good, bad, half = reports
    assert run_command(capsys, "compare", good, bad)[0] == 1
    assert run_command(capsys, "compare", bad, good)[0] == 0
    assert run_command(capsys, "compare", half, half, "--margin", "0 %")[0] == 3
    code, out, _ = run_command(capsys, "compare", good, bad, "--exit-zero")
    assert code == 0
    assert "B is worse" in out


def test_what_is_refused(capsys, tmp_path, specs, reports):
    a, b = specs
    assert "one is a report and one a spec" in refused(capsys, "compare", a, reports[0])
    assert "--seed, --set: reports are finished" in refused(
        capsys, "compare", *reports[:2], "--seed", 1, "--set", "training.steps=3"
    )
    assert "write '5 %' if" in refused(capsys, "compare", a, b, "--margin", "5")
    assert "b.yaml: training.stepz" in refused(
        capsys, "compare", a, _written(tmp_path, "training: {stepz: 1}")
    )
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert "broken.json: is no JSON" in refused(capsys, "compare", reports[0], broken)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "is a folder" in refused(capsys, "compare", a, b, "--json", folder)


def _written(folder, text):
    path = folder / "b.yaml"
    path.write_text(text)
    return path
