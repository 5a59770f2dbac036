"""From the numbers of a fit to the keys of a spec's ``device``, and what the keys cannot say."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.models.trains import Trains
from neurograd.fit.numbers import Number

_PREFIXES = ((1e-3, "mS"), (1e-6, "uS"), (1e-9, "nS"), (1e-12, "pS"))

FEWEST_LEVELS, MOST_LEVELS = 2, 1_000_000
"""Numbers of levels that a spec takes."""


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
    mean square. Of a direction that was not measured a device takes the other one's.

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
        block["conductance"] = conductance
        block["write"] = _write(curve, by_key)
    if "read.noise" in by_key:
        block["read"] = {"noise": _percent(by_key["read.noise"].value)}
    return block


def _write(curve: str, by_key: dict[str, Number]) -> dict[str, Any]:
    write: dict[str, Any] = {}
    if curve == "soft bounds":
        write["model"] = "soft_bounds"
    labels = _pair(by_key, "write.nonlinearity")
    if labels:
        write["nonlinearity"] = {name: _short(value) for name, value in labels.items()}
    noises = _pair(by_key, "write.cycle_to_cycle")
    write["cycle_to_cycle"] = {name: _percent(value) for name, value in noises.items()}
    return write


def _pulsed(curve: str, by_key: dict[str, Number]) -> dict[str, Any]:
    steps = _pair(by_key, "pulsed.dw_min")
    up, down = (steps[name] for name in DIRECTIONS)
    pulsed: dict[str, Any] = {
        "model": "power" if curve == "power" else "linear",
        "dw_min": _short(0.5 * (up + down)),
        "up_down": _short((up - down) / (up + down)),
        "dw_min_std": _short(_root_mean_square(_pair(by_key, "pulsed.dw_min_std").values())),
    }
    if curve == "power":
        pulsed["exponent"] = _short(by_key["pulsed.exponent"].value)
    else:
        slopes = _pair(by_key, "pulsed.gamma")
        pulsed["gamma"] = {name: _short(value) for name, value in slopes.items()}
        pulsed["noise"] = "multiplicative"
    return pulsed


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


def unknown_of(trains: Trains, unit: str, fit: ModelFit) -> tuple[Unknown, ...]:
    """What runs do not tell of a device."""
    found = []
    if unit != "S":
        why = "the file has no unit of conductance; name one in the head of a column"
        found.append(Unknown("conductance.min and conductance.max", why))
    for name in DIRECTIONS:
        if name not in trains.directions:
            other = trains.directions[0]
            why = f"no pulse of {name} was measured; that of {other} is taken for it"
            found.append(Unknown(name, why))
    why = "one device tells nothing of the spread over devices; measure several"
    if trains.devices > 1:
        why = (
            f"one curve is fitted to {trains.devices} devices, whose spread counts as noise in it; "
            "fit the devices one by one and compare"
        )
    found.append(Unknown("write.device_to_device", why))
    return tuple(found)


def _siemens(value: float) -> str:
    for size, name in _PREFIXES:
        if value >= size:
            return f"{value / size:.4g} {name}"
    return f"{value:.4g} S"


def _percent(part: float) -> str:
    return f"{100.0 * part:.3g} %"


def _short(value: float) -> float:
    return float(f"{value:.4g}")
