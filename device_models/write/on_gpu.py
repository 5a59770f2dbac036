"""Writes on CUDA by Triton kernels: one launch a write, or one a layer for the samples of a batch.

Triton comes with torch's builds for CUDA on Linux, and asks for a C compiler at its first launch.
Without either, and for tensors, steps or responses that kernels do not take, a write computes by
tensor operations, the same numbers but for rounding. Kernels wait for nothing: what is drawn and
written stays on the GPU.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from device_models.outer_products import OuterProducts, SampleStreams, keys_of
from device_models.write.many_pulses import MOST_SINGLE_PULSES
from device_models.write.measured_curve import MeasuredCurve
from device_models.write.pulse_response import PulseResponse, Response
from device_models.write.pulsed_step import (
    ExponentialStep,
    LinearStep,
    PowerStep,
    has_linear_noise,
    step_numbers,
)

if TYPE_CHECKING:
    from device_models.write.memristor_write import MemristorWrite
    from device_models.write.whole_pulses import NominalStepWrite

TYPES = (torch.float32, torch.float64)

MOST_NUMBERS = 2**31
"""Numbers of a tensor that kernels count to."""

DEVICES_OF_A_PROGRAM = 128
"""Fewer leave more programs without a pulse, which end at once."""

WARPS_OF_A_PROGRAM = 4
"""One device a thread: with more of them kernels take several times as long to compile."""

ROUNDINGS = {"nearest": 0, "stochastic": 1, "truncate": 2, "none": 3}
"""Roundings as kernels know them."""

STEPS: dict[type, int] = {LinearStep: 0, ExponentialStep: 1, PowerStep: 2}
"""Kinds of a step as kernels know them."""

STEADY, RELAXING, MEASURED = 0, 1, 2
"""Kinds of a response: a constant step, a relaxation to a fixed point, a measured curve."""

_LEAST_POINTS = 2
"""Points of a measured curve that kernels take."""


@dataclass(frozen=True)
class Packed:
    """What kernels take of a write path besides weights and increments.

    Attributes:
        module: Of ``device_models.kernels.gpu``, with the kernels.
        table: Rows of properties, shape ``(rows, N)`` or ``(rows, 1)``.
        shared: Numbers that all devices share, one tensor or more.
        kinds: What a kernel is compiled for.
    """

    module: str
    table: Tensor
    shared: tuple[Tensor, ...]
    kinds: dict[str, Any]

    def fit(self, w: Tensor) -> bool:
        """Whether they are those of weights of a type, a place and a number, shape ``(N,)``."""
        place = (self.table.dtype, self.table.device)
        return place == (w.dtype, w.device) and self.table.shape[1] in (1, w.numel())

    @property
    def strides(self) -> tuple[int, int]:
        """Numbers of a row, and from one device to the next."""
        return self.table.shape[1], int(self.table.shape[1] > 1)


class PackedWrite(Protocol):
    """A write path that kernels may take."""

    @property
    def for_gpu(self) -> Packed | None:
        """What kernels take of it; None where they do not take it."""
        ...

    def key_of(self, generator: torch.Generator, *count: int) -> Tensor:
        """The key of one write, or keys of some."""
        ...


@cache
def available() -> bool:
    """Whether there is what kernels are compiled with."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    cuda = torch.version.cuda is not None
    return cuda and bool(compiler) and importlib.util.find_spec("triton") is not None


def taken(w: Tensor, *values: Tensor) -> bool:
    """Whether kernels take tensors: plain ones on a GPU, of the weights' type, without a gradient.

    Args:
        w: Weights, shape ``(N,)``.
        values: What goes with them.
    """
    fits = w.is_cuda and w.dtype in TYPES and w.is_contiguous()
    return (
        fits
        and available()
        and all(
            type(each) is Tensor
            and (each.dtype, each.device) == (w.dtype, w.device)
            and each.numel() < MOST_NUMBERS
            and not each.requires_grad
            for each in (w, *values)
        )
    )


