"""Plain layers: made without initial weights, of the global generator; not hooked; in a chain."""

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
    changed = "forward" in vars(module)  # one of its own, set beside that of its class
    return changed or any((*forward, module._backward_hooks, module._backward_pre_hooks))


def chain_of(module: nn.Module) -> tuple[tuple[str, nn.Module], ...]:
    """Modules that a call applies one after the other, by name; empty where that is not known.

    They are those of a ``torch.nn.Sequential`` itself, as a class made from it may have a
    ``forward`` of its own. None of them is hooked, and none shares a parameter with another. One
    without parameters may stand under two names, and is then there twice.

    Args:
        module: A network.
    """
    if type(module) is not nn.Sequential or any(map(is_hooked, module.modules())):
        return ()
    chain = tuple((name, each) for name, each in module._modules.items() if each is not None)
    parameters = [parameter for _, each in chain for parameter in each.parameters()]
    return chain if len(set(map(id, parameters))) == len(parameters) else ()


_PASSED_OVER = (nn.Identity, nn.Dropout)


def vector_chain_of(module: nn.Module, *, flat: bool) -> tuple[tuple[str, nn.Module], ...]:
    """What of ``chain_of`` acts on samples that are vectors; empty where they are none.

    Without modules that leave their input as it is, and without a first one that makes vectors of
    the samples.

    Args:
        module: A network.
        flat: Whether its samples are vectors.
    """
    chain = tuple(each for each in chain_of(module) if type(each[1]) not in _PASSED_OVER)
    first = chain[0][1] if chain else None
    if type(first) is not nn.Flatten:
        return chain if flat else ()
    return chain[1:] if (first.start_dim, first.end_dim) == (1, -1) else ()
