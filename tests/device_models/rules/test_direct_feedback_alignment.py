"""Direct feedback alignment."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from device_models.rules.direct_feedback_alignment import (
    DirectFeedbackAlignment,
    draw_direct_feedback,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from tests.device_models.rules.cases import cnn, deep, named, repeated
from tests.neurograd.cases import (
    regression,
    relu_network,
    smooth_network,
)


@pytest.mark.parametrize("network", [relu_network, smooth_network, cnn])
def test_direct_feedback_through_the_last_weights_is_backpropagation(network):
    """On two layers B = W2 sends back what backpropagation does."""
    problem = network()
    w = problem.initial_weights
    (name,) = draw_direct_feedback(problem, w, generator_for(0)).feedback
    rule = DirectFeedbackAlignment({name: problem.parameters_of(w)[name]})
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.Tanh(), nn.Softmax(-1)])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_error_is_that_in_front_of_the_outputs_activation(last, scale):
    """B = W2 is backpropagation behind an activation of the outputs, at weights of any size."""
    layers = [nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3), last]
    problem = regression(layers, 4, 3, samples=20)
    w, name = scale * problem.initial_weights, "2.weight"
    rule = DirectFeedbackAlignment({name: problem.parameters_of(w)[name]})
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-10, atol=1e-14)


def test_direct_feedback_through_all_following_weights_of_a_linear_network():
    problem = regression([nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3)], 4, 3, samples=20)
    w = problem.initial_weights
    p = problem.parameters_of(w)
    rule = DirectFeedbackAlignment(
        {"1.weight": p["2.weight"] @ p["1.weight"], "2.weight": p["2.weight"]}
    )
    estimate = rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-10, atol=1e-14)


def test_direct_feedback_of_outputs_without_a_dimension_of_their_own():
    """Outputs (n,) get what outputs (n, 1) do."""
    column = regression([nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)], 4, 1, samples=20)
    x, y = column.data()
    flat = Problem(nn.Sequential(*column.module, nn.Flatten(0)), nn.MSELoss(), x, y[:, 0])
    w = flat.initial_weights
    found = []
    for problem in (column, flat):
        rule = draw_direct_feedback(problem, w, generator_for(0))
        found.append(rule.gradient(problem, w, generator_for(0)))
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-14)
    assert not torch.allclose(found[0], column.gradient(w))


def test_direct_feedback_by_hand():
    """Three layers: each hidden layer gets the output's error through its own matrix."""
    problem = deep()
    rule = draw_direct_feedback(problem, problem.initial_weights, generator_for(0), 0.7)
    p = problem.parameters_of(problem.initial_weights)
    x, y = problem.data()
    h1 = torch.tanh(x @ p["0.weight"].T + p["0.bias"])
    h2 = torch.relu(h1 @ p["2.weight"].T + p["2.bias"])
    error = 2 * (h2 @ p["4.weight"].T + p["4.bias"] - y) / y.numel()
    back1 = error @ rule.feedback["2.weight"] * (1 - h1**2)
    back2 = error @ rule.feedback["4.weight"] * (h2 > 0)
    expected = {
        "0.weight": back1.T @ x,
        "0.bias": back1.sum(0),
        "2.weight": back2.T @ h1,
        "2.bias": back2.sum(0),
        "4.weight": error.T @ h2,
        "4.bias": error.sum(0),
    }
    estimate = named(problem, rule)
    for name, value in expected.items():
        torch.testing.assert_close(estimate[name], value, rtol=1e-10, atol=1e-14)


def test_direct_feedback_sums_over_the_calls_of_a_layer():
    problem = repeated()
    w = problem.initial_weights
    rule = draw_direct_feedback(problem, w, generator_for(0))
    assert set(rule.feedback) == {"again.weight", "last.weight"}
    p = problem.parameters_of(w)
    x, y = problem.data()
    h = [torch.tanh(functional.linear(x, p["first.weight"], p["first.bias"]))]
    for _ in range(3):
        h.append(torch.tanh(functional.linear(h[-1], p["again.weight"], p["again.bias"])))
    error = 2 * (functional.linear(h[3], p["last.weight"], p["last.bias"]) - y) / y.numel()
    # Activations 1 and 2 enter the repeated layer again, activation 3 enters the last.
    back = [
        error @ rule.feedback[name] * (1 - h[k] ** 2)
        for k, name in ((1, "again.weight"), (2, "again.weight"), (3, "last.weight"))
    ]
    expected = sum(b.T @ a for b, a in zip(back, h, strict=False))
    torch.testing.assert_close(named(problem, rule)["again.weight"], expected, rtol=1e-10, atol=0)
