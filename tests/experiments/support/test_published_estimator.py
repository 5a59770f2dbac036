"""The paper's own estimator of the impact of variance."""

from __future__ import annotations

import pytest
import torch

from experiments.support.published_estimator import (
    published_variance_impact,
    zero_sum_factor,
    zero_sum_noise,
)
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.intervals import mean_interval
from neurograd.seeding import generator_for
from neurograd.theory import white_variance_term
from tests.neurograd.cases import linear_regression


@pytest.mark.parametrize("count", [2, 5, 15])
def test_zero_sum_noise(count):
    """Sums to zero; the mean squared norm is 2(K − 1)/K σ² at 99 % confidence over 400 draws."""
    generator = generator_for(0, "zero-sum")
    means = []
    for _ in range(400):
        noise = zero_sum_noise(50, 0.3, count, generator, torch.float64)
        assert float(noise.sum(0).abs().max()) < 1e-14
        assert torch.allclose(noise[:-1].norm(dim=1), torch.tensor(0.3, dtype=torch.float64))
        means.append(float(noise.square().sum(1).mean()) / 0.09)
    mean, (low, high) = mean_interval(means)
    assert low - 1e-12 <= zero_sum_factor(count) <= high + 1e-12  # K = 2 has no spread
    assert mean == pytest.approx(2 * (count - 1) / count, rel=0.05)


def test_published_estimate_is_too_large_by_its_factor():
    """On a quadratic, at 99 % confidence over 300 estimates; and so not what the lemma says."""
    problem = linear_regression()
    w, dt, norm = problem.initial_weights, 1e-2, 0.5
    generator = generator_for(2, "published")
    trace = hessian_trace(problem, w, 0).value
    lemma = white_variance_term(norm**2, trace, problem.num_parameters, dt)
    ratios = [
        published_variance_impact(problem, w, norm, dt, 5, generator) / lemma for _ in range(300)
    ]
    _, (low, high) = mean_interval(ratios)
    assert low <= zero_sum_factor(5) <= high
    assert high - low < 0.1
    assert not low <= 1.0 <= high


def test_too_few_vectors_are_refused():
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        zero_sum_noise(3, 1.0, 1, generator_for(0), torch.float64)
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        zero_sum_factor(1)
