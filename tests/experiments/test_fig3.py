"""Figure 3 in a still smaller form, and its kept result."""

from __future__ import annotations

import json

import pytest

from experiments import fig3
from experiments.support.fig3.claims import difference
from experiments.support.fig3.kinks import LIMIT, along, beside, means, shares
from experiments.support.record import RESULTS, parse

TINY = fig3.Effort(
    samples=60,
    seeds=2,
    steps=(0, 1),
    draws=4,
    strong_draws=4,
    inits=4,
    repeats=3,
    training=3,
    widths=(12, 25),
    depths=(1, 2),
    shallow=(12, 25),
)


@pytest.fixture
def run(tmp_path):
    return parse("fig3", "", ["--quick", "--out", str(tmp_path)])


def test_results_claims_and_figure(run):
    results = fig3.measure(run, TINY)
    run.write(results, fig3.draw(results), fig3.make_claims(results))
    record = json.loads((run.out / "fig3.json").read_text(encoding="utf-8"))
    assert len(record["claims"]) == 13
    assert len(record["kinks"]) == 4
    assert len(record["trajectories"]) == 8
    assert len(record["square"]) == 2
    assert (run.out / "fig3.png").stat().st_size > 10_000
    assert not run.stages.exists()


def test_measured_impact_is_the_predicted_one(run):
    """99 % interval of 200 draws on a linear student; twice the noise is far outside."""
    problem = fig3.problem_of(fig3.Student(12, 2, "linear"), 80, 0, run)
    w = problem.initial_weights
    predicted = fig3.predict(problem, w, fig3.NORM**2, 0)
    _, (low, high) = fig3.measure_at(problem, w, fig3.NORM**2, 200, 0, 0)
    assert low <= predicted <= high
    assert high < fig3.predict(problem, w, 2 * fig3.NORM**2, 0)


def test_published_estimator_is_too_large_and_ours_is_not(run):
    """Of 12 intervals at 99 %, one or none misses (the chance of more is below 1 %)."""
    rows = fig3.estimators(fig3.Effort(repeats=30), run)["rows"]
    inside = []
    for row in rows:
        low, high = row["published_ci"]
        inside.append(low <= row["factor"] <= high)
        assert (low > 1) == (row["count"] >= 3)
        low, high = row["control_variate_ci"]
        inside.append(low <= 1 <= high)
    assert len(inside) == 12
    assert inside.count(False) <= 1


def test_kept_result_agrees_with_its_claims():
    record = json.loads((RESULTS / "fig3.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.fig3 --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "fig3.png").exists()
    claims = record["claims"]
    assert claims == json.loads(json.dumps([c.__dict__ for c in fig3.make_claims(record)]))
    depth = next(c for c in claims if "falls with depth" in c["claim"])
    linear = {
        (r["width"], r["depth"]): r for r in record["initialization"] if r["activation"] == "linear"
    }
    deepest = record["effort"]["depths"][-1]
    falls = [
        difference(linear[w, 1], linear[w, deepest], "per_parameter")[1][1] < 0
        for w in record["effort"]["widths"]
    ]
    assert (depth["held"] == "held") == all(falls)
    measured = {(r["width"], r["depth"], r["activation"]): r for r in record["trajectories"]}
    relu = next(c for c in claims if c["claim"].startswith("The measured impact of variance is"))
    lower = [
        difference(measured[w, d, "linear"], measured[w, d, "relu"], "strong")[1][1] < 0
        for w in record["effort"]["widths"]
        for d in record["effort"]["depths"]
    ]
    assert (relu["held"] == "held") == all(lower)
    fifteen = next(r for r in record["estimators"] if r["count"] == 15)
    low, high = fifteen["published_ci"]
    assert (claims[-1]["held"] == "held") == (low >= 0.95 and high <= 1.05)
    assert low <= fifteen["factor"] <= high


def test_kept_traces_are_the_exact_expectation():
    """Of 36 intervals at 99 %, 3 or fewer miss (the chance of more is below 0.1 %)."""
    record = json.loads((RESULTS / "fig3.json").read_text(encoding="utf-8"))
    rows = [*record["initialization"], *record["square"]]
    inside = [r["against_expectation_ci"][0] <= 1 <= r["against_expectation_ci"][1] for r in rows]
    assert len(rows) == 36
    assert inside.count(False) <= 3


def test_kinks_make_up_what_the_hessian_misses(run):
    """Measured less predicted with the kinks is small beside them, and not without them."""
    row = along(fig3.Student(12, 2, "relu"), TINY, run)
    left = means(row, "measured") - means(row, "predicted")
    kinks = means(row, "kinks")
    assert abs(left).max() < 0.1 * abs(kinks).max()
    assert len(row["kinks"]) == TINY.seeds
    assert len(row["kinks"][0]) == len(TINY.steps)


def test_kept_kinks_of_deep_networks_are_larger_than_the_hessians_term():
    """Theorem 2.3 in single networks: the spread grows with depth, the mean stays about 0."""
    record = json.loads((RESULTS / "fig3.json").read_text(encoding="utf-8"))
    command = record["parts"]["kinks"]["command"]
    assert command == "python -m experiments.fig3 --seed 0 --only kinks"
    spreads = []
    for depth in record["effort"]["depths"]:
        mine = [r for r in record["kinks"] if r["depth"] == depth]
        _, (low, high) = beside(mine)
        assert -LIMIT < low < high < LIMIT
        found = shares(mine)
        assert abs(found.mean()) < 3.5 * found.std(ddof=1) / len(found) ** 0.5
        spreads.append(found.std(ddof=1))
    assert spreads == sorted(spreads)
    assert spreads[0] < 0.5
    assert spreads[-1] > 2.0
