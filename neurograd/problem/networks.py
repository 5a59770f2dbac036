"""Rate networks as plain ``torch.nn.Sequential``, whose layers can be recognised; spiking ones."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from device_models.spiking.network import Readout, Reset, SpikingNetwork
from device_models.spiking.surrogate_gradient import Surrogate

ACTIVATIONS: Mapping[str, type[nn.Module] | None] = MappingProxyType(
    {"relu": nn.ReLU, "tanh": nn.Tanh, "linear": None}
)
"""Activation modules by name; a linear network has none."""

INITS = ("xavier", "kaiming")
POOLS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
)


def mlp(
    inputs: int | Sequence[int],
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    bias: bool = True,
    init: str = "xavier",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    """Fully connected network.

    Args:
        inputs: Number of inputs, or the shape of one sample, which is flattened first.
        hidden: Widths of the hidden layers; empty for a single layer.
        outputs: Number of outputs.
        activation: ``relu``, ``tanh`` or ``linear`` (no module between the layers).
        bias: Whether layers have biases, which start at 0.
        init: ``xavier`` (uniform; the initialization of Theorem 2.2 in Ghosh et al., ICLR 2023) or
            ``kaiming`` (uniform, fan-in, for ReLU).
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ValueError: If a width is below 1 or a name is unknown.
    """
    layers: list[nn.Module] = []
    if not isinstance(inputs, int):
        layers.append(nn.Flatten())
        inputs = math.prod(inputs)
    widths = [inputs, *hidden, outputs]
    check_sizes("width", widths)
    for k, (before, after) in enumerate(pairwise(widths)):
        layers.append(make(nn.Linear, before, after, bias=bias, dtype=dtype))
        if k < len(hidden):
            layers.extend(_activation(activation))
    return initialized(nn.Sequential(*layers), init, generator)


def small_cnn(
    input_shape: Sequence[int],
    channels: Sequence[int] = (8, 16),
    outputs: int = 10,
    *,
    activation: str = "relu",
    pool: str = "average",
    init: str = "xavier",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    """Convolutional network: 3×3 convolutions with 2×2 pooling, then one linear layer.

    Args:
        input_shape: Channels, height and width of a sample.
        channels: Channels of the stages; a stage is not pooled once its map is 1 wide or high.
        outputs: Number of outputs.
        activation: ``relu``, ``tanh`` or ``linear``.
        pool: ``average`` or ``max``.
        init: ``xavier`` or ``kaiming``.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ValueError: If a size is below 1, there is no stage or a name is unknown.
    """
    if len(input_shape) != 3 or not channels:
        raise ValueError(
            f"input shape {tuple(input_shape)} with {len(channels)} stages; allowed: channels, "
            "height and width, and one stage or more"
        )
    check_sizes("size", [*input_shape, *channels, outputs])
    pooling = POOLS[_known("pool", pool, tuple(POOLS))]
    before, height, width = input_shape
    layers: list[nn.Module] = []
    for after in channels:
        layers.append(make(nn.Conv2d, before, after, 3, padding=1, dtype=dtype))
        layers.extend(_activation(activation))
        before = after
        if min(height, width) >= 2:
            layers.append(pooling(2))
            height, width = height // 2, width // 2
    layers.append(nn.Flatten())
    layers.append(make(nn.Linear, before * height * width, outputs, dtype=dtype))
    return initialized(nn.Sequential(*layers), init, generator)


def spiking_mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    surrogate: Surrogate,
    decay: float = 0.9,
    threshold: float = 1.0,
    reset: Reset = "subtract",
    readout: Readout = "membrane",
    init: str = "xavier",
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> SpikingNetwork:
    """Fully connected network of leaky integrate-and-fire neurons.

    Args:
        inputs: Number of inputs.
        hidden: Widths of the hidden layers; empty for a single layer.
        outputs: Number of outputs.
        surrogate: The spike function with its surrogate derivative.
        decay: What is left of a membrane potential after one time step.
        threshold: Potential above which a neuron spikes.
        reset: What a spike does to the potential.
        readout: ``membrane`` or ``spikes``.
        init: ``xavier`` or ``kaiming``, as for ``mlp``.
        generator: Source of the weights; no other random state is touched.
        dtype: Type of the weights.

    Raises:
        ValueError: If a number is out of range or a name unknown.
    """
    network = SpikingNetwork(
        [inputs, *hidden, outputs],
        surrogate=surrogate,
        decay=decay,
        threshold=threshold,
        reset=reset,
        readout=readout,
        dtype=dtype,
    )
    _initialize(network.layers, init, generator)
    return network


def make(layer: type[nn.Module], *sizes: int, **options: Any) -> nn.Module:
    """A layer whose own initialization, from the global generator, is skipped."""
    made: nn.Module = torch.nn.utils.skip_init(layer, *sizes, **options)
    return made


def _activation(name: str) -> list[nn.Module]:
    module = ACTIVATIONS[_known("activation", name, tuple(ACTIVATIONS))]
    return [] if module is None else [module()]


def initialized(network: nn.Sequential, init: str, generator: torch.Generator) -> nn.Sequential:
    """The network itself, its linear and convolution layers initialized; biases are 0."""
    _initialize(network, init, generator)
    return network


def _initialize(layers: Iterable[nn.Module], init: str, generator: torch.Generator) -> None:
    _known("init", init, INITS)
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


def _known(what: str, name: str, allowed: Sequence[str]) -> str:
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
