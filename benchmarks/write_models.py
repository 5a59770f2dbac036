"""The writes that are timed: a write path of a size each, and what random numbers it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch

from device_models import (
    ConductanceStates,
    ExponentialStep,
    FixedPointGrid,
    Leakage,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    OneSidedPair,
    PairLeakage,
    PulsedWrite,
    SeveralDevices,
    UpdateRounding,
    WornDevices,
    WritePath,
    draw_crossbar,
    draw_devices,
    draw_lifetimes,
    draw_worn,
    jump_table,
    jump_table_write,
    nonlinear_response,
)
from device_models.write.by_layer import LayerWrites, PartWrites
from device_models.write.rounding import Rounding
from device_models.write.several_devices import Distribution
from neurograd.seeding import generator_for


@dataclass(frozen=True)
class Made:
    """A write path to be timed.

    Attributes:
        write: The write path.
        unit: The increment that one pulse, or step, is counted for.
    """

    write: WritePath
    unit: float


@dataclass(frozen=True)
class Model:
    """One kind of write.

    Attributes:
        make: A write path of a number of weights in a type.
        numbers: Random numbers that a write of few and of many pulses needs of each weight.
    """

    make: Callable[[int, torch.dtype], Made]
    numbers: dict[str, float]


def _constant(size: int, dtype: torch.dtype) -> Made:
    nominal = NominalDevice(
        dw_min=0.0016, dw_min_dtod=0.3, up_down_dtod=0.01, w_max_dtod=0.3, w_min_dtod=0.3
    )
    return _pulsed(LinearStep(0.3), nominal, size, dtype)


def _soft_bounds(size: int, dtype: torch.dtype) -> Made:
    nominal = NominalDevice(
        dw_min=0.002, dw_min_dtod=0.3, up_down_dtod=0.01, w_max=1.25, w_min=-0.75,
        w_max_dtod=0.24, w_min_dtod=0.4, soft_bounds=True,
    )  # fmt: skip
    return _pulsed(LinearStep(3.75), nominal, size, dtype)


def _exponential(size: int, dtype: torch.dtype) -> Made:
    nominal = NominalDevice(
        dw_min=0.00135, dw_min_dtod=0.2, up_down=0.259359, up_down_dtod=0.05,
        w_max_dtod=0.3, w_min_dtod=0.3,
    )  # fmt: skip
    return _pulsed(ExponentialStep(5.0), nominal, size, dtype)


def _pulsed(
    step: LinearStep | ExponentialStep, nominal: NominalDevice, size: int, dtype: torch.dtype
) -> Made:
    devices = draw_devices(nominal, size, generator_for(0, "devices"), dtype)
    return Made(PulsedWrite(step, devices, nominal.dw_min), nominal.dw_min)


def _one_sided(size: int, dtype: torch.dtype) -> Made:
    nominal = NominalDevice(
        dw_min=0.01, dw_min_dtod=0.2, up_down_dtod=0.05, w_max=2.0, w_min=0.0, w_max_dtod=0.1
    )
    plus, minus = (
        draw_devices(nominal, size, generator_for(0, name), dtype) for name in ("plus", "minus")
    )
    step = ExponentialStep(
        0.6, (-27.235, -2.235), (2.5, 2.5), -1.0, 0.0, noise_offset=0.042, noise_slope=0.108
    )
    return Made(OneSidedPair(step, plus, minus, nominal.dw_min), nominal.dw_min)


def _curves(size: int, dtype: torch.dtype) -> Made:
    crossbar = draw_crossbar(
        size, device_to_device=0.1, generator=generator_for(0, "crossbar"), dtype=dtype
    )
    up, down = (nonlinear_response(label, depression=label < 0) for label in (1.94, -0.61))
    return Made(MemristorWrite(crossbar, up, down, (40, 40), 0.05), 2.0 / 40)


def _jumps(size: int, dtype: torch.dtype) -> Made:
    generator = generator_for(0, "jumps")
    x = torch.rand(3000, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, 3000, generator=generator, dtype=torch.float64)
    up = 0.03 * (1.0 - 0.8 * x) + 0.01 * (0.5 + x) * noise[0]
    down = -0.03 * (0.2 + 0.8 * x) + 0.01 * (0.5 + x) * noise[1]
    table = jump_table((x, up), (x, down)).to(dtype=dtype)
    return Made(jump_table_write(table), 2.0 * table.typical_steps()[0])


def _states(size: int, dtype: torch.dtype) -> Made:
    crossbar = draw_crossbar(
        size, device_to_device=0.1, generator=generator_for(0, "crossbar"), dtype=dtype
    )
    up, down = (nonlinear_response(label, depression=label < 0) for label in (1.94, -0.61))
    inner = MemristorWrite(crossbar, up, down)
    bounds, zero = crossbar.weight_bounds(), crossbar.state_zero()
    return Made(ConductanceStates(inner, *bounds, zero, 32), 1.0 / 31)


def _grid(rounding: Rounding, size: int, dtype: torch.dtype) -> Made:
    grid = FixedPointGrid(8)
    return Made(UpdateRounding(grid, rounding), grid.step)


def _two_devices(update: Distribution, size: int, dtype: torch.dtype) -> Made:
    made = _constant(size, dtype)
    write = cast(PulsedWrite, made.write)
    return Made(
        SeveralDevices((write,) * 2, (write.weight_bounds(),) * 2, (1.0, 1.0), update), made.unit
    )


def _worn(size: int, dtype: torch.dtype) -> Made:
    made = _constant(size, dtype)
    worn = draw_worn(size, 1e6, 1.0, 3e5, generator_for(0, "worn"))
    return Made(WornDevices(made.write, worn, torch.zeros(size, dtype=dtype)), made.unit)


def _leak(size: int, dtype: torch.dtype) -> Made:
    return Made(Leakage(draw_lifetimes(size, 1e4, 0.1, generator_for(0, "life"), dtype)), 0.01)


def _pair_leak(size: int, dtype: torch.dtype) -> Made:
    both = (draw_lifetimes(size, 1e4, 0.1, generator_for(0, k), dtype) for k in ("plus", "minus"))
    return Made(PairLeakage(*both), 0.01)


def _layers(size: int, dtype: torch.dtype) -> Made:
    half = _constant(size // 2, dtype)
    parts = (slice(0, size // 2), slice(size // 2, size))
    return Made(LayerWrites(tuple(PartWrites((part,), (half.write,)) for part in parts)), half.unit)


NONE = {"few": 0.0, "many": 0.0}
ONE = {"few": 1.0, "many": 1.0}
BY_PULSES = {"few": 1.01, "many": 6.0}
"""One number to round a request, and one a pulse."""
BY_TRAINS = {"few": 1.01, "many": 2.0}
"""One number to round a request, and one for the noise of all pulses of a train."""

MODELS: dict[str, Model] = {
    "gokmen-vlasov": Model(_constant, BY_TRAINS),
    "reram-sb": Model(_soft_bounds, BY_TRAINS),
    "reram-es": Model(_exponential, BY_PULSES),
    "pcm": Model(_one_sided, BY_PULSES),
    "alox-hfo2": Model(_curves, {"few": 2.02, "many": 4.0}),
    "jump table": Model(_jumps, BY_PULSES),
    "states": Model(_states, ONE),
    "rounding at random": Model(partial(_grid, "stochastic"), ONE),
}
"""Devices as the presets of the first names have them; ``alox-hfo2`` is a pair a weight."""

MADE_OF_OTHERS: dict[str, Model] = {
    "rounding to nearest": Model(partial(_grid, "nearest"), NONE),
    "two devices a weight": Model(partial(_two_devices, "all"), {"few": 2.02, "many": 4.0}),
    "two devices, one of them": Model(
        partial(_two_devices, "one_by_one"), {"few": 2.01, "many": 3.0}
    ),
    "worn devices": Model(_worn, BY_TRAINS),
    "leak": Model(_leak, NONE),
    "leak of pairs": Model(_pair_leak, NONE),
    "two layers": Model(_layers, BY_TRAINS),
}
"""Writes without a loop of their own, at one size: few passes of torch, around loops of others."""
