"""Tables, page and plots from one report."""

from __future__ import annotations

import copy
import io
import re

import pytest
from rich.console import Console

from neurograd import words
from neurograd.records.json_form import report_from_json
from neurograd.records.point import Descent
from neurograd.report import content, render_html, render_report
from neurograd.report.content import mitigation_sheet, point_sheets, training_sheet
from neurograd.report.figures import points as figures
from neurograd.report.figures.training import plot_training
from neurograd.report.glossary import TERMS
from neurograd.words import MISSING
from tests.neurograd.small_report import small_report, with_guide


@pytest.fixture(scope="module")
def report():
    return with_guide(small_report())


def _nulled(value):
    """Every number that is not a count becomes null."""
    if isinstance(value, dict):
        keep = (
            "step",
            "spec",
            "timing",
            "chips",
            "looks",
            "diverged",
            "num_parameters",
            "spectrum",
            "steps",
        )
        return {k: v if k in keep else _nulled(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_nulled(v) for v in value]
    return None if isinstance(value, float) else value


def _text(report, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    render_report(_record(report), console)
    return console.file.getvalue()


def _record(report):
    return report_from_json(report)


def _page(report):
    return render_html(_record(report))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_table_fits_and_says_everything(report, width):
    text = _text(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "…" not in text
    assert f"Verdict: {report['verdict']}" in text
    for sheet in point_sheets(_record(report)):
        for row in sheet.cells():
            assert all(cell.split()[0] in text for cell in row)


def test_page_has_the_tables_content(report):
    page = _page(report)
    for sheet in point_sheets(_record(report)):
        assert all(column.title in page for column in sheet.columns)
        for row in sheet.cells():
            assert all(cell.replace("<", "&lt;") in page for cell in row)
    for row in training_sheet(_record(report)).cells():
        assert all(cell in page for cell in row)
    assert page.count("<svg") == 5


def test_page_loads_nothing_and_escapes(report):
    page = _page(report)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert not re.search(r"url\((?!#)", page)
    assert "@import" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_same_report_same_page(report):
    assert _page(report) == _page(copy.deepcopy(report))


def test_missing_numbers_are_dashes_everywhere(report):
    missing = _nulled(report)
    for point in missing["points"]:
        point["moments"]["b_ci"] = [0, None]
        point["descent"]["bias_ratio_ci"] = [0, None]
    missing["reasons"] = []
    for curve in [
        missing["training"]["clean"]["curve"],
        *missing["training"]["chip"]["curves"],
    ]:
        assert curve["train_loss"][0] is None
    missing["training"]["predicted_excess_loss_ci"] = None
    missing["training"]["cost"].update(confidence=0.95, allowed=0.02)
    missing["mitigation"].update(confidence=0.95, allowed=0.02)
    missing["training"]["forecast"]["cost"].update(confidence=0.95, allowed=0.02)
    if (regime := missing["training"]["forecast"]["regime"]) is not None:
        regime["limit"] = 0.1
    missing["step_size"] = report["step_size"]
    assert MISSING in _text(missing, 100)
    assert MISSING in _page(missing)


def test_single_point_and_no_points(report):
    single = {**report, "points": report["points"][:1]}
    assert "Verdict" in _text(single, 100)
    assert _page(single).count("<svg") == 5
    training = {**report["training"], "forecast": None, "predicted_excess_loss": None}
    none = {**report, "points": [], "training": training, "mitigation": None}
    assert "predicted without training" in _text(single, 100)
    assert "predicted without training" not in _text(none, 100)
    assert "excess loss, predicted" not in _text(none, 100)
    assert _page(none).count("<svg") == 1


def test_plots_hold_the_data(report):
    axes = figures.plot_loss_change(_record(report)).axes[0]
    (data, *_) = axes.containers[0]
    assert data.get_xdata().tolist() == [p["delta_loss"]["predicted"] for p in report["points"]]
    assert data.get_ydata().tolist() == [p["delta_loss"]["measured"] for p in report["points"]]
    spectrum = figures.plot_spectrum(_record(report)).axes[0]
    lines = [line.get_xdata()[0] for line in spectrum.lines]
    assert 2 / report["step_size"] in lines
    assert report["points"][0]["descent"]["noise_threshold"] in lines
    loss, accuracy = plot_training(_record(report)).axes
    clean = report["training"]["clean"]["curve"]
    assert any(line.get_ydata().tolist() == clean["train_loss"] for line in loss.lines)
    expected = [100 * a for a in clean["test_accuracy"]]
    assert any(line.get_ydata().tolist() == pytest.approx(expected) for line in accuracy.lines)


def test_numbers_as_shown():
    assert content.bound(0.0, (0.0, 0.02)) == "< 0.02"
    assert content.bound(0.0, (0.0, 0.0)) == "0"
    assert content.bound(0.5, (0.4, 0.6)) == "0.5"
    assert content.percent(0.031) == "3.1 %"
    assert _descends(-1, -0.1) == "yes"
    assert _descends(0.1, 1) == "no"
    assert _descends(-1, 1) == "unclear"
    assert _descends(None, 1) == MISSING


def test_a_threshold_that_does_not_hold_stands_in_brackets(report):
    """The report is of a ReLU network; where it holds, or is not known to, there are none."""
    first = _record(report).points[0]
    columns = {column.title: column for column in content.THRESHOLDS}
    descent = first.descent
    assert descent.noise_threshold_holds is False
    assert descent.bias_threshold_holds is False
    assert "kinks" in descent.thresholds_reason
    for title, value in (
        ("λ limit", descent.noise_threshold),
        ("r safe", descent.bias_threshold_safe),
        ("r printed", descent.bias_threshold_published),
    ):
        cell = columns[title].cell
        assert cell(first) == f"({words.number(value)})"
        held = {"noise_threshold_holds": None, "bias_threshold_holds": True}
        known = first.model_copy(update={"descent": descent.model_copy(update=held)})
        assert cell(known) == words.number(value)


def test_the_cost_by_kinks_is_part_of_the_prediction(report):
    for point in report["points"]:
        delta = point["delta_loss"]
        parts = [delta[f"predicted_{name}"] for name in ("bias", "variance", "kinks")]
        assert delta["predicted"] == pytest.approx(sum(parts), rel=1e-12)
        low, high = delta["predicted_kinks_ci"]
        assert low <= delta["predicted_kinks"] <= high
        assert delta["kinks"]["units"] > delta["kinks"]["at_kink"] >= 0


def test_what_rounding_leaves_of_0_is_0_in_every_table(report):
    """A frozen chip's gain is 0 but for rounding, and so is what it does to the loss."""
    point = _record(report).points[0]
    moments = point.moments.model_copy(
        update={"gain": -4.44e-16, "cosine": 1e-17, "b": 3e-18, "b_ci": (0.0, 4e-18)}
    )
    change = point.delta_loss.model_copy(
        update={"predicted_bias": 2.2e-16, "measured": -1e-17, "measured_ci": (-1e-16, 1e-16)}
    )
    still = point.model_copy(update={"moments": moments, "delta_loss": change})
    shown = {c.title: c.cell(still) for c in (*content.MOMENTS, *content.LOSS_CHANGE)}
    assert {shown[name] for name in ("b", "gain", "cosine", "by bias", "measured ΔL")} == {"0"}
    assert shown["b, 99 %"] == shown["measured, 99 %"] == "0 to 0"
    small = moments.model_copy(update={"gain": 1e-9})
    moved = point.model_copy(update={"moments": small})
    assert {c.title: c.cell(moved) for c in content.MOMENTS}["gain"] == "1e-9"


def test_shares_are_shown_only_where_they_mean_something(report):
    """Not −563.6 % beside +94.9 %: what an effect costs is told in the cost's own unit."""
    record = _record(report)
    worst = max(record.points, key=lambda point: point.delta_loss.predicted)

    def sheet(*shares):
        some = worst.contributions[0]
        parts = tuple(some.model_copy(update={"share": each}) for each in shares)
        points = (worst.model_copy(update={"contributions": parts}),)
        return content.contributions_sheet(record.model_copy(update={"points": points}))

    told, mixed = sheet(0.9, 0.2), sheet(0.949, -5.636)
    assert [column.title for column in told.columns] == [
        "effect",
        "ΔL without it",
        "saves",
        "share",
    ]
    assert [column.title for column in mixed.columns] == ["effect", "ΔL without it", "saves"]
    assert "raise it" in mixed.note
    assert "raise it" not in told.note
    # By the estimator of the chip without it, not by that of the prediction, which is from draws.
    assert mixed.cells()[0][2] == words.number(worst.contributions[0].saves)
    older = worst.contributions[0].model_copy(update={"saves": None})
    saved = worst.delta_loss.predicted - older.predicted_without
    assert content.contribution_columns(worst)[2].cell(older) == words.number(saved)
    guide = record.mitigation
    for share, shown in ((0.4, True), (-0.2, False), (1.2, False), (None, False)):
        effects = tuple(part.model_copy(update={"share": share}) for part in guide.effects)
        changed = guide.model_copy(update={"effects": effects})
        titles = [column.title for column in content.mitigation_columns(changed)]
        assert ("share" in titles, "saves" in titles) == (shown, True)


def test_every_interval_says_its_confidence(report):
    """A head of intervals, or each of its cells, has the confidence that they are at."""
    changed = copy.deepcopy(report)
    changed["training"]["cost"].update(confidence=0.98, bound_confidence=0.9)
    changed["mitigation"]["confidence"] = 0.97
    record = _record(changed)
    sheets = [(sheet, ("99 %",)) for sheet in point_sheets(record)]
    sheets += [(training_sheet(record), ("98 %", "90 % each"))]
    sheets += [(mitigation_sheet(record), ("97 %",))]
    seen = 0
    for sheet, levels in sheets:
        for column in sheet.columns:
            cells = [column.cell(row) for row in sheet.rows]
            ranges = [cell for cell in cells if re.search(r"\d to -?\d", cell)]
            seen += len(ranges)
            assert all(column.title.endswith(levels) or cell.endswith(levels) for cell in ranges)
    assert seen > 10


def _descends(low, high):
    numbers = {**dict.fromkeys(Descent.model_fields, 1.0), "thresholds_reason": None}
    ends = {"bias_ratio_ci": (0.0, 1.0), "exact_margin_ci": (low, high)}
    return content.descends(Descent(**{**numbers, **ends}))


def test_every_column_names_a_term_of_the_glossary(report):
    sheets = [*point_sheets(_record(report)), training_sheet(_record(report))]
    columns = [column for sheet in sheets for column in sheet.columns]
    columns += [*content.SMOOTHING, *content.contribution_columns(_record(report).points[0])]
    columns += content.mitigation_columns(_record(report).mitigation)
    assert {column.term for column in columns} - {""} <= set(TERMS)
    points = [column for sheet in point_sheets(_record(report)) for column in sheet.columns]
    assert all(column.term for column in [*points, *content.SMOOTHING])


def test_step_sizes_that_fall_are_shown(report):
    """A row of the points' own Δt, and the limit of clean descent of each."""
    assert "Δt" not in _text({**report, "reasons": []}, 100).split("Moments")[1].split("Cost")[0]
    first, *rest, last = report["points"]
    points = [first, *rest, {**last, "step_size": last["step_size"] / 4}]
    training = {**report["spec"]["training"], "steps": None, "epochs": 4, "order": "shuffled"}
    schedule = {"kind": "step", "every": "2 epochs", "factor": 0.25}
    rule = {**report["spec"]["learning_rule"], "batch_size": 10}
    spec = {**report["spec"], "training": {**training, "schedule": schedule}, "learning_rule": rule}
    falling = {**report, "points": points, "spec": spec, "steps": 40}
    text = _text(falling, 100)
    assert "Δt" in text.split("Moments")[1].split("Cost")[0]
    heading = content.heading(_record(falling))
    assert heading.endswith("4 epochs (40 steps), samples shuffled, Δt times 0.25 every 2 epochs")
    cosine = {**training, "schedule": {"kind": "cosine", "minimum": 0.01}}
    heading = content.heading(_record({**falling, "spec": {**spec, "training": cosine}}))
    assert heading.endswith("Δt along a cosine to 0.01 of it")
    spectrum = figures.plot_spectrum(_record(falling)).axes[0]
    lines = [line.get_xdata()[0] for line in spectrum.lines]
    assert {2 / first["step_size"], 8 / last["step_size"]} <= set(lines)
