"""A point of a noisy spiking chip against the enumerated smoothed loss."""

from __future__ import annotations

import math

import torch
from torch import nn

from device_models import Backprop, Chip, UpdateRounding, WhiteNoise
from device_models.write.fixed_point_grid import FixedPointGrid
from experiments.support.enumeration import exact_smoothed_gradient, exact_smoothed_loss
from neurograd.measure.estimate import Estimate
from neurograd.measure.smoothed_loss import SmoothedLoss
from neurograd.measure.smoothed_point import measure_smoothed_point
from neurograd.measure.smoothed_reference import SmoothedBudget
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
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
    measured = SmoothedLoss(problem, w, STD, 1).change(
        sample, 0.15, 1400, control=slope, mean=point.moments.mean
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
    w = problem.initial_weights
    gradient, product = problem.gradient(w), problem.hessian_product(w)

    def exact(smoothed, direction, draws, purpose, *, progress=None):
        vectors = [direction(smoothed._generator(purpose, k)) for k in range(draws)]
        first = [float(v @ gradient) for v in vectors]
        second = [float(v @ product(v)) for v in vectors]
        return Estimate.mean_of(first), Estimate.mean_of(second)

    monkeypatch.setattr(SmoothedLoss, "derivatives", exact)
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
