"""The smoothed loss against quadratics, whose smoothing is known."""

from __future__ import annotations

import math

import pytest
import torch

from neurograd.measure.estimate import Estimate
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.seeding import generator_for
from tests.neurograd.cases import dense_hessian, linear_regression
from tests.neurograd.measure.enumerable import STD, holds, tiny_network


def test_two_draws_have_no_error_that_is_known():
    problem = linear_regression(samples=10)
    smoothed = SmoothedLoss(problem, problem.initial_weights, 0.05, seed=0)
    zero = torch.zeros_like(problem.initial_weights)
    assert smoothed.residual_square(zero, 2).error == math.inf
    assert math.isfinite(smoothed.residual_square(zero, 3).error)
    with pytest.raises(ValueError, match="draws is 1; allowed: 2 or more"):
        smoothed.residual_square(zero, 1)


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


def test_samples_at_random_judge_without_bias():
    """At 99.9 % each: numbers of the whole set by 5 of its 40 samples, with wider errors."""
    problem = linear_regression(samples=40)
    w = problem.initial_weights
    hessian, gradient = dense_hessian(problem, w), problem.gradient(w)
    some = SmoothedLoss(problem, w, 0.05, seed=3, samples=5)
    first, second = some.derivatives(lambda generator: gradient, 600, "test")
    square = float(gradient @ gradient)
    assert holds(first, square)
    assert holds(second, float(gradient @ hessian @ gradient))
    whole = SmoothedLoss(problem, w, 0.05, seed=3).slope(gradient, 600)
    assert first.error > 1.5 * whole.error
    control = 0.8 * gradient
    rest = some.residual_square(control, 500)
    assert holds(rest, 0.04 * square)
    assert rest.error < 0.3 * square
    assert holds(some.trace(200), float(hessian.trace()))
    known = Estimate.exact(-square)
    found = some.change(lambda generator: -gradient, 0.1, 500, control=gradient, known=known)
    assert holds(found, -0.1 * square + 0.005 * float(gradient @ hessian @ gradient))


def test_change_of_a_quadratic_by_an_update_with_a_mean():
    """At 99.9 %: Δt⟨g, m⟩ + ½Δt²(mᵀHm + σ²·Tr H), whatever the control is.

    What is subtracted has the mean 0 only around the update's own mean.
    """
    problem = linear_regression(samples=40)
    w, dt, std = problem.initial_weights, 0.1, 0.02
    hessian, gradient = dense_hessian(problem, w), problem.gradient(w)
    mean = 0.3 - gradient
    smoothed = SmoothedLoss(problem, w, 0.05, seed=2)

    def update(generator):
        return mean + std * torch.randn(w.shape, generator=generator, dtype=w.dtype)

    curvature = float(mean @ hessian @ mean) + std**2 * float(hessian.trace())
    exact = dt * float(gradient @ mean) + 0.5 * dt**2 * curvature
    for control in (gradient, 2.0 * gradient):
        known = Estimate.exact(float(control @ mean))
        found = smoothed.change(update, dt, 1600, control=control, known=known)
        assert holds(found, exact)
        assert (found.draws, found.residual_error) == (1600, found.error)
        assert found.error < 0.05 * abs(exact)


def test_error_of_a_change_has_that_of_the_known_mean():
    """All draws have it in common, so that it is not in their spread."""
    problem = linear_regression(samples=10)
    gradient = problem.gradient(problem.initial_weights)
    smoothed = SmoothedLoss(problem, problem.initial_weights, 0.05, seed=2)
    sure, known = (
        smoothed.change(
            lambda generator: -gradient, 0.1, 20, control=gradient, known=Estimate(2.0, error, 9.0)
        )
        for error in (0.0, 0.3)
    )
    assert known.value == sure.value
    assert (sure.error, known.residual_error) == (sure.residual_error, sure.error)
    assert (sure.degrees, known.residual_degrees) == pytest.approx((19.0, 19.0))
    assert known.error == pytest.approx(math.hypot(sure.error, 0.03))
    assert known.degrees < 28.0


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
