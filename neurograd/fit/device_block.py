"""From the numbers of a fit to the keys of a spec's ``device``, and what the keys cannot say."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograd.errors import DataError
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.trains import Trains
from neurograd.fit.numbers import SPREADS, Number

_PREFIXES = ((1e-3, "mS"), (1e-6, "uS"), (1e-9, "nS"), (1e-12, "pS"))

FEWEST_LEVELS, MOST_LEVELS = 2, 1_000_000
"""Numbers of levels that a spec takes."""

MOST_OF_A_WINDOW, MOST_OF_A_STEP = 1.0, 5.0
"""Largest spreads that a spec takes, of ``write`` and of ``pulsed``."""

SPREADS_OF_WINDOWS = ("write.device_to_device", "pulsed.w_max_dtod", "pulsed.w_min_dtod")
"""Keys of spreads of the ends of windows."""

_SAME = 1e-9
"""Parts of the scale of the readings that are the same but for rounding."""


@dataclass(frozen=True)
class Unknown:
    """What the data do not tell.

    Attributes:
        key: Key of ``device``.
        why: Why not, and what would tell it.
    """

    key: str
    why: str


def block_of(curve: str, numbers: Sequence[Number], table_file: str | None) -> dict[str, Any]:
    """The keys of a spec's ``device``.

    A behavioural device has one number for the noise of pulses in both directions: the root of the
    mean square. Of a direction that was not measured a device takes the other one's. One device is
    measured, and one against a reference holds a weight, as of ``pulsed`` and of every file.

    Args:
        curve: Name of the curve.
        numbers: Of the fit.
        table_file: File of the jump table, where it is one.
    """
    by_key = {number.key: number for number in numbers}
    conductance: dict[str, Any] = {}
    low, high = by_key["conductance.min"], by_key["conductance.max"]
    if low.unit == "S":
        conductance = {"min": _siemens(max(low.value, 0.0)), "max": _siemens(high.value)}
    block: dict[str, Any] = {"conductance": conductance} if conductance else {}
    if table_file is not None:
        block["measured"] = table_file
    elif any(key.startswith("pulsed.") for key in by_key):
        block["pulsed"] = _pulsed(curve, by_key)
    else:
        conductance["levels"] = {
            name: int(min(max(round(value), FEWEST_LEVELS), MOST_LEVELS))
            for name, value in _pair(by_key, "conductance.levels").items()
        }
        conductance["mapping"] = "reference"
        block["conductance"] = conductance
        block["write"] = _write(curve, by_key)
    if "read.noise" in by_key:
        block["read"] = {"noise": _percent(by_key["read.noise"].value)}
    return block


def check_noises(numbers: Sequence[Number]) -> None:
    """Noises are those of devices: a part of the window that readings pass.

    Raises:
        DataError: One line, if readings scatter by more than that.
    """
    for number in numbers:
        part = _of_the_window(number, numbers)
        if part > MOST_OF_A_WINDOW:
            raise DataError(
                f"{number.key} is {100.0 * part:.4g} % of the window that readings pass, "
                "so that they do not tell it; allowed: noise of up to 100 % of the window, or more "
                "readings (other cycles, or means over several reads)"
            )


def _of_the_window(number: Number, numbers: Sequence[Number]) -> float:
    """A noise as a part of the window, of pulses where their step is largest; 0 of all else."""
    if number.key == "read.noise" or number.key.startswith("write.cycle_to_cycle"):
        return number.value
    if not number.key.startswith("pulsed.dw_min_std"):
        return 0.0
    direction = number.key.rpartition(".")[2]
    by_name = {each.key.removesuffix(f".{direction}"): each.value for each in numbers}
    gamma, amplitude = by_name.get("pulsed.gamma", 0.0), by_name.get("pulsed.amplitude")
    # Weights from −1 to 1 are the window: the curves of curves.py at the ends of it.
    largest = 1.0 + abs(gamma)
    if amplitude is not None:
        largest = max(1.0 - amplitude * math.exp(side * gamma / 2.0) for side in (-1.0, 1.0))
    return number.value * max(largest, 0.0) * by_name["pulsed.dw_min"] / 2.0


def below_zero(numbers: Sequence[Number]) -> tuple[str, ...]:
    """What is to be known of a smallest conductance below 0, which no key takes."""
    return tuple(
        f"{number.in_words()}: a device has none below 0, which an offset of the meter looks like. "
        f"{number.key} is set to 0 S; measure the offset, and take it off the readings"
        for number in numbers
        if number.key == "conductance.min" and number.unit == "S" and number.value < 0
    )


def _write(curve: str, by_key: dict[str, Number]) -> dict[str, Any]:
    write: dict[str, Any] = {}
    labels = _pair(by_key, "write.nonlinearity")
    if labels:
        write["nonlinearity"] = {name: _short(value) for name, value in labels.items()}
    else:
        # Named where it is the default, too, so that a block over a preset has none of its curve.
        write["model"] = "soft_bounds" if curve == "soft bounds" else "linear"
    noises = _pair(by_key, "write.cycle_to_cycle")
    write["cycle_to_cycle"] = {name: _percent(value) for name, value in noises.items()}
    if "write.device_to_device" in by_key:
        spread = by_key["write.device_to_device"].value
        write["device_to_device"] = _percent(min(spread, MOST_OF_A_WINDOW))
    return write


def _pulsed(curve: str, by_key: dict[str, Number]) -> dict[str, Any]:
    steps = _pair(by_key, "pulsed.dw_min")
    up, down = (steps[name] for name in DIRECTIONS)
    pulsed: dict[str, Any] = {
        "model": curve if curve in ("power", "exponential") else "linear",
        "dw_min": _short(0.5 * (up + down)),
        "up_down": _short((up - down) / (up + down)),
        "dw_min_std": _short(_root_mean_square(_pair(by_key, "pulsed.dw_min_std").values())),
    }
    if curve == "power":
        pulsed["exponent"] = _short(by_key["pulsed.exponent"].value)
    else:
        slopes = _pair(by_key, "pulsed.gamma")
        pulsed["gamma"] = {name: _short(value) for name, value in slopes.items()}
        amplitudes = _pair(by_key, "pulsed.amplitude")
        if amplitudes:
            pulsed["amplitude"] = {name: _short(value) for name, value in amplitudes.items()}
            pulsed |= {"a": -0.5, "b": 0.0}
        else:
            pulsed["noise"] = "multiplicative"
    spreads = [key for key in by_key if key.endswith("_dtod")]
    return pulsed | {
        key.removeprefix("pulsed."): _short(min(by_key[key].value, MOST_OF_A_STEP))
        for key in spreads
    }


def _pair(by_key: dict[str, Number], key: str) -> dict[str, float]:
    """Values up and down; that of the other direction where one was not measured."""
    there = {d: by_key[f"{key}.{d}"].value for d in DIRECTIONS if f"{key}.{d}" in by_key}
    if not there:
        return {}
    other = next(iter(there.values()))
    sign = -1.0 if key == "write.nonlinearity" else 1.0
    return {name: there.get(name, sign * other) for name in DIRECTIONS}


def _root_mean_square(values: Collection[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))


def unknown_of(trains: Trains, unit: str, keys: Collection[str]) -> tuple[Unknown, ...]:
    """What runs do not tell of a device.

    Args:
        trains: The runs.
        unit: Unit of the conductances.
        keys: Of the numbers that a fit of the curve has.
    """
    found = []
    if unit != "S":
        why = "the file has no unit of conductance; name one in the head of a column"
        found.append(Unknown("conductance.min and conductance.max", why))
    for name in DIRECTIONS:
        if name not in trains.directions:
            other = trains.directions[0]
            why = f"no pulse of {name} was measured; that of {other} is taken for it"
            found.append(Unknown(name, why))
    if not any(key in SPREADS for key in keys):
        found.append(Unknown("write.device_to_device", _why_no_spread(trains)))
    elif unit != "S" and _each_normalised(trains):
        why = (
            "all devices have the same smallest and the same largest reading, as readings have "
            "that are normalised device by device; give them as they were measured"
        )
        found += [Unknown(key, why) for key in SPREADS_OF_WINDOWS if key in keys]
    return tuple(found)


def _each_normalised(trains: Trains) -> bool:
    """Whether the readings of each device go from and to exactly those of every other one."""
    own = [each.values for each in trains.by_device()]
    ends = np.array([[np.nanmin(values), np.nanmax(values)] for values in own])
    return bool((np.ptp(ends, axis=0) < _SAME).all())


def _why_no_spread(trains: Trains) -> str:
    if trains.devices == 1:
        return "one device tells nothing of the spread over devices; measure several"
    if len(trains.by_device()) == 1:
        why = "not all devices were measured in the same directions"
    else:
        why = "no curve fits the devices one by one"
    return (
        f"{why}, so one curve is fitted to all {trains.devices}, whose spread counts as noise in it"
    )


def _siemens(value: float) -> str:
    for size, name in _PREFIXES:
        if value >= size:
            return f"{value / size:.4g} {name}"
    return f"{value:.4g} S"


def _percent(part: float) -> str:
    return f"{100.0 * part:.3g} %"


def _short(value: float) -> float:
    return float(f"{value:.4g}")
