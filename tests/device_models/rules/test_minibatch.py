"""Minibatches."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from device_models import (
    Backprop,
    Minibatch,
)
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network


def test_minibatch_over_all_batches_by_enumeration():
    """Mean and total variance over all 15 batches of 2 of 6 samples are the closed form's."""
    problem = relu_network(samples=6)
    w = problem.initial_weights
    batches = [
        problem.gradient(w, torch.tensor(pair)) for pair in itertools.combinations(range(6), 2)
    ]
    table = torch.stack(batches)
    torch.testing.assert_close(table.mean(0), problem.gradient(w), rtol=1e-10, atol=1e-14)
    total = float((table - table.mean(0)).square().sum(1).mean())
    assert Minibatch(Backprop(), 2).total_variance(problem, w) == pytest.approx(total, rel=1e-9)


def test_minibatch_draws_distinct_samples_uniformly():
    """Each of 6 samples in a third of 3000 batches of 2, at 99 % (Bonferroni)."""
    rule = Minibatch(Backprop(), 2)
    counts = torch.zeros(6)
    for k in range(3000):
        batch = rule.sample_batch(6, generator_for(0, k))
        assert len(set(batch.tolist())) == 2
        counts[batch] += 1
    assert bool(((counts / 3000 - 1 / 3).abs() < 3.15 * math.sqrt(2 / 9 / 3000)).all())


def test_a_batch_that_covers_the_set_is_the_set():
    problem = relu_network(samples=6)
    w = problem.initial_weights
    rule = Minibatch(Backprop(), 6)
    assert rule.gradient(problem, w, generator_for(0)).equal(problem.gradient(w))
    assert rule.total_variance(problem, w) == 0.0
    with pytest.raises(ValueError, match="allowed: 1 or more"):
        Minibatch(Backprop(), 0)
