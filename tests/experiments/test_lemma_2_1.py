"""Lemma 2.1 measured: in miniature, and the kept record against its own numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from device_models import Backprop, Chip
from experiments.lemma_2_1 import Point, row
from experiments.support.lemma_2_1.claims import SHORT, agreement, claims, decided, judged, passes
from experiments.support.lemma_2_1.networks import digits, student
from experiments.support.record import RESULTS
from neurograd.measure.curvature import hessian_trace
from neurograd.training.loop import train


@pytest.fixture(scope="module")
def point() -> Point:
    """A linear student after 30 clean steps."""
    problem = student("linear", 0)
    w = train(problem, Chip(Backprop(), 0.05), 30, 0).weights
    trace = hessian_trace(problem, w, 0).value
    return Point(problem, w, problem.gradient(w), trace, 0, 60, 0)


def inside(found: dict) -> bool:
    low, high = found["measured_ci"]
    return low <= found["predicted"] <= high


def test_white_noise_costs_what_the_trace_says(point):
    """At 99 %; twice the trace is well outside."""
    square = float(point.gradient.square().sum())
    found = row(point, "noise", 0.01, 0.0, point.ones, square, 0)
    assert inside(found)
    assert found["length"] < SHORT
    assert not inside(row(replace(point, trace=2 * point.trace), "noise", 0.01, 0, point.ones,
                          square, 0))  # fmt: skip


@pytest.mark.parametrize("kind", ["ones", "across"])
def test_a_bias_costs_what_eq_3_says(point, kind):
    """Without noise only third order is left: below 0.2 % at this step."""
    b = 0.05 * float(point.gradient.norm())
    found = row(point, "bias", 0.01, b, getattr(point, kind), 0.0, 0)
    assert found["measured"] == pytest.approx(found["predicted"], rel=2e-3)
    turned = row(point, "bias", 0.01, -b, getattr(point, kind), 0.0, 0)
    assert turned["predicted"] != pytest.approx(found["predicted"], rel=0.1)


def test_across_is_across(point):
    beta = point.across
    assert float(beta.square().sum()) == pytest.approx(len(beta))
    assert float(beta @ point.gradient) == pytest.approx(0, abs=1e-9)


def test_kinks_are_not_in_the_hessian():
    """White noise of 1 % of ‖w‖ on a ReLU network costs more than Eq. 3 says, at 99 %."""
    problem = digits("relu", 0)
    w = train(problem, Chip(Backprop(), 0.1), 100, 0).weights
    trace = hessian_trace(problem, w, 0).value
    point = Point(problem, w, problem.gradient(w), trace, 0, 100, 0)
    found = row(point, "noise", 0.1, 0.0, point.ones, (0.1 * float(w.norm())) ** 2, 0)
    assert found["length"] == pytest.approx(0.01)
    assert found["measured_ci"][0] > found["predicted"]


def test_kinks_make_up_for_it():
    """The same noise: Eq. 3 with the kinks holds at 99 %, from w and from where it lands."""
    problem = digits("relu", 0)
    w = train(problem, Chip(Backprop(), 0.1), 100, 0).weights
    trace = hessian_trace(problem, w, 0).value
    point = Point(problem, w, problem.gradient(w), trace, 0, 8, 0, kinks=True)
    found = row(point, "noise", 0.1, 0.0, point.ones, (0.1 * float(w.norm())) ** 2, 0)
    assert found["predicted"] == found["hessian"] + found["kinks"]
    assert found["measured"] == pytest.approx(found["predicted"], rel=0.02)
    assert found["measured"] == pytest.approx(found["predicted_landed"], rel=0.02)
    assert found["measured_ci"][0] > 1.2 * found["hessian"]


def test_a_change_that_is_lost_in_noise_is_not_judged():
    row = {"kinks": 1.0, "kinks_ci": [0.5, 1.5], "measured_ci": [0.6, 0.8], "length": 0.001}
    assert decided([row]) == [row]
    assert decided([{**row, "measured_ci": [0.4, 0.8]}]) == []
    assert decided([{**row, "measured_ci": [-0.8, -0.6]}]) != []


def test_the_kept_record():
    record = json.loads((RESULTS / "lemma_2_1.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.lemma_2_1 --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "lemma_2_1.png").exists()
    made = claims(record["networks"])
    assert [vars(claim) for claim in made] == record["claims"]
    smooth = [n for n in record["networks"].values() if n["smooth"]]
    assert len(smooth) == 5
    for network in smooth:
        found = network["agreement"]
        assert 0.98 <= found["slope"] <= 1.02
        assert found["r_squared"] > 0.999
        assert found["decades"] >= 4
    relu = judged("relu_digits", record["networks"]["relu_digits"]["rows"])
    assert len(relu) == 92
    assert passes(agreement(relu))
    assert not passes(agreement(relu, "hessian"))
    for name in ("relu_digits", "vgg_digits"):
        rows = judged(name, record["networks"][name]["rows"])
        assert passes(agreement(rows, "predicted_landed"))
        assert all(
            r["predicted"] == pytest.approx(r["hessian"] + r["kinks"], rel=1e-3, abs=1e-10)
            for r in rows
        )
    made = record["parts"]["kinks"]["command"]
    assert made == "python -m experiments.lemma_2_1 --seed 0 --only kinks"
