"""The noise that several devices have in common: a spec has one number for all of them.

Each device has a curve of its own, and the noises are those under which the readings of all devices
are likeliest, each a part of the nominal window. The numbers of the curves are integrated out
(Laplace's approximation: the likelihood's quadratic form about the best curve): curves that follow
their readings leave too little noise, and more devices do not make up for that.

Source: Harville, J. Am. Stat. Assoc. 72, 1977 (restricted likelihood); Neyman and Scott,
Econometrica 16, 1948 (what goes wrong without).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from neurograd.fit.goodness import LEVEL
from neurograd.fit.models.maximise import (
    LogLikelihood,
    Maximum,
    from_stencil,
    maximise,
    stencil,
)
from neurograd.fit.models.model import Model, is_noise
from neurograd.fit.models.model_fit import ModelFit, by_run
from neurograd.fit.models.trains import Array, Trains

_FLATTEST = 3e-3
"""Least curvature, in units of a difference, with which a number of a curve follows readings."""

_CLOSE = 0.01
"""Gain of log likelihood from which a curve is the best one under given noises."""

_STEPS = 8
"""Most steps of a curve to the best one."""

_LENGTHS = 4.0 ** -np.arange(8.0)
"""Parts of Newton's step that are tried."""

_ROUNDS = 2
"""Times that the curves are fitted anew with the noise in common."""


def shape_of(fit: ModelFit) -> list[int]:
    """Places of the parameters that are the curve's."""
    return [place for place, name in enumerate(fit.model.names) if not is_noise(name)]


@dataclass(frozen=True)
class CommonNoise(ModelFit):
    """Noises of several devices with a curve each.

    Attributes:
        fits: Those of the devices, whose noise is the common one.
        sizes: Window of each over the nominal one.
    """

    fits: tuple[ModelFit, ...]
    sizes: tuple[float, ...]

    def likelihood(self) -> LogLikelihood:
        """The sum over devices as a function of the noises, curves integrated out."""
        parts = [(_whole(fit), fit, size) for fit, size in zip(self.fits, self.sizes, strict=True)]

        def value(points: Array) -> Array:
            total: Array = np.zeros(len(points))
            for likelihood, fit, size in parts:
                total = total + _integrated(likelihood, fit, self.of_device(points, fit, size))
            return total

        return value

    def of_device(self, points: Array, fit: ModelFit, size: float) -> Array:
        """Parameters of one device at noises of all, shape ``(B, n)``.

        Args:
            points: The noises, shape ``(B, m)``.
            fit: Of the device, whose curve is taken.
            size: Its window over the nominal one.
        """
        found = np.repeat(fit.top.parameters[None], len(points), axis=0)
        for place, name in enumerate(self.model.names):
            if name in fit.model.names:
                shift = _shift(fit, name, size)
                found[:, fit.model.names.index(name)] = points[:, place] - shift
        return found

    def refitted(self) -> tuple[ModelFit, ...]:
        """The devices' fits with these noises held."""
        found = []
        for fit, size in zip(self.fits, self.sizes, strict=True):
            free = np.zeros(len(fit.top.parameters))
            free[shape_of(fit)] = 1.0
            start = self.of_device(self.top.parameters[None], fit, size)[0]
            found.append(replace(fit, top=maximise(fit.likelihood(), start, free)))
        return tuple(found)


def common_noise(fits: Sequence[ModelFit], trains: Trains) -> CommonNoise:
    """Find the noises that all devices have in common, and the curves with these noises.

    Args:
        fits: Of one curve, to each device.
        trains: All runs.
    """
    names = tuple(dict.fromkeys(n for fit in fits for n in fit.model.names if is_noise(n)))
    sizes = sizes_of(fits)
    start = np.array([_mean_square(fits, sizes, name) for name in names])
    first = fits[0].model
    nothing = Maximum(start, -np.inf, np.zeros((len(start),) * 2), np.ones(len(start)))
    model = Model(first.curve, names, {}, first.stops)
    found = CommonNoise(model, trains, nothing, tuple(fits), sizes)
    for _ in range(_ROUNDS):
        found = replace(found, top=maximise(found.likelihood(), found.top.parameters))
        fits = found.refitted()
        found = replace(found, fits=fits, sizes=sizes_of(fits))
    return replace(found, top=maximise(found.likelihood(), found.top.parameters))


