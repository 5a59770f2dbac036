"""Device-to-device variation: a spread of conductance windows that is fixed for a chip."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def draw_window_scale(
    size: int, spread: float, generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """Window width of every device in units of the nominal one, shape ``(size,)``.

    Log-normal with mean exactly 1 and standard deviation exactly ``spread``, so that no device
    has a window of negative width. The step of a pulse scales with the window, hence ``spread`` is
    also the spread of the conductance that full potentiation reaches, as a fraction of the range.

    Args:
        size: Number of devices.
        spread: Relative standard deviation, 0 or more.
        generator: Drawn from once, when the chip is made; its device is the result's.
        dtype: Type of the result.
    """
    log_variance = math.log1p(spread**2)
    normal = torch.randn(size, generator=generator, dtype=dtype, device=generator.device)
    return torch.exp(math.sqrt(log_variance) * normal - 0.5 * log_variance)
