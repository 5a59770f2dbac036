"""Figure 7 in a still smaller form, and its kept result."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from experiments import fig7
from experiments.support.quadratic import loss_changes
from experiments.support.record import RESULTS, parse
from neurograd.seeding import generator_for

TINY = fig7.Effort(cells=10, steps=40, chunks=1, quadratics=4000, network_steps=3)


@pytest.fixture
def run(tmp_path):
    return parse("fig7", "", ["--quick", "--out", str(tmp_path)])


def test_results_claims_and_figure(run):
    results = fig7.measure(run, TINY)
    run.write(results, fig7.draw(results), fig7.make_claims(results))
    record = json.loads((run.out / "fig7.json").read_text(encoding="utf-8"))
    assert [c["held"] for c in record["claims"]] == [
        "partly",  # in expectation; single noisy steps of small quadratics go both ways
        "partly",
        "held",
        "not held",
        "held",
        "held",
    ]
    assert (run.out / "fig7.png").stat().st_size > 10_000
    assert not run.stages.exists()


def test_the_same_again_after_an_interruption(run):
    first = run.each({"a": 0}, lambda chunk: fig7.try_bounds(chunk, TINY, run))
    again = run.each({"a": 0}, lambda chunk: pytest.fail("computed twice"))
    assert first == again


def test_network_takes_the_same_steps(run):
    found = fig7.in_network(TINY, run)
    assert found["largest_relative_difference"] < 1e-9
    assert found["largest_eigenvalue_error"] < 1e-9


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_descent_is_certain_far_below_the_limit_and_impossible_far_above(sigma):
    generator = generator_for(0, "cells")
    below, margin = fig7.noise_cell(1e-3, 500 / (1 + sigma**2), sigma, 200, generator)
    assert below == 200
    assert margin < 0
    above, margin = fig7.noise_cell(1e-3, 3 * 2000 * fig7.SPREAD, sigma, 200, generator)
    assert above == 0
    assert margin > 0


def test_kept_result_agrees_with_its_claims():
    record = json.loads((RESULTS / "fig7.json").read_text(encoding="utf-8"))
    assert record["command"] == "python -m experiments.fig7 --seed 0"
    assert record["seed"] == 0
    assert record["versions"]["torch"]
    assert (RESULTS / "fig7.png").exists()
    claims = record["claims"]
    assert claims == json.loads(json.dumps([c.__dict__ for c in fig7.make_claims(record)]))
    q = record["quadratics"]
    held = [c["held"] for c in claims]
    assert held[0] == ("held" if q["noise_descent_steps_against"] == 0 else "partly")
    assert held[1] == ("held" if q["noise_ascent_steps_against"] == 0 else "partly")
    assert q["noise_descent_expectation_against"] == q["noise_ascent_expectation_against"] == 0
    assert (held[3] == "not held") == (q["published_ascents"] > 0)
    assert (held[5] == "held") == (
        q["safe_ascents"] == 0 and q["just_above_ascents"] == q["just_above_tried"]
    )
    assert q["safe_tried"] > 1_000_000
    example = record["counterexample"]
    changed = loss_changes(
        torch.tensor(example["hessian_eigenvalues"]),
        torch.tensor(example["gradient"]),
        torch.tensor(example["bias"]) - torch.tensor(example["gradient"]),
        example["step_size"],
    )
    assert float(changed) > 0
    assert example["bias_ratio"] < example["published_threshold"]
    for key in ("true_gradient", "noise", "bias", "bias_pair"):
        assert np.array(record[key]["descents"]).shape == (record["effort"]["cells"],) * 2