def differ(fits: Sequence[ModelFit], common: CommonNoise) -> str | None:
    """That the devices' own noises differ, where they do: by the ratio of likelihoods.

    Curves are integrated out on either side.

    Args:
        fits: Each with noises of its own.
        common: Of the same devices.
    """
    own = sum(_integrated(_whole(fit), fit, fit.top.parameters[None])[0] for fit in fits)
    gain = float(own) - common.top.value
    count = sum(is_noise(name) for fit in fits for name in fit.model.names)
    p = float(stats.chi2.sf(2.0 * gain, count - len(common.model.names)))
    if p >= LEVEL:
        return None
    return (
        f"The devices differ in their noise (p = {p:.2g}, level {LEVEL:g}); a spec has one for "
        "all, which is given."
    )


def sizes_of(fits: Sequence[ModelFit]) -> tuple[float, ...]:
    """Window of each device over the mean one."""
    widths = np.array([max(fit.value("high") - fit.value("low"), 1e-9) for fit in fits])
    return tuple((widths / widths.mean()).tolist())


def _whole(fit: ModelFit) -> LogLikelihood:
    """The likelihood of all runs; their starts, the window's ends, are not integrated out yet."""
    each = by_run(fit.model, fit.trains)
    return lambda points: each(points)[0].sum(axis=1)


def _integrated(likelihood: LogLikelihood, fit: ModelFit, points: Array) -> Array:
    """Log likelihood of one device with the numbers of its curve integrated out, shape ``(B,)``.

    Under other noises the best curve is another one. Newton's steps lead there, each as long as it
    makes the likelihood larger, until the next would gain less than ``_CLOSE``, which is added. A
    gain that no step has shown is not counted: where the curve is nearly flat the quadratic form
    promises any.
    """
    places, points = shape_of(fit), points.copy()
    unit = fit.top.unit[places]
    found = np.empty(len(points))
    moving = np.arange(len(points))
    for last in [*[False] * _STEPS, True]:
        if not len(moving):
            break
        middles, steps, gains, logarithms = _forms(likelihood, points[moving], places, unit)
        close = gains <= _CLOSE
        found[moving] = middles + np.where(close, gains, 0.0) - 0.5 * logarithms
        moving, steps, middles = moving[~close], steps[~close], middles[~close]
        if last:
            break
        tried = np.repeat(points[moving, None], len(_LENGTHS), axis=1)
        tried[:, :, places] += _LENGTHS[:, None] * (steps * unit)[:, None]
        values = likelihood(tried.reshape(-1, points.shape[1])).reshape(tried.shape[:2])
        values = np.where(np.isfinite(values), values, -np.inf)
        best = values.argmax(axis=1)
        rows = np.arange(len(moving))
        better = values[rows, best] > middles
        moving = moving[better]
        points[moving] = tried[rows, best][better]
    # Curvatures are in units of differences, which differ between fits.
    return found + float(np.log(unit).sum())


def _forms(
    likelihood: LogLikelihood, points: Array, places: Sequence[int], unit: Array
) -> tuple[Array, Array, Array, Array]:
    """Quadratic form at each point: value, Newton's step in units, its gain, log determinant."""
    around = stencil(len(places))
    many = np.repeat(points, len(around), axis=0)
    many[:, places] += np.tile(around * unit, (len(points), 1))
    found = []
    for each in likelihood(many).reshape(len(points), len(around)):
        middle, slope, curvature = from_stencil(each)
        sizes, ways = np.linalg.eigh(-curvature)
        sizes = np.maximum(sizes, _FLATTEST)
        along = ways.T @ slope
        gain = 0.5 * float(np.square(along) @ (1.0 / sizes))
        found.append((middle, ways @ (along / sizes), gain, float(np.log(sizes).sum())))
    middles, steps, gains, logarithms = map(np.array, zip(*found, strict=True))
    return middles, steps, gains, logarithms


def _shift(fit: ModelFit, name: str, size: float) -> float:
    """What a noise of the nominal window is more, as a logarithm, than one of the device's own."""
    relative = fit.model.curve.relative and name.endswith(".noise")
    return 0.0 if relative else math.log(size)


def _mean_square(fits: Sequence[ModelFit], sizes: Sequence[float], name: str) -> float:
    """Logarithm of the root of the mean square over devices."""
    logarithms = [
        fit.value(name) + _shift(fit, name, size)
        for fit, size in zip(fits, sizes, strict=True)
        if name in fit.model.names
    ]
    squares = np.exp(2.0 * np.clip(logarithms, -20.0, 20.0))
    return 0.5 * math.log(float(squares.mean()))
