"""Fits of one model to runs: its parameters, and how hidden readings fare.

Parameters are found from the restricted likelihood (``state_space.py``). Models are compared by the
likelihood of readings that they did not see: of the fifths of every run, each after the readings
before it, under a fit without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurograd.fit.measurements import DIRECTIONS, Direction
from neurograd.fit.models.curves import Curve
from neurograd.fit.models.line_likelihood import line_likelihood, waves_of
from neurograd.fit.models.maximise import (
    LogLikelihood,
    Maximum,
    maximise,
    maximise_nearby,
)
from neurograd.fit.models.model import Model
from neurograd.fit.models.state_space import Filtered, restricted, run_filter
from neurograd.fit.models.trains import Array, Trains

FOLDS = 5
"""Parts that are hidden, one after the other."""

SHARES = (0.5, 0.02, 0.98)
"""Parts of the noise that are taken for read noise at first: likelihoods can have several tops."""

_AGAIN, _HIGHER = 3, 0.05
"""Most climbs that are begun again, and the log likelihood that one must have gained for it."""

_SAME = 0.01
"""Log likelihood that stopping at the ends changes where no step gets there."""


@dataclass(frozen=True)
class ModelFit:
    """A model and the parameters that fit runs best.

    Attributes:
        model: The model.
        trains: The runs.
        top: The maximum of the restricted likelihood.
    """

    model: Model
    trains: Trains
    top: Maximum

    def filtered(self) -> Filtered:
        """What the filter makes of the runs there; B is 1."""
        return _filter(self.model, self.trains, self.top.parameters[None])

    def curve_without_noise(self, direction: Direction) -> Array:
        """Conductance after 0 to P pulses of a nominal device, in the file's unit, ``(P + 1,)``.

        Args:
            direction: One that was measured.
        """
        one = self.trains.picked(np.flatnonzero(self.trains.of(direction))[:1])
        pulses = int(self.trains.pulses()[self.trains.of(direction)].max())
        step = self.model.dynamics(self.top.parameters[None], one).step
        passed = [np.zeros((1, 1))]
        for _ in range(pulses):
            here = passed[-1]
            f = step[0] + step[1] * here if isinstance(step, tuple) else step(here)[0]
            after = here + f
            passed.append(np.clip(after, 0.0, 1.0) if self.model.stops else after)
        parts = np.array([float(each[0, 0]) for each in passed])
        low, high = self.value("low"), self.value("high")
        places = low + (high - low) * (parts if direction == DIRECTIONS[0] else 1.0 - parts)
        return self.trains.origin + self.trains.scale * places

    def likelihood(self) -> LogLikelihood:
        """The function of the parameters whose maximum this is."""
        return restricted_of(self.model, self.trains)

    def value(self, name: str) -> float:
        """A parameter."""
        if name in self.model.fixed:
            return self.model.fixed[name]
        return float(self.top.parameters[self.model.names.index(name)])


def _filter(model: Model, trains: Trains, points: Array) -> Filtered:
    return run_filter(trains, model.dynamics(points, trains))


RunLikelihood = Callable[[Array], tuple[Array, Array]]
"""Log likelihood of every run and information about its start, ``(B, R)``, of parameters."""


def by_run(model: Model, trains: Trains) -> RunLikelihood:
    """The likelihood of every run as a function of the parameters."""
    waves = model.curve.straight and not (model.curve.relative or model.stops)
    groups = waves_of(trains) if waves else None

    def value(points: Array) -> tuple[Array, Array]:
        what = model.dynamics(points, trains)
        if groups is not None:
            return line_likelihood(trains, groups, what)
        filtered = run_filter(trains, what)
        return filtered.log_likelihood, filtered.start_information

    return value


def restricted_of(model: Model, trains: Trains) -> LogLikelihood:
    """The function of the parameters that a fit maximises."""
    each = by_run(model, trains)
    return lambda points: restricted(*each(points), trains.up)


def fit_model(curve: Curve, trains: Trains) -> ModelFit:
    """Fit a curve to runs, from several first values.

    Args:
        curve: The curve.
        trains: The runs.
    """
    model = Model.of(curve, trains)
    likelihood = restricted_of(model, trains)
    shares = SHARES if curve.straight and not curve.relative else SHARES[:2]
    starts = [model.first_values(trains, share) for share in shares]
    return ModelFit(model, trains, _highest(likelihood, starts))


def fit_stopping(fit: ModelFit) -> ModelFit | None:
    """The same curve with steps that stop at the window's ends; None where none gets there.

    Args:
        fit: The fit without.
    """
    model = replace(fit.model, stops=True)
    likelihood = restricted_of(model, fit.trains)
    if abs(float(likelihood(fit.top.parameters[None])[0]) - fit.top.value) < _SAME:
        return None
    starts = np.stack([fit.top.parameters, model.first_values(fit.trains, SHARES[0])])
    nearest = np.nan_to_num(likelihood(starts), nan=-np.inf).argmax()
    return ModelFit(model, fit.trains, _highest(likelihood, [starts[nearest]]))


def _highest(likelihood: LogLikelihood, starts: Sequence[Array]) -> Maximum:
    """The highest top from several starts; what the other way of climbing adds is taken."""
    top = max((maximise(likelihood, start) for start in starts), key=lambda top: top.value)
    for _ in range(_AGAIN):
        found, value = maximise_nearby(likelihood, top.parameters, top)
        if value < top.value + _HIGHER:
            break
        top = maximise(likelihood, found)
    return top


def held_out(fit: ModelFit) -> Array:
    """Log likelihood of the readings of each fold under the fit to all others, shape ``(FOLDS,)``.

    A reading's is that after the readings before it. The fit without a fold climbs from the fit to
    all.

    Args:
        fit: The fit to all readings.
    """
    return np.array([_held_out(fit, fold) for fold in _folds(fit.trains)])


def _held_out(fit: ModelFit, fold: NDArray[np.bool_]) -> float:
    """Log likelihood of one fold under the fit without it."""

    def parts(points: Array) -> tuple[Array, Array]:
        """Restricted likelihood of the others, and that of the fold, each ``(B,)``."""
        filtered = _filter(fit.model, fit.trains, points)
        hidden = np.where(fold[:, None], filtered.terms, 0.0).sum(axis=(0, 2))
        return _restricted(filtered, fit.trains) - hidden, hidden

    without, _ = maximise_nearby(lambda points: parts(points)[0], fit.top.parameters, fit.top)
    return float(parts(without[None])[1][0])


def _restricted(filtered: Filtered, trains: Trains) -> Array:
    return restricted(filtered.log_likelihood, filtered.start_information, trains.up)


def _folds(trains: Trains) -> list[NDArray[np.bool_]]:
    """Readings of each fold, shape ``(P, R)``: stretches of a fifth, others in every run."""
    place = np.arange(len(trains.values))[:, None] * FOLDS // (trains.pulses() + 1)
    fold = (place + np.arange(len(trains.up))) % FOLDS
    return [fold == number for number in range(FOLDS)]
