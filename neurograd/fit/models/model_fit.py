"""Fits of one model to runs: its parameters, their profile intervals, and how hidden readings fare.

Parameters are found from the restricted likelihood (``state_space.py``). Models are compared by the
likelihood of readings that they did not see: of the fifths of every run, each after the readings
before it, under a fit without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from neurograd.fit.measurements import DIRECTIONS, Direction
from neurograd.fit.models.curves import Curve
from neurograd.fit.models.line_likelihood import line_likelihood, waves_of
from neurograd.fit.models.maximise import LogLikelihood, Maximum, maximise
from neurograd.fit.models.model import FLOOR, Model
from neurograd.fit.models.state_space import Filtered, restricted, run_filter
from neurograd.fit.models.trains import Array, Trains

CONFIDENCE = 0.95
"""Confidence of the intervals of a fit."""

FOLDS = 5
"""Parts that are hidden, one after the other."""

SHARES = (0.5, 0.02, 0.98)
"""Parts of the noise that are taken for read noise at first: likelihoods can have several tops."""

_FAR = 2.0
"""Logarithms below that of ``FLOOR`` at which a noise is none."""

_LARGEST_BEND = 50.0
"""Bend of the largest nonlinearity label, 9, and a little more."""


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
            passed.append(here + f)
        parts = np.array([float(each[0, 0]) for each in passed])
        low, high = self.value("low"), self.value("high")
        places = low + (high - low) * (parts if direction == DIRECTIONS[0] else 1.0 - parts)
        return self.trains.origin + self.trains.scale * places

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
    groups = None if model.curve.relative or not model.curve.straight else waves_of(trains)

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
    tops = [maximise(likelihood, model.first_values(trains, share)) for share in shares]
    return ModelFit(model, trains, max(tops, key=lambda top: top.value))


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

    without = maximise(lambda points: parts(points)[0], fit.top.parameters, unit=fit.top.unit)
    return float(parts(without.parameters[None])[1][0])


def _restricted(filtered: Filtered, trains: Trains) -> Array:
    return restricted(filtered.log_likelihood, filtered.start_information, trains.up)


def _folds(trains: Trains) -> list[NDArray[np.bool_]]:
    """Readings of each fold, shape ``(P, R)``: stretches of a fifth, others in every run."""
    place = np.arange(len(trains.values))[:, None] * FOLDS // (trains.pulses() + 1)
    fold = (place + np.arange(len(trains.up))) % FOLDS
    return [fold == number for number in range(FOLDS)]


def profile_interval(fit: ModelFit, name: str) -> tuple[float, float]:
    """Interval of a parameter, by the likelihood with all others at their best for it.

    An end is infinite where the likelihood does not fall that far: a noise of 0, or a curve as bent
    as can be, is then not ruled out.

    Args:
        fit: The fit.
        name: The parameter.
    """
    place = fit.model.names.index(name)
    low, high = -np.inf, np.inf
    if name == "read" or name.endswith(("noise", "start")):
        low = np.log(FLOOR) - _FAR
    if name.endswith("bend"):
        low, high = -_LARGEST_BEND, _LARGEST_BEND
    profile = _Profile(fit, place)
    return profile.end(-1.0, low), profile.end(1.0, high)


@dataclass(frozen=True)
class _Profile:
    """The likelihood of one parameter's values.

    Attributes:
        fit: The fit.
        place: The parameter's place.
    """

    fit: ModelFit
    place: int

    def root(self, value: float) -> float:
        """``√(2·(L_max − L))``: 1.96 at the ends of a 95 % interval."""
        top = self.fit.top
        free = np.arange(len(top.parameters)) != self.place
        start = top.parameters.copy()
        start[self.place] = value
        coupling = top.information[np.ix_(free, [self.place])][:, 0]
        moved = np.linalg.lstsq(top.information[np.ix_(free, free)], coupling, rcond=1e-12)[0]
        shift = moved * (value - top.parameters[self.place])
        start[free] -= np.clip(shift, -1.0, 1.0)
        best = maximise(restricted_of(self.fit.model, self.fit.trains), start, free, top.unit)
        return float(np.sqrt(2.0 * max(top.value - best.value, 0.0)))

    def end(self, side: float, limit: float) -> float:
        """One end of the interval."""
        target = float(stats.norm.ppf(0.5 + 0.5 * CONFIDENCE))
        center = float(self.fit.top.parameters[self.place])
        inverse = np.linalg.pinv(self.fit.top.information, rcond=1e-14, hermitian=True)
        step = target * float(np.sqrt(max(inverse[self.place, self.place], 1e-20)))
        inner, outer = 0.0, np.inf
        inner_root, outer_root = 0.0, np.inf
        for _ in range(12):
            at = center + side * step
            if side * (at - limit) >= 0:
                at = limit
            root = self.root(at)
            step = abs(at - center)
            if abs(root - target) < 0.02:
                return at
            if root < target:
                if at == limit:
                    return side * np.inf
                inner, inner_root = step, root
            else:
                outer, outer_root = step, root
            if np.isinf(outer):
                step *= float(np.clip(target / max(root, 1e-9), 1.2, 3.0))
            else:
                part = (target - inner_root) / (outer_root - inner_root)
                step = inner + float(np.clip(part, 0.05, 0.95)) * (outer - inner)
        return center + side * step
