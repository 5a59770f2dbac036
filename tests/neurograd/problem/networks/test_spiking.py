"""Spiking networks by their widths."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.spiking.network import SpikingNetwork
from device_models.spiking.surrogate_gradient import Surrogate
from neurograd.problem import networks
from neurograd.seeding import generator_for


def _network(**options):
    return networks.spiking_mlp(
        4, (6, 5), 3, surrogate=Surrogate(), generator=generator_for(0), **options
    )


def test_layers_and_weights_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, second = _network(), _network()
    assert isinstance(first, SpikingNetwork)
    linear = [layer for layer in first.layers if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(6, 4), (5, 6), (3, 5)]
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(a.equal(b) for a, b in pairs)
    assert torch.equal(before, torch.random.get_rng_state())
    spikes = torch.ones(2, 7, 4, dtype=torch.float64)
    assert first(spikes).shape == (2, 3)


def test_a_bad_initialization_is_refused():
    with pytest.raises(ValueError, match="xavier, kaiming"):
        _network(init="zeros")
