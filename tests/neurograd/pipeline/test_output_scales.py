"""A learned factor through a whole check: every number sees it as one weight more."""

from __future__ import annotations

import pytest
import torch

from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import check
from neurograd.pipeline.predicted.network import forecast_weights
from neurograd.spec import validate_spec
from neurograd.training.loop import train

SPEC = {
    "device": {"write": {"cycle_to_cycle": 0.03}, "conductance": {"weight_range": 0.4}},
    "layers": {"first": {"output_scale": "learned"}, "last": {"output_scale": "learned"}},
    "network": {"hidden": [4], "activation": "tanh"},
    "task": {
        "name": "teacher_student", "train_samples": 40, "test_samples": 20, "inputs": 5,
        "outputs": 2, "teacher_hidden": [4],
    },
    "training": {"step_size": 0.1, "steps": 40, "seeds": 3, "max_seeds": 3},
    "deployment": {"program_error": 0.05, "times": ["1 h"]},
    "measure": {"draws": 200, "loss_draws": 200, "points": 2},
}  # fmt: skip
FACTORS = ("0.output_scale", "2.output_scale")


@pytest.fixture(scope="module")
def spec():
    return validate_spec(SPEC)


@pytest.fixture(scope="module")
def report(spec):
    return check(spec).record


def factors(problem, w):
    named = problem.parameters_of(w)
    return torch.stack([named[name] for name in FACTORS])


def test_the_change_of_the_loss_is_predicted(report):
    assert report.num_parameters == 5 * 4 + 4 + 4 * 2 + 2 + 2
    for point in report.points:
        change = point.delta_loss
        assert change.agree
        low, high = change.difference_ci
        assert high - low < 0.3 * abs(change.measured)


def test_chip_and_clean_twin_learn_the_factors_and_deployments_keep_them(spec, report):
    problem = build_problem(spec)
    trained = train(problem, build_chip(spec, problem), 40, seed=0)
    learned = factors(problem, trained.weights)
    assert float((learned - 1.0).abs().min()) > 0.02
    held = torch.cat([p.reshape(-1) for p in problem.parameters_of(trained.weights).values()])
    assert float(held.abs().max()) > 0.4
    assert report.deployment[0].cost.value > report.training.cost.value


def test_the_forecast_moves_the_factors(spec):
    problem = build_problem(spec)
    _, forecast = forecast_weights(spec, problem, 0)
    ends = [
        factors(problem, train(problem, build_chip(spec, problem, index=k), 40, seed=k).weights)
        for k in range(8)
    ]
    mean = torch.stack(ends).mean(0)
    torch.testing.assert_close(factors(problem, forecast), mean, rtol=0.05, atol=0.0)
