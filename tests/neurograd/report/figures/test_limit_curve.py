"""A number's curve: what is drawn is what was computed, also where nothing is as it should be."""

from __future__ import annotations

import copy
import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from neurograd.records.json_form import report_from_json, to_json_dict
from neurograd.report.content.limits import limit_sentences, numbers_sheet
from neurograd.report.figures.limit_curve import CostAxis, plot_limit_curve
from neurograd.report.figures.number_axis import NumberAxis
from neurograd.report.limit_curves import LimitCurve, limit_curves, without_curve
from neurograd.report.plots import BLUE, GREEN, INK, RED

LIMITS = Path(__file__).parents[3] / "old" / "reports" / "hfo2_limits.json"
NOISE = 0
"""Place of the number with both limits and two trained values."""


@pytest.fixture
def report():
    return json.loads(LIMITS.read_text(encoding="utf-8"))


def _read(report):
    return report_from_json(report, note=lambda line: None)


def _drawn(report, place=NOISE):
    record = _read(report)
    curves = limit_curves(record)
    curve = LimitCurve.of(record, record.numbers[place])
    costs = CostAxis.of(curves, record.now.allowed)
    figure = plot_limit_curve(curve, costs, record.now.kind, 1.9)
    figure.canvas.draw()
    return figure.axes[0], curve, costs


def _markers(axes, colour, marker):
    return [
        (x, y)
        for line in axes.get_lines()
        if line.get_marker() == marker and to_hex(line.get_color()) == colour.lower()
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def _texts(axes):
    return {text.get_text() for text in axes.texts}


def test_there_is_a_marker_at_every_value_that_was_predicted_and_no_other(report):
    """Red where a value between two is drawn as if it was computed."""
    tried = report["numbers"][NOISE]["tried"]
    axes, _, _ = _drawn(report)
    costs = [100 * each["cost"] for each in tried]
    assert [y for _, y in _markers(axes, BLUE, "o")] == pytest.approx(costs)
    places = [x for x, _ in _markers(axes, BLUE, "o")]
    assert places[1:] == pytest.approx([math.log10(each["value"]) for each in tried[1:]])
    # 0 is not on the scale: it stands left of all others, and the line to it is dotted.
    assert places[0] < places[1]
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) == 2]
    styles = [line.get_linestyle() for line in lines if to_hex(line.get_color()) == BLUE.lower()]
    assert styles == [":", *["-"] * (len(tried) - 2)]


def test_both_limits_the_present_value_and_what_was_trained_are_there(report):
    row = report["numbers"][NOISE]
    axes, _, costs = _drawn(report)
    assert {"A 2.97 %", "B 3.54 %", "now 5 %"} <= _texts(axes)
    upright = {
        to_hex(line.get_color()): line.get_xdata()[0]
        for line in axes.get_lines()
        if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1
    }
    assert upright[GREEN.lower()] == pytest.approx(math.log10(row["inside"]["value"]))
    assert upright[RED.lower()] == pytest.approx(math.log10(row["outside"]["value"]))
    trained = [100 * row["training"][side]["cost"] for side in ("inside", "outside")]
    assert [y for _, y in _markers(axes, INK, "D")] == pytest.approx(trained)
    assert costs.target == 2.0
    assert 2.0 in axes.get_yticks()


def test_the_limit_on_the_other_side_is_drawn_tabulated_and_said_not_to_be_trained(report):
    """Red where the second limit is in a sentence only, which training then 'confirms'."""
    row = report["numbers"][NOISE]
    before = {each.get_xdata()[0] for each in _upright(_drawn(report)[0])}
    other = [copy.deepcopy(row[side]) for side in ("inside", "outside")]
    for value, each in zip((0.4, 0.5), other, strict=True):
        each.update(value=value, shown=f"{100 * value:g} %")
    row["opposite"] = {"upper": True, "inside": other[0], "outside": other[1]}
    axes, curve, _ = _drawn(report)
    more = {each.get_xdata()[0]: to_hex(each.get_color()) for each in _upright(axes)}
    assert more[math.log10(0.4)] == GREEN.lower()
    assert more[math.log10(0.5)] == RED.lower()
    assert len(more) == len(before) + 2
    record = _read(report)
    nearer, opposite = numbers_sheet(record).cells()[NOISE : NOISE + 2]
    assert nearer[:2] == opposite[:2] == [row["label"], "5 %"]
    assert (opposite[2], opposite[4], opposite[6]) == ("40 %", "50 %", "not trained")
    assert nearer[6] == row["training"]["status"]
    said = "(the nearer limit; the other one was not trained)"
    assert said in curve.caption
    assert said in limit_sentences(record)[NOISE]
    written = to_json_dict(record)["numbers"][NOISE]["opposite"]
    assert written["outside"]["value"] == 0.5


def _upright(axes):
    return [
        line
        for line in axes.get_lines()
        if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1
    ]


def test_what_stands_above_the_picture_stays_in_it_and_apart(report):
    row = report["numbers"][NOISE]
    for low, high in ((0.0297, 0.0354), (0.09, 0.1), (0.025, 0.0297), (0.025, 0.1)):
        moved = copy.deepcopy(report)
        target = moved["numbers"][NOISE]
        for side, value in (("inside", low), ("outside", high)):
            target[side] = {**row[side], "value": value, "shown": f"{100 * value:.3g} %"}
        axes, _, _ = _drawn(moved)
        renderer = FigureCanvasAgg(axes.figure).get_renderer()
        found = {t.get_text()[0]: t.get_window_extent(renderer) for t in axes.texts}
        assert not found["A"].overlaps(found["B"])
        for box in found.values():
            assert 0 <= box.x0 < box.x1 <= axes.figure.bbox.x1
            assert box.y1 <= axes.figure.bbox.y1


