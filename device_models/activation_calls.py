"""Calls of piecewise linear activations and of max-pooling, under one name each.

A network may call an activation as a module, as a functional, or as a tensor's method, in place or
not: all of these are one call here. ``device_models.layer_hooks`` hands them to open hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Kind = Literal["relu", "leaky_relu", "hardtanh", "max_pool2d"]


@dataclass(frozen=True, eq=False)
class ActivationCall:
    """One call of an activation as it comes to a hook.

    Attributes:
        kind: Which activation.
        input: Its input, before the call.
        options: The negative slope of a leaky ReLU; the lower and upper end of a hard tanh; kernel
            size, stride, padding, dilation and ceil mode of a pooling; empty for a ReLU.
        apply: Makes the call itself; hooks opened before see it.
    """

    kind: Kind
    input: Tensor
    options: tuple[Any, ...]
    apply: Callable[[], Any]


def activation_call(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ActivationCall | None:
    """The call as an activation; None where it is another function."""
    known = _ACTIVATIONS.get(func)
    if known is None:
        return None
    kind, options = known
    x = args[0] if args else kwargs["input"]
    return ActivationCall(kind, x, options(*args, **kwargs), lambda: func(*args, **kwargs))


def _relu(input: Tensor, inplace: bool = False) -> tuple[Any, ...]:
    return ()


def _relu6(input: Tensor, inplace: bool = False) -> tuple[Any, ...]:
    return (0.0, 6.0)


def _leaky_relu(
    input: Tensor, negative_slope: float = 0.01, inplace: bool = False
) -> tuple[Any, ...]:
    return (float(negative_slope),)


def _hard_tanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> tuple[Any, ...]:
    return (float(min_val), float(max_val))


def _max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Any, ...]:
    return (kernel_size, stride or kernel_size, padding, dilation, ceil_mode)


_GROUPS: tuple[tuple[Kind, Callable[..., tuple[Any, ...]], tuple[Callable[..., Any], ...]], ...] = (
    ("relu", _relu, (functional.relu, functional.relu_, torch.relu, torch.relu_)),
    ("relu", _relu, (Tensor.relu, Tensor.relu_)),
    ("leaky_relu", _leaky_relu, (functional.leaky_relu, functional.leaky_relu_)),
    ("hardtanh", _hard_tanh, (functional.hardtanh, functional.hardtanh_)),
    ("hardtanh", _relu6, (functional.relu6,)),
    ("max_pool2d", _max_pool2d, (functional.max_pool2d, functional.max_pool2d_with_indices)),
    ("max_pool2d", _max_pool2d, (torch.max_pool2d,)),
)

_ACTIVATIONS = MappingProxyType(
    {function: (kind, read) for kind, read, group in _GROUPS for function in group}
)
