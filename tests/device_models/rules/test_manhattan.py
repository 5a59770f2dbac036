"""The Manhattan rule against hand numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.rules.manhattan import Manhattan
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for


def _problem():
    """``ℓ = (w·x + c − y)²`` for two samples; at w = (1, −1, 0), c = 0 the errors are 1 and −1."""
    network = nn.Linear(3, 1).double()
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, -1.0, 0.0]]))
        network.bias.zero_()
    x = torch.tensor([[2.0, 1.0, 3.0], [4.0, 0.0, 3.0]], dtype=torch.float64)
    y = torch.tensor([[0.0], [5.0]], dtype=torch.float64)
    return Problem(network, MeanSquaredError(), x, y)


def test_signs_and_magnitude_by_hand():
    """Gradient: the mean of 2·error·(x, 1), which is (−2, 1, 0, 0)."""
    problem = _problem()
    w = problem.initial_weights
    assert problem.gradient(w).tolist() == [-2.0, 1.0, 0.0, 0.0]
    fixed = Manhattan(0.5).gradient(problem, w, generator_for(0))
    assert fixed.tolist() == [-0.5, 0.5, 0.0, 0.0]
    assert (fixed - problem.gradient(w)).tolist() == [1.5, -0.5, 0.0, 0.0]
    mean = Manhattan().gradient(problem, w, generator_for(0))
    assert mean.tolist() == [-0.75, 0.75, 0.0, 0.0]
    assert Manhattan().deterministic


def test_magnitude_and_signs_are_those_of_the_batch():
    """The second sample alone: 2·(−1)·(4, 0, 3, 1), of mean size 4."""
    problem = _problem()
    estimate = Manhattan().gradient(
        problem, problem.initial_weights, generator_for(0), torch.tensor([1])
    )
    assert estimate.tolist() == [-4.0, 0.0, -4.0, -4.0]


@pytest.mark.parametrize("magnitude", [0.0, -1.0, float("nan")])
def test_bad_magnitude_is_refused(magnitude):
    with pytest.raises(ValueError, match=r"magnitude is .*; allowed: above 0, or None"):
        Manhattan(magnitude)
