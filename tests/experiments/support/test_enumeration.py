"""The enumerated smoothed loss of a spiking network against Monte Carlo and differences."""

from __future__ import annotations

import pytest
import torch

from experiments.support.enumeration import (
    exact_smoothed_gradient,
    exact_smoothed_loss,
    smoothed_problem,
)
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from tests.neurograd.cases import linear_regression
from tests.neurograd.measure.enumerable import STD, holds, tiny_network


def test_enumeration_is_the_mean_over_noise():
    """The exact smoothed loss against plain Monte Carlo, at 99.9 %."""
    problem = tiny_network()
    w = problem.initial_weights
    exact = float(exact_smoothed_loss(problem, w, STD))
    assert holds(SmoothedLoss(problem, w, STD, seed=0).loss(4000), exact)
    assert abs(exact - problem.loss(w)) > 0.005, "smoothing changes the loss"


def test_losses_that_are_written_out_are_the_networks_own():
    """Bit by bit, near kinks and far from them."""
    problem = tiny_network()
    for k in range(100):
        noise = torch.randn(problem.initial_weights.shape, generator=generator_for(2, k))
        w = problem.initial_weights + STD * noise.double()
        assert torch.equal(problem.per_sample_losses(w), Problem.per_sample_losses(problem, w))


def test_enumerated_gradient_is_the_derivative():
    problem = tiny_network()
    w = problem.initial_weights
    gradient = exact_smoothed_gradient(problem, w, STD)
    v = torch.randn(w.shape, generator=generator_for(1), dtype=w.dtype)
    h = 1e-5
    numeric = (
        float(exact_smoothed_loss(problem, w + h * v, STD))
        - float(exact_smoothed_loss(problem, w - h * v, STD))
    ) / (2 * h)
    assert float(gradient @ v) == pytest.approx(numeric, rel=1e-7)


def test_enumerated_loss_is_a_problem_of_its_own():
    """The same loss and gradient at other weights, and a Hessian that is their derivative."""
    problem = tiny_network()
    smoothed = smoothed_problem(problem, STD)
    w = problem.initial_weights + 0.1
    assert smoothed.loss(w) == pytest.approx(float(exact_smoothed_loss(problem, w, STD)))
    torch.testing.assert_close(smoothed.gradient(w), exact_smoothed_gradient(problem, w, STD))
    v = torch.randn(w.shape, generator=generator_for(1), dtype=w.dtype)
    h = 1e-5
    numeric = (smoothed.gradient(w + h * v) - smoothed.gradient(w - h * v)) / (2 * h)
    torch.testing.assert_close(smoothed.hvp(w, v), numeric, rtol=1e-6, atol=1e-8)
    trace = SmoothedLoss(problem, w, STD, seed=0).trace(2000)
    assert holds(trace, hessian_trace(smoothed, w, 0).value)


def test_enumeration_refuses_what_it_can_not_enumerate():
    problem = tiny_network()
    w = problem.initial_weights
    with pytest.raises(ValueError, match="SpikingNetwork"):
        exact_smoothed_loss(linear_regression(), w, STD)
    inputs, targets = problem.batch()
    longer = Problem(problem.module, CrossEntropy(), inputs.expand(-1, 2, -1), targets)
    with pytest.raises(ValueError, match="one time step"):
        exact_smoothed_loss(longer, w, STD)