def write_all(write: PackedWrite, w: Tensor, increment: Tensor, key: Tensor) -> Tensor | None:
    """Realized increment of all pulses, shape ``(N,)``; None where the kernel does not take it.

    Args:
        write: The write path.
        w: Weights, shape ``(N,)``.
        increment: Requested increments, shape ``(N,)``.
        key: Of the write.
    """
    found = write.for_gpu if taken(w, increment) and increment.shape == w.shape else None
    if found is None or not found.fit(w):
        return None
    realized, size = torch.empty_like(w), w.numel()
    _launch("write", found, (w, increment.contiguous(), realized, key), size)
    return realized


def write_products(
    write: PackedWrite,
    w: Tensor,
    layers: Sequence[OuterProducts],
    factor: float,
    generator: torch.Generator | SampleStreams,
) -> bool:
    """``OuterWrite.write_outer`` on a GPU: the numbers of the samples' own writes, one by one.

    Args:
        write: The write path.
        w: As there.
        layers: As there.
        factor: As there.
        generator: As there.
    """
    factors = [each for layer in layers for each in (layer.inputs, layer.errors)]
    found = write.for_gpu if taken(w, *factors) else None
    if found is None or not found.fit(w):
        return False
    keys = keys_of(write, generator, len(layers[0].inputs))
    scale = torch.full((1,), factor, dtype=w.dtype, device=w.device)
    for layer in layers:
        (samples, columns), rows = layer.inputs.shape, layer.errors.shape[1]
        size = rows * (columns + (layer.bias is not None))
        products = (w, layer.inputs.contiguous(), layer.errors.contiguous(), scale, keys)
        bias = 0 if layer.bias is None else layer.bias
        _launch("write_products", found, products, size, samples, layer.first, bias, columns, rows)
    return True


