"""Sign-symmetric feedback."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.rules.feedback_alignment import FeedbackAlignment
from device_models.rules.sign_symmetric import SignSymmetric
from neurograd.seeding import generator_for
from tests.device_models.rules.cases import cnn, deep, repeated
from tests.neurograd.cases import classification, regression


@pytest.mark.parametrize("network", [deep, cnn, repeated])
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


def test_kernels_of_one_dimension_send_signs_back():
    layers = [nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(12, 3)]
    problem = classification(layers, (1, 8), 3, samples=12)
    w = problem.initial_weights
    weights = problem.parameters_of(w)
    signs = {n: weights[n].sign() * weights[n].abs().mean() for n in ("2.weight", "4.weight")}
    torch.testing.assert_close(
        SignSymmetric().gradient(problem, w, generator_for(0)),
        FeedbackAlignment(signs).gradient(problem, w, generator_for(0)),
    )
