"""Digital recipes: the same steps as torch's optimizers, and what a chip makes of them."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import Backprop, Chip, Minibatch, ReadNoise
from device_models.updates.adam import Adam
from device_models.updates.momentum import Momentum
from device_models.updates.optimizer import OptimizerState
from device_models.updates.recipe import Recipe
from neurograd.training.loop import train
from tests.neurograd.cases import smooth_network

STEPS = 30
STEP_SIZE = 0.05


@pytest.fixture(scope="module")
def problem():
    return smooth_network()


def trained_by_torch(problem, make, clip=None, rates=None):
    """Weights after every step of an optimizer of torch on the whole training set."""
    values = problem.initial_weights.clone()
    if rates is None:
        groups = [{"params": [torch.nn.Parameter(values)], "lr": STEP_SIZE}]
    else:
        half = len(values) // 2
        groups = [
            {"params": [torch.nn.Parameter(part.clone())], "lr": STEP_SIZE * rate}
            for part, rate in ((values[:half], rates[0]), (values[half:], rates[1]))
        ]
    leaves = [group["params"][0] for group in groups]
    optimizer = make(groups)
    found = []
    for _ in range(STEPS):
        w = torch.cat([leaf.detach() for leaf in leaves])
        gradient = problem.gradient(w)
        start = 0
        for leaf in leaves:
            leaf.grad = gradient[start : start + len(leaf)].clone()
            start += len(leaf)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(leaves, clip)
        optimizer.step()
        found.append(torch.cat([leaf.detach() for leaf in leaves]).clone())
    return found


def both(problem, recipe, make, clip=None, rates=None):
    """The furthest that a clean chip with a recipe is from torch's optimizer in any step."""
    trained = train(
        problem, Chip(Backprop(), STEP_SIZE, recipe=recipe), STEPS, 0, snapshots=range(1, STEPS + 1)
    )
    theirs = trained_by_torch(problem, make, clip, rates)
    return max(float((trained.snapshots[t + 1] - theirs[t]).abs().max()) for t in range(STEPS))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_momentum_is_that_of_torch(problem, momentum, decay):
    def make(groups):
        return torch.optim.SGD(groups, momentum=momentum, weight_decay=decay)

    assert both(problem, Recipe(Momentum(momentum), decay), make) < 1e-12


@pytest.mark.parametrize(
    ("beta1", "beta2", "epsilon", "decay"), [(0.9, 0.999, 1e-8, 0.0), (0.5, 0.9, 1e-3, 0.1)]
)
def test_adam_is_that_of_torch(problem, beta1, beta2, epsilon, decay):
    def make(groups):
        return torch.optim.Adam(groups, betas=(beta1, beta2), eps=epsilon, weight_decay=decay)

    assert both(problem, Recipe(Adam(beta1, beta2, epsilon), decay), make) < 1e-12


def test_clipping_and_step_sizes_are_those_of_torch(problem):
    clip = 0.3 * float(problem.gradient(problem.initial_weights).norm())
    size = problem.num_parameters
    rates = torch.ones(size, dtype=torch.float64)
    rates[: size // 2] = 0.25
    recipe = Recipe(Momentum(0.9), 0.1, clip, rates)

    def make(groups):
        return torch.optim.SGD(groups, momentum=0.9, weight_decay=0.1)

    assert both(problem, recipe, make, clip, (0.25, 1.0)) < 1e-12
    # Each of them matters.
    for other in (Recipe(Momentum(0.9), 0.1, clip), Recipe(Momentum(0.9), 0.1, None, rates)):
        assert both(problem, other, make, clip, (0.25, 1.0)) > 1e-3


def test_an_empty_recipe_changes_no_number(problem):
    chips = [
        Chip(Minibatch(Backprop(), 20), 0.1, (ReadNoise(0.1),), recipe=recipe)
        for recipe in (None, Recipe())
    ]
    one, other = (train(problem, chip, 5, 3) for chip in chips)
    assert one.weights.equal(other.weights)
    assert one.states == {}


def test_the_decay_takes_the_weights_of_the_estimates_own_read(problem):
    w, read = problem.initial_weights, ReadNoise(0.3)
    chip = Chip(Backprop(), 0.1, (read,), recipe=Recipe(weight_decay=0.5))
    seen = read.read(w, torch.Generator().manual_seed(1))
    expected = -(problem.gradient(seen) + 0.5 * seen)
    found = chip.sample_update(problem, w, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-15)


def test_a_chip_samples_at_its_state_and_leaves_it_as_it_is(problem):
    w = problem.initial_weights
    memory = torch.full_like(w, 0.3)
    state = OptimizerState(4, (memory,))
    chip = Chip(Backprop(), 0.1, recipe=Recipe(Momentum(0.8))).at(state)
    expected = -(0.8 * memory + problem.gradient(w))
    generator = torch.Generator()
    for _ in range(2):
        assert chip.sample_update(problem, w, generator).equal(expected)
    assert chip.sampler(problem, w)(generator).equal(expected)
    assert chip.closed_form(problem, w).mean.equal(expected)
    assert chip.clean_direction(problem.gradient(w), w).equal(-expected)
    assert memory.unique().tolist() == [0.3]
    _, after = chip.sample_step(problem, w, state, generator)
    assert after.steps == 5
    assert after.memory[0].equal(-expected)


def test_noise_in_the_second_average_makes_steps_smaller(problem):
    """At rest E[m̂/√v̂] is nearest to the mean over the root mean square."""
    adam, generator = Adam(0.9, 0.99), torch.Generator().manual_seed(0)
    state = adam.start(torch.zeros(2000, dtype=torch.float64))
    for _ in range(1500):
        noise = torch.randn(2000, generator=generator, dtype=torch.float64)
        u, state = adam.step(state, 0.1 + noise)
    # 2,000 weights with a deviation of √(0.1/1.9): 99 % are 0.013.
    assert abs(float(u.mean()) - 0.1 / math.sqrt(1.01)) < 0.013
    assert abs(float(u.std()) - math.sqrt(0.1 / 1.9)) < 0.02


@pytest.mark.parametrize(
    ("make", "problem_with"),
    [
        (lambda: Momentum(1.0), "momentum is 1"),
        (lambda: Adam(beta2=-0.1), "beta2 is -0.1"),
        (lambda: Adam(epsilon=0.0), "epsilon is 0"),
        (lambda: Recipe(weight_decay=-1.0), "weight_decay is -1"),
        (lambda: Recipe(clip=0.0), "clip is 0"),
        (lambda: Recipe(rates=torch.zeros(2)), "rates"),
        (lambda: Chip(Backprop(), 0.1, write_each="sample", recipe=Recipe()), "write_each"),
    ],
)
def test_what_is_out_of_range_is_refused(make, problem_with):
    with pytest.raises(ValueError, match=f"{problem_with}.*allowed"):
        make()
