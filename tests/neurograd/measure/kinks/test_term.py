"""The kink term of a chip: by which method, noisy less clean, and draws against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from device_models import Backprop, Chip, ElementMoments, WhiteNoise
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.kinks import (
    RandomStep,
    closed_form_kinks,
    kinks_of_steps,
    measure_kinks,
    term,
    variant_kinks,
)
from neurograd.measure.kinks.passes import sampled_kinks
from neurograd.measure.kinks.term import _normal_step
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from tests.neurograd.cases import classification, relu_network, smooth_network


class GaussianWrite:
    """Realizes an increment with independent noise of one size."""

    deterministic = False

    def __init__(self, std: float) -> None:
        self.std = std

    def program(self, w):
        return w

    def write(self, w, increment, generator):
        return increment + self.std * torch.empty_like(w).normal_(generator=generator)

    def moments(self, w, increment):
        return ElementMoments(increment, torch.full_like(w, self.std**2))


def measured(problem, chip, draws=400, **options):
    w = problem.initial_weights
    sample = chip.sampler(problem, w)
    moments = measure_moments(sample, problem.gradient(w), options.get("moments", 60), 0)
    return measure_kinks(
        problem,
        w,
        moments,
        sample,
        chip.step_size,
        closed_form=options.get("closed_form", chip.closed_form(problem, w)),
        draws=draws,
        seed=0,
    )


def test_draws_agree_with_the_closed_form_and_are_noisy_less_clean():
    """At 99.9 %, for Gaussian noise, whose part is that of white noise here."""
    problem, chip = relu_network(), Chip(Backprop(), 0.5, writes=(GaussianWrite(0.05),))
    w = problem.initial_weights
    mean = -0.5 * problem.gradient(w)
    steps = [RandomStep(mean, torch.full_like(w, 0.05**2)), RandomStep(mean)]
    noisy, clean = closed_form_kinks(problem, w, steps)[0]
    found = measured(problem, chip, draws=1500)
    assert found.method == "draws"
    for part, exact in (
        (found, noisy - clean),
        (found.chip, noisy),
        (found.noise, noisy - clean),
    ):
        low, high = part.interval(0.999)
        assert low <= exact <= high
        assert 0 < high - low < 0.3 * abs(exact)
    assert found.white.error == 0.0
    assert found.white.value == pytest.approx(noisy - clean, rel=1e-12)
    assert found.value == pytest.approx(found.chip.value - clean, rel=1e-9)
    assert clean != 0


def test_white_noise_is_drawn_where_there_is_no_closed_form():
    """At 99.9 %, for a network that is one with a closed form but for a layer without effect."""
    plain, chip = relu_network(), Chip(Backprop(), 0.5, writes=(GaussianWrite(0.05),))
    module = nn.Sequential(*plain.module, nn.Unflatten(1, (2, 2)), nn.Flatten())
    problem = Problem(module, CrossEntropy(), *plain.data())
    exact = measured(plain, chip).white.value
    found = measured(problem, chip, draws=1500).white
    low, high = found.interval(0.999)
    assert low <= exact <= high
    assert 0 < high - low < 0.3 * abs(exact)


def test_draws_see_what_is_not_gaussian():
    """Rare large writes cost less than Gaussian noise of their variance at a unit's kink."""
    problem = classification([nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2)], (1,), 2, samples=4)
    named = problem.parameters_of(problem.initial_weights.clone())
    named["0.weight"].zero_()
    named["0.bias"].fill_(-1e-6)
    w = problem.flatten(named)

    class RareWrite(GaussianWrite):
        def write(self, w, increment, generator):
            hit = torch.rand(w.shape, generator=generator, dtype=w.dtype) < 0.01
            sign = torch.randint(0, 2, w.shape, generator=generator).to(w) * 2 - 1
            return increment + 10 * self.std * hit * sign

    values = {}
    for write in (RareWrite(0.01), GaussianWrite(0.01)):
        chip = Chip(Backprop(), 1e-9, writes=(write,))
        sample = chip.sampler(problem, w)
        moments = measure_moments(sample, problem.gradient(w), 60, 0)
        values[type(write)] = measure_kinks(
            problem, w, moments, sample, 1e-9, closed_form=None, draws=3000, seed=0
        )
    rare, gaussian = values[RareWrite], values[GaussianWrite]
    assert rare.ci[1] < 0.5 * gaussian.ci[0] or rare.ci[0] > 0.5 * gaussian.ci[1]


def test_a_step_without_noise_is_followed():
    problem, rule = relu_network(), WhiteNoise(Backprop(), bias=0.3, total_variance=0.0)
    w = problem.initial_weights
    found = measured(problem, Chip(rule, 0.5))
    g = problem.gradient(w)
    steps = [0.5 * (0.3 - g), -0.5 * g]
    chip, clean = kinks_of_steps(problem, w, steps)[0]
    assert (found.method, found.error) == ("step", 0.0)
    assert found.value == pytest.approx(chip - clean, rel=1e-9)
    assert found.chip.value == pytest.approx(chip, rel=1e-9)


def test_a_smooth_network_has_a_term_of_zero():
    found = measured(smooth_network(), Chip(WhiteNoise(Backprop(), total_variance=0.5), 0.1))
    assert (found.value, found.error, found.method, found.exists) == (0.0, 0.0, "none", False)


def test_fewer_than_two_draws_are_refused():
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        measured(relu_network(), Chip(Backprop(), 0.1), draws=1)


