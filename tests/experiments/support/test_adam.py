"""Training with Adam."""

from __future__ import annotations

import pytest
import torch

from experiments.support.adam import _schedule, train_adam
from neurograd.errors import DivergenceError
from tests.neurograd.cases import linear_regression, relu_network


def test_first_steps_are_adams():
    """Full batches: Adam's own recursion (Kingma and Ba, Algorithm 1) in plain arithmetic."""
    problem = linear_regression(samples=30)
    w, m, v = problem.initial_weights.clone(), 0.0, 0.0
    # Batches are drawn with replacement, so take one sample: every batch is that one.
    one = type(problem)(
        problem.module, torch.nn.MSELoss(), problem.data()[0][:1], problem.data()[1][:1]
    )
    for t in range(5):
        g = one.gradient(w)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.01 * _schedule(t, 5, 0.0)
        w = w - rate * (m / (1 - 0.9 ** (t + 1))) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
    found = train_adam(one, 5, 0, step_size=0.01, batch_size=3, warmup=0.0)
    torch.testing.assert_close(found, w, rtol=1e-10, atol=1e-12)


def test_schedule_rises_and_falls():
    values = [_schedule(t, 100, 0.1) for t in range(100)]
    assert values[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert values[10] == pytest.approx(1.0)
    assert values[10:] == sorted(values[10:], reverse=True)
    assert 0 < values[-1] < 1e-3


def test_it_learns_and_is_repeatable():
    problem = relu_network()
    before = problem.initial_weights.clone()
    done = []
    w = train_adam(problem, 60, 3, step_size=0.03, progress=done.append)
    assert problem.loss(w) < 0.3 * problem.loss(before)
    assert sum(done) == 60
    assert problem.initial_weights.equal(before)
    assert train_adam(problem, 60, 3, step_size=0.03).equal(w)
    assert not train_adam(problem, 60, 4, step_size=0.03).equal(w)
    assert train_adam(problem, 1, 3, initial=w).sub(w).abs().max() <= 1.001e-3


def test_wrong_numbers_and_divergence():
    problem = relu_network()
    for wrong in ({"steps": 0}, {"batch_size": 0}, {"step_size": 0.0}, {"warmup": 1.5}):
        with pytest.raises(ValueError, match="allowed"):
            train_adam(problem, **({"steps": 2, "seed": 0} | wrong))
    with pytest.raises(DivergenceError, match="diverged"):
        train_adam(problem, 3, 0, step_size=1e308, warmup=0.0)
