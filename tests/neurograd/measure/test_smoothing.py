"""The smoothed loss: against quadratics, whose smoothing is known, and enumerated networks."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import Backprop, Chip, UpdateRounding
from device_models.spiking.network import SpikingNetwork
from device_models.spiking.surrogate_gradient import Surrogate
from device_models.write.fixed_point_grid import FixedPointGrid
from experiments.support.enumeration import (
    exact_smoothed_gradient,
    exact_smoothed_loss,
    smoothed_problem,
)
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed_loss import SmoothedLoss
from neurograd.measure.smoothed_point import measure_smoothed_point
from neurograd.measure.smoothed_reference import SmoothedBudget, measure_reference
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from tests.neurograd.cases import dense_hessian, linear_regression

STD = 0.3


def tiny_network(surrogate: str = "fast_sigmoid", seed: int = 0) -> Problem:
    """4 inputs, 3 hidden and 3 output neurons in one time step: 64 pairs of spike patterns."""
    generator = generator_for(seed, "tiny")
    network = SpikingNetwork([4, 3, 3], surrogate=Surrogate(surrogate), readout="spikes")
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.7 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + 0.3)
    x = torch.rand(20, 1, 4, generator=generator, dtype=torch.float64)
    y = (x[:, 0, :3] + 0.3 * x[:, 0, 1:]).argmax(1)
    return Problem(network, CrossEntropy(), x, y, test_inputs=x, test_targets=y)


def holds(measured, truth, confidence=0.999):
    low, high = measured.interval(confidence)
    return low <= truth <= high


# -- a quadratic loss: smoothing adds a constant and changes no derivative ---------------------


def test_derivatives_of_a_quadratic():
    """At 99.9 % each: slope, curvature, trace and loss of a loss whose smoothing is known."""
    problem = linear_regression(samples=40)
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    gradient = problem.gradient(w)
    v = torch.randn(w.shape, generator=generator_for(1), dtype=w.dtype)
    smoothed = SmoothedLoss(problem, w, 0.05, seed=0)
    first, second = smoothed.derivatives(lambda generator: v, 1600, "test")
    assert holds(first, float(gradient @ v))
    assert holds(second, float(v @ hessian @ v))
    assert first.error < 0.03 * abs(float(gradient @ v))
    trace = float(hessian.trace())
    assert holds(smoothed.trace(400), trace)
    assert holds(smoothed.loss(400), problem.loss(w) + 0.5 * 0.05**2 * trace)


def test_squared_length_of_a_residual():
    """The U-statistic is unbiased for any control; at 99.9 %."""
    problem = linear_regression(samples=40)
    w = problem.initial_weights
    gradient = problem.gradient(w)
    smoothed = SmoothedLoss(problem, w, 0.05, seed=3)
    for control in (torch.zeros_like(w), 0.5 * gradient, gradient + 0.01):
        measured = smoothed.residual_square(control, 1000)
        assert holds(measured, float((gradient - control).square().sum()))
    near = smoothed.residual_square(0.9 * gradient, 400).error
    far = smoothed.residual_square(torch.zeros_like(w), 400).error
    assert near < 0.05 * far


def test_arguments():
    problem = linear_regression()
    with pytest.raises(ValueError, match="smoothing is 0; allowed: above 0"):
        SmoothedLoss(problem, problem.initial_weights, 0.0, seed=0)


def test_draws_do_not_depend_on_their_number():
    problem = tiny_network()
    smoothed = SmoothedLoss(problem, problem.initial_weights, STD, seed=0)
    one, two = (
        smoothed.slope(problem.initial_weights, 64),
        smoothed.slope(problem.initial_weights, 64),
    )
    assert one == two
    other = SmoothedLoss(problem, problem.initial_weights, STD, seed=1)
    assert other.slope(problem.initial_weights, 64) != one


# -- a spiking network that is enumerated ------------------------------------------------------


def test_enumeration_is_the_mean_over_noise():
    """The exact smoothed loss against plain Monte Carlo, at 99.9 %."""
    problem = tiny_network()
    w = problem.initial_weights
    exact = float(exact_smoothed_loss(problem, w, STD))
    assert holds(SmoothedLoss(problem, w, STD, seed=0).loss(4000), exact)
    assert abs(exact - problem.loss(w)) > 0.005, "smoothing changes the loss"


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


@pytest.mark.parametrize("surrogate", ["fast_sigmoid", "atan", "triangular"])
def test_measured_bias_is_the_exact_one(surrogate):
    """b, gain and cosine of surrogate gradients against enumeration, intervals at 99 %."""
    problem = tiny_network(surrogate)
    w = problem.initial_weights
    exact = exact_smoothed_gradient(problem, w, STD)
    update = -problem.gradient(w)
    moments = measure_moments(lambda generator: update, torch.zeros_like(w), 2, 0)
    smoothed = SmoothedLoss(problem, w, STD, seed=0)
    reference = measure_reference(smoothed, moments, SmoothedBudget(2, 800, 4000, 0))
    bias = float((update + exact).norm()) / math.sqrt(w.numel())
    assert reference.b_ci[0] <= bias <= reference.b_ci[1]
    assert reference.b_ci[0] > 0.5 * bias, "the interval says something"
    gain = -float(update @ exact / exact.square().sum())
    assert reference.gain_ci[0] <= gain <= reference.gain_ci[1]
    cosine = -float(update @ exact / (update.norm() * exact.norm()))
    assert reference.cosine_ci[0] <= cosine <= reference.cosine_ci[1]
    assert holds(reference.grad_square, float(exact.square().sum()))


def test_a_point_of_a_noisy_chip():
    """Prediction and measurement of a step's change agree with each other and the exact one."""
    problem = tiny_network()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.05, writes=(UpdateRounding(FixedPointGrid(7, 4.0)),))
    point = measure_smoothed_point(
        problem, chip, w, 0, 0, STD, SmoothedBudget(1000, 1200, 400, 0), other_std=(0.5,)
    )
    w = chip.program(w)
    start = float(exact_smoothed_loss(problem, w, STD))
    sample = chip.sampler(problem, w)
    draws = [
        float(exact_smoothed_loss(problem, w + 0.05 * sample(generator_for(9, k)), STD)) - start
        for k in range(300)
    ]
    mean = sum(draws) / 300
    error = (sum((d - mean) ** 2 for d in draws) / 299 / 300) ** 0.5
    assert point.agree
    assert abs(point.measured.value - mean) < 3.3 * math.hypot(point.measured.error, error)
    assert abs(point.predicted.value - mean) < 3.3 * math.hypot(point.predicted.error, error)
    assert abs(mean) > 5 * point.predicted.error, "the test can see a wrong sign"
    assert point.series[0].std == 0.5
    assert 0.0 < point.noise_threshold < 40.0
    assert point.bias_ratio_ci[0] <= point.bias_ratio_ci[1]
