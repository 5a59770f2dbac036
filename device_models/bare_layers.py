"""Plain layers: made without initial weights, which come from the global generator; not hooked."""

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


def is_hooked(module: nn.Module) -> bool:
    """Whether a call does more than the module's own ``forward``."""
    forward = (module._forward_hooks, module._forward_pre_hooks)
    return any((*forward, module._backward_hooks, module._backward_pre_hooks))
