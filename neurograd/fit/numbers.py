"""What a fit says of a device: each number with its interval, in the keys of a spec."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.curves import Curve
from neurograd.fit.models.model import FLOOR, noise_of
from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.models.profile import CONFIDENCE, estimate
from neurograd.fit.models.state_space import PULSE_FLOOR


@dataclass(frozen=True)
class Number:
    """One number of a device.

    Attributes:
        key: Key of ``device`` that it is, with the direction where it has one.
        value: Estimate.
        low: Lower end of its interval.
        high: Upper end; infinite where the data set no bound.
        unit: ``S``, ``relative`` (of the file), ``of the range``, ``of the step``, or empty.
        given: Whether it is known from the file without any error, as a number of pulses is.
    """

    key: str
    value: float
    low: float
    high: float
    unit: str = ""
    given: bool = False

    def in_words(self) -> str:
        """One line: key, value and interval."""
        part = self.unit.startswith("of the")
        scale = 100.0 if part else 1.0
        unit = f" % {self.unit}" if part else {"S": " S", "relative": ""}.get(self.unit, "")
        value = f"{self.key}: {scale * self.value:.4g}{unit}"
        if self.given:
            return f"{value} (as measured)"
        low, high = (f"{scale * end:.4g}" for end in (self.low, self.high))
        if math.isinf(self.high):
            return f"{value} ({low} or more at {CONFIDENCE:.0%})"
        return f"{value} ({low} to {high} at {CONFIDENCE:.0%})"


Change = Callable[[float], float]

_KEYS = {
    "low": "conductance.min",
    "high": "conductance.max",
    "read": "read.noise",
    "pulses": "conductance.levels",
    "bend": "write.nonlinearity",
    "step": "pulsed.dw_min",
    "gamma": "pulsed.gamma",
    "exponent": "pulsed.exponent",
}
"""Key of each parameter."""


def numbers_of(fit: ModelFit, unit: str, rivals: Sequence[ModelFit] = ()) -> tuple[Number, ...]:
    """All numbers of a fit.

    Args:
        fit: The fit.
        unit: Unit of the conductances.
        rivals: Fits of other curves that may be the right ones: intervals hold theirs of the same
            key.
    """
    found = []
    for name in (*fit.model.names, *fit.model.fixed):
        if name == "start" or " " in name:
            continue
        number = _number(fit, name, unit)
        for rival in rivals:
            there = (*rival.model.names, *rival.model.fixed)
            if name in there and change_of(rival.model.curve, name)[0] == number.key:
                number = joined(number, _number(rival, name, unit))
        found.append(number)
    order = [*_KEYS.values(), "write.cycle_to_cycle", "pulsed.dw_min_std"]
    return tuple(sorted(found, key=lambda number: _place(number.key, order)))


def joined(number: Number, other: Number) -> Number:
    """A number with an interval that holds another one's; given where both are, and the same.

    Args:
        number: The number.
        other: That of another fit, of the same key.
    """
    low, high = min(number.low, other.low), max(number.high, other.high)
    return replace(number, low=low, high=high, given=number.given and low == high)


def _place(key: str, order: list[str]) -> tuple[int, bool]:
    direction = key.rpartition(".")[2]
    stem = key.removesuffix(f".{direction}") if direction in DIRECTIONS else key
    return order.index(stem), direction == DIRECTIONS[1]


def _number(fit: ModelFit, name: str, unit: str) -> Number:
    key, change, of = change_of(fit.model.curve, name)
    if name in ("low", "high"):
        of = unit
        change = partial(_conductance, fit.trains.origin, fit.trains.scale)
    if name in fit.model.fixed:
        value = change(fit.value(name))
        return Number(key, value, value, value, of, given=True)
    value, *ends = (change(found) for found in estimate(fit, name))
    # A likelihood that is flat has its top anywhere.
    return Number(key, value, min(*ends, value), max(*ends, value), of)


def change_of(curve: Curve, name: str) -> tuple[str, Change, str]:
    """Key of a parameter, what makes the number of it, and the number's unit.

    Args:
        curve: The curve.
        name: The parameter; of ``low`` and ``high`` the number is the parameter itself.
    """
    direction, _, own = name.rpartition(".")
    noise = "pulsed.dw_min_std" if curve.relative else "write.cycle_to_cycle"
    key = _KEYS.get(own, noise) + (f".{direction}" if direction else "")
    if own == "bend":
        return key, partial(_label, 1.0 if direction == DIRECTIONS[0] else -1.0), ""
    if own in ("pulses", "step", "exponent"):
        return key, _exponential, ""
    if own in ("read", "noise"):
        relative = curve.relative and own == "noise"
        floor = FLOOR if own == "read" else 0.0 if relative else PULSE_FLOOR
        return key, partial(_noise, floor), "of the step" if relative else "of the range"
    return key, float, ""


def _conductance(origin: float, scale: float, value: float) -> float:
    return origin + scale * value


def _exponential(logarithm: float) -> float:
    return math.exp(logarithm) if logarithm < 700.0 else math.inf


def _label(sign: float, bend: float) -> float:
    return sign * label_of(bend)


def _noise(floor: float, logarithm: float) -> float:
    if math.isinf(logarithm):
        return 0.0 if logarithm < 0 else math.inf
    return float(noise_of(np.array(logarithm), floor))


def label_of(bend: float) -> float:
    """NeuroSim's label of a bend; 9 is the largest."""
    from device_models.write.pulse_response import (  # noqa: PLC0415  (needs torch)
        MAX_LABEL,
        nonlinearity_label,
    )

    if bend == 0:
        return 0.0
    return math.copysign(MAX_LABEL, bend) if math.isinf(bend) else nonlinearity_label(1.0 / bend)
