"""Several devices: the mean of each number over them, and the spreads that a spec has keys for.

Every device is fitted for itself, with one curve for all and the noises of ``common_noise.py``. Its
numbers have the errors of its likelihood's curvatures at the top; ``spread.py`` tells the spread
between devices from them.

What a spread is of follows the devices that a chip draws (``device_models``): ``write`` has one
factor of the window that the step shares, log-normal with mean 1, and ``pulsed`` has a relative
spread of the step at weight 0, an absolute one of its balance up and down and of its slopes, and
one of either bound, all in the weights that the nominal window stands for, -1 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import numpy as np

from neurograd.fit.common_noise import CommonNoise, common_noise, differ, shape_of
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.model import is_noise
from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.models.profile import CONFIDENCE
from neurograd.fit.models.trains import Array, Trains
from neurograd.fit.numbers import Number, as_number, key_of, label_of, number_of, told
from neurograd.fit.spread import Estimates, Interval, mean_over, spread_between

Values = Mapping[str, float]
"""Parameters of one device by name."""

_FLAT = 1e-6
"""Least curvature of a likelihood, in units of a difference: errors have an end then."""

_SMALLEST = 1e-9
"""Least window, as a part of the scale of the readings."""


@dataclass(frozen=True)
class Devices:
    """Fits of one curve to several devices.

    Attributes:
        own: One of each device, with noises of its own.
        trains: All runs, on the scale of the fits.
        low: Mean lower end of the windows, in units of the scale, with its interval.
        high: Mean upper end.
        noise: The noises in common.
    """

    own: tuple[ModelFit, ...]
    trains: Trains
    low: Interval
    high: Interval
    noise: CommonNoise

    @staticmethod
    def of(fits: Sequence[ModelFit], trains: Trains) -> Devices:
        """The devices of two or more fits.

        Args:
            fits: Of one curve, to each device.
            trains: All runs.
        """
        noise = common_noise(fits, trains)
        low, high = (
            mean_over(_estimates(noise.fits, itemgetter(end)), CONFIDENCE)
            for end in ("low", "high")
        )
        return Devices(tuple(fits), trains, low, high, noise)

    @property
    def fits(self) -> tuple[ModelFit, ...]:
        """One of each device, with the noises in common."""
        return self.noise.fits

    @property
    def width(self) -> float:
        """Window of the nominal device, in units of the scale."""
        return max(self.high.value - self.low.value, _SMALLEST)

    @property
    def relative(self) -> bool:
        """Whether the device is one of ``pulsed``."""
        return self.fits[0].model.curve.relative

    @property
    def _linear(self) -> bool:
        """Whether the step is a line of the weight with a slope over it."""
        curve = self.fits[0].model.curve
        return curve.straight and "gamma" in curve.own

    def numbers(self, unit: str, keys: frozenset[str] | None = None) -> tuple[Number, ...]:
        """Means, common noises and spreads.

        Args:
            unit: Unit of the conductances.
            keys: Those that are asked for; all where None.
        """
        names = dict.fromkeys(name for fit in self.fits for name in told(fit))
        curve = self.fits[0].model.curve
        found = [
            number_of(self.noise, name, unit) if is_noise(name) else self._mean(name, unit)
            for name in names
            if keys is None or key_of(curve, name) in keys
        ]
        found += [each for each in self.spreads() if keys is None or each.key in keys]
        return tuple(found)

    def _mean(self, name: str, unit: str) -> Number:
        """The mean of a parameter over devices."""
        fit, own = self.fits[0], name.rpartition(".")[2]
        fixed = {each.model.fixed.get(name) for each in self.fits}
        if len(fixed) == 1 and (value := fixed.pop()) is not None:
            return as_number(fit, name, unit, (value, value, value), given=True)
        if name in ("low", "high"):
            return as_number(fit, name, unit, self.low if name == "low" else self.high)
        if self.relative and own == "step":
            found = mean_over(self._over(partial(self._step, name=name)), CONFIDENCE)
            logarithms = [math.log(max(end, 0.0) or math.ulp(0.0)) for end in found]
            return as_number(fit, name, unit, Interval(*logarithms))
        of: Callable[[Values], float] = itemgetter(name)
        if own == "gamma" and self._linear:
            of = partial(self._slope, name=name)
        return as_number(fit, name, unit, mean_over(self._over(of), CONFIDENCE))

    def spreads(self) -> tuple[Number, ...]:
        """Spreads over devices that a spec has keys for."""
        if self.relative:
            return self._spreads_of_pulses()
        window = self._relative(lambda v: v["high"] - v["low"])
        return (Number("write.device_to_device", *window, "of the range"),)

    def _spreads_of_pulses(self) -> tuple[Number, ...]:
        """Those of ``pulsed``."""
        found = {
            "w_max": self._spread(lambda v: 2.0 * v["high"] / self.width),
            "w_min": self._spread(lambda v: 2.0 * v["low"] / self.width),
        }
        steps = [f"{name}.step" for name in self.trains.directions]
        size = partial(self._mean_step, names=steps)
        nominal = mean_over(self._over(size), CONFIDENCE).value
        found["dw_min"] = self._spread(lambda v: size(v) / nominal)
        if len(steps) == 2:
            found["up_down"] = self._spread(lambda v: self._balance(v, steps) / nominal)
        slopes = [f"{name}.gamma" for name in self.trains.directions]
        if self._linear:
            found["gamma"] = self._spread(*(partial(self._slope, name=name) for name in slopes))
        return tuple(Number(f"pulsed.{key}_dtod", *each) for key, each in found.items())

    def notes(self) -> tuple[str, ...]:
        """Differences between devices that a spec has no key for, and of their noise."""
        found = [self._without_key(name) for name in self.fits[0].model.names if not is_noise(name)]
        return tuple(line for line in (*found, differ(self.own, self.noise)) if line is not None)

    def _without_key(self, name: str) -> str | None:
        """The spread of a parameter that has no key, in words; None where it has one."""
        own = name.rpartition(".")[2]
        spread: Interval
        if own in ("pulses", "exponent"):
            spread, unit = self._relative(lambda v: math.exp(v[name])), " %"
        elif own == "amplitude" or (own == "gamma" and not self._linear):
            spread, unit = self._spread(itemgetter(name)), ""
        elif own == "bend":
            spread, unit = self._spread(lambda v: label_of(v[name])), ""
        elif own == "low" and not self.relative:
            spread, unit = self._spread(lambda v: v[name] / self.width), " % of the range"
        else:
            return None
        scale = 100.0 if unit else 1.0
        value, low, high = (f"{scale * each:.3g}" for each in spread)
        return (
            f"Spread over devices of {key_of(self.fits[0].model.curve, name)}: {value}{unit} "
            f"({low} to {high} at {CONFIDENCE:.0%}), which a spec has no key for."
        )

    def _over(self, of: Callable[[Values], float]) -> Estimates:
        return _estimates(self.fits, of)

    def _spread(self, *of: Callable[[Values], float]) -> Interval:
        """Absolute spread of one number, or of several that have it in common."""
        return spread_between([self._over(each) for each in of], CONFIDENCE)

    def _relative(self, of: Callable[[Values], float]) -> Interval:
        """Relative spread of a log-normal number above 0."""
        logarithms = self._spread(lambda v: math.log(max(of(v), _SMALLEST)))
        return Interval(*(_of_log(each) for each in logarithms))

    def _step(self, values: Values, name: str) -> float:
        """Step at weight 0 in weights; a power's and an exponential one is of the own bounds."""
        direction = name.rpartition(".")[0]
        size = (values["high"] - values["low"]) / self.width
        if not self._linear:
            return math.exp(min(values[name], 50.0)) * size
        middle = (values["high"] + values["low"] - self.high.value - self.low.value) / self.width
        sign = 1.0 if direction == DIRECTIONS[0] else -1.0
        gamma = values[f"{direction}.gamma"]
        return math.exp(min(values[name], 50.0)) * (size + sign * gamma * middle)

    def _slope(self, values: Values, name: str) -> float:
        """Slope of a linear step in weights, over the step at weight 0."""
        step = name.replace("gamma", "step")
        own = math.exp(min(values[step], 50.0))
        return values[name] * own / max(self._step(values, step), _SMALLEST)

    def _mean_step(self, values: Values, names: Sequence[str]) -> float:
        return sum(self._step(values, name) for name in names) / len(names)

    def _balance(self, values: Values, names: Sequence[str]) -> float:
        up, down = (self._step(values, name) for name in names)
        return 0.5 * (up - down)


