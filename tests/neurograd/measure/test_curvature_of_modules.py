"""Lemma 2.1 on modules of a user's own: recurrent, normalized, convolutional in one dimension."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import t as student
from torch import nn

import neurograd
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from tests.neurograd.cases import Gru, dense_hessian

STD = 1e-3
"""Of white noise on every weight, small enough for the second order."""

PAIRS = 1000


def recurrent():
    return Gru(4)


def normalized():
    return nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))


def line():
    return nn.Sequential(
        nn.Unflatten(1, (1, 12)), nn.Conv1d(1, 3, 4, stride=2), nn.Tanh(), nn.Flatten(),
        nn.Linear(15, 3),
    )  # fmt: skip


@pytest.mark.parametrize("make", [recurrent, normalized, line])
def test_white_noise_costs_half_its_variance_times_the_trace(make):
    generator = generator_for(0, "samples")
    x = torch.randn(40, 12, generator=generator, dtype=torch.float64)
    y = (x[:, :3] + x[:, 3:6]).argmax(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        problem = Problem(make(), nn.CrossEntropyLoss(), x, y)
    w = problem.initial_weights
    trace = float(dense_hessian(problem, w).trace())
    found = neurograd.hessian_trace(problem, w, seed=0)
    assert abs(found.value - trace) <= max(1e-9 * trace, 4.0 * found.error)
    before, costs = problem.per_sample_losses(w), []
    for k in range(PAIRS):
        noise = STD * torch.randn(w.shape, generator=generator_for(0, "noise", k), dtype=w.dtype)
        both = problem.per_sample_losses(w + noise) + problem.per_sample_losses(w - noise)
        costs.append(float((0.5 * both - before).mean()))
    measured = torch.tensor(costs, dtype=torch.float64)
    half = float(student.ppf(0.995, PAIRS - 1)) * float(measured.std()) / PAIRS**0.5
    predicted = 0.5 * STD**2 * trace
    assert half < 0.2 * predicted
    assert abs(float(measured.mean()) - predicted) < half  # at 99 %
