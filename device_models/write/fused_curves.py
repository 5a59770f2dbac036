"""Writes along pulse curves in one pass over the devices."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.dispatch import Properties, alike, over_devices, taken, word_of
from device_models.write import on_gpu
from device_models.write.measured_curve import MeasuredCurve
from device_models.write.pulse_response import PulseResponse, Response

if TYPE_CHECKING:
    from device_models.write.memristor_write import MemristorWrite

_KNOWN = 256
"""Numbers of pulses whose effect is looked up."""


def write_fused(write: MemristorWrite, w: Tensor, increment: Tensor, key: Tensor) -> Tensor | None:
    """Realized increment in weight units, shape ``(N,)``.

    None where the compiled loop does not take these tensors, responses or devices.

    Args:
        write: The write path.
        w: Weights, shape ``(N,)``.
        increment: Requested increments, shape ``(N,)``.
        key: Of the write.
    """
    if w.is_cuda:
        return on_gpu.write_all(write, w, increment, key)
    if not taken(w, increment):
        return None
    found = write.for_loops
    if found is None or not found.fit(w):
        return None
    from device_models.kernels import memristor_loop  # noqa: PLC0415  (imports numba)

    realized = torch.empty_like(w)
    over_devices(
        memristor_loop.write,
        w,
        word_of(key),
        w.numpy(),
        increment.numpy(),
        realized.numpy(),
        *found.arguments,
    )
    return realized


def properties(write: MemristorWrite) -> Properties | None:
    """Devices, settings and curves as compiled loops take them; None where they do not."""
    populations = write.crossbar.populations
    values = [(p.scale, p.low, p.high) for p in populations]
    responses = (write.potentiation, write.depression)
    every = [each for line in values for each in line]
    dtype = every[0].dtype
    known = all(_known(each, dtype) for each in responses)
    lines = tuple(p.polarity for p in populations) in ((1,), (1, -1))
    if not (known and lines and alike(*every)):
        return None
    from device_models.kernels import curve_moves as loop  # noqa: PLC0415  (imports numba)

    settings = _settings(write, responses, dtype)
    levels = (1.0, 1.0) if write.levels is None else write.levels
    covered = [_covered(_rate(r), n, dtype) for r, n in zip(responses, levels, strict=True)]
    devices = [loop.Devices(*(each.numpy() for each in line)) for line in values]
    arguments = (
        devices[0],
        devices[-1],
        settings,
        *(_curve(response, dtype) for response in responses),
        torch.cat(covered).numpy(),
    )
    return Properties(max(each.numel() for each in every), dtype, arguments)


def _settings(
    write: MemristorWrite, responses: tuple[Response, Response], dtype: torch.dtype
) -> Any:
    from device_models.kernels import curve_moves as loop  # noqa: PLC0415  (imports numba)
    from device_models.kernels.number_loops import ROUNDINGS  # noqa: PLC0415  (imports numba)

    real = np.float32 if dtype == torch.float32 else np.float64
    levels = (1.0, 1.0) if write.levels is None else write.levels
    counts = levels if write.counted is None or write.levels is None else (write.counted,) * 2
    sides = [
        _response(response, real, number, count, spread)
        for response, number, count, spread in zip(
            responses, levels, counts, write.spreads, strict=True
        )
    ]
    return loop.Settings(
        up=sides[0],
        down=sides[1],
        span=real(2.0 * write.crossbar.weight_range),
        gain=real(write.crossbar.gain),
        offset=real(write.crossbar.offset),
        pair=len(write.crossbar.populations) == 2,
        rounding=ROUNDINGS["none" if write.levels is None else write.rounding],
        fine=write.levels is None,
        noisy=write.noisy,
    )


def _known(response: Response, dtype: torch.dtype) -> bool:
    if type(response) is MeasuredCurve:
        both = (response.times, response.positions)
        return all(each.dtype == dtype and each.is_contiguous() for each in both)
    return type(response) is PulseResponse


def _response(response: Response, real: Any, levels: float, counted: float, spread: float) -> Any:
    from device_models.kernels import curve_moves as loop  # noqa: PLC0415  (imports numba)

    kind, reach, slope, rate = loop.STEADY, 1.0, 0.0, 0.0
    if isinstance(response, MeasuredCurve):
        kind = loop.MEASURED
    elif isinstance(response, PulseResponse) and math.isfinite(response.fixed_point):
        kind, reach, slope, rate = loop.RELAXING, response.fixed_point, 1.0, response.log_rate
    numbers = (reach, slope, rate, levels, counted, spread)
    return loop.Response(kind, *(real(each) for each in numbers))


def _curve(response: Response, dtype: torch.dtype) -> Any:
    from device_models.kernels.curve_moves import Curve  # noqa: PLC0415  (imports numba)

    if isinstance(response, MeasuredCurve):
        return Curve(response.times.numpy(), response.positions.numpy())
    nothing = torch.empty(0, dtype=dtype).numpy()
    return Curve(nothing, nothing)


def _rate(response: Response) -> float | None:
    """Rate ln ρ of a relaxation; None for other responses."""
    if isinstance(response, PulseResponse) and math.isfinite(response.fixed_point):
        return response.log_rate
    return None


@lru_cache(maxsize=64)
def _covered(rate: float | None, levels: float, dtype: torch.dtype) -> Tensor:
    """What trains of 0, 1, 2 ... pulses cover, see ``curve_moves.Response``."""
    time = torch.arange(_KNOWN, dtype=dtype) / levels
    return time if rate is None else -torch.expm1(time * rate)
