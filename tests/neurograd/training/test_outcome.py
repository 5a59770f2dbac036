"""A network that diverged is wrong on every sample, wherever it is evaluated."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.records.measured import predicted_network, trained_network
from neurograd.training.loop import train
from neurograd.training.outcome import Outcome
from tests.neurograd.cases import linear_regression, relu_network


def _frequent():
    """Class 0 is that of nine test samples of ten, and what NaN outputs would be taken for."""
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0] * 18 + [1] * 2)
    module = nn.Sequential(nn.Linear(4, 2)).double()
    with torch.no_grad():
        for part in module.parameters():
            part.fill_(0.1)
    return Problem(module, CrossEntropy(), x, y, test_inputs=x, test_targets=y)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e308])
def test_weights_or_losses_that_are_no_numbers_are_lost(value):
    problem = _frequent()
    found = Outcome.of(problem, torch.full_like(problem.initial_weights, value))
    assert found.diverged
    assert (found.loss, found.test_loss, found.test_accuracy) == (math.inf, math.inf, 0.0)
    assert found.correct is not None
    assert found.correct.tolist() == [False] * 20


def test_other_networks_are_as_the_problem_has_them():
    problem = _frequent()
    w = problem.initial_weights
    found = Outcome.of(problem, w)
    assert not found.diverged
    assert (found.loss, found.test_loss) == (problem.loss(w), problem.loss(w, "test"))
    assert found.test_accuracy == problem.accuracy(w)
    lost = Outcome.of(problem, w, diverged=True)
    assert (lost.loss, lost.test_accuracy) == (math.inf, 0.0)
    values = Outcome.lost(linear_regression())
    assert (values.correct, values.test_accuracy) == (None, None)


@pytest.mark.parametrize("step_size", [1e200, 1e308])
def test_a_training_that_diverged_is_a_prediction_that_diverged(step_size):
    """Whether its last weights are numbers, whose losses are none, or are none themselves."""
    problem = relu_network()
    trained = train(problem, Chip(Backprop(), step_size), 40, seed=0)
    assert trained.diverged
    assert trained.curve.test_accuracy[-1] == 0.0
    record = trained_network(trained)
    predicted = predicted_network(problem, problem.initial_weights, diverged=True, gradients=1)
    for network in (record, predicted):
        assert network.diverged
        assert (network.loss, network.test_loss, network.test_accuracy) == (math.inf, None, 0.0)
        assert not network.correct.any()


def test_a_training_that_diverged_where_class_0_is_frequent():
    trained = train(_frequent(), Chip(Backprop(), math.inf), 9, seed=0)
    assert (trained.diverged, trained.test_accuracy) == (True, 0.0)
    assert trained.curve.test_accuracy[-1] == 0.0
    squared = train(linear_regression(), Chip(Backprop(), 1e200), 9, seed=0)
    assert (squared.diverged, squared.test_accuracy, squared.test_loss) == (True, None, math.inf)
