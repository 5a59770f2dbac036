"""The excess loss around one point, against an ensemble of trainings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    WhiteNoise,
)
from neurograd.forecast.frozen import (
    PointSummary,
    frozen_excess_loss,
    predict_excess_loss,
    summarize_point,
)
from neurograd.measure.curvature.spectrum import Spectrum, measure_spectrum
from neurograd.measure.estimate import Estimate
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.seeding import generator_for
from neurograd.theory import many_steps
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


def test_excess_loss_by_a_bias_is_what_an_ensemble_does():
    """As above, with a bias that is as long along every eigenvector, which costs most of it.

    What is predicted comes from a measured point: its own noise is allowed for.
    """
    problem = linear_regression()
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    minimum = w - torch.linalg.solve(hessian, problem.gradient(w))
    eigenvalues, vectors = torch.linalg.eigh(hessian)
    step_size, steps, each, variance = 0.5, 60, 0.06, 8.0
    signs = torch.sign(torch.randn(len(w), generator=generator_for(0), dtype=w.dtype))
    rule = WhiteNoise(Backprop(), bias=each * vectors @ signs, total_variance=variance)
    chip = Chip(rule, step_size)
    budget = MeasurementBudget(draws=400, loss_draws=2, covariance_draws=8, seed=0)
    point = summarize_point(measure_point(problem, chip, minimum, 0, 0, budget))
    assert point.bias_square == pytest.approx(len(w) * each**2, rel=0.05)
    exact = Spectrum(eigenvalues.numpy(), np.ones(len(w)), 0.0, 0.0, Estimate.exact(0.0), 0)
    predicted = frozen_excess_loss(replace(point, spectrum=exact), step_size, steps)
    start = problem.loss(minimum)
    ends = [
        train(problem, chip, steps, seed=0, chip_index=k, initial=minimum).train_loss - start
        for k in range(20)
    ]
    error = np.std(ends, ddof=1) / math.sqrt(len(ends))
    assert abs(np.mean(ends) - predicted) < 2.87 * error + 0.05 * predicted
    assert frozen_excess_loss(point, step_size, steps) == pytest.approx(predicted, rel=0.1)
    known = many_steps(
        eigenvalues, step_size, steps, variance / len(w), bias_components=each * signs
    )
    assert predicted == pytest.approx(known.excess_loss, rel=0.05)
    without = replace(point, spectrum=exact, bias_square=0.0)
    assert 0.2 < frozen_excess_loss(without, step_size, steps) / predicted < 0.5
