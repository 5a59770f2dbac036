"""Thresholds in the figure of the curvature: only those that hold are drawn as such."""

from __future__ import annotations

import pytest

from neurograd.records.json_form import report_from_json
from neurograd.report.figures.points import plot_spectrum
from tests.neurograd.small_report import small_report


def _drawn(optimizer, holds=True):
    """The step size, the vertical lines by their labels, and those of the legend."""
    report = small_report()
    report["spec"]["training"]["optimizer"] = optimizer
    for point in report["points"]:
        point["descent"].update(noise_threshold=3.0, noise_threshold_holds=holds)
    figure = plot_spectrum(report_from_json(report))
    lines = {str(line.get_label()): line.get_xdata()[0] for line in figure.axes[0].lines}
    return report["step_size"], lines


@pytest.mark.parametrize(
    ("optimizer", "factor", "name"),
    [
        (None, 2.0, "2/Δt"),
        ({"name": "sgd", "momentum": 0.0}, 2.0, "2/Δt"),
        ({"name": "sgd", "momentum": 0.9}, 3.8, "2(1 + μ)/Δt"),
    ],
)
def test_descent_with_momentum_bears_more_curvature(optimizer, factor, name):
    size, lines = _drawn(optimizer)
    assert lines[f"{name}, limit of clean descent"] == pytest.approx(factor / size)


def test_adam_has_no_limit_of_curvature():
    _, lines = _drawn({"name": "adam"})
    assert not any("clean descent" in label for label in lines)
    assert lines


@pytest.mark.parametrize(("holds", "said"), [(True, ""), (None, ""), (False, " (does not hold)")])
def test_a_noise_limit_that_does_not_hold_is_called_so(holds, said):
    _, lines = _drawn(None, holds)
    labels = [label for label in lines if label.startswith("noise limit")]
    assert labels
    assert all(label.partition("at step ")[2].strip("0123456789") == said for label in labels)
