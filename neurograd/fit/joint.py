"""What a fit leaves open, as the ``ranges`` of a spec: errors of numbers, and their correlations.

A normal approximation. The standard deviation of a number is that of its profile interval, half of
it over the quantile of ``CONFIDENCE``; it is cut at three of them and at what the key allows. The
correlations are those of the parameters at the top of the likelihood (the inverse of its
information), which normal scores of the numbers have as well: each is a rising or a falling
function of its parameter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from neurograd.errors import DataError
from neurograd.fit.device_block import FEWEST_LEVELS, MOST_LEVELS
from neurograd.fit.device_fit import DeviceFit
from neurograd.fit.devices import covariance_of
from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.models.profile import CONFIDENCE
from neurograd.fit.numbers import Number, as_number, key_of, told

CUT = 3.0
"""Standard deviations at which the normal distribution is cut."""

SMALL = 0.01
"""Part of a number below which its error is left out: less than the digits that are written."""

_SHRUNK = 0.99
"""Factor of all correlations, with which rounded ones still belong to a distribution."""

_BOUNDS = {
    "write.nonlinearity": (-9.0, 9.0),
    "conductance.levels": (FEWEST_LEVELS, MOST_LEVELS),
}
_PART = (0.0, 1.0)
"""Of noises, which are parts of the window, and of conductances in siemens."""


def joint_ranges(found: DeviceFit) -> dict[str, Any]:
    """The section ``ranges`` of a spec with the device of a fit; keys as in a spec.

    Args:
        found: The fit of one device, by a curve of ``write``.

    Raises:
        DataError: If it is another device, all of its numbers are known, or the data set no bound
            to one of them.
    """
    fit = found.fit
    if fit is None or found.table is not None or len(found.fits) > 1 or fit.model.curve.relative:
        raise DataError(
            "--ranges: is for one device with a curve of write; allowed: without it, or one file "
            "with --model nonlinear, constant or soft_bounds"
        )
    by_key = {number.key: number for number in found.numbers}
    unbounded = [number.key for number in found.numbers if _is_unbounded(number)]
    if unbounded:
        raise DataError(
            f"--ranges: the data set no bound to {' and '.join(unbounded)}; allowed: without "
            "it, or data of more pulses"
        )
    names = [
        name
        for name in told(fit)
        if name in fit.model.names and _is_open(by_key.get(key_of(fit.model.curve, name)))
    ]
    keys = [key_of(fit.model.curve, name) for name in names]
    if not keys:
        raise DataError(f"--ranges: all numbers are known to {SMALL:.0%}; allowed: without it")
    numbers = {f"device.{key}": _range(by_key[key]) for key in keys}
    correlations = _correlations(fit, names)
    pairs = [
        [f"device.{keys[one]}", f"device.{keys[other]}", round(float(correlations[one, other]), 4)]
        for one in range(len(keys))
        for other in range(one)
    ]
    return {"numbers": numbers, "correlations": pairs}


def _std(number: Number) -> float:
    quantile = float(stats.norm.ppf(0.5 + 0.5 * CONFIDENCE))
    return 0.5 * (number.high - number.low) / quantile


def _is_unbounded(number: Number) -> bool:
    """Whether the interval goes on beyond all that the key allows.

    Half of it is no standard deviation then: draws would be nearly even over the whole key.
    """
    if number.given or number.unit == "relative":
        return False
    least, most = _allowed_of(number)
    if number.key.startswith("write.nonlinearity"):
        # The largest label stands for a bend without an end.
        return number.low <= least or number.high >= most
    return number.high > most


def _allowed_of(number: Number) -> tuple[float, float]:
    """Smallest and largest value that the key allows."""
    return next((ends for start, ends in _BOUNDS.items() if number.key.startswith(start)), _PART)


def _is_open(number: Number | None) -> bool:
    """Whether a spec has the number and the data leave an error that is worth writing."""
    if number is None or number.given:
        return False
    if number.key in ("conductance.min", "conductance.max") and number.unit != "S":
        return False
    return _std(number) > SMALL * abs(number.value)


def _range(number: Number) -> dict[str, float]:
    std = _std(number)
    least, most = _allowed_of(number)
    low, high = max(number.value - CUT * std, least), min(number.value + CUT * std, most)
    if number.key.startswith("conductance.levels"):
        return {"min": math.floor(low), "max": math.ceil(high), "std": _short(std)}
    return {"min": _short(low), "max": _short(high), "std": _short(std)}


def _correlations(fit: ModelFit, names: list[str]) -> np.ndarray:
    """Of the numbers of parameters, shape ``(n, n)``."""
    covariance = covariance_of(fit, range(len(fit.model.names)))
    places = [fit.model.names.index(name) for name in names]
    own = covariance[np.ix_(places, places)]
    spread = np.sqrt(np.diag(own)) * np.array([_way(fit, name) for name in names])
    return _SHRUNK * own / np.outer(spread, spread)


def _way(fit: ModelFit, name: str) -> float:
    """1 where the number rises with its parameter, −1 where it falls."""
    value = fit.value(name)
    low, high = (
        as_number(fit, name, "S", (each, each, each)).value for each in (value - 0.01, value + 0.01)
    )
    return 1.0 if high >= low else -1.0


def _short(value: float) -> float:
    return float(f"{value:.4g}")