def _every(report, **changes):
    """The report with other costs at every value that was tried."""
    changed = copy.deepcopy(report)
    for row in changed["numbers"]:
        for each in row["tried"]:
            each.update(changes)
    return changed


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "tolerated", "cost": 0.0, "ci": [0.0, 0.0]},
        {"verdict": "not tolerated", "cost": 0.9, "ci": [0.8, None]},
        {"verdict": "not tolerated", "cost": None, "ci": [None, None]},
        {"verdict": "inconclusive", "cost": -3.0, "ci": [None, None]},
    ],
    ids=["all tolerated", "all lost", "no training anywhere", "far below 0, unbounded"],
)
def test_extremes_are_drawn(report, changes):
    changed = _every(report, **changes)
    row = changed["numbers"][NOISE]
    row.update(inside=None, outside=None, training=None, status="open")
    axes, curve, costs = _drawn(changed)
    infinite = changes["cost"] is None
    heights = [y for _, y in _markers(axes, BLUE, "^" if infinite else "o")]
    assert heights == pytest.approx([costs.high if infinite else 100 * changes["cost"]] * 6)
    zones = {to_hex(patch.get_facecolor()) for patch in axes.patches}
    assert (
        zones
        == {
            "tolerated": {GREEN.lower()},
            "not tolerated": {RED.lower()},
            "inconclusive": set(),
        }[changes["verdict"]]
    )
    low, high = axes.get_ylim()
    assert math.isfinite(high - low)
    assert low < 0 < costs.target < high
    assert _texts(axes) == {"now 5 %"}
    assert ("no training" in curve.in_words) == infinite


def test_one_trained_point_that_diverged_and_a_target_of_0_are_drawn(report):
    lost = {"value": 0.0297, "verdict": "not tolerated", "cost": None, "ci": [None, None]}
    report["numbers"][NOISE]["training"] = {"status": "unclear", "inside": lost, "outside": None}
    report["now"]["allowed"] = 0.0
    axes, curve, costs = _drawn(report)
    assert [y for _, y in _markers(axes, INK, "^")] == [costs.high]
    assert costs.target == 0.0
    assert "Trained at 2.97 %: no training." in curve.in_words


def test_a_number_that_is_ideal_now_stands_at_the_end_of_its_curve(report):
    bits = report["numbers"][7]
    assert bits["now"] is None
    tried = report["numbers"][9]["tried"]
    bits["tried"] = tried
    axes, curve, _ = _drawn(report, 7)
    assert [point.value for point in curve.predicted] == [*(each["value"] for each in tried), None]
    assert _markers(axes, BLUE, "o")[-1][1] == pytest.approx(100 * report["now"]["cost"])
    assert axes.get_xticklabels()[-1].get_text() == "ideal"


def test_numbers_of_which_nothing_else_was_tried_are_named_and_not_drawn(report):
    record = _read(report)
    assert [curve.row.label for curve in limit_curves(record)] == [
        "cycle-to-cycle noise", "levels", "nonlinearity (larger label)", "weight resolution",
        "weight range",
    ]  # fmt: skip
    missing = without_curve(record)
    assert "device-to-device variation, read noise, devices stuck low" in missing
    assert "weight range" not in missing


def test_what_is_allowed_of_a_later_time_is_a_step(report):
    for each in report["numbers"][NOISE]["tried"][3:]:
        each["allowed"] = 0.05
    axes, _, _ = _drawn(report)
    steps = [line for line in axes.get_lines() if line.get_drawstyle() == "steps-mid"]
    assert list(steps[0].get_ydata()) == pytest.approx([2.0] * 3 + [5.0] * 3)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([0.0, 0.005, 0.03, 1.0], "%"),
        ([0.0297, 0.0354], "%"),
        ([1.0, 3600.0, 86400.0 * 400], "s"),
        ([2, 3, 16, None], "bits"),
        ([2, 40, 8640, None], ""),
        ([-1.5, 0.0, 2.0], ""),
        ([-0.5, -0.31, -0.1], ""),
        ([-0.0042, 0.003], ""),
        ([-0.2, -0.2], ""),
        ([-4000.0, 900.0], ""),
        ([7.0, 7.0], ""),
    ],
)
def test_places_keep_the_order_of_values_and_ticks_are_in_reach(values, unit):
    axis = NumberAxis.of(values, unit, ideal_below=False)
    places = [axis.place(value) for value in values]
    assert all(one <= other for one, other in pairwise(places))
    low, high = axis.ends
    assert low < min(places) <= max(places) < high
    ticks = axis.ticks()
    assert (2 if len({value for value in values if value}) > 1 else 1) <= len(ticks) <= 6
    assert all(low <= place <= high and label for place, label in ticks)
    assert len({label for _, label in ticks}) == len(ticks)
    below = NumberAxis.of([*values, None], unit, ideal_below=True)
    assert below.place(None) < min(below.place(v) for v in values if v is not None)
