"""Digital factors behind the products of single layers, learned with the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from device_models.rules.layerwise import leaf_parameters
from device_models.scaled_layers import scale_output
from neurograd.errors import ModelError
from neurograd.problem.layer_names import layers_called, layers_of, named_layers

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem


def learn_output_scales(network: nn.Module, names: Iterable[str]) -> None:
    """Give layers of a network a learned factor of their product, 1 at first, in place.

    Args:
        network: The network.
        names: What a spec calls the layers.

    Raises:
        ModelError: If there is no such layer, or one is no linear or convolution layer.
    """
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    for name, layer in layers_called(named_layers(trained), names, "layers").items():
        try:
            scale_output(network.get_submodule(layer.module))
        except ValueError as error:
            raise ModelError(f"layers.{name}.output_scale: the layer is {error}") from None


def check_output_scales(problem: Problem) -> None:
    """Raise ModelError where the network takes a layer's weights without its factor."""
    factors = {
        layer.name: each.name
        for layer in layers_of(problem)
        for each in layer.parameters
        if each.digital
    }
    if not factors:
        return
    parameters = leaf_parameters(problem, problem.initial_weights)
    with torch.enable_grad():
        outputs = problem.outputs(parameters, problem.data()[0][:1]).sum()
        leaves = [parameters[name] for name in factors.values()]
        found = torch.autograd.grad(outputs, leaves, allow_unused=True)
    for layer, slope in zip(factors, found, strict=True):
        if slope is None:
            raise ModelError(
                f"layers.{layer}.output_scale: the network takes the weights of {layer} without "
                "calling it; allowed: layers whose modules are called"
            )
