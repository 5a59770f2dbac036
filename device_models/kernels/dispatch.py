"""Which tensors compiled loops can take, and loops over devices in several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import available, loop_of

LEAST_OF_A_THREAD = 2**16
"""Devices below which a further thread costs more than it takes over."""

TYPES = (torch.float32, torch.float64)


def taken(w: Tensor, increment: Tensor, *values: Tensor) -> bool:
    """Whether compiled loops take vectors, and properties of devices that go with them.

    They take plain tensors on the CPU, contiguous, of one type with 32 or 64 bits, that no gradient
    goes through.

    Args:
        w: Weights, shape ``(N,)``.
        increment: Increments, shape ``(N,)``.
        values: Properties of devices, shapes ``(N,)`` or ``(1,)``.
    """
    if w.dtype not in TYPES or increment.shape != w.shape or not available():
        return False
    sizes = (1, w.numel())
    return all(
        type(each) is Tensor
        and each.device.type == "cpu"
        and each.dtype == w.dtype
        and each.ndim == 1
        and each.numel() in sizes
        and each.is_contiguous()
        and not each.requires_grad
        for each in (w, increment, *values)
    )


def word_of(key: Tensor) -> Any:
    """A key as loops take it: 64 bits without a sign."""
    return np.uint64(int(key) & (2**64 - 1))


def over_devices(loop: Callable[..., Any], w: Tensor, *arguments: Any) -> list[Any]:
    """What a loop gives for the parts of a range, one a thread, in order.

    Threads are as many as torch's own for the CPU, and fewer where devices are few.

    Args:
        loop: A loop that takes the first device, one behind the last, and the arguments.
        w: Weights, which tell the number of devices and the type.
        arguments: Arrays, numbers and named tuples, always of the same types for a type of weights.
    """
    size = w.numel()
    run = loop_of(loop, w.dtype).ready_for((0, size, *arguments))
    parts = max(1, min(torch.get_num_threads(), size // LEAST_OF_A_THREAD))
    ends = [size * k // parts for k in range(parts + 1)]
    if parts == 1:
        return [run(0, size, *arguments)]
    with ThreadPoolExecutor(parts - 1) as pool:
        others = [pool.submit(run, *ends[k : k + 2], *arguments) for k in range(1, parts)]
        return [run(*ends[:2], *arguments), *(each.result() for each in others)]
