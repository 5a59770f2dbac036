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
    NodePerturbation,
    ReadNoise,
    WeightPerturbation,
)
from neurograd.forecast.dynamics import REFRESH_INTERVAL, WholeSetDynamics
from neurograd.forecast.gradient_estimates import SAMPLES_KEPT, SAMPLES_RENEWED, GradientEstimates
from neurograd.forecast.noise.stiff_modes import StiffModes
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


@pytest.mark.parametrize("rule", [WeightPerturbation(samples=3), NodePerturbation(samples=2)])
def test_kept_deviations_of_rules_that_perturb_have_the_size_of_the_present_ones(rule):
    """As the rule's closed form falls with the gradient, those of earlier weights do.

    Six of them tell its total variance to a factor of 5.
    """
    problem = smooth_network()
    w, generator = problem.initial_weights, generator_for(0, "estimates")
    for _ in range(300):
        trained = w = w - 0.5 * problem.gradient(w)
    start = problem.initial_weights
    estimates = GradientEstimates(problem, Chip(rule, 0.1))
    estimates.refresh_statistics(start, generator)
    first = float(estimates.spread.variance.sum())
    falls = rule.total_variance(problem, trained) / rule.total_variance(problem, start)
    assert falls < 0.1
    estimates.rescale(trained)
    assert float(estimates.spread.variance.sum()) == pytest.approx(falls * first, rel=1e-9)
    older = [each.clone() for each in estimates.deviations][SAMPLES_RENEWED:]
    estimates.refresh_statistics(trained, generator)
    assert all(torch.allclose(*pair) for pair in zip(estimates.deviations, older, strict=False))
    ratio = float(estimates.spread.variance.sum()) / rule.total_variance(problem, trained)
    assert 0.2 < ratio < 5.0


def test_other_deviations_stay_as_they_were_drawn():
    problem = relu_network()
    w, generator = problem.initial_weights, generator_for(0, "estimates")
    for chip in (
        Chip(Minibatch(WeightPerturbation(), 20), 0.1),
        Chip(WeightPerturbation(), 0.1, (ReadNoise(0.01),)),
        Chip(Minibatch(Backprop(), 20), 0.1),
    ):
        estimates = GradientEstimates(problem, chip)
        estimates.refresh_statistics(w, generator)
        before = estimates.spread
        estimates.rescale(0.5 * w)
        assert estimates.spread is before


def test_statistics_are_those_of_the_weights_that_a_step_begins_at(monkeypatch):
    """Refreshed before the noise of a step is drawn, and again only once they are old."""
    problem = smooth_network()
    chip, generator = Chip(WeightPerturbation(), 0.1), generator_for(0, "estimates")
    dynamics, w, places = WholeSetDynamics(problem, chip, StiffModes()), problem.initial_weights, []
    known = GradientEstimates.refresh_statistics

    def noted(self, here, generator):
        places.append(here)
        return known(self, here, generator)

    monkeypatch.setattr(GradientEstimates, "refresh_statistics", noted)
    dynamics.begin(w, 0, 1, generator)
    dynamics.draw_noise(w, generator)
    dynamics.first_drift(w + 1.0, 0, 1, generator)
    assert places == [w]
    later, long = 0.5 * w, REFRESH_INTERVAL + 1
    dynamics.begin(later, 1, long, generator)
    assert places[-1] is later
    dynamics.shorten(1, None)
    dynamics.begin(w, 2, REFRESH_INTERVAL - 1, generator)
    assert len(places) == 2
    dynamics.begin(w, 2, REFRESH_INTERVAL + 1, generator)
    assert len(places) == 3, "a step that was cut has not refreshed what comes behind it"


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
