"""Records as JSON and back, reports of every kind and age, and the published schema."""

from __future__ import annotations

import copy
import io
import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from rich.console import Console

import neurograd
from neurograd.errors import OldReportWarning, ReportError
from neurograd.judge.verdict import Verdict
from neurograd.output import to_json
from neurograd.pipeline.check import check, train_beside
from neurograd.pipeline.limits import find_limits
from neurograd.records.cost import JudgedCost
from neurograd.records.json_form import (
    from_json_dict,
    report_from_json,
    report_schema,
    schema_text,
    to_json_dict,
)
from neurograd.records.report import REPORT_VERSION, CheckReport, LimitsReport
from neurograd.records.training import Curve, PredictedNetwork, TrainedNetwork
from neurograd.report import render_html, render_report
from neurograd.report.console.limits_tables import render_limits
from neurograd.report.figures.tornado import plot_tornado
from neurograd.spec import validate_spec
from tests.neurograd.command_line import run_command

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "docs" / "report.schema.json"
OLD = sorted((ROOT / "tests" / "old" / "reports").glob("*.json"))

SPEC = {
    "quantization": {"weight_bits": 8},
    "network": {"hidden": [3]},
    "task": {"name": "digits", "train_samples": 40, "test_samples": 20},
    "training": {"step_size": 0.2, "steps": 6, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 8, "loss_draws": 4, "points": 1},
}
SPIKING = {
    "network": {"kind": "spiking", "hidden": [3], "time_steps": 3},
    "learning_rule": {"name": "surrogate"},
    "task": {"name": "digits", "train_samples": 20, "test_samples": 10},
    "training": {"step_size": 0.2, "steps": 2, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 4, "loss_draws": 4, "points": 1, "smoothing_draws": 4},
}


@pytest.fixture(scope="module", params=["check", "spiking", "train", "limits"])
def fresh(request):
    spec = validate_spec(SPIKING if request.param == "spiking" else SPEC)
    if request.param == "limits":
        return find_limits(spec, quick=True, confirm=False)
    return train_beside(spec) if request.param == "train" else check(spec)


# -- Fresh reports ----------------------------------------------------------------------------


