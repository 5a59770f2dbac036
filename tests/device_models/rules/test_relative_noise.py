"""Bias and noise in proportion to the gradient's norm."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models import Backprop, Chip, LearningRule, Minibatch, RelativeNoise
from neurograd.measure.moments import measure_moments
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network


def test_bias_and_noise_have_their_length_in_every_draw():
    problem = relu_network()
    w = problem.initial_weights
    g = problem.gradient(w)
    norm, size = float(g.norm()), math.sqrt(w.numel())
    biased = -RelativeNoise(Backprop(), bias=0.01).gradient(problem, w, generator_for(0))
    torch.testing.assert_close(biased, -g + 0.01 * norm)  # the sign: Δw is pushed along +β
    beta = torch.linspace(-2.0, 1.0, w.numel(), dtype=torch.float64)
    beta *= size / beta.norm()
    rule = RelativeNoise(Backprop(), bias=0.01, beta=beta)
    along = -rule.gradient(problem, w, generator_for(0))
    torch.testing.assert_close(along + g, 0.01 * norm * beta)
    torch.testing.assert_close(rule.expected(problem, w, generator_for(0)), -along)
    torch.testing.assert_close(rule.moments(g).mean, along)
    assert float((along + g).norm()) == pytest.approx(0.01 * size * norm)
    for k in range(5):
        rule = RelativeNoise(Backprop(), noise=3.0)
        noise = -rule.gradient(problem, w, generator_for(1, k)) + g
        assert float(noise.norm()) == pytest.approx(3.0 * norm, rel=1e-12)


def test_samples_agree_with_the_closed_form():
    """Every element's mean and variance, at 99 % for all N together (Bonferroni), seed fixed.

    An element of a unit vector in 103 dimensions is close to normal (its tails are lighter), so
    that χ² gives its variance's interval.
    """
    problem = relu_network()
    w = problem.initial_weights
    g, n, draws = problem.gradient(w), w.numel(), 4000
    rule = RelativeNoise(Backprop(), bias=0.02, noise=4.0)
    samples = torch.stack([-rule.gradient(problem, w, generator_for(7, k)) for k in range(draws)])
    exact = rule.moments(g)
    z = stats.norm.ppf(1 - 0.005 / n)
    error = exact.variance.sqrt() / math.sqrt(draws)
    assert bool(((samples.mean(0) - exact.mean).abs() < z * error).all())
    ratio = samples.var(0) / exact.variance
    low, high = stats.chi2.ppf([0.005 / n, 1 - 0.005 / n], draws - 1) / (draws - 1)
    assert bool(((ratio > low) & (ratio < high)).all())
    assert exact.total_variance == pytest.approx(16.0 * float(g @ g))
    chip = Chip(rule, 0.1)
    moments = measure_moments(chip.sampler(problem, w), g, 2000, seed=1)
    assert moments.b_ci[0] <= 0.02 * float(g.norm()) <= moments.b_ci[1]
    assert moments.total_variance == pytest.approx(exact.total_variance, rel=0.01)


def test_fraction_is_of_the_gradient_where_the_weights_are_now():
    problem = relu_network()
    w = problem.initial_weights
    rule = RelativeNoise(Backprop(), noise=1.0)
    for weights in (w, 3 * w):
        g = problem.gradient(weights)
        noise = rule.gradient(problem, weights, generator_for(0)) - g
        assert float(noise.norm()) == pytest.approx(float(g.norm()))


def test_in_a_minibatch_it_is_the_fraction_of_the_batches_gradient():
    problem = relu_network()
    w, rule = problem.initial_weights, Minibatch(RelativeNoise(Backprop(), noise=2.0), 10)
    index = rule.sample_batch(problem.num_samples, generator_for(3))
    g = problem.gradient(w, index)
    noise = rule.gradient(problem, w, generator_for(3)) - g
    assert float(noise.norm()) == pytest.approx(2.0 * float(g.norm()))
    assert not rule.deterministic


def test_protocol_and_limits():
    assert isinstance(RelativeNoise(Backprop()), LearningRule)
    assert RelativeNoise(Backprop(), bias=0.1).deterministic
    assert not RelativeNoise(Backprop(), noise=0.1).deterministic
    problem = relu_network()
    w = problem.initial_weights
    clean = RelativeNoise(Backprop()).gradient(problem, w, generator_for(0))
    assert clean.equal(problem.gradient(w))
    for bad in ({"bias": -1.0}, {"noise": -1.0}, {"noise": float("nan")}, {"bias": math.inf}):
        with pytest.raises(ValueError, match="allowed: 0 or more"):
            RelativeNoise(Backprop(), **bad)
