"""What a prediction to second order leaves out, told from an error of the prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, WhiteNoise
from neurograd.measure.estimate import Estimate
from neurograd.measure.measured_point import MeasuredPoint
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.measure.truncation import MOST, PART, Truncation, measure_truncation
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from tests.neurograd.cases import relu_network, smooth_network

BUDGET = MeasurementBudget(draws=4, loss_draws=2, covariance_draws=2, seed=1)


def _linear():
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    return Problem(nn.Linear(3, 2, dtype=torch.float64), MeanSquaredError(), x, y)


def _point(problem, step_size=0.1, bias=0.02):
    chip = Chip(WhiteNoise(Backprop(), bias=bias, total_variance=0.0), step_size)
    return measure_point(problem, chip, problem.initial_weights, 0, 0, BUDGET)


@pytest.mark.parametrize("make", [relu_network, smooth_network])
def test_a_chip_without_noise_agrees_though_terms_beyond_the_second_order_differ(make):
    """Red where agreement needs a difference of exactly 0, as it did."""
    point = _point(make())
    low, high = point.difference_ci
    assert low == high == pytest.approx(point.truncation, rel=1e-6)
    assert abs(point.truncation) > 100 * point.rounding
    assert point.agrees()
    ratio = point.remainder.shorter / point.remainder.value
    assert 0.5 * PART**3 < ratio < MOST


@pytest.mark.parametrize("make", [relu_network, smooth_network, _linear])
@pytest.mark.parametrize("wrong", ["gradient", "curvature"])
def test_an_error_of_the_prediction_is_no_truncation(make, wrong):
    """A gradient or a curvature that is off by a tenth is seen, also where it is small."""
    problem = make()
    point = _point(problem)
    moments, product = point.moments, problem.hessian_product(problem.initial_weights)
    factor = 1.1

    def off(v):
        return factor * product(v)

    if wrong == "gradient":
        moments = replace(moments, gradient=factor * moments.gradient)
        off = product
    found = measure_truncation(problem, problem.initial_weights, moments, off, 0.1)
    assert not found.beyond_second_order
    # The point's own prediction is made wrong by as much.
    blind = replace(point, remainder=found)
    value = point.measured.value - point.predicted.value + found.value - point.remainder.value
    measured = replace(point.measured, value=point.predicted.value + value)
    assert not replace(blind, measured=measured).agrees()


def test_a_quadratic_loss_leaves_rounding_only():
    point = _point(_linear())
    assert abs(point.remainder.value) <= point.rounding < 1e-12
    assert point.remainder.beyond_second_order
    assert point.agrees()


def test_steps_that_are_too_long_to_tell_are_no_agreement():
    point = _point(smooth_network(), step_size=30.0, bias=1.0)
    assert not point.remainder.beyond_second_order
    assert point.truncation == 0.0
    assert not point.agrees()


def test_orders_are_told_apart():
    assert Truncation(1.0, PART**3, 0.0).beyond_second_order
    assert not Truncation(1.0, PART**2, 0.0).beyond_second_order
    assert not Truncation(1.0, -1.0, 0.0).beyond_second_order
    assert Truncation(1e-9, 1e-9, 1e-8).beyond_second_order


def test_several_points_are_several_looks():
    """Of 400 sets of five points 99 % agree at all five: at most 9 do not (99 %, binomial)."""
    generator = torch.Generator().manual_seed(6)
    apart = {1: 0, 5: 0}
    for _ in range(400):
        five = [float(torch.randn((), generator=generator)) for _ in range(5)]
        for looks in apart:
            apart[looks] += not all(MeasuredPoint.agrees(_Shifted(each), looks) for each in five)
    assert apart[5] <= 9 < apart[1]


class _Shifted:
    """A point whose difference is known, in units of its own standard error."""

    truncation = rounding = 0.0

    def __init__(self, shift):
        self.difference = Estimate(shift, 1.0, 1e9)
