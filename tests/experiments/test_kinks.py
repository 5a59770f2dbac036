"""The experiment on kinks: in miniature, its claims, and the kept record by its own numbers."""

from __future__ import annotations

import json

import pytest

from experiments.kinks import NETWORKS, fully_connected, row
from experiments.support.kink_causes import cause_claim, initial_claim
from experiments.support.kinks import claims, draw, inside
from experiments.support.record import RESULTS
from neurograd.measure.curvature import exact_diagonal


@pytest.fixture(scope="module")
def found():
    """A small network after some steps, with noise of 1 % of its weights."""
    problem = fully_connected([8], 0)
    w = problem.initial_weights
    for _ in range(60):
        w = w - 0.2 * problem.gradient(w)
    trace = float(exact_diagonal(problem, w).sum())
    return row(problem, w, trace, 0.01, 12, 0, 0)


def test_noise_costs_curvature_and_kinks(found):
    low, high = found["ratio_ci"]
    assert low <= found["ratio"] <= high
    assert 0.95 <= low <= high <= 1.05
    assert not 0.95 <= found["ratio_without"] <= 1.05
    assert found["predicted"] == found["hessian"] + found["kinks"]
    assert found["measured"] == pytest.approx(found["ratio"] * found["predicted"])
    assert (found["method"], found["at_kink"]) == ("closed form", 0)


def test_the_convolutional_network_is_measured_by_draws():
    problem = NETWORKS["cnn"].make(0)
    w = problem.initial_weights
    trace = float(exact_diagonal(problem, w).sum())
    result = row(problem, w, trace, 0.01, 2, 0, 0)
    assert result["method"] == "draws"
    assert result["kinks_ci"][0] < result["kinks"] < result["kinks_ci"][1]


def _result(**changes):
    rows = [
        {
            "stage": "trained",
            "step": step,
            "size": size,
            "method": "closed form",
            "ratio": 1.01,
            "ratio_ci": [0.99, 1.03],
            "ratio_without": 3.0,
            **changes,
        }
        for step in (0, 10)
        for size in (0.001, 0.01, 0.05)
    ]
    return {"x": {"title": "X", "rows": rows}}


def test_claims_are_held_by_intervals_not_by_points():
    right, others = claims(_result())
    assert (right.held, others.held) == ("held", "held")
    assert right.measured.count("trained") == 2
    assert others.measured.count("trained") == 4
    wide, _ = claims(_result(ratio_ci=[0.94, 1.03]))
    assert wide.held == "inconclusive"
    assert claims(_result(ratio_ci=[0.8, 0.9]))[0].held == "not held"
    assert len(claims({"x": {"title": "X", "rows": _result()["x"]["rows"][3:5]}})) == 1


def test_the_figure_shows_every_network():
    assert [axes.get_title("left") for axes in draw(_result()).axes] == ["X"]


def test_the_kept_record_is_of_these_networks():
    record = json.loads((RESULTS / "kinks.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.kinks --seed 0"
    made = [*claims(record["networks"]), cause_claim(record["causes"])]
    made.append(initial_claim(record["causes"]))
    assert [vars(claim) for claim in made] == record["claims"]
    trained = [row for row in record["causes"] if row["step"] > 0]
    assert {row["title"] for row in trained} == {n.title for n in NETWORKS.values()}
    assert all(max(abs(end) for end in row["mean_ci"]) < 0.05 for row in trained)
    assert set(record["networks"]) == set(NETWORKS)
    for name, result in record["networks"].items():
        assert result["title"] == NETWORKS[name].title
        for kept in result["rows"]:
            assert kept["predicted"] == pytest.approx(kept["hessian"] + kept["kinks"])
            assert kept["ratio"] == pytest.approx(kept["measured"] / kept["predicted"])
        trained = [r for r in result["rows"] if r["step"] > 0 and r["size"] < 0.05]
        assert len(trained) == 4
        assert all(inside(r) for r in trained)
