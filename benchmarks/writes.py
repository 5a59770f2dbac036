"""Writes of many devices: devices a second beside a copy of as many numbers, and beside aihwkit.

Every weight is asked for the same increment, up and down in turn, of few pulses (0.01 in the mean)
or many (5). A copy reads and writes one number a device; a write reads the increment and writes
what is realized, and where there is a pulse it reads the weight and the properties of its device.
Few pulses are compared with aihwkit's as what they are in a training, one outer product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch

from benchmarks.clock import Timing, Work, in_turn
from benchmarks.peers import aihwkit_updates
from benchmarks.rows import Row, not_measured, rated
from device_models import (
    ExponentialStep,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    OneSidedPair,
    PulsedWrite,
    WritePath,
    draw_crossbar,
    draw_devices,
    nonlinear_response,
)
from device_models.outer_products import OuterProducts, OuterWrite
from neurograd.errors import NeurogradError
from neurograd.seeding import generator_for

PULSES = {"few": 0.01, "many": 5.0}
"""Pulses of a device in the mean."""

AT_LEAST = {"few": 1.0, "many": 3.0}
"""Times aihwkit's rate that the project asks for."""

TYPES = {"float32": torch.float32, "float64": torch.float64}

Model = Callable[[int, torch.dtype], tuple[WritePath, float]]
"""A write path of a number of weights, and the increment that one pulse is counted for."""


def _constant(size: int, dtype: torch.dtype) -> tuple[WritePath, float]:
    nominal = NominalDevice(
        dw_min=0.0016, dw_min_dtod=0.3, up_down_dtod=0.01, w_max_dtod=0.3, w_min_dtod=0.3
    )
    return _pulsed(LinearStep(0.3), nominal, size, dtype)


def _soft_bounds(size: int, dtype: torch.dtype) -> tuple[WritePath, float]:
    nominal = NominalDevice(
        dw_min=0.002, dw_min_dtod=0.3, up_down_dtod=0.01, w_max=1.25, w_min=-0.75,
        w_max_dtod=0.24, w_min_dtod=0.4, soft_bounds=True,
    )  # fmt: skip
    return _pulsed(LinearStep(3.75), nominal, size, dtype)


def _exponential(size: int, dtype: torch.dtype) -> tuple[WritePath, float]:
    nominal = NominalDevice(
        dw_min=0.00135, dw_min_dtod=0.2, up_down=0.259359, up_down_dtod=0.05,
        w_max_dtod=0.3, w_min_dtod=0.3,
    )  # fmt: skip
    return _pulsed(ExponentialStep(5.0), nominal, size, dtype)


def _pulsed(
    step: LinearStep | ExponentialStep, nominal: NominalDevice, size: int, dtype: torch.dtype
) -> tuple[WritePath, float]:
    devices = draw_devices(nominal, size, generator_for(0, "devices"), dtype)
    return PulsedWrite(step, devices, nominal.dw_min), nominal.dw_min


def _one_sided(size: int, dtype: torch.dtype) -> tuple[WritePath, float]:
    nominal = NominalDevice(
        dw_min=0.01, dw_min_dtod=0.2, up_down_dtod=0.05, w_max=2.0, w_min=0.0, w_max_dtod=0.1
    )
    plus, minus = (
        draw_devices(nominal, size, generator_for(0, name), dtype) for name in ("plus", "minus")
    )
    step = ExponentialStep(
        0.6, (-27.235, -2.235), (2.5, 2.5), -1.0, 0.0, noise_offset=0.042, noise_slope=0.108
    )
    return OneSidedPair(step, plus, minus, nominal.dw_min), nominal.dw_min


def _curves(size: int, dtype: torch.dtype) -> tuple[WritePath, float]:
    crossbar = draw_crossbar(
        size, device_to_device=0.1, generator=generator_for(0, "crossbar"), dtype=dtype
    )
    up, down = (nonlinear_response(label, depression=label < 0) for label in (1.94, -0.61))
    return MemristorWrite(crossbar, up, down, (40, 40), 0.05), 2.0 / 40


