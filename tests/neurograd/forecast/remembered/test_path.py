"""The forecast of a chip with a recipe, against exact recursions and trained chips."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from device_models import Backprop, Chip, Minibatch, WhiteNoise
from device_models.updates.adam import Adam
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
from neurograd.forecast import forecast_chip
from neurograd.training.loop import train
from neurograd.training.schedules import ConstantStep, StepDecay
from tests.neurograd.cases import regression
from tests.neurograd.noisy_write import NoisyWrite

MOMENTUM, STEP_SIZE, STEPS = 0.9, 0.001, 700
CHIPS = 24


@pytest.fixture(scope="module")
def quadratic():
    """One linear layer of 4 weights: the loss is exactly quadratic."""
    return regression([nn.Linear(3, 1)], 3, 1, samples=30)


def exact_excess(problem, variance, std):
    """E[L_T − L*] of momentum, by the recursion of (w, m) in every eigenvector of H."""
    w = problem.initial_weights
    hessian = torch.stack([problem.hessian_product(w)(e) for e in torch.eye(4, dtype=w.dtype)])
    values, vectors = np.linalg.eigh(hessian.numpy())
    best = w - torch.linalg.solve(hessian, problem.gradient(w))
    offsets = vectors.T @ (w - best).numpy()
    total = 0.0
    for value, offset in zip(values, offsets, strict=True):
        once = np.array([[1 - STEP_SIZE * value, -STEP_SIZE * MOMENTUM], [value, MOMENTUM]])
        noise = variance / 4 * np.array([[STEP_SIZE**2, -STEP_SIZE], [-STEP_SIZE, 1.0]])
        noise[0, 0] += std**2
        mean, covariance = np.array([offset, 0.0]), np.zeros((2, 2))
        for _ in range(STEPS):
            mean, covariance = once @ mean, once @ covariance @ once.T + noise
        total += 0.5 * value * (mean[0] ** 2 + covariance[0, 0])
    return total, problem.loss(best)


@pytest.mark.parametrize(("variance", "std"), [(0.5, 0.0), (0.0, 0.004)])
def test_noise_of_gradients_passes_the_memory_and_that_of_writes_does_not(quadratic, variance, std):
    """The mean excess loss of the forecasts is the exact one, at 99 % with this seed."""
    rule = WhiteNoise(Backprop(), total_variance=variance) if variance else Backprop()
    writes = (NoisyWrite(std),) if std else ()
    chip = Chip(rule, STEP_SIZE, writes=writes, recipe=Recipe(Momentum(MOMENTUM)))
    expected, lowest = exact_excess(quadratic, variance, std)
    found = [forecast_chip(quadratic, chip, STEPS, 0, index=k) for k in range(CHIPS)]
    excess = np.array([quadratic.loss(each.weights) - lowest for each in found])
    half = stats.t.ppf(0.995, CHIPS - 1) * excess.std(ddof=1) / math.sqrt(CHIPS)
    assert abs(excess.mean() - expected) <= half < 0.6 * expected
    # Noise is most of it, and the updates were not taken one by one.
    assert expected > 5 * exact_excess(quadratic, 0.0, 0.0)[0]
    if not variance:
        assert max(each.gradients for each in found) < STEPS / 3


def test_a_chip_without_noise_goes_where_the_training_goes(quadratic):
    recipe = Recipe(Momentum(MOMENTUM), weight_decay=1.0)
    chip = Chip(Backprop(), STEP_SIZE, recipe=recipe)
    trained = train(quadratic, chip, STEPS, 0, curve_points=2).weights
    found = forecast_chip(quadratic, chip, STEPS, 0)
    moved = float((trained - quadratic.initial_weights).norm())
    assert float((found.weights - trained).norm()) < 0.02 * moved
    assert found.gradients < STEPS / 3
    without = forecast_chip(quadratic, Chip(Backprop(), STEP_SIZE, recipe=Recipe(Momentum(0.9))),
                            STEPS, 0)  # fmt: skip
    assert float((without.weights - trained).norm()) > 0.1 * moved


def test_step_sizes_that_fall_are_followed(quadratic):
    """As near as plain descent with the effective step is: both have stages of first order."""
    small, ends = 0.3 * STEP_SIZE, []
    chips = (
        Chip(Backprop(), small, recipe=Recipe(Momentum(MOMENTUM))),
        Chip(Backprop(), small / (1.0 - MOMENTUM)),
    )
    for schedule in (StepDecay(200, 0.2), ConstantStep()):
        missed = []
        for chip in chips:
            trained = train(quadratic, chip, STEPS, 0, curve_points=2, schedule=schedule).weights
            found = forecast_chip(quadratic, chip, STEPS, 0, schedule=schedule)
            missed.append(float((found.weights - trained).norm()))
            ends.append(trained)
        assert missed[0] <= missed[1]
        assert missed[1] < 0.1 * float((trained - quadratic.initial_weights).norm())
    assert float((ends[0] - ends[2]).norm()) > missed[0]


@pytest.fixture(scope="module")
def network():
    return regression([nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1)], 4, 1, samples=40)


def test_adam_of_batches_ends_as_trained_chips_do(network):
    """Mean losses of as many chips, at 99 % with this seed; v holds the batches' variance."""
    steps, chips = 400, 6
    rule = Minibatch(Backprop(), 10)
    chip = Chip(rule, 0.01, writes=(NoisyWrite(0.005),), recipe=Recipe(Adam()))
    trained = [train(network, chip, steps, 0, chip_index=k, curve_points=2) for k in range(chips)]
    found = [forecast_chip(network, chip, steps, 0, index=k) for k in range(chips)]
    ends = [np.array([network.loss(each.weights) for each in some]) for some in (trained, found)]
    test = stats.ttest_ind(*ends, equal_var=False)
    low, high = test.confidence_interval(0.99)
    assert low <= 0 <= high
    # The interval tells it from a training of another length.
    fallen = network.loss(network.initial_weights) - ends[0].mean()
    assert high - low < 0.5 * fallen