@pytest.mark.parametrize("closed", [True, False])
def test_variants_stand_to_each_other_as_their_terms(closed):
    """The chip, one with half the noise, and one without any, on a network with and without one."""
    pools = [nn.Conv2d(1, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)]
    problem = relu_network() if closed else classification(pools, (1, 6, 6), 3)
    w = problem.initial_weights
    chips = [Chip(Backprop(), 0.5, writes=(GaussianWrite(s),)) for s in (0.1, 0.05)]
    chips.append(Chip(Backprop(), 0.5))
    forms = [chip.closed_form(problem, w) for chip in chips]
    g = problem.gradient(w)
    values = variant_kinks(problem, w, g, 0.5, forms, draws=400, seed=0)
    assert values[2] == pytest.approx(0.0, abs=1e-12)
    assert abs(values[0]) > 2 * abs(values[1]) > 0
    for chip, value in zip(chips[:2], values, strict=False):
        low, high = measured(problem, chip, draws=400).interval(0.999)
        assert low <= value <= high


@pytest.mark.parametrize(("draws", "taken"), [(2, 2), (4, 4), (5, 4)])
def test_as_many_steps_are_drawn_as_were_asked_for(draws, taken, monkeypatch):
    """Whole pairs of normal steps, of a chip as of the white noise beside it."""
    pools = [nn.Conv2d(1, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)]
    problem = classification(pools, (1, 6, 6), 3)
    chip = Chip(Backprop(), 0.5, writes=(GaussianWrite(0.05),))
    w, counts = problem.initial_weights, []

    def counted(problem, w, sample_step, draws):
        counts.append(draws)
        return sampled_kinks(problem, w, sample_step, draws)

    monkeypatch.setattr(term, "sampled_kinks", counted)
    forms = [chip.closed_form(problem, w)] * 2
    variant_kinks(problem, w, problem.gradient(w), 0.5, forms, draws=draws, seed=0)
    assert counts == [taken] * 2
    counts.clear()
    measured(problem, chip, draws=max(4, draws))
    assert counts == [max(4, draws), 4]


def test_normal_steps_come_in_pairs_around_the_mean():
    """Step 2k + 1 is step 2k with its noise turned over; other pairs have other noise."""
    mean = torch.linspace(-1, 1, 6, dtype=torch.float64)
    steps = [_normal_step(mean, 0.3, "pairs", 0, 0, k) for k in range(4)]
    for even, odd in (steps[:2], steps[2:]):
        torch.testing.assert_close(even + odd, 2.0 * mean, rtol=1e-12, atol=1e-12)
        assert not torch.equal(even, odd)
    assert not torch.equal(steps[0], steps[2])


def test_variants_of_a_smooth_network_have_none():
    problem = smooth_network()
    w = problem.initial_weights
    forms = [Chip(Backprop(), 0.1).closed_form(problem, w)] * 2
    g = problem.gradient(w)
    assert variant_kinks(problem, w, g, 0.1, forms, draws=4, seed=0) == [0.0, 0.0]


def test_a_convolution_with_pooling_costs_curvature_and_kinks():
    """Measured over predicted is 1 within 5 % at 99.9 %, and is not without the kinks."""
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)]
    problem = classification(layers, (1, 6, 6), 3)
    w = problem.initial_weights
    for _ in range(150):
        w = w - 0.3 * problem.gradient(w)
    std = 0.003 * float(w.norm()) / math.sqrt(len(w))
    base, product = problem.per_sample_losses(w), problem.hessian_product(w)
    rest, kinks = [], []
    for k in range(150):
        generator = torch.Generator().manual_seed(k)
        noise = std * torch.empty_like(w).normal_(generator=generator)
        both = problem.per_sample_losses(w + noise) + problem.per_sample_losses(w - noise)
        kinks.append(float(kinks_of_steps(problem, w, [noise, -noise])[0].mean()))
        rest.append(float((0.5 * both - base).mean() - 0.5 * noise @ product(noise)))
    left = torch.tensor(rest, dtype=torch.float64) - torch.tensor(kinks, dtype=torch.float64)
    kink = sum(kinks) / len(kinks)
    predicted = 0.5 * std**2 * float(exact_diagonal(problem, w).sum()) + kink
    error = 3.4 * float(left.std()) / math.sqrt(len(left))
    assert abs(float(left.mean())) <= error < 0.05 * predicted
    assert kink > 0.1 * predicted


def test_steps_that_see_parts_of_the_training_set_in_turn_have_the_same_kinks():
    """Within 3.5 errors of the difference, seed fixed; of noise, of white noise, of variants."""
    problem = classification(
        [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)], (1, 6, 6), 4
    )
    w, sample_of = problem.initial_weights, Chip(WhiteNoise(Backprop(), 0.0, 900.0), 0.1).sampler
    sample = sample_of(problem, w)
    moments = measure_moments(sample, problem.gradient(w), 60, 0)
    whole, parts = (
        measure_kinks(
            problem, w, moments, sample, 0.1, closed_form=None, draws=240, seed=0, samples=each
        )
        for each in (None, 20)
    )
    for one, other in ((whole.chip, parts.chip), (whole.white, parts.white)):
        error = math.hypot(one.error, other.error)
        assert 0 < error < 0.15 * one.value
        assert one.value != other.value
        assert abs(one.value - other.value) < 3.5 * error
    form = ElementMoments(-problem.gradient(w), moments.variance)
    found = [
        variant_kinks(
            problem, w, problem.gradient(w), 0.1, [form], draws=240, seed=0, samples=each
        )[0]
        for each in (None, 20)
    ]
    assert found[1] == pytest.approx(found[0], rel=0.2)
    assert found[1] != found[0]
