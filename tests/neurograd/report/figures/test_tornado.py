"""The tornado of an old limits report, and of one in which nothing trains."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from neurograd.records.json_form import report_from_json
from neurograd.report.figures.tornado import plot_tornado
from neurograd.report.plots import to_svg

LIMITS = Path(__file__).parents[3] / "old" / "reports" / "hfo2_limits.json"


def _bars(report):
    axes = plot_tornado(report_from_json(report, note=lambda line: None)).axes[0]
    return axes, [bar for bar in axes.patches if bar.get_width() is not None]


@pytest.fixture
def report():
    return json.loads(LIMITS.read_text(encoding="utf-8"))


def test_every_colour_is_the_pages(report):
    """Red with a colour of its own, which a dark page cannot make light."""
    svg = to_svg(plot_tornado(report_from_json(report, note=lambda line: None)), "x")
    assert "var(--plot-ink" in svg
    assert not re.findall(r"#[0-9a-fA-F]{6}", re.sub(r"var\([^)]*\)", "", svg))


def test_two_ends_on_one_side_stand_one_above_the_other(report):
    rows = [row for row in report["numbers"] if row["better"] or row["worse"]]
    now = report["now"]["cost"]
    same = [
        row["better"]
        and row["worse"]
        and (row["better"]["cost"] > now) == (row["worse"]["cost"] > now)
        for row in rows
    ]
    assert any(same)
    _, bars = _bars(report)
    heights = [bar.get_height() for bar in bars]
    assert heights.count(pytest.approx(0.3)) == 2 * sum(map(bool, same))


def test_a_chip_that_never_trains_has_its_bars_at_the_edge(report):
    lost = copy.deepcopy(report)
    lost["now"].update(cost=None, ci=[None, None])
    for row in lost["numbers"]:
        for side in ("better", "worse"):
            if row[side]:
                row[side].update(cost=None, ci=[None, None])
    axes, bars = _bars(lost)
    assert bars
    edge = axes.get_xlim()[1]
    assert all(bar.get_x() + bar.get_width() == pytest.approx(edge) for bar in bars)
    assert all(bar.get_height() == pytest.approx(0.62) for bar in bars)
    assert any("no training" in text.get_text() for text in axes.texts)
