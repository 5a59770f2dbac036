"""A point of a noisy spiking chip against the enumerated smoothed loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, UpdateRounding, WhiteNoise
from device_models.write.fixed_point_grid import FixedPointGrid
from experiments.support.enumeration import exact_smoothed_gradient, exact_smoothed_loss
from neurograd.measure.estimate import Estimate
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.measure.smoothed.point import measure_smoothed_point
from neurograd.measure.smoothed.reference import SmoothedBudget
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from tests.neurograd.cases import regression
from tests.neurograd.measure.enumerable import STD, holds, tiny_network


def test_a_point_of_a_noisy_chip():
    """Prediction and measurement of a step's change agree with each other and the exact one.

    Each at 99.9 %. Most of a point's losses are not those of the change, which is measured once
    more with more draws.
    """
    problem = tiny_network()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.15, writes=(UpdateRounding(FixedPointGrid(7, 4.0)),))
    point = measure_smoothed_point(
        problem, chip, w, 0, 0, STD, SmoothedBudget(1000, 300, 400, 0), other_std=(0.5,)
    )
    w = chip.program(w)
    start = float(exact_smoothed_loss(problem, w, STD))
    sample = chip.sampler(problem, w)
    changes = [
        float(exact_smoothed_loss(problem, w + 0.15 * sample(generator_for(9, k)), STD)) - start
        for k in range(600)
    ]
    exact = Estimate.mean_of(changes)
    slope = exact_smoothed_gradient(problem, w, STD)
    along = Estimate(float(slope @ point.moments.mean), *point.moments.linear_error(slope))
    measured = SmoothedLoss(problem, w, STD, 1).change(
        sample, 0.15, 1400, control=slope, known=along
    )
    assert point.agrees()
    for found in (point.measured, measured, point.predicted):
        assert abs(found.value - exact.value) < 3.3 * math.hypot(found.error, exact.error)
    assert abs(exact.value) > 5 * point.predicted.error, "the test can see a wrong sign"
    assert abs(exact.value) > 2.5 * measured.error, "and that of what is measured"
    assert point.series[0].std == 0.5
    assert 0.0 < point.noise_threshold < 40.0
    assert point.bias_ratio_ci[0] <= point.bias_ratio_ci[1]
    assert point.trace.method == "smoothed"


def test_all_but_the_loss_is_measured_where_the_chip_holds_the_weights():
    """Weights beyond its window are clipped as they are written."""
    problem = tiny_network()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.15, writes=(UpdateRounding(FixedPointGrid(7, 0.5), "nearest"),))
    budget = SmoothedBudget(2, 150, 2, 0)
    point = measure_smoothed_point(problem, chip, w, 0, 0, STD, budget)
    held = chip.program(w)
    assert float(held.abs().max()) <= 0.5 < float(w.abs().max())
    assert (point.loss, point.programmed_loss) == (problem.loss(w), problem.loss(held))
    assert abs(point.programmed_loss - point.loss) > 0.05
    exact = [float(exact_smoothed_loss(problem, at, STD)) for at in (held, w)]
    assert holds(point.smoothed_loss, exact[0])
    assert not holds(point.smoothed_loss, exact[1])


def _quadratic(monkeypatch, problem):
    """Derivatives of a quadratic loss without the noise of their measurement, and no others."""
    w = problem.initial_weights
    gradient, product = problem.gradient(w), problem.hessian_product(w)

    def exact(smoothed, direction, draws, purpose, *, progress=None):
        vectors = [direction(smoothed._generator(purpose, k)) for k in range(draws)]
        first = [float(v @ gradient) for v in vectors]
        second = [float(v @ product(v)) for v in vectors]
        return Estimate.mean_of(first), Estimate.mean_of(second)

    monkeypatch.setattr(SmoothedLoss, "derivatives", exact)
    return w, gradient, product


@pytest.mark.parametrize(("inputs", "draws", "noise"), [(10, 40, 30.0), (200, 20, 20.0)])
def test_interval_of_a_measured_change_has_the_noise_of_the_mean(monkeypatch, inputs, draws, noise):
    """Intervals at 99 % hold the exact change in 94 of 100 or more, 1 in 10,000 do not.

    And their middle is right on average, at 99.9 %: the control goes with the mean's noise, so
    that the squared noise would shift it. So do those of measured − predicted hold 0.
    """
    problem = regression([nn.Linear(inputs, 1)], inputs, 1, samples=20)
    w, gradient, product = _quadratic(monkeypatch, problem)
    monkeypatch.setattr(SmoothedLoss, "trace", lambda *_, **__: None)
    monkeypatch.setattr(SmoothedLoss, "loss", lambda *_: None)
    dt, total = 0.005, noise * float(gradient @ gradient)
    trace = sum(float(e @ product(e)) for e in torch.eye(len(w), dtype=w.dtype))
    second = float(gradient @ product(gradient)) + total * trace / len(w)
    exact = -dt * float(gradient @ gradient) + 0.5 * dt**2 * second
    chip = Chip(WhiteNoise(Backprop(), total_variance=total), dt)
    points = [
        measure_smoothed_point(problem, chip, w, 0, 0, 0.02, SmoothedBudget(draws, draws, 10, seed))
        for seed in range(100)
    ]
    assert sum(holds(each.measured, exact, 0.99) for each in points) >= 94
    assert sum(holds(each.difference, 0.0, 0.99) for each in points) >= 94
    off = Estimate.mean_of([(p.measured.value - exact) / p.measured.error for p in points])
    assert holds(off, 0.0), off


def test_noise_of_the_mean_is_not_in_the_means_curvature(monkeypatch):
    """mᵀHm on a quadratic loss, at 99.9 % over 300 means of 4 draws, most of which is noise.

    Nor is it in Tr(HΣ): samples scatter about a mean of 4 with 5/4 of their own variance.
    """
    data = torch.randn(8, 2, generator=generator_for(0, "data"), dtype=torch.float64)
    network = nn.Linear(2, 1, dtype=torch.float64)
    with torch.no_grad():
        for p in network.parameters():
            p.fill_(0.5)
    problem = Problem(network, MeanSquaredError(), data, data.sum(1, keepdim=True))
    w, gradient, product = _quadratic(monkeypatch, problem)
    total = 4.0 * float(gradient.square().sum())
    chip = Chip(WhiteNoise(Backprop(), total_variance=total), 0.01)
    found = []
    for seed in range(300):
        budget = SmoothedBudget(4, 4, 3, seed)
        found.append(measure_smoothed_point(problem, chip, w, 0, 0, 0.1, budget))
    mean = Estimate.mean_of([each.mean_curvature.value for each in found])
    trace = sum(float(e @ product(e)) for e in torch.eye(len(w), dtype=w.dtype))
    assert holds(mean, float(gradient @ product(gradient)))
    of_noise = total * trace / len(w)
    assert mean.error < 0.2 * of_noise / 4, "the test can see the noise of the mean"
    covariance = Estimate.mean_of([each.covariance.value for each in found])
    assert holds(covariance, of_noise)
    assert covariance.error < 0.05 * of_noise
