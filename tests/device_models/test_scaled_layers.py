"""Digital factors behind products: the layer that is computed, and where the array ends."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models import Converters
from device_models.scaled_layers import output_scales, scale_output, scaled_layers
from neurograd.seeding import generator_for

FACTOR = 1.7


def draw(*shape, seed=0):
    return torch.randn(shape, generator=generator_for(seed), dtype=torch.float64)


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (5, 4)),
    "linear without bias": (lambda: nn.Linear(4, 3, bias=False), (5, 2, 4)),
    "line": (lambda: nn.Conv1d(2, 4, 3, padding=1, groups=2), (5, 2, 6)),
    "image": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), (5, 2, 6, 6)),
    "torus": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (5, 2, 6, 6)),
    "space": (lambda: nn.Conv3d(1, 2, 2), (2, 1, 3, 3, 3)),
}  # fmt: skip


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_the_product_is_scaled_and_the_bias_is_not(make, shape):
    layer, x = make().double(), draw(*shape)
    if layer.bias is not None:
        nn.init.normal_(layer.bias, generator=generator_for(1))
    plain = layer(x).detach()
    scale_output(layer)
    assert [name for name, _ in layer.named_parameters()][-1] == "output_scale"
    torch.testing.assert_close(layer(x), plain)
    with torch.no_grad():
        layer.output_scale.fill_(FACTOR)
    bias = torch.zeros(()).double()
    if layer.bias is not None:
        bias = layer.bias.view(-1, *(1,) * (layer.weight.ndim - 2))
    torch.testing.assert_close(layer(x), FACTOR * (plain - bias) + bias)


def test_converters_see_the_product_and_not_the_factor():
    """A range that clips the product clips it before it is scaled, as no array knows the factor."""
    layer, x = nn.Linear(4, 3).double(), draw(6, 4)
    scale_output(layer)
    with torch.no_grad():
        layer.weight.copy_(draw(3, 4, seed=1))
        layer.bias.copy_(draw(3, seed=2))
        layer.output_scale.fill_(FACTOR)
        with Converters(adc_bits=3, output_range=0.8).applied():
            seen = layer(x)
    steps = (seen - layer.bias.detach()) / FACTOR / (2 * 0.8 / 6)
    torch.testing.assert_close(steps, steps.round())
    assert float(steps.abs().max()) == pytest.approx(3.0)


def test_the_layers_of_a_network_by_their_names():
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    scale_output(network[0])
    scale_output(network[2])
    assert list(scaled_layers(network)) == ["0", "2"]
    assert output_scales(network) == {"0.output_scale", "2.output_scale"}
    single = nn.Linear(2, 3)
    scale_output(single)
    assert output_scales(single) == {"output_scale"}


def test_other_layers_are_refused():
    class Own(nn.Linear):
        pass

    for layer in (nn.BatchNorm1d(2), Own(2, 3)):
        with pytest.raises(ValueError, match=f"{type(layer).__name__}; allowed: Linear, Conv1d"):
            scale_output(layer)
    twice = nn.Linear(2, 3)
    scale_output(twice)
    with pytest.raises(ValueError, match="ScaledLinear; allowed"):
        scale_output(twice)
