"""Feedback alignment."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from device_models import (
    FeedbackAlignment,
    draw_feedback,
)
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, linear_regression, regression, relu_network


def test_feedback_alignment_by_hand():
    """Two linear layers, squared error: the first layer's error comes through B, not W2."""
    problem = regression([nn.Linear(4, 5), nn.Linear(5, 3)], 4, 3)
    w = problem.initial_weights
    rule = draw_feedback(problem, w, generator_for(0))
    p = problem.parameters_of(w)
    x, y = problem.data()
    hidden = x @ p["0.weight"].T + p["0.bias"]
    error = 2 * (hidden @ p["1.weight"].T + p["1.bias"] - y) / y.numel()
    back = error @ rule.feedback["1.weight"]
    expected = problem.flatten(
        {
            "0.weight": back.T @ x,
            "0.bias": back.sum(0),
            "1.weight": error.T @ hidden,
            "1.bias": error.sum(0),
        }
    )
    estimate = rule.gradient(problem, w, generator_for(1))
    torch.testing.assert_close(estimate, expected, rtol=1e-10, atol=1e-14)
    exact = problem.gradient(w)
    torch.testing.assert_close(estimate[-18:], exact[-18:], rtol=1e-10, atol=1e-14)
    # The closed form of the bias: (W2 − B) in place of W2 on the way back.
    bias = (error @ (p["1.weight"] - rule.feedback["1.weight"])).T @ x
    torch.testing.assert_close((exact - estimate)[:20].view(5, 4), bias, rtol=1e-9, atol=1e-14)


NETWORKS = {
    "relu": relu_network,
    "tanh": lambda: regression(
        [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6, bias=False), nn.Tanh(), nn.Linear(6, 2)], 4, 2
    ),
    "cnn": lambda: classification(
        [
            nn.Conv2d(1, 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2, 3, 3, stride=2, bias=False),
            nn.Flatten(),
            nn.Linear(27, 3),
        ],
        (1, 8, 8),
        3,
        samples=12,
    ),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_feedback_equal_to_the_weights_is_backpropagation(network):
    problem = network()
    w = problem.initial_weights
    names = draw_feedback(problem, w, generator_for(0)).feedback
    same = FeedbackAlignment({name: problem.parameters_of(w)[name] for name in names})
    torch.testing.assert_close(
        same.gradient(problem, w, generator_for(0)), problem.gradient(w), rtol=1e-9, atol=1e-13
    )
    other = draw_feedback(problem, w, generator_for(0)).gradient(problem, w, generator_for(0))
    assert not torch.allclose(other, problem.gradient(w))


def test_feedback_has_the_variance_of_xavier_and_its_own_generator():
    problem = regression([nn.Linear(4, 60), nn.ReLU(), nn.Linear(60, 50), nn.Linear(50, 2)], 4, 2)
    before = torch.random.get_rng_state()
    feedback = draw_feedback(problem, problem.initial_weights, generator_for(0), 2.0).feedback
    assert torch.equal(before, torch.random.get_rng_state())
    assert set(feedback) == {"2.weight", "3.weight"}
    values = feedback["2.weight"]
    expected = 4 * 2 / 110
    # The square of a uniform variable has relative variance 4/5.
    assert abs(float(values.square().mean()) / expected - 1) < 2.6 * math.sqrt(0.8 / 3000)


def test_feedback_alignment_refuses_what_it_can_not_do():
    single = linear_regression()
    with pytest.raises(ValueError, match="two layers"):
        draw_feedback(single, single.initial_weights, generator_for(0))
    problem = relu_network()
    with pytest.raises(ValueError, match="scale"):
        draw_feedback(problem, problem.initial_weights, generator_for(0), 0.0)


def test_unknown_functions_pass_through_the_feedback_mode():
    """Linear maps without feedback keep their own gradient inside the rule."""
    problem = relu_network()
    w = problem.initial_weights
    none = FeedbackAlignment({})
    torch.testing.assert_close(none.gradient(problem, w, generator_for(0)), problem.gradient(w))


def test_convolution_with_feedback_matches_autograd():
    """The custom backward pass with the kernel itself as feedback, for stride and dilation."""
    problem = classification(
        [
            nn.Conv2d(1, 2, 3),
            nn.Conv2d(2, 2, 2, stride=2, dilation=2),
            nn.Flatten(),
            nn.Linear(8, 2),
        ],
        (1, 8, 8),
        2,
        samples=5,
    )
    w = problem.initial_weights
    parameters = problem.parameters_of(w)
    same = FeedbackAlignment({"1.weight": parameters["1.weight"]})
    estimate = same.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-9, atol=1e-13)


class _DeclaredBackwards(nn.Module):
    """Two layers, of which the one that is called last is declared first."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 3)
        self.body = nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.body(x).tanh())


def test_feedback_is_that_of_the_layers_as_they_are_called():
    problem = regression([_DeclaredBackwards()], 4, 3)
    rule = draw_feedback(problem, problem.initial_weights, generator_for(0))
    assert set(rule.feedback) == {"0.head.weight"}
    forward = regression([nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)], 4, 3)
    same = FeedbackAlignment({"2.weight": rule.feedback["0.head.weight"]})
    w = problem.initial_weights
    named = {name[2:]: p for name, p in problem.parameters_of(w).items()}
    order = {"0": "body", "2": "head"}
    other = forward.flatten(
        {name: named[f"{order[name[0]]}{name[1:]}"] for name in forward.parameters_of(w)}
    )
    expected = forward.parameters_of(same.gradient(forward, other, generator_for(0)))
    found = problem.parameters_of(rule.gradient(problem, w, generator_for(0)))
    for name, value in expected.items():
        torch.testing.assert_close(found[f"0.{order[name[0]]}{name[1:]}"], value)


def test_kernels_of_one_dimension_have_feedback():
    layers = [nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(12, 3)]
    problem = classification(layers, (1, 8), 3, samples=12)
    w = problem.initial_weights
    rule = draw_feedback(problem, w, generator_for(0))
    assert set(rule.feedback) == {"2.weight", "4.weight"}
    off = problem.parameters_of(rule.gradient(problem, w, generator_for(0)) - problem.gradient(w))
    assert {name: bool(part.abs().max() > 1e-9) for name, part in off.items()} == {
        "0.weight": True,
        "0.bias": True,
        "2.weight": True,
        "2.bias": True,
        "4.weight": False,
        "4.bias": False,
    }
