"""Which tensors compiled loops can take, and loops over devices in several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import available, loop_of

LEAST_OF_A_THREAD = 2**16
"""Devices below which a further thread costs more than it takes over."""

TYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Properties:
    """What a write path has besides weights and increments, as compiled loops take it.

    Attributes:
        size: Number of its devices; 1 where all are the same.
        dtype: Type of its numbers.
        arguments: Arrays, numbers and named tuples; arrays are views of the path's own tensors.
    """

    size: int
    dtype: torch.dtype
    arguments: tuple[Any, ...]

    def fit(self, w: Tensor) -> bool:
        """Whether they are those of weights of a type and number, shape ``(N,)``."""
        return self.dtype == w.dtype and self.size in (1, w.numel())


def plain(each: Tensor, dtype: torch.dtype) -> bool:
    """Whether a tensor is a plain one on the CPU, of a type, that no gradient goes through."""
    return type(each) is Tensor and each.dtype == dtype and each.is_cpu and not each.requires_grad


def taken(w: Tensor, *values: Tensor) -> bool:
    """Whether there are compiled loops, and they take vectors.

    They take plain tensors on the CPU, contiguous, of one type with 32 or 64 bits, that no gradient
    goes through.

    Args:
        w: Weights, shape ``(N,)``.
        values: Vectors that go with them, of the same shape.
    """
    return available() and all(each.shape == w.shape for each in values) and alike(w, *values)


def alike(*values: Tensor) -> bool:
    """Whether loops take vectors together, of one type and of the same size or of one number."""
    dtype, most = values[0].dtype, max(each.numel() for each in values)
    return dtype in TYPES and all(
        plain(each, dtype) and each.ndim == 1 and each.numel() in (1, most) and each.is_contiguous()
        for each in values
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
