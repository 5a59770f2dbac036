"""Whose cost stands beside a verdict: of a training and its deployment the part that decides."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from neurograd.records.cost import JudgedCost, deciding_part
from neurograd.records.sweep import _deployed_columns, decided
from neurograd.records.training import DeploymentResult
from neurograd.report.console.sweep_table import render_sweep
from neurograd.report.figures.sweep_map import plot_sweep


def _cost(value, lower, upper, allowed=0.05):
    return JudgedCost(
        kind="accuracy_drop",
        value=value,
        ci=(-1.0, 1.0),
        confidence=0.99,
        lower_bound=lower,
        upper_bound=upper,
        bound_confidence=0.95,
        allowed=allowed,
        clean_learned=True,
    )


def _at(time, cost):
    return DeploymentResult.model_construct(time=time, cost=cost)


TOLERATED = _cost(0.04, 0.03, 0.045)
OPEN = _cost(-0.003, -0.4, 0.2)
LOST = _cost(0.02, 0.011, 0.3, allowed=0.01)


@pytest.mark.parametrize(
    ("times", "trains", "expected"),
    [
        ([], True, None),
        ([_at(60.0, OPEN)], True, 60.0),
        ([_at(0.0, LOST), _at(60.0, OPEN)], True, 0.0),
        ([_at(0.0, _cost(0.0, -0.01, 0.01))], True, None),
        ([_at(0.0, _cost(0.0, -0.01, 0.01))], False, 0.0),
        ([_at(0.0, OPEN), _at(60.0, _cost(0.01, -0.4, 0.2))], True, 60.0),
    ],
)
def test_the_part_with_the_verdict_s_answer_decides_then_the_one_furthest_above(
    times, trains, expected
):
    assert deciding_part(TOLERATED, times, trains=trains)[1] == expected


def test_without_bounds_the_part_furthest_above_decides():
    old = [cost.model_copy(update={"lower_bound": None, "upper_bound": None}) for cost in (OPEN,)]
    trained = TOLERATED.model_copy(update={"lower_bound": None, "upper_bound": None})
    assert deciding_part(trained, [_at(60.0, old[0])], trains=True)[1] is None


@pytest.mark.parametrize(("decided", "shown"), [(0.0, 0.0), (60.0, 60.0), (None, 60.0)])
def test_columns_of_a_row_are_those_of_the_time_that_decides(decided, shown):
    """Where the training decides, those of the time that costs most."""
    times = [_at(0.0, LOST), _at(60.0, _cost(0.2, -0.4, 0.6))]
    times = [each.model_copy(update={"accuracy": 0.5}) for each in times]
    row = _deployed_columns(times, decided)
    assert row["deployed_time"] == shown
    assert row["deployed_cost"] == (LOST.value if shown == 0.0 else 0.2)
    assert row["decided_by"] == ("training" if decided is None else "deployment")


def _row(key, verdict, decided_by):
    return {
        "key": key,
        "verdict": verdict,
        "cost_kind": "accuracy_drop",
        "cost": 0.0,
        "cost_low": -0.03,
        "cost_high": 0.03,
        "confidence": 0.99,
        "allowed": 0.05,
        "clean_learned": True,
        "clean_accuracy": 0.675,
        "chip_accuracy": 0.674,
        "cause": None,
        "deployed_time": 3600.0,
        "deployed_accuracy": 0.447,
        "deployed_cost": 0.228,
        "deployed_cost_low": 0.1,
        "deployed_cost_high": 0.4,
        "deployed_allowed": 0.07,
        "decided_by": decided_by,
    }


ROWS = [_row("1 %", "tolerated", "training"), _row("30 %", "not tolerated", "deployment")]


def test_a_swept_row_shows_the_cost_that_its_verdict_rests_on():
    console = Console(width=120, file=io.StringIO())
    render_sweep(ROWS, ["key"], console)
    head, _, first, second, *_ = console.file.getvalue().splitlines()
    assert "after" in head
    for said in ("training", "0.0 %", "-3.0 to 3.0 %", "67.4 %"):
        assert said in first
    for said in ("1 hour", "22.8 %", "10.0 to 40.0 %", "44.7 %"):
        assert said in second
    assert "67.4" not in second


def test_a_sweep_of_trainings_alone_has_no_column_of_times():
    console = Console(width=120, file=io.StringIO())
    render_sweep(ROWS[:1], ["key"], console)
    assert "after" not in console.file.getvalue()


def test_the_figure_shows_that_cost_beside_what_a_deployment_may_cost():
    axes = plot_sweep(ROWS, ["key"], grid=True).axes[0]
    places = {
        container.lines[0].get_color(): container.lines[0].get_ydata()
        for container in axes.containers
    }
    assert sorted(float(y[0]) for y in places.values()) == pytest.approx([0.0, 22.8])
    limits = [float(line.get_ydata()[0]) for line in axes.lines if line.get_linestyle() == "--"]
    assert sorted(limits) == pytest.approx([5.0, 7.0])


def test_the_columns_of_the_table_stay_as_they_are():
    assert decided(ROWS[0]) == ROWS[0]
    assert {name for name in ROWS[1] if decided(ROWS[1])[name] != ROWS[1][name]} == {
        "chip_accuracy",
        "cost",
        "cost_low",
        "cost_high",
        "allowed",
    }
