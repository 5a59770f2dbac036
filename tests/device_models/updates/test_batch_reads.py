"""Batches behind one read whose noise is drawn by products, through a chip."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from scipy import stats

from device_models import Backprop, Chip, Minibatch, ReadNoise
from device_models.updates.batch_reads import WEIGHTS_A_SAMPLE, batch_behind_noise, read_spread
from device_models.updates.recipe import Recipe
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification

STD, DRAWS = 0.15, 300


@pytest.fixture(scope="module")
def problem():
    layers = [torch.nn.Linear(40, 150), torch.nn.Tanh(), torch.nn.Linear(150, 20)]
    found = classification(layers, (40,), 20, samples=12)
    assert 2 * WEIGHTS_A_SAMPLE < found.num_parameters < 3 * WEIGHTS_A_SAMPLE
    return found


def chip(*stds, batch=2, **parts):
    reads = tuple(ReadNoise(std) for std in stds)
    return Chip(Minibatch(Backprop(), batch), 0.1, reads=reads, **parts)


def test_updates_of_a_batch_have_the_moments_of_a_read_of_all_weights(problem):
    """Two reads in a row have the noise of one, and are taken weight by weight.

    Means and squares along 20 directions, 99 % over all: the gradient behind no read, in the
    matrices of both layers, and random ones.
    """
    w, halves = problem.initial_weights, (STD / 2**0.5,) * 2
    exact = problem.gradient(w)
    along = torch.randn(20, len(w), generator=generator_for(3), dtype=w.dtype)
    along[0], along[1] = exact, exact
    along[1, :6000] = 0.0
    along /= along.norm(dim=1, keepdim=True)

    def drawn(made, name):
        generators = (generator_for(4, name, k) for k in range(DRAWS))
        updates = [along @ made.sample_update(problem, w, each) for each in generators]
        return torch.stack(updates)

    one, other = drawn(chip(STD), "products"), drawn(chip(*halves), "weights")
    bound = stats.norm.ppf(1.0 - 0.005 / (2 * len(along)))
    for power in (1, 2):
        difference = (one**power).mean(0) - (other**power).mean(0)
        error = (((one**power).var(0) + (other**power).var(0)) / DRAWS).sqrt()
        assert float((difference.abs() / error).max()) < bound


def test_chips_see_the_same_samples_with_and_without_products(problem):
    seen = []

    class Watched:
        def __getattr__(self, name):
            return getattr(problem, name)

        def gradient(self, w, index=None):
            seen.append(index)
            return problem.gradient(w, index)

        def sample_products(self, w, index, noise=None):
            seen.append(index)
            return problem.sample_products(w, index, noise)

    for made in (chip(STD), chip(STD / 2, STD / 2), chip()):
        made.estimate(Watched(), problem.initial_weights, generator_for(5))
    assert len(seen) == 3
    assert all(torch.equal(each, seen[0]) for each in seen)


@pytest.mark.parametrize(
    "made",
    [
        chip(STD, batch=3),
        chip(STD, batch=12),
        chip(STD, STD),
        chip(STD, recipe=Recipe()),
        Chip(Backprop(), 0.1, reads=(ReadNoise(STD),)),
    ],
    ids=["many samples", "the whole set", "two reads", "a recipe", "no batches"],
)
def test_noise_of_every_weight_is_drawn_elsewhere(problem, made):
    w = problem.initial_weights
    generator = generator_for(6)
    rule = made.rule.rule if isinstance(made.rule, Minibatch) else made.rule
    index = None
    if isinstance(made.rule, Minibatch):
        index = made.rule.sample_batch(problem.num_samples, generator)
    expected = rule.gradient(problem, made.read(w, generator), generator, index)
    assert torch.equal(made.estimate(problem, w, generator_for(6)), expected)


def test_nothing_is_drawn_where_no_products_are_taken(problem):
    w, generator = problem.initial_weights, generator_for(7)
    before = generator.get_state()
    many = torch.arange(3)
    assert batch_behind_noise((ReadNoise(STD),), Backprop(), problem, w, generator, many) is None
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(("place", "by_products"), [("cpu", True), ("cuda", False)])
def test_noise_of_every_weight_is_drawn_on_a_gpu(place, by_products):
    generator = SimpleNamespace(device=torch.device(place))
    assert (read_spread((ReadNoise(STD),), generator) is not None) == by_products
