"""Convolutional rate networks, as plain ``torch.nn.Sequential``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from device_models.bare_layers import bare
from neurograd.problem.networks.layers import (
    POOLS,
    activation_modules,
    check_sizes,
    initialized,
    known_name,
)


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
        activation: ``relu``, ``tanh``, ``sigmoid`` or ``linear``.
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
    pooling = POOLS[known_name("pool", pool, tuple(POOLS))]
    before, height, width = input_shape
    layers: list[nn.Module] = []
    for after in channels:
        layers.append(bare(nn.Conv2d, before, after, 3, padding=1, dtype=dtype))
        layers.extend(activation_modules(activation))
        before = after
        if min(height, width) >= 2:
            layers.append(pooling(2))
            height, width = height // 2, width // 2
    layers.append(nn.Flatten())
    layers.append(bare(nn.Linear, before * height * width, outputs, dtype=dtype))
    return initialized(nn.Sequential(*layers), init, generator)
