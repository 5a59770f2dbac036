"""A curve with its noise as a function of one vector of parameters, and first values for them.

The parameters of a fit, in this order:

* ``low``, ``high``: the window, in units of the trains' scale: where potentiation starts, and where
  depression does (of one direction alone: where its curve ends after all of its pulses);
* ``read``: logarithm of the read noise over the window;
* ``start``: logarithm of the spread of the starts over runs, where a direction has several;
* of each direction the curve's own, and ``noise``: the logarithm of a pulse's noise;
* what both directions share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neurograd.fit.measurements import DIRECTIONS, Direction
from neurograd.fit.models.curves import Curve, Values
from neurograd.fit.models.state_space import PULSE_FLOOR, Dynamics
from neurograd.fit.models.trains import Array, Trains

FLOOR = 1e-4
"""Smallest read noise that is told from none, as a part of the window."""

_FARTHEST = 60.0
"""Largest size of a parameter."""


def is_noise(name: str) -> bool:
    """Whether a parameter is a noise; all others are the curve's."""
    return name in ("read", "start") or name.endswith(".noise")


@dataclass(frozen=True)
class Model:
    """A curve for given runs.

    Attributes:
        curve: Form of the mean step.
        names: Of the parameters; ``.`` stands between a direction and its own.
        fixed: Values of parameters that the runs cannot tell, by name.
        stops: Whether steps stop at the window's ends.
    """

    curve: Curve
    names: tuple[str, ...]
    fixed: dict[str, float]
    stops: bool = False

    @staticmethod
    def of(curve: Curve, trains: Trains) -> Model:
        """The model of a curve for runs."""
        several = any(trains.of(name).sum() > 1 for name in trains.directions)
        names = ["low", "high", "read", *(["start"] if several else [])]
        fixed: dict[str, float] = {}
        for direction in trains.directions:
            own = [f"{direction}.{name}" for name in (*curve.own, "noise")]
            if curve.whole:
                fixed[own.pop(0)] = float(np.log(trains.pulses()[trains.of(direction)].max()))
            names += own
        return Model(curve, (*names, *curve.shared), fixed)

    def values(self, points: Array, trains: Trains) -> tuple[dict[str, Array], Values]:
        """Parameters of the whole, shape ``(B, 1)``, and of every run, shape ``(B, R)``."""
        # Logarithms and bends beyond these change nothing that readings could tell.
        points = np.clip(points, -_FARTHEST, _FARTHEST)
        by_name = {name: points[:, k, None] for k, name in enumerate(self.names)}
        by_name |= {name: np.full((len(points), 1), value) for name, value in self.fixed.items()}
        run: dict[str, Array] = {name: by_name[name] for name in self.curve.shared}
        for name in (*self.curve.own, "noise"):
            up, down = (by_name.get(f"{direction}.{name}") for direction in DIRECTIONS)
            either = up if down is None else down
            assert either is not None
            first, second = (either if each is None else each for each in (up, down))
            run[name] = np.where(trains.up, first, second)
        return by_name, run

    def dynamics(self, points: Array, trains: Trains, size: Array | None = None) -> Dynamics:
        """What pulses and reads do at B points, shape ``(B, n)``.

        Args:
            points: Parameters.
            trains: The runs.
            size: Window of each device over the nominal one, shape ``(B, D)``; 1 where None.
        """
        whole, run = self.values(points, trains)
        one = np.ones((len(points), 1))
        start = np.exp(whole["start"]) if "start" in whole else 0.0 * one
        return Dynamics(
            low=whole["low"],
            high=whole["high"],
            size=one if size is None else size[:, trains.device],
            step=self.curve.step(run),
            pulse_noise=noise_of(run["noise"], 0.0 if self.curve.relative else PULSE_FLOOR),
            relative=self.curve.relative,
            read_noise=noise_of(whole["read"], FLOOR),
            start_noise=start,
            stops=self.stops,
        )

    def first_values(self, trains: Trains, share: float) -> Array:
        """Parameters to begin with.

        Args:
            trains: The runs.
            share: Part of the noise of single differences that is taken for read noise, 0 to 1.
        """
        window, shapes, noise = _first_look(trains)
        width = window[1] - window[0]
        guess = {"low": window[0], "high": window[1], "start": np.log(0.01)}
        reads = [n * np.sqrt(share / 2.0) / width for n in noise.values()]
        guess["read"] = float(np.log(max(float(np.mean(reads)), FLOOR)))
        for direction in trains.directions:
            begun = self.curve.guess(*shapes[direction])
            pulse = noise[direction] * np.sqrt(1.0 - share) / width
            if self.curve.relative:
                pulse = pulse * shapes[direction][0]
            guess |= {f"{direction}.{name}": begun[name] for name in self.curve.own}
            guess |= {name: begun[name] for name in self.curve.shared}
            guess[f"{direction}.noise"] = float(np.log(max(pulse, PULSE_FLOOR)))
        return np.array([guess[name] for name in self.names])

    def without(self, name: str, value: float) -> Model:
        """The same model with a parameter fixed."""
        names = tuple(each for each in self.names if each != name)
        return replace(self, names=names, fixed={**self.fixed, name: value})


