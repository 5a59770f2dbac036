"""Initial weights, and names and sizes that are refused."""

from __future__ import annotations

import math

import pytest
import torch

from neurograd.problem import networks
from neurograd.seeding import generator_for


def _mlp(**options):
    return networks.mlp(6, (20, 10), 3, generator=generator_for(0), **options)


@pytest.mark.parametrize(("init", "variance"), [("xavier", 2 / 300), ("kaiming", 2 / 200)])
def test_initial_weights_have_their_variance(init, variance):
    """99 %: the square of a uniform variable has relative variance 4/5."""
    layer = networks.mlp(200, (), 100, init=init, generator=generator_for(0))[0]
    ratio = float(layer.weight.square().mean()) / variance
    assert abs(ratio - 1) < 2.6 * math.sqrt(0.8 / 20_000)
    assert not layer.bias.any()


def test_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, second = (_mlp()[0].weight for _ in range(2))
    networks.small_cnn((1, 8, 8), generator=generator_for(0))
    assert first.equal(second)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda g: networks.mlp(3, (2,), 1, activation="rellu", generator=g),
            "did you mean 'relu'",
        ),
        (lambda g: networks.mlp(3, (0,), 1, generator=g), "allowed: 1 or more"),
        (lambda g: networks.mlp(3, (), 1, init="zeros", generator=g), "xavier, kaiming"),
        (lambda g: networks.small_cnn((8, 8), generator=g), "height and width"),
        (lambda g: networks.small_cnn((1, 8, 8), pool="mean", generator=g), "average, max"),
    ],
)
def test_bad_networks_are_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build(generator_for(0))
