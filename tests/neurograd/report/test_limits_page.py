"""The page of limits: a sheet with each number's curve, and the rest folded away behind it."""

from __future__ import annotations

import copy
import html
import json
import re
from pathlib import Path

import pytest

from neurograd.records.json_form import report_from_json
from neurograd.report import plots, render_limits_html
from neurograd.report.figures import limit_curve, tornado

LIMITS = Path(__file__).parents[2] / "old" / "reports" / "hfo2_limits.json"
REPORT = json.loads(LIMITS.read_text(encoding="utf-8"))
DRAWN = [row for row in REPORT["numbers"] if len(row["tried"]) > 1]


def _page(report):
    return render_limits_html(report_from_json(report, note=lambda line: None))


@pytest.fixture(scope="module")
def page():
    return _page(REPORT)


@pytest.fixture
def undrawn(monkeypatch):
    """Pages whose figures are empty, for what does not depend on them."""
    monkeypatch.setattr(limit_curve, "plot_limit_curve", lambda *arguments: None)
    monkeypatch.setattr(tornado, "plot_tornado", lambda report: None)
    monkeypatch.setattr(plots, "to_svg", lambda figure, prefix: "<svg></svg>")


def _sheet(page):
    return re.search(r'<div class="wall">(.*)<details class="more">', page, re.S)[1]


def _curves(page):
    return re.findall(r'<figure id="curve-\d+">(.*?)</figure>', _sheet(page), re.S)


def test_the_sheet_has_the_verdict_above_and_a_curve_of_every_number(page):
    sheet = html.unescape(_sheet(page))
    assert sheet.index("Predicted verdict: inconclusive") < sheet.index("<figure")
    assert len(DRAWN) == 5
    for row, curve in zip(DRAWN, _curves(page), strict=True):
        assert row["key"] in curve
        assert "<svg" in curve
        said = row["sentence"].removeprefix(f"{row['label']}: ").replace(" %", "\u00a0%")
        assert said[1:] in curve
    assert "Not drawn, as no other value was predicted: device-to-device variation" in sheet


def test_who_does_not_see_a_curve_is_told_its_numbers(page):
    for row, curve in zip(DRAWN, _curves(page), strict=True):
        told = html.unescape(re.search(r'role="img" aria-label="([^"]*)"', curve)[1])
        assert row["label"] in told
        for tried in row["tried"]:
            assert f"{tried['shown']}: {100 * tried['cost']:.1f} % (" in told.replace(
                ": -0.0", ": 0.0"
            )
    assert "Trained at 2.97 %: 0.6 % (-5.0 to 6.1 at 95 %)" in html.unescape(_curves(page)[0])


def test_the_rest_is_folded_and_not_printed_unless_it_is_opened(page):
    folded = page[page.index('<details class="more">') :]
    assert folded.count("<table>") == page.count("<table>") == 2
    for each in ("tolerated up to 2.97 %", "What it rests on", 'id="plot-tornado"', "Glossary"):
        assert each in folded
    printed = re.findall(r"@media print \{(.*?)\n\}\n", page, re.S)[1]
    assert "details.more:not([open])::details-content { display: none; }" in printed


@pytest.mark.parametrize(
    ("curves", "paper", "columns"), [(2, "A4", 2), (5, "A4", 3), (12, "A4", 3), (13, "A3", 4)]
)
def test_the_sheet_grows_with_the_curves(curves, paper, columns, undrawn):
    report = copy.deepcopy(REPORT)
    report["numbers"] = [copy.deepcopy(DRAWN[k % len(DRAWN)]) for k in range(curves)]
    page = _page(report)
    assert len(_curves(page)) == curves
    assert re.findall(r"@page \{ size: (\w+);", page)[-1] == paper
    assert f".curves {{ grid-template-columns: repeat({columns}, 1fr)" in page


def test_no_curve_at_all_is_a_page(undrawn):
    report = copy.deepcopy(REPORT)
    report["numbers"] = [row for row in report["numbers"] if len(row["tried"]) < 2]
    assert _curves(_page(report)) == []
    assert "Not drawn" in _page(report)


def test_nothing_is_loaded_and_ids_are_the_curves_own(page):
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "<script" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
