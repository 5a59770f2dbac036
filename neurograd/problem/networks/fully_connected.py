"""Fully connected rate networks, as plain ``torch.nn.Sequential``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from device_models.bare_layers import bare
from neurograd.problem.networks.layers import activation_modules, check_sizes, initialized


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
        activation: ``relu``, ``tanh``, ``sigmoid`` or ``linear`` (no module between the layers).
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
        layers.append(bare(nn.Linear, before, after, bias=bias, dtype=dtype))
        if k < len(hidden):
            layers.extend(activation_modules(activation))
    return initialized(nn.Sequential(*layers), init, generator)
