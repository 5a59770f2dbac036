"""Bias, gain and cosine against the gradient of an enumerated smoothed loss."""

from __future__ import annotations

import math

import pytest
import torch

from experiments.support.enumeration import exact_smoothed_gradient
from neurograd.measure.moments import measure_moments
from neurograd.measure.smoothed_loss import SmoothedLoss
from neurograd.measure.smoothed_reference import SmoothedBudget, measure_reference
from tests.neurograd.measure.enumerable import STD, holds, tiny_network


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
