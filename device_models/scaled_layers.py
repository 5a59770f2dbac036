"""Layers behind whose product a digital circuit multiplies by one factor, learned with the weights.

The array multiplies, its converters read the product, and the factor s scales what they gave:

    y = s·(W x) + b

One factor a layer. It lets a window of weights that is fixed by the devices stand for weights of
any size. As ``learn_out_scaling`` of IBM's aihwkit, which can have one factor a column instead, and
scales the bias of an analog tile as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

OUTPUT_SCALE = "output_scale"
"""Name of the factor among the parameters of its layer."""


class ScaledLinear(nn.Linear):
    """A linear layer with a digital factor behind its product."""

    output_scale: Tensor

    def product(self, input: Tensor, weight: Tensor) -> Tensor:
        """What the array gives, before factor and bias, shape ``(..., out_features)``."""
        return functional.linear(input, weight)

    def forward(self, input: Tensor) -> Tensor:
        """Outputs of shape ``(..., out_features)``."""
        return _scaled(self, self.product(input, self.weight))


class _ScaledConvolution(nn.modules.conv._ConvNd):
    """What convolutions with a digital factor behind their product share."""

    output_scale: Tensor

    def product(self, input: Tensor, weight: Tensor) -> Tensor:
        """What the array gives, before factor and bias, shape ``(n, out_channels, ...)``."""
        return self._conv_forward(input, weight, None)

    def forward(self, input: Tensor) -> Tensor:
        """Maps of shape ``(n, out_channels, ...)``."""
        return _scaled(self, self.product(input, self.weight))


class ScaledConv1d(_ScaledConvolution, nn.Conv1d):
    """A convolution in one dimension with a digital factor behind its product."""


class ScaledConv2d(_ScaledConvolution, nn.Conv2d):
    """A convolution in two dimensions with a digital factor behind its product."""


class ScaledConv3d(_ScaledConvolution, nn.Conv3d):
    """A convolution in three dimensions with a digital factor behind its product."""


ScaledLayer = ScaledLinear | ScaledConv1d | ScaledConv2d | ScaledConv3d


def _scaled(layer: ScaledLinear | _ScaledConvolution, product: Tensor) -> Tensor:
    """``s·product + b``."""
    scaled = layer.output_scale * product
    if layer.bias is None:
        return scaled
    return scaled + layer.bias.view(-1, *(1,) * (layer.weight.ndim - 2))


_SCALED: Mapping[type[nn.Module], type[nn.Module]] = MappingProxyType(
    {
        nn.Linear: ScaledLinear,
        nn.Conv1d: ScaledConv1d,
        nn.Conv2d: ScaledConv2d,
        nn.Conv3d: ScaledConv3d,
    }
)


def scale_output(layer: nn.Module) -> None:
    """Give a layer the factor, 1 at first, as its last parameter; the layer is changed in place.

    Its other parameters, its name in a network and all references to it stay.

    Raises:
        ValueError: If it is anything else than ``Linear`` or ``Conv1d`` to ``Conv3d`` of torch.
    """
    kind = _SCALED.get(type(layer))
    if kind is None:
        raise ValueError(f"{type(layer).__name__}; allowed: Linear, Conv1d, Conv2d, Conv3d")
    weight = layer.get_parameter("weight")
    layer.__class__ = kind
    one = torch.ones((), dtype=weight.dtype, device=weight.device)
    layer.register_parameter(OUTPUT_SCALE, nn.Parameter(one))


def scaled_layers(network: nn.Module) -> dict[str, ScaledLayer]:
    """The layers of a network that have the factor, by the names of their modules."""
    modules = network.named_modules()
    return {name: layer for name, layer in modules if isinstance(layer, ScaledLayer)}


def output_scales(network: nn.Module) -> frozenset[str]:
    """Names of the factors among a network's parameters."""
    return frozenset(_named(name, OUTPUT_SCALE) for name in scaled_layers(network))


def beside_products(network: nn.Module) -> frozenset[str]:
    """Names of the factors, and of the biases that are added behind them."""
    biases = (_named(name, "bias") for name in scaled_layers(network))
    return output_scales(network).union(biases)


def _named(module: str, parameter: str) -> str:
    return f"{module}.{parameter}" if module else parameter
