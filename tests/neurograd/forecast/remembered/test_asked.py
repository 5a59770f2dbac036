"""What a recipe asks for along many updates."""

from __future__ import annotations

import torch
from torch import nn

from device_models import Backprop, Chip, Minibatch, WhiteNoise
from device_models.updates.adam import Adam
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
from neurograd.forecast.remembered.asked import AskedUpdates, averaged_deviation
from neurograd.forecast.single_sample_updates import batch_variance
from tests.neurograd.cases import regression


def test_the_deviation_of_a_running_average():
    """Of 4,000 weights over 200 updates; 99 % of such a deviation are within 3 %."""
    decay, generator = 0.8, torch.Generator().manual_seed(0)
    average = torch.zeros(4000, dtype=torch.float64)
    for _ in range(200):
        noise = torch.randn(4000, generator=generator, dtype=torch.float64)
        average = decay * average + (1.0 - decay) * noise
    assert abs(float(average.std()) / averaged_deviation(decay) - 1.0) < 0.03


def test_the_variance_of_batches_is_that_of_all_of_them():
    """Against every one of the 10 batches of 2 of 5 samples."""
    problem = regression([nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)], 3, 1, samples=5)
    w = problem.initial_weights
    pairs = torch.combinations(torch.arange(5))
    every = torch.stack([problem.gradient(w, pair) for pair in pairs])
    chip = Chip(Minibatch(Backprop(), 2), 0.1)
    found = batch_variance(chip, problem, w, problem.gradient(w))
    torch.testing.assert_close(found, every.var(0, correction=0), rtol=1e-10, atol=1e-14)


def test_optimizers_say_what_many_updates_make_of_their_memory():
    """The gain times the average is u; after many updates v is nearer to the mean square."""
    gradient = torch.tensor([0.5, -2.0], dtype=torch.float64)
    for optimizer in (Momentum(0.7), Adam(0.8, 0.95)):
        state = optimizer.start(gradient)
        for k in range(4):
            u, state = optimizer.step(state, (k + 1.0) * gradient)
        torch.testing.assert_close(optimizer.gain(state) * optimizer.average(state), u)
        later = optimizer.after_many(state, 300, gradient, gradient.square())
        assert later.steps == 304
        torch.testing.assert_close(optimizer.average(later), gradient)
        long = state
        for _ in range(300):
            u, long = optimizer.step(long, gradient)
        asked = optimizer.gain(later) * optimizer.average(later)
        torch.testing.assert_close(asked, u, rtol=1e-5, atol=0)


def test_single_updates_vary_less_than_gradients_do():
    problem = regression([nn.Linear(3, 1)], 3, 1, samples=20)
    recipe = Recipe(Momentum(0.9), weight_decay=0.5)
    chip = Chip(WhiteNoise(Backprop(), total_variance=4.0), 0.1, recipe=recipe)
    asked, w = AskedUpdates(problem, chip, recipe), problem.initial_weights
    asked.turn_to(recipe.optimizer.gain(recipe.start(w)))
    given = asked.refresh(w, torch.Generator().manual_seed(0))
    torch.testing.assert_close(given, problem.gradient(w) + 0.5 * w)
    torch.testing.assert_close(asked.asked(given), 10.0 * given)
    # The gradients' variance is 1 in each of four weights: that of m is 1/(1 − 0.81).
    assert asked.spread is not None
    torch.testing.assert_close(asked.spread.variance, torch.full_like(w, 1.0 / 0.19))
