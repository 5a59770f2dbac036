"""The experiments in their small form."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from experiments import surrogate_bias, variance_scaling
from experiments.__main__ import list_experiments
from experiments.library import common_spec, page, rate_row
from experiments.support.record import RESULTS, ROOT, Claim, parse
from neurograd.pipeline.build import build_problem
from neurograd.spec import list_presets
from neurograd.spec.network_schema import SURROGATE_DEFAULTS
from neurograd.spec.rule_schema import RULE_DEFAULTS
from tests.neurograd.measure.enumerable import OneStep

QUICK = ("--quick",)


def test_list():
    listed = subprocess.run(
        [sys.executable, "-m", "experiments"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT.parent,
    ).stdout
    for name in ("library", "variance_scaling", "surrogate_bias", "aihwkit_comparison"):
        assert f"python -m experiments.{name}" in listed
    assert all(line.endswith(".") for line in list_experiments().values())


def test_results_go_where_they_are_asked_to(tmp_path):
    run = parse("test", "", [*QUICK, "--seed", "3", "--out", str(tmp_path)])
    run.write({"rows": [1.5, float("nan")]})
    record = json.loads((tmp_path / "test.json").read_text())
    assert record["rows"] == [1.5, None]
    assert record["command"] == "python -m experiments.test --quick --seed 3"
    assert record["versions"]["snntorch"]
    assert parse("test", "", []).out == RESULTS


def test_bad_options_are_one_line(capsys):
    for arguments, words in (
        (["--seed", "-1"], "--seed: -1 is negative; allowed: whole numbers from 0"),
        (["--device", "tpu"], "'tpu' is unknown; allowed: auto, cpu, cuda"),
    ):
        with pytest.raises(SystemExit) as stopped:
            parse("test", "", arguments)
        assert stopped.value.code == 2
        assert words in capsys.readouterr().err


def test_an_interrupted_experiment_goes_on(tmp_path, cores):
    cores(1)  # so that the items before the interruption are finished
    run = parse("test", "", [*QUICK, "--out", str(tmp_path)])
    asked = []

    def compute(item):
        asked.append(item)
        if item == 2 and asked.count(2) == 1:
            raise KeyboardInterrupt
        return {"value": 0.1 * item}

    items = {f"item-{k}": k for k in range(4)}
    with pytest.raises(KeyboardInterrupt):
        run.each(items, compute)
    found = run.each(items, compute)
    assert [row["value"] for row in found.values()] == [0.0, 0.1, 0.2, 0.1 * 3]
    assert asked.count(0) == 1
    assert run.stages.is_dir()
    run.write({"rows": list(found.values())})
    assert not run.stages.exists()


def test_claims_are_printed_and_kept(tmp_path, capsys):
    run = parse("test", "", [*QUICK, "--out", str(tmp_path)])
    run.write({}, claims=[Claim("Water is wet.", "Figure 0", "a glass", "very", "held")])
    assert "held: Water is wet. (Figure 0)" in capsys.readouterr().out
    record = json.loads((tmp_path / "test.json").read_text())
    assert record["claims"][0]["held"] == "held"


def test_exponent_of_a_power_law():
    sizes = [10, 20, 40, 80]
    alpha, (low, high) = variance_scaling.exponent(sizes, [2.0 * n**1.5 for n in sizes])
    assert alpha == pytest.approx(1.5)
    assert low == pytest.approx(1.5, abs=1e-6)
    assert high == pytest.approx(1.5, abs=1e-6)


def test_variance_of_weight_perturbation_is_n_plus_one(tmp_path):
    """Relative total variance N + 1 within 4 standard errors of 40 squared normals each."""
    run = parse("variance_scaling", "", [*QUICK, "--out", str(tmp_path)])
    size, value, kind = variance_scaling.point({"name": "forward_gradient"}, 8, 0, run)
    assert kind == "variance"
    assert abs(value / (size + 1) - 1) < 4 * np.sqrt(2 / 40)


def test_library_rows_and_page(tmp_path):
    run = parse("library", "", [*QUICK, "--out", str(tmp_path)])
    spec = common_spec(learning_rule={"name": "manhattan"})
    problem = build_problem(spec)
    row = rate_row(spec, problem, problem.initial_weights, run)
    assert row["noise"] == 0
    assert row["b"] > 0
    row |= {"name": "manhattan", "source": "somebody"}
    text = page({"devices": [], "rules": [row], "surrogates": []}, "a command")
    assert "| `manhattan` |" in text
    assert "nan" not in text


def test_enumerated_bias_agrees(tmp_path, monkeypatch):
    """Eight intervals at 99 %: all hold the exact bias with this seed."""
    monkeypatch.setattr(surrogate_bias, "Problem", OneStep)
    run = parse("surrogate_bias", "", [*QUICK, "--out", str(tmp_path)])
    rows = surrogate_bias.enumerated(run)
    assert len(rows) == 8
    assert all(row["b_ci"][0] <= row["exact_b"] <= row["b_ci"][1] for row in rows)


@pytest.mark.parametrize("name", ["library", "variance_scaling", "surrogate_bias"])
def test_full_results_are_kept(name):
    record = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert record["command"] == f"python -m experiments.{name} --seed 0"
    assert record["versions"]["torch"]


def test_the_docs_table_is_complete():
    record = json.loads((RESULTS / "library.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in record["devices"]] == list(list_presets())
    assert {row["name"] for row in record["rules"]} == set(RULE_DEFAULTS)
    assert {row["name"] for row in record["surrogates"]} == set(SURROGATE_DEFAULTS)
    text = (ROOT.parent / "docs" / "library.md").read_text(encoding="utf-8")
    assert text == page(record, "python -m experiments.library")
    scaling = json.loads((RESULTS / "variance_scaling.json").read_text(encoding="utf-8"))
    for row in scaling["rows"]:
        assert len(set(row["sizes"])) >= 4
    by_rule = {row["rule"]: row for row in scaling["rows"]}
    low, high = by_rule["weight_perturbation"]["alpha_ci"]
    assert low <= 1.0 <= high
