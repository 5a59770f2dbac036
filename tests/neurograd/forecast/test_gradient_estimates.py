"""Mean and spread of gradient estimates, against samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from device_models import (
    Backprop,
    Chip,
    Minibatch,
    ReadNoise,
)
from neurograd.forecast.gradient_estimates import SAMPLES_KEPT, SAMPLES_RENEWED, GradientEstimates
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network, smooth_network

CONFIDENCE = 0.99


def test_reads_bias_the_mean_estimate_and_spread_it():
    """Against 4000 estimates: the 99 % interval of the bias along itself, and the total variance.

    The bias by one pair has a spread of its own, so that 150 refreshes are averaged; reads of 30 %
    of the weights' length make it a tenth of the gradient.
    """
    problem = smooth_network()
    w = problem.initial_weights
    chip = Chip(Backprop(), 0.1, (ReadNoise(0.3 * float(w.norm()) / len(w) ** 0.5),))
    estimates, generator = GradientEstimates(problem, chip), generator_for(0, "estimates")
    means, spreads = [], []
    for _ in range(150):
        means.append(estimates.refresh_statistics(w, generator))
        spreads.append(float(estimates.spread.variance.sum()))
    assert len(estimates.deviations) == SAMPLES_KEPT
    assert estimates.gradients == 150 * (1 + SAMPLES_RENEWED) + SAMPLES_KEPT - SAMPLES_RENEWED

    draws = torch.stack([chip.estimate(problem, w, generator_for(1, k)) for k in range(4000)])
    bias = draws.mean(0) - problem.gradient(w)
    along = bias / bias.norm()
    half = student.ppf(0.5 + CONFIDENCE / 2, 3999) * float((draws @ along).std()) / 4000**0.5
    assert float(bias.norm()) > 3 * half
    found = torch.stack(means).mean(0) - problem.gradient(w)
    assert abs(float((found - bias) @ along)) < half + 0.1 * float(bias.norm())
    assert np.mean(spreads) == pytest.approx(float(draws.var(0).sum()), rel=0.1)


def test_a_random_rule_renews_its_deviations():
    problem = relu_network()
    estimates = GradientEstimates(problem, Chip(Minibatch(Backprop(), 20), 0.1))
    generator = generator_for(0, "estimates")
    mean = estimates.refresh_statistics(problem.initial_weights, generator)
    assert mean.equal(problem.gradient(problem.initial_weights))
    before = list(estimates.deviations)
    estimates.refresh_statistics(problem.initial_weights, generator)
    after = list(estimates.deviations)
    assert all(
        a is b for a, b in zip(after[:-SAMPLES_RENEWED], before[SAMPLES_RENEWED:], strict=True)
    )
    assert len(after) == SAMPLES_KEPT
    assert not after[-1].equal(before[-1])


def test_noise_of_estimates_behind_one_read():
    """Against 4000 sums of 64 samples' gradients behind one read: the total variance, within 10 %.

    Estimates behind reads of their own have two thirds of it at most.
    """
    problem, together = smooth_network(), 64
    w = problem.initial_weights
    reads = (ReadNoise(0.3 * float(w.norm()) / len(w) ** 0.5),)
    chip = Chip(Minibatch(Backprop(), 1, order="with_replacement"), 0.1, reads)
    estimates, generator = GradientEstimates(problem, chip, together), generator_for(0, "shared")
    alone, shared = [], []
    for _ in range(300):
        estimates.refresh_statistics(w, generator)
        alone.append(float(estimates.spread.variance.sum()))
        shared.append(float(estimates.spread.shared.square().sum(1).mean()))

    batch = Chip(Minibatch(Backprop(), together, order="with_replacement"), 0.1, reads)
    sums = torch.stack(
        [together * batch.estimate(problem, w, generator_for(1, k)) for k in range(4000)]
    )
    true = float(sums.var(0).sum()) / together
    assert np.mean(alone) + np.mean(shared) == pytest.approx(true, rel=0.1)
    assert np.mean(alone) < true / 1.5
    assert GradientEstimates(problem, chip)._shared.maxlen == SAMPLES_KEPT // 2
    single = GradientEstimates(problem, chip)
    single.refresh_statistics(w, generator)
    assert single.spread.shared is None
