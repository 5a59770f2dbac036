"""What a record of a measured point says, by what its numbers mean and not by how they are had."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, UpdateRounding, WhiteNoise
from device_models.write.fixed_point_grid import FixedPointGrid
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.measure.smoothed.point import measure_smoothed_point
from neurograd.measure.smoothed.reference import SmoothedBudget
from neurograd.records.measured import point_result, smoothed_point_result
from tests.neurograd.cases import regression
from tests.neurograd.measure.enumerable import STD, tiny_network

STEP_SIZE = 0.05


@pytest.fixture(scope="module")
def spiking():
    """A point of a noisy chip."""
    problem = tiny_network()
    chip = Chip(WhiteNoise(Backprop(), bias=0.1, total_variance=0.01), STEP_SIZE)
    budget = SmoothedBudget(20, 40, 40, 0)
    return measure_smoothed_point(problem, chip, problem.initial_weights, 0, 0, STD, budget)


def test_margin_of_a_spiking_network_is_the_change_of_a_step_over_its_size(spiking):
    """``⟨g, m⟩ + ½Δt(mᵀHm + Tr HΣ)``: below 0 where a step goes down."""
    descent = smoothed_point_result(spiking).descent
    second = spiking.mean_curvature.value + spiking.covariance.value
    margin = spiking.reference.slope.value + 0.5 * STEP_SIZE * second
    assert descent.exact_margin == pytest.approx(margin)
    low, high = spiking.predicted.ci
    assert low < high
    assert descent.exact_margin_ci == pytest.approx((low / STEP_SIZE, high / STEP_SIZE))
    for way in (-1.0, 1.0):
        slope = replace(spiking.reference.slope, value=100.0 * way)
        turned = replace(spiking, reference=replace(spiking.reference, slope=slope))
        found = smoothed_point_result(turned).descent
        assert found.exact_margin == pytest.approx(100.0 * way, abs=0.5 * STEP_SIZE * abs(second))
        assert found.exact_margin_ci[0] < found.exact_margin < found.exact_margin_ci[1]


def test_bias_of_a_spiking_network_along_and_across_the_gradient(spiking):
    """By hand of a mean update of length 5 whose cosine with −g is 0.6, and ‖g‖ = 2.

    It goes 3 along −g, a gain of 1.5, which is 1 too far, and 4 across.
    """
    square = spiking.reference.grad_square
    reference = replace(
        spiking.reference,
        gain=1.5,
        cosine=0.6,
        grad_square=replace(square, value=4.0, error=0.0),
        mean_square=replace(square, value=25.0, error=0.0),
    )
    found = smoothed_point_result(replace(spiking, reference=reference)).moments
    assert found.bias_parallel == pytest.approx(1.0)
    assert found.bias_orthogonal == pytest.approx(4.0)
    assert (found.gain, found.cosine) == (1.5, 0.6)


def test_closed_form_of_a_record_is_the_bias_of_a_weight():
    """Of a nearest rounding: length of E[Δw] + g over √N, without noise."""
    problem = regression([nn.Linear(6, 4)], 6, 4)
    chip = Chip(Backprop(), 0.2, writes=(UpdateRounding(FixedPointGrid(6, 1.0), "nearest"),))
    budget = MeasurementBudget(draws=4, loss_draws=2, covariance_draws=2, seed=0)
    point = measure_point(problem, chip, problem.initial_weights, 0, 0, budget)
    found = point_result(point).moments
    w = chip.program(problem.initial_weights)
    g = problem.gradient(w)
    step = chip.writes[0].write(w, -0.2 * g, torch.Generator()) / 0.2
    b = float((step + g).square().mean().sqrt())
    assert b > 0.01 * float(g.square().mean().sqrt())
    assert found.closed_form.b == pytest.approx(b, rel=1e-9)
    assert found.closed_form.b == pytest.approx(found.b, rel=1e-6), "as what was measured"
    assert found.closed_form.total_variance == 0