def _of_log(spread: float) -> float:
    """Relative standard deviation of a log-normal number, of that of its logarithm."""
    return math.sqrt(math.expm1(min(spread**2, 700.0)))


def _estimates(fits: Sequence[ModelFit], of: Callable[[Values], float]) -> Estimates:
    """A function of the parameters of each device, with its variance to first order."""
    found = [_estimate(fit, of) for fit in fits]
    return Estimates(*(np.array(column) for column in zip(*found, strict=True)))


def _estimate(fit: ModelFit, of: Callable[[Values], float]) -> tuple[float, float]:
    places = shape_of(fit)
    names, at = [fit.model.names[place] for place in places], fit.top.parameters[places]
    covariance = covariance_of(fit, places)
    steps = 1e-3 * np.minimum(np.sqrt(np.diag(covariance)), 0.1)

    def value(point: Array) -> float:
        return of({**fit.model.fixed, **dict(zip(names, point.tolist(), strict=True))})

    slopes = np.array([(value(at + s) - value(at - s)) / (2.0 * s.sum()) for s in np.diag(steps)])
    return value(at), float(slopes @ covariance @ slopes)


def covariance_of(fit: ModelFit, places: Sequence[int]) -> Array:
    """Of the errors of a curve's parameters, its noises held."""
    own = np.ix_(places, places)
    unit = fit.top.unit[list(places)]
    sizes, ways = np.linalg.eigh(fit.top.information[own] * np.outer(unit, unit))
    found: Array = (ways / np.maximum(sizes, _FLAT)) @ ways.T * np.outer(unit, unit)
    return found