def noise_of(logarithm: Array, floor: float) -> Array:
    """Standard deviation of a logarithm; never below a floor, where likelihoods have no end."""
    found: Array = np.sqrt(np.exp(2.0 * np.minimum(logarithm, 50.0)) + floor**2)
    return found


def _first_look(
    trains: Trains,
) -> tuple[tuple[float, float], dict[Direction, tuple[float, float]], dict[Direction, float]]:
    """Window, pulses and bend of either direction, and deviation of single differences."""
    middles: dict[Direction, Array] = {}
    noise: dict[Direction, float] = {}
    for direction in trains.directions:
        values = trains.values[:, trains.of(direction)]
        middle = np.nanmean(values[np.isfinite(values).any(axis=1)], axis=1)
        middles[direction] = middle
        steps = np.diff(values, axis=0)
        # Where every reading lies behind several pulses, no step is known by itself.
        noise[direction] = float(np.nanstd(steps)) if np.isfinite(steps).any() else 0.01
    ends = [(_near(m, 0), _near(m, -1)) for m in middles.values()]
    rises = {name: m if name == "potentiation" else -m for name, m in middles.items()}
    low = min(start for pair in ends for start in pair)
    high = max(end for pair in ends for end in pair)
    if len(ends) == 2:
        low, high = ends[0][0], ends[1][0]
    if high - low < 0.05:
        low, high = min(min(e) for e in ends), max(max(e) for e in ends)
    high = max(high, low + 0.05)
    shapes = {name: _shape(rise, high - low) for name, rise in rises.items()}
    return (low, high), shapes, noise


def _near(values: Array, end: int) -> float:
    """Value at an end, of the straight line through the tenth of the readings there."""
    there = np.flatnonzero(np.isfinite(values))
    count = int(np.clip(len(there) // 10, 3, 40))
    chosen = there[:count] if end == 0 else there[-count:]
    slope, level = np.polyfit(chosen, values[chosen], 1)
    return float(level + slope * there[end])


def _shape(rise: Array, width: float) -> tuple[float, float]:
    """Pulses over the window and bend, from a curve's ends and its middle."""
    last = len(rise) - 1
    third = max(last // 6, 1)
    middle = slice(last // 2 - third, last // 2 + third + 1)
    begin, end = _near(rise, 0), _near(rise, -1)
    half = float(np.nanmean(rise[middle])) - begin
    whole = max(end - begin, 0.02 * width)
    ratio = float(np.clip((whole - half) / max(half, 0.02 * whole), 0.03, 30.0))
    rate = -2.0 * np.log(ratio) / last
    if abs(rate * last) < 0.05:
        return last * width / whole, 0.01
    target = whole / -np.expm1(-rate * last) / width
    if 0.0 <= target <= 1.002:
        target = 1.002
    bend = -float(np.log1p(-1.0 / target))
    return max(bend / rate, 2.0), float(np.clip(bend, -8.0, 8.0))
