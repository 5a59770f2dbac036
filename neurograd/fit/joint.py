"""What a fit leaves open, as the ``ranges`` of a spec: errors of numbers, and their correlations.

Both ends of a number's profile interval are kept: its distribution has the estimate for its median
and 2.5 % beyond either end (``Skewed``; of levels the distribution is that of steps, 1/levels). It
is cut three standard scores from the median and at what the key allows. Where what the key allows
ends before the interval does, and that end is the nearer one, as of a noise that may be none, the
distribution is normal with the other end's deviation. The correlations are those of the parameters
at the top of the likelihood (the inverse of its information), which normal scores of the numbers
have as well: each is a rising or a falling function of its parameter.
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
from neurograd.keys.skewed import Skewed, drawn_as_steps

CUT = 3.0
"""Standard scores at which distributions are cut."""

SMALL = 0.01
"""Part of a number below which its error is left out, and as far as which an end of its interval is
from it at least: less than the digits that are written."""

_SCORE = float(stats.norm.ppf(0.5 + 0.5 * CONFIDENCE))

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

    Returns:
        ``numbers`` and ``correlations``, both empty where all numbers are known to ``SMALL``, and
        ``other_curves`` where others may be right that no draw of the numbers is of.

    Raises:
        DataError: If it is another device, or the data set no bound to a number.
    """
    fit = found.fit
    if fit is None or found.table is not None or len(found.fits) > 1 or fit.model.curve.relative:
        raise DataError(
            "ranges are for one device with a curve of write; allowed: none, or one file with the "
            "model nonlinear, constant or soft_bounds"
        )
    by_key = {number.key: number for number in found.numbers}
    unbounded = [number.key for number in found.numbers if _is_unbounded(number)]
    if unbounded:
        raise DataError(
            f"the data set no bound to {' and '.join(unbounded)}; allowed: no ranges, or data of "
            "more pulses"
        )
    curve = fit.model.curve
    opened = [name for name in told(fit) if _is_open(by_key.get(key_of(curve, name)))]
    numbers = {
        f"device.{key_of(curve, name)}": _range(by_key[key_of(curve, name)]) for name in opened
    }
    # What the curve takes for known varies with nothing: its interval is a rival's.
    names = [name for name in opened if name in fit.model.names]
    others = {"other_curves": [*found.other_forms]} if found.other_forms and numbers else {}
    return {"numbers": numbers, "correlations": _pairs(fit, names), **others}


def _pairs(fit: ModelFit, names: list[str]) -> list[list[Any]]:
    """Keys of parameters two by two, with the correlation of their numbers."""
    keys = [key_of(fit.model.curve, name) for name in names]
    correlations = _correlations(fit, names)
    return [
        [f"device.{keys[one]}", f"device.{keys[other]}", round(float(correlations[one, other]), 4)]
        for one in range(len(keys))
        for other in range(one)
    ]


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
    if number.key == "conductance.min" and number.high <= 0.0:
        return False  # a spec has 0, which is no draw's doubt
    return 0.5 * (number.high - number.low) / _SCORE > SMALL * abs(number.value)


def _range(number: Number) -> dict[str, Any]:
    """What a spec says of a number, as its key writes it."""
    levels = drawn_as_steps(f"device.{number.key}")
    least, most = _allowed_of(number)
    typical = float(min(max(round(number.value) if levels else number.value, least), most))
    gap = SMALL * abs(typical)
    low, high = min(number.low, typical - gap), max(number.high, typical + gap)
    below, above = typical - max(low, least), min(high, most) - typical
    if (low <= least and below < above) or (high >= most and above < below):
        std = max(below, above) / _SCORE
        ends = typical - CUT * std, typical + CUT * std
        known: dict[str, Any] = {"std": _short(std)}
    else:
        low, high = typical - below, typical + above
        ends = _cut(Skewed(typical, low, high), levels=levels)
        known = {"interval": [_short(low), _short(high)]}
    first, last = max(ends[0], least), min(ends[1], most)
    if levels:
        return {"min": math.floor(first), "max": math.ceil(last), **known}
    return {"min": _short(first), "max": _short(last), **known}


def _cut(law: Skewed, *, levels: bool) -> tuple[float, float]:
    """Values of a distribution where it is cut."""
    scores = np.array([-CUT, CUT])
    if not levels:
        low, high = law.value(scores)
        return float(low), float(high)
    shortest, longest = law.inverse().value(scores)
    return 1.0 / float(longest), 1.0 / float(shortest) if shortest > 0 else math.inf


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
