"""The loss change of a step whose mean is known, on a quadratic."""

from __future__ import annotations

import pytest

from device_models import Backprop, Chip, WhiteNoise
from experiments.support.known_update import known_update_change
from tests.neurograd.cases import dense_hessian, linear_regression


def test_white_noise_on_a_quadratic_costs_what_the_trace_says():
    """99 % interval of 200 steps; twice the noise is outside."""
    problem, variance = linear_regression(), 2.0
    w = problem.initial_weights
    g, chip = problem.gradient(w), Chip(WhiteNoise(Backprop(), total_variance=variance), 0.1)
    found = known_update_change(problem, w, chip, g, -g, 200, 0)
    predicted = 0.5 * 0.1**2 * variance / len(w) * float(dense_hessian(problem, w).trace())
    assert found.ci[0] <= predicted <= found.ci[1]
    assert found.ci[1] < 2 * predicted


def test_a_bias_is_measured_without_error():
    problem = linear_regression()
    w = problem.initial_weights
    g, chip = problem.gradient(w), Chip(WhiteNoise(Backprop(), bias=0.3), 0.1)
    found = known_update_change(problem, w, chip, g, 0.3 - g, 2, 0)
    change = problem.loss(w + 0.1 * (0.3 - g)) - problem.loss(w - 0.1 * g)
    assert found.value == pytest.approx(change, rel=1e-9)
