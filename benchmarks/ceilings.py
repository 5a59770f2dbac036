"""What the machine itself can do: copies, random numbers, products of matrices.

A write that reads and writes each weight once cannot be faster than a copy, a noisy one not faster
than its random numbers, a training not faster than its matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch

from benchmarks.clock import Timing, Work, in_turn
from benchmarks.rows import Row, rated

TYPES = {"float32": torch.float32, "float64": torch.float64}


def rows(quick: bool) -> list[Row]:
    """Rates of either type, float64 beside float32 and a torch copy beside numpy's.

    Args:
        quick: Smaller arrays and fewer repeats.
    """
    copied, side = (2**18, 128) if quick else (2**24, 1024)
    generator = torch.Generator().manual_seed(0)
    found = []
    for name, make, items, unit in (
        (f"copy, {copied} numbers", partial(_copy, copied), copied / 1e9, "billion numbers/s"),
        (
            f"normal numbers, {copied}",
            partial(_normals, copied, generator),
            copied / 1e6,
            "million numbers/s",
        ),
        (
            f"matrix product, {side}²",
            partial(_product, side, generator),
            2 * side**3 / 1e9,
            "billion operations/s",
        ),
    ):
        timings = _of_each_type(make, quick)
        found.append(
            rated(
                f"{name}, float64",
                timings["float64"],
                timings["float32"],
                "float32",
                items,
                unit,
            )
        )
    return found


def _of_each_type(make: Callable[[torch.dtype], Work], quick: bool) -> Mapping[str, Timing]:
    works = {name: make(dtype) for name, dtype in TYPES.items()}
    return in_turn(works, rounds=3 if quick else 9, least_seconds=0.02 if quick else 0.2)


def _copy(size: int, dtype: torch.dtype) -> Work:
    source, target = torch.ones(size, dtype=dtype), torch.zeros(size, dtype=dtype)
    return lambda: target.copy_(source)


def _normals(size: int, generator: torch.Generator, dtype: torch.dtype) -> Work:
    target = torch.zeros(size, dtype=dtype)
    return lambda: target.normal_(generator=generator)


def _product(side: int, generator: torch.Generator, dtype: torch.dtype) -> Work:
    a, b = (torch.randn(side, side, generator=generator, dtype=dtype) for _ in range(2))
    out = torch.zeros_like(a)
    return lambda: torch.mm(a, b, out=out)
