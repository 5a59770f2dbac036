"""A point of a rate network: its numbers follow from its moments, curvature and the theory."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import nn

import neurograd
from device_models import Backprop, Chip, FixedPointGrid, UpdateRounding, WhiteNoise
from neurograd import theory
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import unknown_kinks
from neurograd.measure.loss_change import predict_loss_change
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.records.measured import BIASED, KINKS_UNSEEN, NOISY, kinks_unknown, point_result
from neurograd.seeding import generator_for
from tests.neurograd.cases import dense_hessian, relu_network, smooth_network

BUDGET = MeasurementBudget(draws=60, loss_draws=30, covariance_draws=8, seed=1)


@pytest.fixture(scope="module")
def point():
    problem = relu_network()
    rule = WhiteNoise(Backprop(), bias=0.01, total_variance=0.5)
    return measure_point(problem, Chip(rule, 0.1), problem.initial_weights, 7, 0, BUDGET)


def test_the_budget_keeps_its_public_name():
    assert neurograd.Budget is MeasurementBudget


def test_ratios_and_thresholds_are_those_of_the_theory(point):
    moments, size = point.moments, point.moments.num_parameters
    assert (point.grad_norm, point.b, point.b_ci) == (moments.grad_norm, moments.b, moments.b_ci)
    assert point.bias_ratio == theory.bias_ratio(moments.b, size, moments.grad_norm)
    assert point.bias_ratio_ci == tuple(
        theory.bias_ratio(end, size, moments.grad_norm) for end in moments.b_ci
    )
    assert point.hessian_anisotropy == theory.anisotropy(
        point.covariance.value, point.trace.value, moments.total_variance, size
    )
    cost = point.predicted.variance.value + point.kinks.noise.value
    white = point.predicted.variance_white + point.kinks.white.value
    assert point.anisotropy == cost / white != point.hessian_anisotropy
    assert point.noise_threshold == theory.noise_curvature_threshold(
        0.1, moments.total_variance, moments.grad_norm
    )
    safe = theory.bias_ratio_threshold(point.spectrum.lambda_max, 0.1, "safe")
    psi = point.spectrum.frobenius.value
    published = theory.bias_ratio_threshold(psi, 0.1, "published")
    assert (point.bias_threshold_safe, point.bias_threshold_published) == (safe, published)


def test_prediction_is_bias_variance_and_kinks(point):
    predicted = point.predicted
    smooth = predicted.bias + predicted.variance.value
    assert predicted.total == predicted.value == smooth + predicted.kinks.value
    assert predicted.kinks.value == point.kinks.value != 0
    assert predicted.kinks.error > 0
    assert predicted.ci[0] < predicted.value < predicted.ci[1]
    variance = theory.covariance_variance_term(point.covariance.value, 0.1)
    assert predicted.variance.value == variance
    assert point.trace.method == "exact"
    low, high = point.difference_ci
    assert low < point.measured.value - predicted.value < high
    assert low < 0 < high
    assert point.agrees()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_one_point_agrees_at_99_percent_and_several_together(point, side):
    """A difference between the quantiles of one look and of two."""
    found = point.difference
    one, two = (stats.t.ppf(1 - 0.005 / looks, found.degrees) for looks in (1, 2))
    place = point.truncation + side * (point.rounding + 0.5 * (one + two) * found.error)
    value = point.measured.value + place - found.value
    moved = replace(point, measured=replace(point.measured, value=value))
    assert not moved.agrees()
    assert moved.agrees(2)
    inside = replace(point.measured, value=value - side * (two - one) * found.error)
    assert replace(point, measured=inside).agrees()


def test_the_margin_has_the_kinks_of_the_whole_step(point):
    """The same prediction without kinks differs by the chip's own, not by those less the clean."""
    problem = relu_network()
    product = problem.hessian_product(problem.initial_weights)
    arguments = (product, point.moments, 0.1, point.trace.value, point.covariance)
    without, found = predict_loss_change(*arguments), point.predicted
    assert without.kinks == Estimate.exact(0.0)
    assert without.value == without.bias + without.variance.value
    difference = 0.1 * (found.exact_margin - without.exact_margin)
    assert difference == pytest.approx(point.kinks.chip.value, rel=1e-9)
    assert point.kinks.chip.value != point.kinks.value
    assert found.error == pytest.approx(math.hypot(without.error, point.kinks.error))


def test_no_threshold_holds_where_there_are_kinks(point):
    problem = relu_network()
    plain = measure_point(
        problem, Chip(Backprop(), 0.1), problem.initial_weights, 0, 0, replace(BUDGET, draws=2)
    )
    for found in (point, plain):
        assert not found.noise_threshold_holds
        assert not found.bias_threshold_holds
        assert KINKS_UNSEEN in point_result(found).descent.thresholds_reason


