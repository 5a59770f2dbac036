"""The mean that a rule states, against the mean of its estimates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from device_models import (
    Backprop,
    ForwardGradient,
    Minibatch,
    NodePerturbation,
    RelativeNoise,
    WeightPerturbation,
    WhiteNoise,
)
from device_models.protocols import expected_gradient
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network

CONFIDENCE = 0.99


@pytest.mark.parametrize(
    "rule",
    [
        Minibatch(Backprop(), 20),
        WeightPerturbation(1e-3, 4),
        NodePerturbation(1e-3, 4),
        ForwardGradient(4),
        WhiteNoise(Backprop(), 0.05, 0.4),
        RelativeNoise(Backprop(), 0.2, 0.7),
        RelativeNoise(WeightPerturbation(1e-3, 4), 0.0, 0.7),
    ],
)
def test_the_known_mean_is_the_mean_of_estimates(rule):
    """Inner product with a fixed vector: 99 % interval over 400 draws, seed fixed."""
    problem = relu_network()
    w = problem.initial_weights
    mean = expected_gradient(rule, problem, w, generator_for(0, "unused"))
    assert mean.norm() > 0
    direction = torch.ones_like(w) + mean / mean.norm()
    values = np.array(
        [float(direction @ rule.gradient(problem, w, generator_for(1, k))) for k in range(400)]
    )
    half = student.ppf(0.5 + CONFIDENCE / 2, 399) * values.std(ddof=1) / 400**0.5
    assert abs(values.mean() - float(direction @ mean)) < half