def test_a_fresh_report_is_valid_and_reads_back_as_itself(fresh, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(to_json(fresh.report), encoding="utf-8")
    written = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(written, report_schema())
    assert written["report_version"] == REPORT_VERSION
    assert len(written["code"]) >= 8
    assert written["verdict"] == fresh.verdict.value
    again = neurograd.read_report(path)
    assert again == fresh.record
    assert to_json_dict(again) == fresh.report == written


def test_the_schema_notices_a_field_that_has_another_type_or_is_gone(fresh):
    report, schema = fresh.report, jsonschema.Draft202012Validator(report_schema())
    assert schema.is_valid(report)
    for key in report:
        assert not schema.is_valid({k: v for k, v in report.items() if k != key}), key
    assert not schema.is_valid({**report, "num_parameters": "many"})


# -- The schema -------------------------------------------------------------------------------


def test_the_published_schema_is_current():
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == report_schema(), (
        "fields have changed: neurograd schema --report > docs/report.schema.json, and a field "
        "that is gone or means something else needs another REPORT_VERSION"
    )


def test_the_command_prints_the_published_schema(capsys):
    code, out, err = run_command(capsys, "schema", "--report")
    assert (code, out, err) == (0, schema_text(), "")
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


READ_FROM_OUTSIDE = {
    "CheckReport": "report_version kind verdict reasons spec versions num_parameters step_size "
    "points training deployment mitigation quick timing code",
    "PointResult": "step loss grad_norm moments curvature delta_loss descent",
    "MomentsResult": "b b_ci total_variance total_variance_ci inverse_noise_ratio gain cosine",
    "CurvatureResult": "trace lambda_max lambda_min frobenius anisotropy",
    "LossChange": "predicted predicted_bias predicted_variance predicted_variance_white measured "
    "measured_ci",
    "Descent": "exact_margin noise_threshold bias_ratio bias_threshold_published "
    "bias_threshold_safe",
    "TrainingResult": "clean chip cost forecast predicted_excess_loss measured_excess_loss",
    "CleanResult": "loss test_accuracy",
    "ChipsResult": "loss test_accuracy test_accuracy_ci",
    "DeploymentResult": "time accuracy cost verdict",
    "JudgedCost": "kind value ci allowed",
    "ForecastResult": "verdict cost",
    "LimitsReport": "report_version kind verdict now numbers remedies confidence quick spec",
}


@pytest.mark.parametrize("record", READ_FROM_OUTSIDE)
def test_what_is_read_from_outside_is_always_there(record):
    required = report_schema()["$defs"][record]["required"]
    assert set(READ_FROM_OUTSIDE[record].split()) <= set(required)


def test_every_field_that_can_be_null_says_when():
    silent = []
    for name, record in report_schema()["$defs"].items():
        for key, field in record["properties"].items() if "properties" in record else ():
            kinds = json.dumps({k: v for k, v in field.items() if k != "description"})
            words = field.get("description", "")
            if '"null"' in kinds and "null" not in words and "None" not in words:
                silent.append(f"{name}.{key}")
    assert silent == []


# -- Old and broken reports -------------------------------------------------------------------


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_old_reports_are_read_with_one_line_and_shown(path):
    before = json.loads(path.read_text(encoding="utf-8"))
    assert "report_version" not in before
    with pytest.warns(OldReportWarning, match="version 0") as said:
        report = neurograd.read_report(path)
    assert len(said) == 1
    assert "\n" not in str(said[0].message)
    assert str(path) in str(said[0].message)
    after = to_json_dict(report)
    assert _missing(before, after) == []
    jsonschema.validate(after, report_schema())
    console = Console(width=100, file=io.StringIO())
    if isinstance(report, LimitsReport):
        render_limits(report, console)
        assert plot_tornado(report).axes
    else:
        render_report(report, console)
        assert "</html>" in render_html(report)
    assert report.design.name in console.file.getvalue()
    assert report.verdict.value in console.file.getvalue()


def _missing(before, after, place=""):
    """Places whose value is not there any more."""
    if isinstance(before, dict):
        return [
            each
            for key, value in before.items()
            for each in (
                _missing(value, after[key], f"{place}.{key}")
                if isinstance(after, dict) and key in after
                else [f"{place}.{key}"]
            )
        ]
    if isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            return [place]
        pairs = enumerate(zip(before, after, strict=True))
        return [each for k, (a, b) in pairs for each in _missing(a, b, f"{place}[{k}]")]
    return [] if before == after and type(before) is type(after) else [place]


@pytest.mark.parametrize("separated", [True, False])
def test_limits_of_version_1_that_meant_something_else_are_read_with_one_line(separated):
    data = json.loads(
        next(path for path in OLD if path.stem == "hfo2_limits").read_text(encoding="utf-8")
    )
    data |= {"report_version": 1, "kind": "limits"}
    for row in data["numbers"]:
        row["separated"] = separated if row["separated"] is not None else None
    said = []
    report = report_from_json(data, "mine.json", note=said.append)
    assert len(said) == 1
    assert "version 1" in said[0]
    assert "not where a verdict is decided" in said[0]
    assert report.report_version == REPORT_VERSION
    today = {**data, "numbers": [{**row, "separated": None} for row in data["numbers"]]}
    said.clear()
    assert report_from_json(today, note=said.append).report_version == REPORT_VERSION
    assert said == [], "two verdicts already: nothing has changed"


@pytest.fixture(scope="module")
def current():
    with pytest.warns(OldReportWarning):
        return to_json_dict(neurograd.read_report(OLD[-1]))


def test_fields_that_a_later_version_adds_are_left_out(current):
    more = {**copy.deepcopy(current), "colour": "blue"}
    more["points"][0]["moments"]["skewness"] = 1.0
    assert to_json_dict(report_from_json(more)) == current


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"report_version": 3}, ["report_version 3", "newer", "allowed: up to 2"]),
        ({"report_version": "1"}, ["report_version", "allowed"]),
        ({"report_version": True}, ["report_version", "allowed"]),
        ({"kind": "sweep"}, ["kind 'sweep'", "allowed: a report of check, train or limits"]),
        ({"kind": "plan", "report_version": 0}, ["kind 'plan'", "allowed: a report of check"]),
        ({"kind": ["check"]}, ["kind", "allowed"]),
        ({"verdict": "maybe"}, ["verdict", "allowed"]),
        ({"training": {}}, ["training.clean", "allowed"]),
        ({"spec": {"network": {"hidden": "wide"}}}, ["spec.network.hidden", "allowed"]),
        ({"num_parameters": "many"}, ["num_parameters", "allowed"]),
    ],
)
def test_what_cannot_be_read_is_one_line(current, change, words):
    with pytest.raises(ReportError) as refused:
        report_from_json({**current, **change}, "mine.json", note=pytest.fail)
    message = str(refused.value)
    assert message.startswith("mine.json: ")
    assert "\n" not in message
    assert all(word in message for word in words)