def test_single_updates_are_taken_where_the_mean_of_clipped_estimates_is_not_known(network):
    recipe = Recipe(Momentum(0.5), clip=0.1)
    random = Chip(Minibatch(Backprop(), 5), 0.01, recipe=recipe)
    assert forecast_chip(network, random, 150, 0).gradients == 150
    shuffled = Minibatch(Backprop(), 5, order="shuffled")
    remembers = Recipe(Momentum(0.5))
    assert forecast_chip(network, Chip(shuffled, 0.01, recipe=remembers), 150, 0).gradients == 150
    fixed = Chip(Backprop(), 0.01, recipe=recipe)
    found = forecast_chip(network, fixed, 150, 0)
    assert found.gradients < 150
    trained = train(network, fixed, 150, 0, curve_points=2).weights
    moved = float((trained - network.initial_weights).norm())
    assert float((found.weights - trained).norm()) < 0.02 * moved


def test_recipes_of_small_batches_are_drawn_and_those_of_large_ones_are_watched(network):
    """Batches of 2 with momentum have noise that is not normal, at more work than drawing them.

    One of 20 of 40 samples whose path learns nothing, at a step that is far too long, is left.
    """
    recipe = Recipe(Momentum(0.9))
    small = Chip(Minibatch(Backprop(), 2), 0.01, recipe=recipe)
    assert forecast_chip(network, small, 150, 0).gradients == 150
    large = Chip(Minibatch(Backprop(), 20), 0.01, recipe=recipe)
    found = forecast_chip(network, large, 700, 0)
    assert not found.thrown
    assert found.gradients < 700
    lost = forecast_chip(network, Chip(Minibatch(Backprop(), 20), 3.0, recipe=recipe), 700, 0)
    assert lost.thrown
