"""Random numbers and roundings for Triton kernels: the numbers of ``counter_numbers``.

Triton comes with torch's builds for CUDA. Without it nothing of these modules can be called, and
``device_models.write.on_gpu`` calls nothing of them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

if importlib.util.find_spec("triton") is not None:
    import triton
    import triton.language as tl
    from triton.language.extra import libdevice as precise
else:
    triton = tl = precise = None

__all__ = [
    "clipped",
    "kernel",
    "normal_at",
    "normal_pair",
    "precise",
    "product_at",
    "rounded",
    "tl",
]

VARYING = ("size", "samples", "first", "bias", "columns", "rows", "table_size", "stride")
"""Whole numbers that kernels are not compiled anew for."""


def kernel(function: Function) -> Function:
    """A function for a GPU; where there is no Triton, the function itself."""
    if triton is None:
        return function
    made: Function = triton.jit(function, do_not_specialize=VARYING)
    return made


@kernel
def unit_of(word: tl.tensor, like: tl.tensor) -> Any:
    """A word as a uniform number, in the type of ``like``."""
    return word.to(tl.int64).to(like.dtype) * 2.3283064365386963e-10


@kernel
def normal_pair(first: tl.tensor, second: tl.tensor, like: tl.tensor) -> Any:
    """``counter_numbers.normal_pair``, in the type of ``like``."""
    above = (first.to(tl.int64) + 1).to(like.dtype) * 2.3283064365386963e-10
    radius = precise.sqrt_rn(-2.0 * precise.log(above))
    word = second.to(tl.int64)
    quarter = word >> 30
    inside = (word & 1073741823) - 536870912
    angle = inside.to(like.dtype) * 1.4629180792671596e-09
    cosine, sine = precise.cos(angle), precise.sin(angle)
    odd = (quarter & 1) == 1
    x = tl.where(odd, -sine, cosine)
    y = tl.where(odd, cosine, sine)
    turned = radius * (1 - 2 * (quarter >> 1)).to(like.dtype)
    return turned * x, turned * y


@kernel
def normal_at(place: tl.tensor, key: tl.tensor, device: tl.tensor, like: tl.tensor) -> Any:
    """``DeviceNumbers.normal`` of all devices at one place."""
    beyond = place - 2
    block = tl.where(beyond < 0, 0, beyond // 4 + 1)
    second = (beyond < 0) | (beyond % 4 >= 2)
    nothing = 0 * device
    a, b, c, d = tl.philox(key, device, nothing, nothing + block, nothing)
    x, y = normal_pair(tl.where(second, c, a), tl.where(second, d, b), like)
    return tl.where(place % 2 == 0, x, y)


@kernel
def truncated(x: tl.tensor) -> Any:
    """``whole_numbers.truncated``."""
    near, lost = precise.rint(x), 1.7763568394002505e-15
    if x.dtype == tl.float32:
        lost = 9.5367431640625e-07
    whole = tl.abs(x - near) <= lost * tl.maximum(tl.abs(x), 1.0)
    return tl.where(whole, near, precise.trunc(x))


@kernel
def rounded(asked: tl.tensor, word: tl.tensor, ROUNDING: tl.constexpr) -> Any:
    """``rounding.round_by_device`` by a word of each device."""
    found = asked
    if ROUNDING == 0:
        found = precise.rint(asked)
    if ROUNDING == 1:
        low = tl.floor(asked)
        found = low + (unit_of(word, asked) < asked - low).to(asked.dtype)
    if ROUNDING == 2:
        found = truncated(asked)
    return found


@kernel
def clipped(x: tl.tensor, low: tl.tensor, high: tl.tensor) -> Any:
    """A number within bounds; what is no number stays so."""
    x = tl.where(x < low, low, x)
    return tl.where(x > high, high, x)


@kernel
def product_at(
    k: tl.tensor,
    there: tl.tensor,
    inputs: tl.tensor,
    errors: tl.tensor,
    sample: tl.tensor,
    columns: tl.tensor,
    rows: tl.tensor,
) -> Any:
    """Gradients of one sample: of a layer's matrix, row by row, and behind it of its biases."""
    matrix = rows * columns
    biased = k >= matrix
    row = tl.where(biased, k - matrix, k // columns)
    error = tl.load(errors + sample * rows + row, mask=there, other=0.0)
    weighed = there & (k < matrix)
    return error * tl.load(inputs + sample * columns + k % columns, mask=weighed, other=1.0)
