"""Sign-symmetric feedback."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.rules.feedback_alignment import FeedbackAlignment
from device_models.rules.sign_symmetric import SignSymmetric
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import (
    classification,
    regression,
)


def _deep(**kwargs):
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)]
    return regression(layers, 4, 3, samples=20, **kwargs)


def _cnn():
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(18, 3)]
    return classification(layers, (1, 8, 8), 3, samples=12)


class Repeated(nn.Module):
    """One layer that is called at each of three steps, as in a recurrent network."""

    def __init__(self):
        super().__init__()
        generator = generator_for(0, "repeated")
        self.first, self.again, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) / 2)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        for _ in range(3):
            h = torch.tanh(self.again(h))
        return self.last(h)


def _repeated():
    generator = generator_for(0, "repeated-data")
    x = torch.randn(15, 4, generator=generator, dtype=torch.float64)
    y = torch.randn(15, 2, generator=generator, dtype=torch.float64)
    return Problem(Repeated(), MeanSquaredError(), x, y)


@pytest.mark.parametrize("network", [_deep, _cnn, _repeated])
def test_sign_symmetry_is_backpropagation_where_weights_are_equal_in_size(network):
    problem = network()
    p = problem.parameters_of(problem.initial_weights)
    w = problem.flatten({n: 0.3 * t.sign() if t.ndim > 1 else t for n, t in p.items()})
    estimate = SignSymmetric().gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, problem.gradient(w), rtol=1e-9, atol=1e-13)


def test_sign_symmetry_is_alignment_with_the_signs_of_the_weights():
    """Signs and mean size by hand on a layer of four weights."""
    problem = regression([nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2)], 3, 2, samples=9)
    p = dict(problem.parameters_of(problem.initial_weights))
    p["2.weight"] = torch.tensor([[0.1, -0.5], [-0.2, 0.0]], dtype=torch.float64)
    w = problem.flatten(p)
    feedback = torch.tensor([[0.2, -0.2], [-0.2, 0.0]], dtype=torch.float64)
    expected = FeedbackAlignment({"2.weight": feedback}).gradient(problem, w, generator_for(0))
    estimate = SignSymmetric().gradient(problem, w, generator_for(0))
    torch.testing.assert_close(estimate, expected, rtol=1e-10, atol=1e-14)
