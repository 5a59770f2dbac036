"""Minibatches."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from device_models import (
    Backprop,
    Manhattan,
    Minibatch,
    NodePerturbation,
    PulseTrains,
    RelativeNoise,
    WeightPerturbation,
    WhiteNoise,
)
from device_models.protocols import expected_gradient, has_known_mean
from device_models.rules.minibatch import AVERAGED_BATCHES
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


@pytest.mark.parametrize("size", [3, 4])
def test_with_replacement_a_batch_as_large_as_the_set_is_drawn_too(size):
    """Mean and total variance over all 27 or 81 batches of 3 samples are the closed form's."""
    problem = relu_network(samples=3)
    w, rule = problem.initial_weights, Minibatch(Backprop(), size, order="with_replacement")
    every = itertools.product(range(3), repeat=size)
    table = torch.stack([problem.gradient(w, torch.tensor(batch)) for batch in every])
    torch.testing.assert_close(table.mean(0), problem.gradient(w), rtol=1e-10, atol=1e-14)
    total = float((table - table.mean(0)).square().sum(1).mean())
    assert total > 0
    assert rule.total_variance(problem, w) == pytest.approx(total, rel=1e-9)
    drawn = [rule.sample_batch(3, generator_for(0, k)) for k in range(20)]
    assert {len(batch) for batch in drawn} == {size}
    assert len({tuple(sorted(batch.tolist())) for batch in drawn}) > 3
    assert Minibatch(Manhattan(), size, order="with_replacement").mean_is_averaged(problem)


NO_MEANS = [
    Manhattan(0.3),
    Manhattan(),
    RelativeNoise(Backprop(), 0.2, 0.5),
    WhiteNoise(Manhattan(0.3), 0.1, 0.2),
]
SUMS = [
    PulseTrains(quantum=0.01, step_size=0.5, kind="deterministic"),
    PulseTrains(quantum=0.01, step_size=0.5, length=3),
]


@pytest.mark.parametrize("rule", NO_MEANS)
def test_the_mean_of_a_rule_that_is_no_mean_over_samples(rule):
    """Against the mean over all 15 batches of 2 of 6, at 99.9 %: and not that of the whole set."""
    problem = relu_network(samples=6)
    w, small = problem.initial_weights, Minibatch(rule, 2)
    means = torch.stack(
        [
            expected_gradient(rule, problem, w, generator_for(0), torch.tensor(pair))
            for pair in itertools.combinations(range(6), 2)
        ]
    )
    exact, whole = means.mean(0), expected_gradient(rule, problem, w, generator_for(0))
    assert small.mean_is_averaged(problem)
    averages = torch.stack(
        [small.expected(problem, w, generator_for(1, k)) for k in range(60)]
    )  # fmt: skip
    along = (whole - exact) / (whole - exact).norm()
    error = float((averages @ along).std()) / 60**0.5
    assert abs(float((averages.mean(0) - exact) @ along)) < 3.5 * error
    assert abs(float((averages.mean(0) - whole) @ along)) > 3.5 * error
    # The error that the docstring states: the variance of a batch's mean over their number.
    stated = float((means @ along).var(correction=0)) / AVERAGED_BATCHES
    assert float((averages @ along).var()) == pytest.approx(stated, rel=0.7)


@pytest.mark.parametrize(
    "rule",
    [
        Backprop(),
        WeightPerturbation(1e-3),
        NodePerturbation(1e-3),
        RelativeNoise(Backprop(), 0.0, 0.5),
        WhiteNoise(Backprop(), 0.1, 0.2),
    ],
)
def test_the_mean_of_a_mean_over_samples_is_that_of_the_set(rule):
    problem = relu_network(samples=6)
    w, small = problem.initial_weights, Minibatch(rule, 2)
    assert not small.mean_is_averaged(problem)
    assert has_known_mean(small, problem)
    found = small.expected(problem, w, generator_for(0))
    bias = 0.1 if isinstance(rule, WhiteNoise) else 0.0
    assert found.equal(problem.gradient(w) - bias)


@pytest.mark.parametrize("rule", SUMS)
def test_the_mean_of_a_sum_over_samples_is_known(rule):
    """It is that over all 15 batches of 2 of 6, and not that of trains of the whole set."""
    problem = relu_network(samples=6)
    w, small = problem.initial_weights, Minibatch(rule, 2)
    means = [
        expected_gradient(rule, problem, w, generator_for(0), torch.tensor(pair))
        for pair in itertools.combinations(range(6), 2)
    ]
    assert has_known_mean(small, problem)
    found = small.expected(problem, w, generator_for(0))
    torch.testing.assert_close(found, torch.stack(means).mean(0), rtol=1e-9, atol=1e-12)
    whole = expected_gradient(rule, problem, w, generator_for(0))
    assert float((found - whole).norm()) > 0.01 * float(whole.norm())
    # What passes make of a sample may depend on its batch.
    assert Minibatch(rule, 2, by_sample=False).mean_is_averaged(problem)


@pytest.mark.parametrize("rule", [*NO_MEANS, *SUMS])
def test_a_whole_set_has_a_known_mean(rule):
    problem = relu_network(samples=6)
    w = problem.initial_weights
    assert has_known_mean(Minibatch(rule, 6), problem)
    assert has_known_mean(Minibatch(rule, 5), problem) == (rule in SUMS)
    found = Minibatch(rule, 6).expected(problem, w, generator_for(0))
    assert found.equal(expected_gradient(rule, problem, w, generator_for(1)))
