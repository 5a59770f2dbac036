"""Layers without initial weights of their own, which would come from the global generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def bare(kind: type[nn.Module], *sizes: int, **options: Any) -> nn.Module:
    """A layer on the CPU whose parameters hold whatever is in their memory.

    As ``torch.nn.utils.skip_init``, whose way from the meta device imports sympy, which takes as
    long as all of torch.

    Args:
        kind: A layer without buffers, such as ``nn.Linear``.
        sizes: Its sizes.
        options: Its other arguments, but the device.
    """
    layer = kind(*sizes, **options, device="meta")
    for name, parameter in [*layer.named_parameters()]:
        empty = torch.empty(parameter.shape, dtype=parameter.dtype)
        setattr(layer, name, nn.Parameter(empty))
    return layer
