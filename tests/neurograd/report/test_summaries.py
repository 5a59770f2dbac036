"""The report as JUnit XML and as Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from neurograd.records.json_form import read_report, report_from_json
from neurograd.report import render_junit, render_limits_html, render_markdown
from neurograd.report.content.claims import Outcome, claims
from tests.neurograd.command_line import TINY, refused, run_command
from tests.neurograd.small_report import small_report

OLD_LIMITS = Path(__file__).parents[2] / "old" / "reports" / "hfo2_limits.json"

ELEMENTS = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "disabled"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "classname", "time", "assertions", "status"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
}
"""Attributes and children of the schema that Jenkins and its likes read (junit-10.xsd)."""

REQUIRED = {
    "testsuite": {"name", "tests"},
    "testcase": {"name", "classname"},
    "property": {"name", "value"},
}


def _check_schema(element):
    attributes, children = ELEMENTS[element.tag]
    assert set(element.attrib) <= attributes
    assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
    for child in element:
        assert child.tag in children, (element.tag, child.tag)
        _check_schema(child)
    if element.tag == "testsuite":
        order = [child.tag for child in element]
        assert order == sorted(order)  # properties before test cases
        cases = element.findall("testcase")
        assert int(element.get("tests")) == len(cases)
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(key)) == sum(case.find(tag) is not None for case in cases)


def _junit(report):
    root = ElementTree.fromstring(render_junit(report_from_json(report)).encode())
    _check_schema(root)
    return {case.get("name"): case for case in root.iter("testcase")}


def _result(case):
    tags = {child.tag for child in case}
    return (tags - {"system-out"}).pop() if tags - {"system-out"} else "passed"


@pytest.mark.parametrize(
    ("verdict", "result"),
    [("tolerated", "passed"), ("not tolerated", "failure"), ("inconclusive", "error")],
)
def test_the_verdict_is_a_test(verdict, result):
    case = _junit({**small_report(), "verdict": verdict})["the chip is tolerated"]
    assert _result(case) == result


@pytest.mark.parametrize(
    ("agree", "result"), [(True, "passed"), (False, "failure"), (None, "skipped")]
)
def test_an_agreement_of_prediction_and_measurement_is_a_test(agree, result):
    report = small_report()
    report["points"][1]["delta_loss"]["agree"] = agree
    cases = _junit(report)
    step = report["points"][1]["step"]
    assert _result(cases[f"predicted and measured loss change agree at step {step}"]) == result


@pytest.mark.parametrize(
    ("ends", "result"), [([0.0, 1.0], "passed"), ([0.9, 1.0], "failure"), ([None, None], "skipped")]
)
def test_the_forecast_is_held_against_the_training(ends, result):
    report = small_report()
    report["training"]["cost"].update(value=0.4, ci=[0.3, 0.5])
    report["training"]["forecast"]["cost"].update(value=0.95, ci=ends)
    assert _result(_junit(report)["the forecast agrees with the training"]) == result
    regime = {"name": "path_left", "reason": "it is left", "number": 0.001, "limit": 0.01}
    report["training"]["forecast"]["regime"] = regime
    assert _result(_junit(report)["the forecast agrees with the training"]) == "skipped"


def test_each_time_of_a_deployment_is_a_test():
    report = small_report()
    report["deployment"] = [
        {
            **{"time": seconds, "accuracy": 0.5, "accuracy_ci": [0.4, 0.6], "accuracy_spread": 0.1},
            **{"loss": 1.0, "test_loss": 1.0, "chips": 3, "cost": report["training"]["cost"]},
            "verdict": verdict,
        }
        for seconds, verdict in ((3600, "tolerated"), (86400, "not tolerated"))
    ]
    cases = _junit(report)
    assert _result(cases["the chip is tolerated 1 hour after programming"]) == "passed"
    assert _result(cases["the chip is tolerated 1 day after programming"]) == "failure"
    assert "1 day" in render_markdown(report_from_json(report))


def test_a_training_alone_has_its_verdict_only():
    report = {**small_report(), "kind": "train", "points": []}
    report["training"]["forecast"] = None
    assert list(_junit(report)) == ["the chip is tolerated"]


def test_characters_that_xml_has_no_form_for_are_replaced():
    report = small_report()
    report["reasons"] = ["a\x00b\x0b <c> & \ud7ff"]
    report["deciding_reasons"] = 1
    case = _junit({**report, "verdict": "tolerated"})["the chip is tolerated"]
    assert case.findtext("system-out") == "a\ufffdb\ufffd <c> & \ud7ff"


def test_the_summary_has_verdict_cause_action_numbers_and_origin():
    report = small_report()
    text = render_markdown(report_from_json(report))
    first = text.splitlines()[0]
    assert first == "### &lt;script&gt;alert(1)&lt;/script&gt; &amp; co: not tolerated"
    assert "\n- Cause: cycle-to-cycle noise; " in text
    assert "\n- What to do first: " in text
    assert re.search(r"\| test accuracy \| [\d.]+ % \| [\d.]+ % \| .* at 99 % \|", text)
    for origin in ("seed 0", report["code"], report["data"]["digest"][:16], "torch "):
        assert origin in text
    assert len(text) < 6000  # of 65,536 characters that a comment may have


def test_tables_stay_tables_whatever_stands_in_them():
    report = small_report()
    report["spec"]["name"] = "a|b *c* [d](e) `f`\ng"
    report["points"][0]["delta_loss"]["agree"] = False
    text = render_markdown(report_from_json(report))
    assert text.startswith(r"### a\|b \*c\* \[d\](e) \`f\` g: not tolerated")
    assert "- Not so: predicted and measured loss change agree at step 0. " in text
    for row in (line for line in text.splitlines() if line.startswith("|")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_the_claims_are_the_same_in_both():
    found = claims(report_from_json(small_report()))
    assert found[0].outcome is Outcome.FAILS
    assert set(_junit(small_report())) == {claim.name for claim in found}


def test_the_command_writes_them_beside_the_report(capsys, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(TINY)
    junit, markdown = tmp_path / "new" / "r.xml", tmp_path / "r.md"
    code, _, err = run_command(
        capsys, "check", spec, "--quick", "--junit", junit, "--markdown", markdown
    )
    assert code in (0, 1, 3)
    assert err == f"wrote {junit}\nwrote {markdown}\n"
    root = ElementTree.parse(junit).getroot()
    assert markdown.read_text(encoding="utf-8").startswith("### tiny: ")
    assert root.find("testsuite").get("name") == "neurograd check: tiny"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "r.md", "tiny.yaml"]


def test_limits_write_their_page(capsys, tmp_path, monkeypatch):
    record = read_report(OLD_LIMITS, note=lambda line: None)
    done = SimpleNamespace(record=record, report={}, verdict=record.verdict)
    monkeypatch.setattr("neurograd.pipeline.limits.find_limits", lambda *a, **k: done)
    spec, page = tmp_path / "tiny.yaml", tmp_path / "r.html"
    spec.write_text(TINY)
    code, _, err = run_command(capsys, "limits", spec, "--html", page)
    assert (code, err) == (record.verdict.exit_code, f"wrote {page}\n")
    assert page.read_text(encoding="utf-8") == render_limits_html(record)


def test_where_they_cannot_go_is_refused_before_the_work(capsys, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(TINY)
    same = tmp_path / "r"
    twice = refused(capsys, "check", spec, "--junit", same, "--markdown", same)
    assert "is given twice" in twice
    assert "is a folder" in refused(capsys, "check", spec, "--junit", tmp_path)
    assert "only --json can be printed" in refused(capsys, "check", spec, "--markdown", "-")
    assert not same.exists()
