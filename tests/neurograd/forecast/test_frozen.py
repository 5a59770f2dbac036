"""The excess loss around one point, against an ensemble of trainings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    WhiteNoise,
)
from neurograd.forecast.frozen import PointSummary, frozen_excess_loss, predict_excess_loss
from neurograd.measure.curvature.spectrum import Spectrum, measure_spectrum
from neurograd.measure.estimate import Estimate
from neurograd.training.loop import train
from tests.neurograd.cases import dense_hessian, linear_regression


def test_excess_loss_on_a_quadratic_is_what_an_ensemble_does():
    """40 trainings from the minimum with white noise, at 99 %."""
    problem = linear_regression()
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    minimum = w - torch.linalg.solve(hessian, problem.gradient(w))
    step_size, variance, steps = 0.5, 2.0, 60
    chip = Chip(WhiteNoise(Backprop(), total_variance=variance), step_size)
    start = problem.loss(minimum)
    ends = [
        train(problem, chip, steps, seed=0, chip_index=k, initial=minimum).train_loss - start
        for k in range(40)
    ]
    trace = float(hessian.trace())
    spectrum = measure_spectrum(problem, minimum, 0)
    none = Estimate.exact(0.0)
    exact = Spectrum(np.linalg.eigvalsh(hessian.numpy()), np.ones(len(w)), 0.0, 0.0, none, 0)
    point = PointSummary(exact, trace, variance / len(w) * trace, 0.0)
    predicted = frozen_excess_loss(point, step_size, steps)
    error = np.std(ends, ddof=1) / math.sqrt(40)
    assert abs(np.mean(ends) - predicted) < 2.71 * error
    assert error < 0.05 * predicted
    lanczos = PointSummary(spectrum, trace, variance / len(w) * trace, 0.0)
    assert frozen_excess_loss(lanczos, step_size, steps) == pytest.approx(predicted, rel=0.1)
    value, span = predict_excess_loss([lanczos, point], step_size, steps)
    assert span[0] <= value <= span[1]
