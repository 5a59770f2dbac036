"""Layers, activations and initial weights that the networks share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import nn

ACTIVATIONS: Mapping[str, type[nn.Module] | None] = MappingProxyType(
    {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": None}
)
"""Activation modules by name; a linear network has none."""

INITS = ("xavier", "kaiming")
"""Initializations by name: Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015."""

POOLS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
)
"""Modules of 2 by 2 pooling by name."""


def activation_modules(name: str) -> list[nn.Module]:
    """Modules of an activation by its name: none for ``linear``.

    Raises:
        ValueError: If the name is unknown.
    """
    module = ACTIVATIONS[known_name("activation", name, tuple(ACTIVATIONS))]
    return [] if module is None else [module()]


def initialized(network: nn.Sequential, init: str, generator: torch.Generator) -> nn.Sequential:
    """The network itself, its linear and convolution layers initialized; biases are 0."""
    initialize(network, init, generator)
    return network


def initialize(layers: Iterable[nn.Module], init: str, generator: torch.Generator) -> None:
    """Initialize linear and convolution layers in place, in their order; biases are 0.

    Args:
        layers: Layers; all others are passed over.
        init: ``xavier`` or ``kaiming``, both uniform.
        generator: Source of the weights.

    Raises:
        ValueError: If the name is unknown.
    """
    known_name("init", init, INITS)
    with torch.no_grad():
        for layer in layers:
            if not isinstance(layer, nn.Linear | nn.Conv2d):
                continue
            if init == "xavier":
                nn.init.xavier_uniform_(layer.weight, generator=generator)
            else:
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()


def drop_biases(network: nn.Module) -> None:
    """Takes the biases away from linear and convolution layers, in place."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.register_parameter("bias", None)


def known_name(what: str, name: str, allowed: Sequence[str]) -> str:
    """The name itself if it is allowed.

    Raises:
        ValueError: If it is not, with the nearest allowed one.
    """
    if name in allowed:
        return name
    near = difflib.get_close_matches(name, allowed, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise ValueError(f"{what} {name!r} is unknown{hint} allowed: {', '.join(allowed)}")


def check_sizes(what: str, sizes: Sequence[int]) -> None:
    """Raise ValueError when a size is below 1."""
    for size in sizes:
        if size < 1:
            raise ValueError(f"{what} {size} in {tuple(sizes)}; allowed: 1 or more")
