"""Likelihood of runs of readings: steps and their noise accumulate, the noise of reads does not.

A device stands at the part p of its window that it has passed in the direction of the pulses. Pulse
n moves it, and read n looks at it:

    p_n = p_{n−1} + f(p_{n−1}) + s(p_{n−1})·ξ_n        y_n = p_n + r·η_n        ξ, η ~ N(0, 1)

So cycle-to-cycle noise s stays in the state and is carried along the curve, by 1 + f′ a pulse,
while read noise r is gone at the next read. The likelihood of all readings is that of the
innovations of an extended Kalman filter, exact where f is a straight line of p (constant steps,
NeuroSim's curve, soft bounds) and s is constant; elsewhere f is linearized at the filter's mean,
with the mean of its curvature. Steps may stop at the window's ends (``window_ends.py``).

Where a run starts is a parameter that every run has but few readings tell (the first ones): left
to itself it takes the first reading for the truth and read noise for none. So the likelihood is the
restricted one, with the starts integrated out: the information that all readings have about the
start is kept beside the innovations.

Sources: Särkkä, Bayesian Filtering and Smoothing, Cambridge 2013, chapter 5; Schweppe, IEEE Trans.
Inf. Theory 11, 1965, for the likelihood; Patterson and Thompson, Biometrika 58, 1971, for the
restricted one. Many settings of the parameters are filtered side by side (B of them), so that
derivatives by differences cost about as much as one value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurograd.fit.models.trains import Array, Trains
from neurograd.fit.models.window_ends import Stopped, stop

PULSE_FLOOR = 1e-5
"""Noise that every pulse has at least, as a part of the window: likelihoods have no end at 0."""

Step = Callable[[Array], tuple[Array, Array, Array]]
"""Mean step f, its slope f′ and its curvature f″, for the parts p that were passed."""

Line = tuple[Array, Array]
"""Mean step that is a straight line of p: f(0) and f′."""


@dataclass(frozen=True)
class Dynamics:
    """What pulses and reads do, for B settings of the parameters and R runs.

    Attributes:
        low: Conductance at the lower end of the window, in units of the scale, shape ``(B, 1)``.
        high: Conductance at its upper end, shape ``(B, 1)``.
        size: Window of each run's device over the nominal one, shape ``(B, R)`` or ``(B, 1)``.
        step: The curve of every run's direction.
        pulse_noise: s over the nominal window, or over the step where ``relative``, shape
            ``(B, R)``.
        relative: Whether the noise of a pulse is in proportion to its step.
        read_noise: r over the nominal window, shape ``(B, 1)``.
        start_noise: Spread of the starts over runs, over the nominal window, shape ``(B, 1)``.
        stops: Whether steps stop at the window's ends.
    """

    low: Array
    high: Array
    size: Array
    step: Step | Line
    pulse_noise: Array
    relative: bool
    read_noise: Array
    start_noise: Array
    stops: bool = False


@dataclass(frozen=True)
class Filtered:
    """What the filter makes of the runs.

    Attributes:
        terms: Log likelihood of each reading after those before it, in units of the scale, shape
            ``(P, B, R)``; 0 where none was made.
        start_information: Of the readings about the start of each run, in units of the scale,
            shape ``(B, R)``.
        innovations: Every reading less what was expected of it, over its standard deviation, shape
            ``(P, B, R)``; NaN where none was made.
        states: Expected parts passed before each reading, shape ``(P, B, R)``.
    """

    terms: Array
    start_information: Array
    innovations: Array
    states: Array

    @property
    def log_likelihood(self) -> Array:
        """Of every run, shape ``(B, R)``."""
        total: Array = self.terms.sum(axis=0)
        return total


def restricted(log_likelihood: Array, start_information: Array, up: NDArray[np.bool_]) -> Array:
    """Log likelihood with the common start of either direction integrated out, shape ``(B,)``.

    Args:
        log_likelihood: Of every run, shape ``(B, R)``.
        start_information: What its readings tell of its start, shape ``(B, R)``.
        up: Which runs are potentiation, shape ``(R,)``.
    """
    total: Array = log_likelihood.sum(axis=1)
    for runs in (up, ~up):
        if runs.any():
            total = total - 0.5 * np.log(start_information[:, runs].sum(axis=1))
    return total


def run_filter(trains: Trains, what: Dynamics) -> Filtered:
    """Filter all runs.

    Args:
        trains: The runs.
        what: Parameters.
    """
    width = (what.high - what.low) * what.size
    seen = np.isfinite(trains.values)
    # The part passed: from the lower end upwards, or from the device's own upper end downwards.
    sign = np.where(trains.up, 1.0, -1.0) / width
    base = np.where(trains.up, what.low, what.low + width)
    passed = (np.where(seen, trains.values, 0.0)[:, None] - base) * sign
    shape = passed.shape[1:]
    read = np.broadcast_to((what.read_noise / what.size) ** 2, shape)
    kick = (what.pulse_noise if what.relative else what.pulse_noise / what.size) ** 2
    gaps, variances = np.empty_like(passed), np.empty_like(passed)
    carried, states = np.empty_like(passed), np.empty_like(passed)
    mean, weight = np.zeros(shape), np.ones(shape)
    spread = mean + (what.start_noise / what.size) ** 2
    everywhere = [bool(row.all()) for row in seen]
    last = trains.pulses() if what.stops else np.zeros_like(trains.device)
    stops: list[tuple[int, Stopped]] = []
    move = _mover(what.step, kick, what.relative)
    for number, place in enumerate(passed):
        if number:
            mean, spread, slope = move(mean, spread)
            weight = weight * slope
        held = stop(mean, spread, place, read, number <= last) if number else None
        gap = np.subtract(place, mean, out=gaps[number])
        variance = np.add(spread, read, out=variances[number])
        states[number], carried[number] = mean, weight
        gain = spread / variance
        if not everywhere[number]:
            gain = gain * seen[number]
        left = 1.0 - gain
        mean, spread, weight = mean + gain * gap, spread * left, weight * left
        if held is not None:
            held.hold(mean, spread, weight, carried[number], seen[number])
            stops.append((number, held))
    terms = -0.5 * (gaps * gaps / variances + np.log(variances))
    for number, held in stops:
        rows = (terms[number], gaps[number], variances[number], states[number], carried[number])
        held.correct(rows, read)
    there = seen[:, None]
    constant = np.log(np.abs(width)) + 0.5 * np.log(2.0 * np.pi)
    terms = np.where(there, terms - constant, 0.0)
    known = np.where(there, carried * carried / variances, 0.0).sum(axis=0) / width**2
    innovations = np.where(there, gaps / np.sqrt(variances), np.nan)
    return Filtered(terms, known, innovations, states)


Mover = Callable[[Array, Array], tuple[Array, Array, Array]]
"""One pulse: mean and variance of the state before it to those behind it, and 1 + f′."""


def _mover(step: Step | Line, kick: Array, relative: bool) -> Mover:
    if isinstance(step, tuple):
        start, slope = step
        left = 1.0 + slope
        square = left * left
        if not relative:
            return lambda mean, spread: (left * mean + start, square * spread + kick, left)

        def along(mean: Array, spread: Array) -> tuple[Array, Array, Array]:
            f = start + slope * mean
            return mean + f, square * spread + kick * f * f + PULSE_FLOOR**2, left

        return along

    def curved(mean: Array, spread: Array) -> tuple[Array, Array, Array]:
        f, slope, bend = step(mean)
        noise = kick * f * f + PULSE_FLOOR**2 if relative else kick
        moved = mean + f + 0.5 * bend * spread
        return moved, (1.0 + slope) ** 2 * spread + noise, 1.0 + slope

    return curved
