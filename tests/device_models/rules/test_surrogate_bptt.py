"""Backpropagation through time with surrogate derivatives."""

from __future__ import annotations

import math

import pytest
import torch

from device_models.rules.surrogate_bptt import SurrogateBptt
from device_models.spiking.network import SpikingNetwork
from device_models.spiking.surrogate_gradient import Surrogate
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for


def network(widths=(5, 6, 3), seed=0, **options) -> SpikingNetwork:
    module = SpikingNetwork(widths, **options)
    generator = generator_for(seed, "spiking")
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + 0.15)
    return module


def problem(time_steps=6, samples=12, **options) -> Problem:
    generator = generator_for(1, "spikes")
    x = torch.bernoulli(torch.full((samples, time_steps, 5), 0.5).double(), generator=generator)
    y = torch.arange(samples) % 3
    return Problem(network(**options), CrossEntropy(), x, y, test_inputs=x, test_targets=y)


def manual_bptt(p: Problem, w, truncation=None):
    """Single layer: Σ_t e ψ_t Σ_{t'} β^{t−t'} x_t', from recorded potentials, by explicit loops."""
    module = p.module
    x, y = p.batch()
    potentials = []
    with torch.no_grad():
        for q, new in zip(module.parameters(), p.parameters_of(w).values(), strict=True):
            q.copy_(new)
        out = module.run(x, lambda k, t, u, s: potentials.append(u.clone()))
    error = (out.softmax(1) - torch.nn.functional.one_hot(y, 3)) / len(y)
    weight, bias = torch.zeros(3, 5).double(), torch.zeros(3).double()
    for t in range(x.shape[1]):
        factor = error * module.surrogate.derivative(potentials[t] - 1.0)
        start = 0 if truncation is None else (t // truncation) * truncation
        for s in range(start, t + 1):
            decay = 0.9 ** (t - s)
            weight += decay * factor.T @ x[:, s]
            bias += decay * factor.sum(0)
    return torch.cat([weight.reshape(-1), bias])


@pytest.mark.parametrize("truncation", [None, 1, 2])
def test_one_layer_against_explicit_sums(truncation):
    p = problem(widths=(5, 3), surrogate=Surrogate("atan"))
    w = p.initial_weights
    estimate = SurrogateBptt(truncation).gradient(p, w, generator_for(0))
    torch.testing.assert_close(estimate, manual_bptt(p, w, truncation), rtol=1e-9, atol=1e-12)


def test_truncation_changes_the_gradient_and_long_windows_do_not():
    p = problem(surrogate=Surrogate("atan"))
    w = p.initial_weights
    whole = SurrogateBptt().gradient(p, w, generator_for(0))
    assert whole.equal(p.gradient(w))
    # Which goes step by step, in another order of rounding.
    long = SurrogateBptt(6).gradient(p, w, generator_for(0))
    torch.testing.assert_close(long, whole, rtol=0, atol=1e-14)
    assert not torch.allclose(SurrogateBptt(2).gradient(p, w, generator_for(0)), whole)
    with pytest.raises(ValueError, match="truncation is 0"):
        SurrogateBptt(0)


def test_stochastic_surrogate_is_a_random_rule_with_the_means_gradient():
    """One layer: the gradient is linear in ψ, so its mean is the mean surrogate's; at 99 %."""
    p = problem(widths=(5, 3), surrogate=Surrogate("SSO", {"mean": 0.2, "variance": 0.6}))
    w = p.initial_weights
    rule = SurrogateBptt(stochastic=True)
    assert not rule.deterministic
    assert SurrogateBptt().deterministic
    draws = torch.stack([rule.gradient(p, w, generator_for(0, k)) for k in range(600)])
    assert rule.gradient(p, w, generator_for(0, 3)).equal(draws[3])
    error = draws.std(0) / math.sqrt(len(draws))
    assert bool(((draws.mean(0) - p.gradient(w)).abs() <= 3.7 * error + 1e-12).all())
    assert float(draws.var(0).sum()) > 0
