"""A step on a network with kinks: Eq. 3, kinks and what is measured."""

from __future__ import annotations

import pytest
import torch

from experiments.kinks import NETWORKS, fully_connected
from experiments.support.kinked_step import kinked_step
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.estimate import Estimate
from neurograd.seeding import generator_for
from neurograd.theory import white_variance_term


def _place(problem, w, length=0.01):
    variance = (length * float(w.norm())) ** 2
    trace = float(exact_diagonal(problem, w).sum())
    return variance, trace, white_variance_term(variance, trace, len(w), 1.0)


@pytest.fixture(scope="module")
def trained():
    """A small network after some steps."""
    problem = fully_connected([8], 0)
    w = problem.initial_weights
    for _ in range(60):
        w = w - 0.2 * problem.gradient(w)
    return problem, w


def test_measured_is_the_plain_average(trained):
    """E[ΔL] of a noisy step against the clean one: both at 99 %, over 400 pairs."""
    problem, w = trained
    variance, trace, smooth = _place(problem, w)
    clean = -0.1 * problem.gradient(w)
    found = kinked_step(problem, w, clean, clean, variance, smooth, trace, 20, 0)
    base = problem.per_sample_losses(w + clean)
    std = (variance / len(w)) ** 0.5
    plain = []
    for k in range(400):
        noise = std * torch.randn(len(w), generator=generator_for(7, k), dtype=w.dtype)
        both = problem.per_sample_losses(w + clean + noise)
        both = both + problem.per_sample_losses(w + clean - noise)
        plain.append(float((0.5 * both - base).mean()))
    average = Estimate.mean_of(plain)
    measured = smooth + found.kinks.value + found.rest.value
    low, high = average.minus(Estimate(measured, found.rest.error, 19.0)).ci
    assert low <= 0 <= high
    assert found.kinks.value > high - low, "the interval can see the kinks"
    assert abs(found.rest.value) < 0.05 * (smooth + found.kinks.value)


def test_a_step_without_noise_is_followed(trained):
    """The whole change of a biased step is Eq. 3, kinks and rest; no noise, no error."""
    problem, w = trained
    clean = -0.1 * problem.gradient(w)
    step = clean + 1e-3 * torch.ones_like(w)
    found = kinked_step(problem, w, step, clean, 0.0, 0.0, 0.0, 2, 0)
    change = problem.per_sample_losses(w + step) - problem.per_sample_losses(w + clean)
    assert found.kinks.value + found.rest.value == pytest.approx(float(change.mean()))
    assert found.rest.error == 0
    assert found.kinks.value != 0


def test_without_a_closed_form_the_draws_stand_on_both_sides():
    problem = NETWORKS["cnn"].make(0)
    w = problem.initial_weights
    variance, trace, smooth = _place(problem, w)
    zero = torch.zeros_like(w)
    found = kinked_step(problem, w, zero, zero, variance, smooth, trace, 2, 0)
    assert found.kinks.error > 0
    assert abs(found.rest.value) < abs(found.kinks.value)
