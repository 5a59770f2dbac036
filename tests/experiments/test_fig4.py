"""Figure 4 in a still smaller form, and its kept result."""

from __future__ import annotations

import json

import pytest
import torch

from experiments import fig4
from experiments.support.record import RESULTS, parse
from neurograd.theory import lemma_2_1

TINY = fig4.Effort(samples=100, seeds=2, steps=(0, 2, 8, 40), profile=(0, 40))


@pytest.fixture
def run(tmp_path):
    return parse("fig4", "", ["--quick", "--out", str(tmp_path)])


def test_results_claims_and_figure(run):
    results = fig4.measure(run, TINY)
    run.write(results, fig4.draw(results), fig4.make_claims(results))
    record = json.loads((run.out / "fig4.json").read_text(encoding="utf-8"))
    assert [c["held"] for c in record["claims"]][:2] == ["held", "held"]
    assert (run.out / "fig4.png").stat().st_size > 10_000


def test_terms_are_those_of_the_lemma(run):
    """Eq. 6 with P and Q is Lemma 2.1's bias, and what is measured up to third order."""
    problem = fig4.problem_of(100, 0, run)
    w, b = problem.initial_weights, 0.2
    terms = fig4.terms_at(problem, w)
    g, beta = problem.gradient(w), torch.ones_like(w)
    h_beta = problem.hvp(w, beta)
    products = float(g @ beta), float(beta @ h_beta), float(g @ h_beta)
    lemma = lemma_2_1(b, *products, 0.0, 0.0, problem.num_parameters, fig4.STEP_SIZE).bias
    row = fig4.row_at(problem, w, b, terms, 0)
    assert row["predicted"] == pytest.approx(lemma, rel=1e-10)
    assert row["measured"] == pytest.approx(lemma, rel=1e-3)
    assert fig4.row_at(problem, w, -b, terms, 0)["predicted"] != pytest.approx(lemma, rel=0.01)


def test_a_prediction_of_the_other_sign_is_noticed(run):
    """The claims are judged by numbers: turn P round, and the first two fall."""
    results = json.loads(json.dumps(fig4.measure(run, TINY)))
    results["line"]["slope"] *= -1
    for student in results["students"]:
        for row in student["along"]:
            row["predicted"] *= -1
        student.update(fig4.regressed(student["along"]))
    assert [c.held for c in fig4.make_claims(results)][:2] == ["not held", "not held"]


def test_a_line_away_from_the_minimum_changes_only_the_norm(run):
    rows = fig4.along_a_line(run)["rows"]
    for row, scale in zip(rows, fig4.SCALES, strict=True):
        assert row["p"] == pytest.approx(rows[0]["p"], rel=1e-9)
        assert row["q"] == pytest.approx(rows[0]["q"], rel=1e-9)
        assert row["grad_norm"] / scale == pytest.approx(rows[-1]["grad_norm"] / 2, rel=1e-9)


def test_kept_result_agrees_with_its_claims():
    record = json.loads((RESULTS / "fig4.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.fig4 --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "fig4.png").exists()
    claims = record["claims"]
    assert claims == json.loads(json.dumps([c.__dict__ for c in fig4.make_claims(record)]))
    students = record["students"]
    held = [c["held"] for c in claims]
    for student in students:
        rows = student["profiles"][-1]["rows"]
        for one, other in zip(rows, reversed(rows), strict=True):
            # b and −b together have no term of third order.
            assert one["b"] == -other["b"]
            measured = one["measured"] + other["measured"]
            assert measured == pytest.approx(one["predicted"] + other["predicted"], rel=1e-4)
    assert held[1] == ("held" if max(s["largest_relative_error"] for s in students) < 1e-3 else "")
    alone = [s["r_squared_norm_alone"] for s in students]
    assert (held[2] == "held") == (min(alone) >= 0.95)
    assert (held[2] == "not held") == (max(alone) < 0.95)
    rises = [row["measured"] > 0 for s in students for row in s["profiles"][-1]["rows"]]
    assert (held[4] == "held") == all(rises)
