"""What a fit says of a device: each number with its interval, in the keys of a spec."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

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
        source: Where a number that is given is from, in words.
    """

    key: str
    value: float
    low: float
    high: float
    unit: str = ""
    given: bool = False
    source: str = "as measured"

    def in_words(self) -> str:
        """One line: key, value and interval."""
        part = self.unit.startswith("of the")
        scale = 100.0 if part else 1.0
        unit = f" % {self.unit}" if part else {"S": " S", "relative": ""}.get(self.unit, "")
        value = f"{self.key}: {scale * self.value:.4g}{unit}"
        if self.given:
            return f"{value} ({self.source})"
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
    "amplitude": "pulsed.amplitude",
    "gamma": "pulsed.gamma",
    "exponent": "pulsed.exponent",
}
"""Key of each parameter."""

SPREADS = (
    "write.device_to_device",
    *(f"pulsed.{name}_dtod" for name in ("dw_min", "up_down", "w_max", "w_min", "gamma")),
)
"""Keys of spreads over devices."""


def numbers_of(fit: ModelFit, unit: str, rivals: Sequence[ModelFit] = ()) -> tuple[Number, ...]:
    """All numbers of a fit.

    Args:
        fit: The fit.
        unit: Unit of the conductances.
        rivals: Fits of other curves that may be the right ones: intervals hold theirs of the same
            key.
    """
    own = [number_of(fit, name, unit) for name in told(fit)]
    keys = {number.key for number in own}
    others = [
        number_of(rival, name, unit)
        for rival in rivals
        for name in told(rival)
        if key_of(rival.model.curve, name) in keys
    ]
    return joined_all(own, others)


def told(fit: ModelFit) -> tuple[str, ...]:
    """Names of the parameters of a fit that are numbers of a device."""
    names = (*fit.model.names, *fit.model.fixed)
    return tuple(name for name in names if name != "start" and " " not in name)


def joined_all(own: Sequence[Number], others: Sequence[Number]) -> tuple[Number, ...]:
    """Numbers in the order of a spec's keys, with intervals that hold those of the same key.

    Args:
        own: The numbers.
        others: Those of rivals.
    """
    found = [
        reduce(joined, [other for other in others if other.key == number.key], number)
        for number in own
    ]
    order = [*_KEYS.values(), "write.cycle_to_cycle", "pulsed.dw_min_std", *SPREADS]
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


def number_of(fit: ModelFit, name: str, unit: str) -> Number:
    """One number of a fit, with its profile interval.

    Args:
        fit: The fit.
        name: The parameter.
        unit: Unit of the conductances.
    """
    if name in fit.model.fixed:
        value = fit.value(name)
        return as_number(fit, name, unit, (value, value, value), given=True)
    return as_number(fit, name, unit, estimate(fit, name))


def as_number(
    fit: ModelFit, name: str, unit: str, found: tuple[float, float, float], *, given: bool = False
) -> Number:
    """A value of a parameter and the ends of its interval, as a number of a device.

    Args:
        fit: A fit that has the parameter; its value and interval are not used.
        name: The parameter.
        unit: Unit of the conductances.
        found: Value, lower and upper end.
        given: Whether the value is known without error.
    """
    key, change, of = change_of(fit.model.curve, name)
    if name in ("low", "high"):
        of = unit
        change = partial(_conductance, fit.trains.origin, fit.trains.scale)
    value, *ends = map(change, found)
    if given:
        return Number(key, value, value, value, of, given=True)
    if found[0] < _least(fit.model.curve, name):
        value = 0.0  # not told from none
    # A likelihood that is flat has its top anywhere.
    return Number(key, value, min(*ends, value), max(*ends, value), of)


def key_of(curve: Curve, name: str) -> str:
    """Key of a parameter."""
    return change_of(curve, name)[0]


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
        change = partial(_noise, _floor(curve, name))
        return key, change, "of the step" if relative else "of the range"
    return key, float, ""


def _floor(curve: Curve, name: str) -> float:
    """What a likelihood adds to a noise, in squares, so that it has an end; 0 for all else."""
    if name == "read":
        return FLOOR
    return PULSE_FLOOR if name.endswith(".noise") and not curve.relative else 0.0


def _least(curve: Curve, name: str) -> float:
    """Logarithm of the least noise that is told from none: the likelihood's own; −∞ without."""
    floor = _floor(curve, name)
    return math.log(floor) if floor > 0 else -math.inf


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
