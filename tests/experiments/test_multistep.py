"""Many steps: the quadratic in miniature, one network, and the kept record."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from experiments import multistep
from experiments.multistep import basis_at, frozen, measure_network, measure_quadratic
from experiments.support.multistep.cases import (
    CASES,
    NETWORKS,
    QUADRATIC,
    QuadraticCase,
    quadratic,
)
from experiments.support.multistep.claims import claims, exact
from experiments.support.record import RESULTS, Run, parse
from neurograd.theory import many_steps


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    monkeypatch.setattr(multistep, "QUICK_STEPS", (1, 10, 40))
    return parse("multistep", "", ["--quick", "--out", str(tmp_path)])


@pytest.mark.parametrize("name", list(QUADRATIC))
def test_on_the_quadratic_the_closed_form_is_exact(name, run):
    """At 99 % each with this seed; a prediction 25 % off is outside at the end."""
    found = measure_quadratic(QUADRATIC[name], run)
    assert all(exact(row) for row in found["rows"])
    last = found["rows"][-1]
    assert not exact({**last, "predicted": 1.25 * last["predicted"]})
    assert math.isfinite(found["floor"])


def test_a_bias_from_elsewhere_meets_the_start_with_its_sign(run):
    """Without noise to rounding: away from the minimum the bias's sign matters."""
    case = QuadraticCase("bias", 0.0, 0.3, 0.5, at_minimum=False)
    found = measure_quadratic(case, run)
    assert all(exact(row) for row in found["rows"])
    turned = measure_quadratic(replace(case, bias=-0.3), run)
    assert not exact({**found["rows"][1], "predicted": turned["rows"][1]["predicted"]})


def test_a_bias_has_no_interval(run):
    found = measure_quadratic(QUADRATIC["quadratic_bias"], run)
    for row in found["rows"]:
        assert row["measured_ci"] == (row["measured"], row["measured"])
        assert row["measured"] == pytest.approx(row["predicted"], rel=1e-8, abs=1e-12)


def test_a_network_has_all_its_numbers(run):
    found = measure_network(NETWORKS["mse_tanh"], run)
    assert found["trace"] > 0
    assert found["clean_loss"] < found["initial_loss"]
    assert set(found["cases"]) == {"noise_0.003", "noise_0.03", "noise_0.3", "bias"}
    for name, case in found["cases"].items():
        end = case["rows"][-1]
        target = CASES[name] * found["initial_loss"]
        assert end["predicted"] == pytest.approx(target)
        assert case["rows"][0]["measured"] == pytest.approx(0, abs=1e-12)
    small = found["cases"]["noise_0.003"]["rows"][1]
    assert exact(small), "one small step is second order"
    by_check = found["cases"]["noise_0.3"]["by_check"]
    assert by_check == pytest.approx(0.3 * found["initial_loss"], rel=0.2)


def test_frozen_leaves_negative_curvature_out():
    problem = quadratic(0)
    basis = basis_at(problem, problem.initial_weights)
    values = basis.values.numpy()
    whole = many_steps(values, 0.1, 10, 2.0).excess_loss
    assert frozen(basis, 0.1, 10, 2.0, 0 * values) == pytest.approx(whole)
    turned = multistep.Basis(-basis.values, basis.vectors)
    assert not turned.rising.any()


def test_the_kept_record():
    record = json.loads((RESULTS / "multistep.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.multistep --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "multistep.png").exists()
    made = claims(record["quadratic"], record["networks"])
    assert [vars(claim) for claim in made] == record["claims"]
    assert made[0].held == "held"
    for case in record["quadratic"].values():
        assert case["rows"][-1]["steps"] == 10000
