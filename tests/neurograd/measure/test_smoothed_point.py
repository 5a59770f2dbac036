"""A point of a noisy spiking chip against the enumerated smoothed loss."""

from __future__ import annotations

import math

from device_models import Backprop, Chip, UpdateRounding
from device_models.write.fixed_point_grid import FixedPointGrid
from experiments.support.enumeration import exact_smoothed_loss
from neurograd.measure.smoothed_point import measure_smoothed_point
from neurograd.measure.smoothed_reference import SmoothedBudget
from neurograd.seeding import generator_for
from tests.neurograd.measure.enumerable import STD, tiny_network


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
    assert point.trace.method == "smoothed"
