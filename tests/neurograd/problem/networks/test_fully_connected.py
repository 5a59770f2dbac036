"""Fully connected networks."""

from __future__ import annotations

import torch
from torch import nn

from neurograd.problem import networks
from neurograd.seeding import generator_for


def _mlp(**options):
    return networks.mlp(6, (20, 10), 3, generator=generator_for(0), **options)


def test_mlp_layers_and_activations():
    kinds = [type(layer) for layer in _mlp()]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in _mlp(activation="linear")] == [nn.Linear] * 3
    assert isinstance(_mlp(activation="tanh")[1], nn.Tanh)
    assert _mlp(bias=False)[0].bias is None
    image = networks.mlp((1, 2, 3), (), 4, generator=generator_for(0))
    assert image(torch.zeros(5, 1, 2, 3, dtype=torch.float64)).shape == (5, 4)