@pytest.mark.parametrize("data", [[], {}, "text", None, {"verdict": "tolerated"}])
def test_other_json_is_no_report(data):
    with pytest.raises(ReportError, match="is no report; allowed"):
        report_from_json(data)


def test_files_that_are_none_or_no_json_are_one_line(tmp_path):
    with pytest.raises(ReportError, match=r"gone\.json: cannot be read"):
        neurograd.read_report(tmp_path / "gone.json")
    (tmp_path / "half.json").write_text('{"verdict": ')
    with pytest.raises(ReportError, match=r"half\.json: is no JSON"):
        neurograd.read_report(tmp_path / "half.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ReportError, match=r"deep\.json: is no JSON"):
        neurograd.read_report(tmp_path / "deep.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReportError, match=r"bytes\.json: is no JSON"):
        neurograd.read_report(tmp_path / "bytes.json")


# -- Records ----------------------------------------------------------------------------------


def _trained(**changes):
    curve = Curve(steps=(0, 5), train_loss=(2.3, math.nan), test_accuracy=())
    numbers = {"loss": math.nan, "test_loss": math.inf, "test_accuracy": 0.5, "diverged": True}
    correct = np.array([True, False, True])
    return TrainedNetwork(**{**numbers, "correct": correct, "curve": curve, **changes})


def test_what_json_lacks_is_null_and_means_what_the_field_says():
    trained = _trained()
    assert trained.loss == math.inf
    assert trained.test_loss is trained.curve.train_loss[1] is None
    written = json.loads(json.dumps(to_json_dict(trained), allow_nan=False))
    assert written["loss"] is written["test_loss"] is None
    assert written["correct"] == "101"
    again = from_json_dict(TrainedNetwork, written)
    assert again == trained
    assert again.loss == math.inf
    assert again.correct.tolist() == [True, False, True]
    assert again != _trained(correct=np.array([True, True, True]))
    assert again != "101"


@pytest.mark.parametrize(
    ("value", "ends", "expected"),
    [
        (0.1, (0.0, 0.2), (0.0, 0.2)),
        (0.1, (None, None), (-math.inf, math.inf)),
        (0.1, (-math.inf, math.inf), (-math.inf, math.inf)),
        (None, (None, None), (math.inf, math.inf)),
        (math.nan, (math.nan, math.nan), (math.inf, math.inf)),
    ],
)
def test_ends_of_a_cost_without_bound_are_infinite(value, ends, expected):
    rest = {"kind": "excess_loss", "confidence": 0.95, "allowed": 0.02, "clean_learned": True}
    cost = JudgedCost(value=value, ci=ends, **rest)
    assert cost.ci == expected
    assert cost.known == all(map(math.isfinite, expected))
    written = to_json_dict(cost)
    assert written["value"] == (value if value == 0.1 else None)
    assert written["ci"] == [end if math.isfinite(end) else None for end in expected]
    assert from_json_dict(JudgedCost, written) == cost


@pytest.mark.parametrize("correct", ["10x", 5, [1, 0]])
def test_a_stage_with_other_content_is_no_record(correct):
    made = {"loss": 1.0, "test_accuracy": 0.5, "diverged": False, "gradients": 3}
    assert from_json_dict(PredictedNetwork, {**made, "correct": "10"}) is not None
    assert from_json_dict(PredictedNetwork, {**made, "correct": correct}) is None
    assert from_json_dict(PredictedNetwork, {"loss": 1.0}) is None
    assert from_json_dict(PredictedNetwork, None) is None


def test_records_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        _trained().loss = 1.0


def test_a_report_knows_its_kind(current):
    report = report_from_json(current)
    assert isinstance(report, CheckReport)
    assert report.verdict in Verdict
