"""Estimates of rules that perturb over the whole set, as paths know them."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    ForwardGradient,
    Minibatch,
    NodePerturbation,
    ReadNoise,
    WeightPerturbation,
    WhiteNoise,
)
from neurograd.forecast.gradient_estimates import SAMPLES_KEPT, SAMPLES_RENEWED
from neurograd.forecast.noise.along_drift import BatchesAlongDrift
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.perturbed.dynamics import PerturbedDynamics
from neurograd.forecast.perturbed.estimates import PerturbedEstimates, perturbs_whole_set
from neurograd.seeding import generator_for
from tests.neurograd.cases import smooth_network

LONG = 100


def _trained(problem, steps=300):
    w = problem.initial_weights
    for _ in range(steps):
        w = w - 0.5 * problem.gradient(w)
    return w


@pytest.mark.parametrize(
    ("rule", "reads", "perturbs"),
    [
        (WeightPerturbation(), (), True),
        (NodePerturbation(), (), True),
        (ForwardGradient(), (), True),
        (Backprop(), (), False),
        (WhiteNoise(Backprop(), 1.0), (), False),
        (Minibatch(WeightPerturbation(), 20), (), False),
        (WeightPerturbation(), (ReadNoise(0.01),), False),
    ],
)
def test_which_chips_have_such_estimates(rule, reads, perturbs):
    assert perturbs_whole_set(Chip(rule, 0.1, reads)) is perturbs


@pytest.mark.parametrize("rule", [WeightPerturbation(samples=3), ForwardGradient(2)])
def test_estimates_that_are_known_by_their_mean_are_new_in_every_step(rule):
    """64 of them tell the total variance to an eighth (4 standard deviations), and need no loss."""
    problem, generator = smooth_network(), generator_for(0, "perturbed")
    estimates = PerturbedEstimates(problem, Chip(rule, 0.1))
    for done, w in ((0, problem.initial_weights), (LONG, _trained(problem))):
        before = estimates.gradients
        estimates._last = None
        mean = estimates.begin(w, done, 1, generator)
        assert estimates.gradients == before + 1
        assert mean.equal(problem.gradient(w))
        spread = estimates.spread
        assert spread.deviations.shape == (64, problem.num_parameters)
        assert spread.batches is spread.deviations
        found = float(spread.variance.sum()) / rule.total_variance(problem, w)
        assert found == pytest.approx(1.0, abs=0.5)


@pytest.mark.parametrize("samples", [1, 4])
def test_deviations_of_nodes_have_the_size_of_the_weights_that_a_step_begins_at(samples):
    """Those of earlier weights are brought to it: six tell the total variance to a factor of 5."""
    problem, rule = smooth_network(), NodePerturbation(samples=samples)
    start, trained = problem.initial_weights, _trained(problem)
    falls = rule.total_variance(problem, trained) / rule.total_variance(problem, start)
    assert falls < 0.1
    estimates, generator = PerturbedEstimates(problem, Chip(rule, 0.1)), generator_for(0, "nodes")
    estimates.begin(start, 0, 1, generator)
    kept, first = list(estimates.deviations), float(estimates.spread.variance.sum())
    assert len(kept) == SAMPLES_KEPT
    estimates._last = None
    estimates.begin(trained, 1, 1, generator)
    scaled = math.sqrt(falls) * torch.stack(kept)
    torch.testing.assert_close(estimates.spread.deviations, scaled)
    assert float(estimates.spread.variance.sum()) == pytest.approx(falls * first, rel=1e-9)
    estimates._last = None
    estimates.begin(trained, LONG, 1, generator)
    torch.testing.assert_close(
        estimates.spread.deviations[:-SAMPLES_RENEWED], scaled[SAMPLES_RENEWED:]
    )
    ratio = float(estimates.spread.variance.sum()) / rule.total_variance(problem, trained)
    assert 0.2 < ratio < 5.0


def test_noise_of_a_long_step_has_the_mean_of_a_variance_that_falls():
    """By 1/e in as many updates as the last step had: (1 − 1/e) of it is its mean along the next.

    A change beyond ``e^1.5`` is not believed, and after the first step none is known.
    """
    estimates = PerturbedEstimates(smooth_network(), Chip(WeightPerturbation(), 0.1))
    assert estimates._part_along(0, LONG, 1.0) == 1.0
    found = estimates._part_along(LONG, LONG, math.exp(-1.0))
    assert found == pytest.approx(1.0 - math.exp(-1.0))
    assert estimates._part_along(2 * LONG, 1, math.exp(-2.0)) == pytest.approx(1.0, abs=0.006)
    capped = -math.expm1(-1.5) / 1.5
    assert estimates._part_along(3 * LONG, LONG, math.exp(-9.0)) == pytest.approx(capped)
    assert estimates._part_along(3 * LONG, LONG, 0.0) == 1.0


def test_noise_acts_along_the_drift_and_its_statistics_are_those_of_the_begin():
    """Without a write there is no noise before a step, whose first drift is then known."""
    problem, generator = smooth_network(), generator_for(0, "dynamics")
    chip = Chip(WeightPerturbation(), 0.1)
    dynamics, w = PerturbedDynamics(problem, chip, StiffModes()), problem.initial_weights
    assert isinstance(dynamics.diffusion, BatchesAlongDrift)
    dynamics.begin(w, 0, LONG, generator)
    assert dynamics.draw_noise(w, generator) > 0
    start = dynamics.diffusion.apply_noise_before_drift(w, LONG, 3)
    assert start is w
    before = dynamics.gradients
    first = dynamics.first_drift(start, 0, LONG, generator)
    torch.testing.assert_close(first, -problem.gradient(w))
    assert dynamics.gradients == before
    along = dynamics.diffusion.along_drift(LONG, 3, None)
    # The sum of 100 estimates of variance (N + 1)‖g‖², over 100 updates.
    length = float(along.norm()) / float(first.norm())
    assert 0.5 < length / math.sqrt((problem.num_parameters + 1) / LONG) < 2.0
    moved = dynamics.first_drift(w + 0.1, 0, LONG, generator)
    torch.testing.assert_close(moved, -problem.gradient(w + 0.1))