def _launch(
    name: str, found: Packed, tensors: tuple[Tensor, ...], size: int, *numbers: int
) -> None:
    # Triton takes a second to import.
    kernel = getattr(import_module(f"device_models.kernels.gpu.{found.module}"), name)
    grid = (-(-size // DEVICES_OF_A_PROGRAM),)
    with torch.cuda.device_of(tensors[0]):
        kernel[grid](
            *tensors,
            found.table,
            *found.shared,
            size,
            *numbers,
            *found.strides,
            **found.kinds,
            BLOCK=DEVICES_OF_A_PROGRAM,
            num_warps=WARPS_OF_A_PROGRAM,
            num_stages=1,
        )


def pulse_properties(write: NominalStepWrite) -> Packed | None:
    """Properties of a write by pulses; None for a step or devices that kernels do not take.

    Shared numbers: increments that a pulse up and one down are counted for, most pulses up, weight
    range, noise, amplitudes, rates, scale and offset of the exponent, offset and slope of the
    noise, exponent, most pulses down.

    Args:
        write: The write path.
    """
    step, (plus, minus) = write.step, write.lines
    if type(step) not in STEPS:
        return None
    down = (minus.step_up, minus.slope_up) if write.one_sided else (plus.step_down, plus.slope_down)
    last = (minus.low, minus.high) if write.one_sided else (plus.reference, plus.reference)
    table = _table(plus.step_up, plus.slope_up, *down, plus.low, plus.high, *last)
    if table is None:
        return None
    most = write.most_pulses
    number = torch.finfo(table.dtype)
    shared = (
        *_units(write, table.dtype),
        most[0],
        write.weight_range,
        step.noise,
        *step_numbers(step),
        most[1],
    )
    kinds = {
        "KIND": STEPS[type(step)],
        "ROUNDING": ROUNDINGS[write.rounding],
        "NOISY": step.noise > 0,
        "MULTIPLICATIVE": bool(getattr(step, "multiplicative", False)),
        "FREE": has_linear_noise(step),
        "PAIR": write.one_sided,
        "MANY": max(most) > MOST_SINGLE_PULSES,
        "SINGLE": MOST_SINGLE_PULSES,
        "EPS": number.eps,
        "TINY": number.tiny,
    }
    return Packed("pulse_writes", table, (table.new_tensor(shared),), kinds)


def curve_properties(write: MemristorWrite) -> Packed | None:
    """Properties of a write along curves; None for responses or devices that kernels do not take.

    Shared numbers: of pulses up and of those down u* (or 1), 1 of a relaxation, ln ρ, levels,
    pulses that requests are counted by, spread; weight between the ends of the window, weight of a
    unit change of one device's fraction, weight that the reference subtracts. Then the curves.

    Args:
        write: The write path.
    """
    populations, responses = write.crossbar.populations, (write.potentiation, write.depression)
    if tuple(each.polarity for each in populations) not in ((1,), (1, -1)):
        return None
    table = _table(*(each for p in populations for each in (p.scale, p.low, p.high)))
    if table is None or not all(_known(each, table) for each in responses):
        return None
    levels = (1.0, 1.0) if write.levels is None else write.levels
    counts = levels if write.counted is None or write.levels is None else (write.counted,) * 2
    sides = [
        (*_relaxation(response), number, count, spread)
        for response, number, count, spread in zip(
            responses, levels, counts, write.spreads, strict=True
        )
    ]
    crossbar = write.crossbar
    shared = (*sides[0], *sides[1], 2.0 * crossbar.weight_range, crossbar.gain, crossbar.offset)
    rise, fall = (_curve(response, table) for response in responses)
    kinds = {
        "RISE": _kind(write.potentiation),
        "FALL": _kind(write.depression),
        "RISES": rise.numel() // 2,
        "FALLS": fall.numel() // 2,
        "ROUNDING": ROUNDINGS["none" if write.levels is None else write.rounding],
        "FINE": write.levels is None,
        "NOISY": write.noisy,
        "PAIR": len(populations) == 2,
    }
    return Packed("curve_writes", table, (table.new_tensor(shared), torch.cat([rise, fall])), kinds)


def _table(*columns: Tensor) -> Tensor | None:
    """Properties as rows; None where they are not of one type and place, or too many."""
    size = max(each.numel() for each in columns)
    kinds = {(each.dtype, each.device) for each in columns}
    if len(kinds) > 1 or len(columns) * size >= MOST_NUMBERS:
        return None
    return torch.stack([each.expand(size) for each in columns])


def _units(write: NominalStepWrite, dtype: torch.dtype) -> tuple[float, float]:
    """Increments that a pulse up and one down are counted for, rounded as there."""
    up, down = write.steps
    if up == down:
        return (write.weight_range * up,) * 2
    steps = torch.tensor([up, down], dtype=dtype) * write.weight_range
    return float(steps[0]), float(steps[1])


def _known(response: Response, table: Tensor) -> bool:
    """Whether kernels take a response of devices."""
    if isinstance(response, MeasuredCurve):
        both = (response.times, response.positions)
        return response.times.numel() >= _LEAST_POINTS and all(
            (each.dtype, each.device) == (table.dtype, table.device) for each in both
        )
    return type(response) is PulseResponse


def _kind(response: Response) -> int:
    if isinstance(response, MeasuredCurve):
        return MEASURED
    relaxing = isinstance(response, PulseResponse) and math.isfinite(response.fixed_point)
    return RELAXING if relaxing else STEADY


def _relaxation(response: Response) -> tuple[float, float, float]:
    """Fixed point, 1 and rate of a relaxation; 1, 0 and 0 of other responses."""
    if isinstance(response, PulseResponse) and math.isfinite(response.fixed_point):
        return response.fixed_point, 1.0, response.log_rate
    return 1.0, 0.0, 0.0


def _curve(response: Response, table: Tensor) -> Tensor:
    """Times and positions of a measured curve, one behind the other; nothing of other responses."""
    if isinstance(response, MeasuredCurve):
        return torch.cat([response.times, response.positions])
    return table.new_empty(0)
