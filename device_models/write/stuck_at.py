"""Stuck-at faults: devices that hold one end of their window whatever is written."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_stuck(
    size: int, low: float, high: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Masks of the devices that are stuck at their lowest and at their highest conductance.

    Args:
        size: Number of devices.
        low: Probability of being stuck low.
        high: Probability of being stuck high.
        generator: Drawn from once, when the chip is made; its device is the result's.

    Returns:
        Two boolean tensors of shape ``(size,)`` that share no device.

    Raises:
        ValueError: If the probabilities are negative or sum to more than 1.
    """
    if low < 0 or high < 0 or low + high > 1:
        raise ValueError(f"stuck-at probabilities {low:g} and {high:g}; allowed: a sum up to 1")
    draw = torch.rand(size, generator=generator, dtype=torch.float64, device=generator.device)
    return draw < low, draw >= 1.0 - high
