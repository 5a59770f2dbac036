"""Updates of tiles of one device, in aihwkit and in ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from device_models.write.one_sided_pair import OneSidedPair
from device_models.write.pulsed_devices import NominalDevice, draw_devices
from device_models.write.pulsed_step import (
    DeviceValues,
    Step,
)
from device_models.write.pulsed_write import PulsedWrite, pulse_train
from experiments.support.aihwkit.devices import Case
from neurograd.seeding import generator_for

SIDE = 25
"""Devices of a tile: SIDE × SIDE."""


@dataclass(frozen=True)
class UpdateMoments:
    """Mean and variance of an update, with 99 % intervals.

    Attributes:
        mean: Mean update.
        mean_interval: Its 99 % interval.
        variance: Variance of the update.
        variance_interval: Its 99 % interval.
        errors: Standard errors of mean and variance.
    """

    mean: float
    mean_interval: tuple[float, float]
    variance: float
    variance_interval: tuple[float, float]
    errors: tuple[float, float]


def update_moments(sample: Tensor) -> UpdateMoments:
    """Mean and variance of a sample of shape ``(tiles, devices)``; tiles are independent."""
    tiles = len(sample)
    mean = float(sample.mean())
    squares = (sample - mean).square().mean(1)
    variance = float(squares.mean())
    errors = (float(sample.mean(1).std()) / tiles**0.5, float(squares.std()) / tiles**0.5)
    t = float(stats.t.ppf(0.995, tiles - 1))

    def interval(value: float, error: float) -> tuple[float, float]:
        return value - t * error, value + t * error

    return UpdateMoments(
        mean, interval(mean, errors[0]), variance, interval(variance, errors[1]), errors
    )


def tile_of(device: Any, pulses: int, *, pair: bool = False) -> Any:
    """A tile of SIDE × SIDE devices whose updates are trains of ``pulses`` pulses everywhere."""
    from aihwkit.simulator.configs import SingleRPUConfig, UnitCellRPUConfig
    from aihwkit.simulator.configs.compounds import OneSidedUnitCell
    from aihwkit.simulator.parameters.enums import PulseType
    from aihwkit.simulator.parameters.training import UpdateParameters
    from aihwkit.simulator.tiles import AnalogTile

    update = UpdateParameters(
        desired_bl=pulses,
        pulse_type=PulseType.DETERMINISTIC_IMPLICIT,
        update_management=False,
        update_bl_management=False,
    )
    if pair:
        cell = OneSidedUnitCell(unit_cell_devices=[device], refresh_every=0)
        config = UnitCellRPUConfig(device=cell, update=update)
    else:
        config = SingleRPUConfig(device=device, update=update)
    tile = AnalogTile(SIDE, SIDE, config, bias=False)
    # Far more than the longest train asks for: every line carries a pulse in every slot.
    tile.set_learning_rate(1e6)
    return tile


def their_update(tile: Any, weight: float, *, up: bool) -> Tensor:
    """Realized updates of one train from ``weight``, shape ``(SIDE²,)``."""
    tile.set_weights(torch.full((SIDE, SIDE), weight))
    before = tile.get_weights()[0].double().clone()
    tile.update(torch.ones(1, SIDE), torch.full((1, SIDE), -1.0 if up else 1.0))
    return (tile.get_weights()[0].double() - before).flatten()


def our_update(
    case: Case, nominal: NominalDevice, weight: float, pulses: int, up: bool, seed: int, tiles: int
) -> Tensor:
    """Realized updates of ours, shape ``(tiles, SIDE²)``."""
    size = tiles * SIDE**2
    path = (case.name, "up" if up else "down", pulses, round(1e6 * (weight + 100)))
    drawn = [draw_devices(nominal, size, generator_for(seed, *path, k)) for k in (0, 1)]
    noise = generator_for(seed, *path, "write")
    w = torch.full((size,), weight, dtype=torch.float64)
    if nominal.reference_std:
        return _from_set_weights(case.step, drawn[0], w, pulses, up, noise).view(tiles, -1)
    if case.pair:
        write: Any = OneSidedPair(case.step, *drawn, nominal.dw_min, rounding="nearest")
    else:
        write = PulsedWrite(case.step, drawn[0], nominal.dw_min, rounding="nearest")
    increment = torch.full_like(w, (1.0 if up else -1.0) * pulses * nominal.dw_min)
    return write.write(write.program(w), increment, noise).view(tiles, -1)


def _from_set_weights(
    step: Step, devices: DeviceValues, w: Tensor, pulses: int, up: bool, noise: torch.Generator
) -> Tensor:
    """Updates from where aihwkit's ``set_weights`` leaves devices beside a reference.

    It clips weights to the bounds of the state, as if the reference were 0, so that some devices
    are out of bounds until their next pulse. Our ``program`` clips to what the device can hold.
    """
    state = torch.minimum(torch.maximum(w, devices.low), devices.high) + devices.reference
    direction, count = torch.full(w.shape, up), torch.full_like(w, float(pulses))
    return pulse_train(step, devices, state, direction, count, noise) - state


def their_devices(tile: Any, step: Step) -> DeviceValues:
    """The devices that aihwkit drew, in our terms."""
    names, values = tile.tile.get_hidden_parameter_names(), tile.tile.get_hidden_parameters()
    found = {name: value.double().flatten() for name, value in zip(names, values, strict=True)}
    up, down = found["dwmin_up"], found["dwmin_down"]
    zero = torch.zeros_like(up)
    slopes = [zero, zero]
    if "slope_up" in found:
        slopes = [
            torch.where(size > 0, found[key] / size.clamp_min(1e-30), zero)
            for size, key in ((up, "slope_up"), (down, "slope_down"))
        ]
    elif "reference" in found:
        slopes = [-1.0 / found["max_bound"], -1.0 / found["min_bound"]]
    reference = found.get("reference", zero)
    return DeviceValues(
        up, down, found["min_bound"], found["max_bound"], slopes[0], slopes[1], reference
    )