MODELS: dict[str, Model] = {
    "gokmen-vlasov": _constant,
    "reram-sb": _soft_bounds,
    "reram-es": _exponential,
    "pcm": _one_sided,
    "alox-hfo2": _curves,
}
"""Devices as the presets of these names have them; the last is a pair of devices a weight."""


def rows(quick: bool) -> list[Row]:
    """Rates of every model, for few and many pulses a device, in either type.

    Args:
        quick: One size, one model, and fewer repeats.
    """
    sides = (256,) if quick else (256, 1024, 4096)
    models = ("gokmen-vlasov",) if quick else tuple(MODELS)
    found: list[Row] = []
    for model in models:
        for side in sides:
            for amount in PULSES:
                found += _of_one(model, side, amount, quick)
    return found


def _of_one(model: str, side: int, amount: str, quick: bool) -> list[Row]:
    """A model at a size: either type beside a copy, float64 beside float32, ours beside aihwkit."""
    size = side * side
    works = {name: _write(model, size, amount, dtype) for name, dtype in TYPES.items()}
    works |= {f"copy {name}": _copy(size, dtype) for name, dtype in TYPES.items()}
    comparable = model in aihwkit_updates.CLASSES
    missing = aihwkit_updates.missing()
    if comparable and amount == "few":
        works["rank-one"] = _outer(model, side)
    if comparable and missing is None:
        works["aihwkit"] = aihwkit_updates.rank_one_update(model, side, PULSES[amount])
    taken = in_turn(works, rounds=3 if quick else 7, least_seconds=0.02 if quick else 0.1)
    name = f"{model}, {side}², {amount} pulses"

    def row(what: str, peer: str, called: str, allowed: float | None = None) -> Row:
        return _rated(f"{name}, {what}", taken[what], taken[peer], called, size, allowed)

    made = [row(each, f"copy {each}", "copy") for each in TYPES]
    made.append(row("float64", "float32", "float32", 1.0 / 2.5))
    like_aihwkit = "rank-one" if amount == "few" else "float32"
    if comparable and missing is None:
        made.append(row(like_aihwkit, "aihwkit", "aihwkit", AT_LEAST[amount]))
    elif comparable:
        made.append(not_measured(f"{name}, {like_aihwkit}", "aihwkit", str(missing)))
    return made


def _rated(
    name: str, ours: Timing, peer: Timing, called: str, size: int, allowed: float | None
) -> Row:
    return rated(name, ours, peer, called, size / 1e6, "million devices/s", allowed=allowed)


def _write(model: str, size: int, amount: str, dtype: torch.dtype) -> Work:
    write, unit = MODELS[model](size, dtype)
    w = write.program(torch.zeros(size, dtype=dtype))
    increments = [torch.full_like(w, sign * PULSES[amount] * unit) for sign in (1.0, -1.0)]
    generator = generator_for(0, "writes")

    def work() -> None:
        write.write(w, increments[0], generator)
        increments.reverse()

    return work


def _outer(model: str, side: int) -> Work:
    """The same by the outer product of an input and an error, as aihwkit does."""
    write, unit = MODELS[model](side * side, torch.float32)
    w = write.program(torch.zeros(side * side))
    error = torch.full((1, side), PULSES["few"] * unit)
    layer = OuterProducts(0, None, torch.ones(1, side), error)
    generator = generator_for(0, "writes")

    def work() -> None:
        if not cast(OuterWrite, write).write_outer(w, [layer], 1.0, generator):
            raise NeurogradError(f"{model}: its write does not take outer products")
        error.neg_()

    return work


def _copy(size: int, dtype: torch.dtype) -> Work:
    source, target = torch.ones(size, dtype=dtype), torch.zeros(size, dtype=dtype)
    return lambda: target.copy_(source)