@pytest.mark.parametrize(
    ("bias", "total_variance", "holds", "reasons"),
    [
        (0.0, 0.0, (True, True), None),
        (0.0, 400.0, (True, False), NOISY),
        (0.3, 0.0, (False, True), BIASED),
        (1.0, 5.0, (False, False), f"{BIASED}; {NOISY}"),
    ],
)
def test_each_threshold_holds_for_the_updates_that_its_theorem_is_about(
    bias, total_variance, holds, reasons
):
    problem = smooth_network()
    rule = WhiteNoise(Backprop(), bias=bias, total_variance=total_variance)
    found = measure_point(problem, Chip(rule, 0.1), problem.initial_weights, 0, 0, BUDGET)
    assert (found.noise_threshold_holds, found.bias_threshold_holds) == holds
    descent = point_result(found).descent
    assert (descent.noise_threshold_holds, descent.bias_threshold_holds) == holds
    assert descent.thresholds_reason == reasons
    assert found.predicted.kinks == Estimate.exact(0.0)
    assert found.anisotropy == pytest.approx(found.hessian_anisotropy, nan_ok=True)


class Own(nn.Module):
    """An activation that a user writes out."""

    def forward(self, x):
        return x.abs()


def l1(outputs, targets):
    return (outputs - targets).abs().mean(1)


@pytest.mark.parametrize(
    ("activation", "loss", "unknown"),
    [
        *((each, MeanSquaredError(), ()) for each in (nn.Tanh(), nn.ELU(), nn.Softplus())),
        *(
            (each, MeanSquaredError(), (type(each).__name__,))
            for each in (nn.PReLU(), nn.SELU(), nn.ELU(0.5), nn.Threshold(0.0, 0.0), Own())
        ),
        (nn.Tanh(), l1, ("the loss",)),
    ],
)
def test_it_is_not_known_whether_thresholds_hold_where_kinks_may_be_unseen(
    activation, loss, unknown
):
    generator = generator_for(0, "data")
    x, y = (torch.randn(20, n, generator=generator, dtype=torch.float64) for n in (3, 2))
    module = nn.Sequential(nn.Linear(3, 4), activation, nn.Linear(4, 2)).double()
    problem = Problem(module, loss, x, y)
    budget = replace(BUDGET, draws=4, loss_draws=2)
    found = measure_point(problem, Chip(Backprop(), 0.1), problem.initial_weights, 0, 0, budget)
    assert found.unknown_kinks == unknown
    descent, known = point_result(found).descent, None if unknown else True
    assert (descent.noise_threshold_holds, descent.bias_threshold_holds) == (known, known)
    assert descent.thresholds_reason == (kinks_unknown(unknown) if unknown else None)


def test_kinks_of_a_hook_are_not_known():
    def made(hooked):
        module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
        if hooked:
            module[0].register_forward_hook(lambda module, args, output: output.abs())
        return Problem(module, MeanSquaredError(), torch.randn(5, 3), torch.randn(5, 2))

    assert unknown_kinks(made(hooked=False)) == ()
    assert unknown_kinks(made(hooked=True)) == ("a hook of Linear",)


def test_noise_makes_the_loss_rise_below_the_threshold_of_the_bias():
    problem = smooth_network()
    rule = WhiteNoise(Backprop(), bias=0.0, total_variance=4000.0)
    budget = replace(BUDGET, draws=1000, covariance_draws=400)
    found = measure_point(problem, Chip(rule, 0.1), problem.initial_weights, 0, 0, budget)
    assert found.bias_ratio < found.bias_threshold_safe
    assert found.predicted.exact_margin_ci[0] > 0
    assert not found.bias_threshold_holds


def test_all_but_the_loss_is_measured_where_the_chip_holds_the_weights():
    """Weights beyond its window are clipped as they are written."""
    problem = smooth_network()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.1, writes=(UpdateRounding(FixedPointGrid(12, 0.4), "nearest"),))
    found = measure_point(problem, chip, w, 0, 0, BUDGET)
    held = chip.program(w)
    torch.testing.assert_close(held, w.clamp(-0.4, 0.4), rtol=0, atol=1e-3)
    assert (found.loss, found.programmed_loss) == (problem.loss(w), problem.loss(held))
    assert abs(found.programmed_loss - found.loss) > 0.01 * found.loss
    assert found.gradient.equal(problem.gradient(held))
    trace = float(dense_hessian(problem, held).trace())
    assert found.trace.value == pytest.approx(trace, rel=1e-6)


def test_what_was_not_detected_has_no_ratio_and_an_infinite_end_neither(point):
    nothing = replace(point, moments=replace(point.moments, b=0.0, b_ci=(0.0, math.inf)))
    assert nothing.bias_ratio == 0.0
    low, high = nothing.bias_ratio_ci
    assert low == 0.0
    assert math.isnan(high)


def test_at_a_zero_gradient_ratios_are_not_defined():
    """Targets that the network reaches: only the noise is left."""
    module = nn.Sequential(nn.Linear(3, 2)).double()
    x = torch.eye(3, dtype=torch.float64)
    problem = Problem(module, MeanSquaredError(), x, module(x).detach())
    rule = WhiteNoise(Backprop(), bias=0.0, total_variance=0.5)
    point = measure_point(problem, Chip(rule, 0.1), problem.initial_weights, 0, 0, BUDGET)
    assert point.grad_norm == 0.0
    assert math.isnan(point.bias_ratio)
    assert all(math.isnan(end) for end in point.bias_ratio_ci)
    assert point.noise_threshold == 0.0
