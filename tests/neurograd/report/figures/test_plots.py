"""What all figures share: names stand in them as they are, and powers of ten are plain text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from neurograd.records.json_form import report_from_json
from neurograd.report.figures.points import plot_moments
from neurograd.report.figures.tornado import plot_tornado
from neurograd.report.plots import styled, to_image, to_svg
from tests.neurograd.small_report import small_report

LIMITS = Path(__file__).parents[3] / "old" / "reports" / "hfo2_limits.json"
DOLLARS = [r"low $\foo$ chip", "costs $2_ #1, $3_ #2", "{$10}", "r$_x_y_z$"]


def _logarithmic(title: str) -> Figure:
    with styled():
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        axes.loglog([1e-3, 2e-3, 3e-3], [1e4, 1e5, 1e6])
        axes.set_title(title)
    return figure


@pytest.mark.parametrize("title", DOLLARS)
def test_dollars_in_a_name_begin_no_formula(title):
    figure = _logarithmic(title)
    assert "<svg" in to_svg(figure, "x")
    for kind in ("png", "svg", "pdf"):
        assert to_image(figure, kind)


@pytest.mark.parametrize("draw", [lambda f: to_svg(f, "x"), lambda f: to_image(f, "png")])
def test_powers_of_ten_are_plain_text(draw):
    figure = _logarithmic("a chip")
    draw(figure)
    axes = figure.axes[0]
    labels = [
        label.get_text()
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")
    ]
    assert "10⁵" in labels
    assert "2×10⁻³" in labels
    assert not any(set("$\\{") & set(label) for label in labels)


def test_a_tornado_names_its_spec_as_it_is_called():
    report = json.loads(LIMITS.read_text(encoding="utf-8"))
    report = report_from_json(report, note=lambda line: None)
    named = report.model_copy(
        update={"design": report.design.model_copy(update={"name": DOLLARS[0]})}
    )
    figure = plot_tornado(named)
    assert figure.axes[0].get_title(loc="left").startswith(DOLLARS[0])
    assert to_image(figure, "svg")


def test_the_mark_of_an_upper_bound_is_drawn_as_an_arrow():
    """Without formulas a mark of letters would be what stands between dollars, and these too."""
    report = small_report()
    for point in report["points"]:
        point["moments"]["b_ci"] = [0.0, 0.1]
    figure = plot_moments(report_from_json(report))
    (arrows,) = (line for line in figure.axes[0].lines if "upper bound" in str(line.get_label()))
    marker = arrows.get_marker()
    tip = marker.vertices[marker.vertices[:, 1].argmin()]
    assert tip[0] == 0.0
    assert not isinstance(marker, str)
    assert to_image(figure, "png")
