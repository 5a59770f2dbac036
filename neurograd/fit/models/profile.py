"""Estimates and intervals of single parameters, from the profile of the likelihood.

What is left around a fitted curve is too small by what the curve has followed of it, and noise that
is told from it comes out too small. So the profile of a parameter ψ is that of

    l(ψ, λ_ψ) − ½·log det J(λ_ψ),

with l the likelihood, all other parameters λ_ψ at their best for ψ, and J the second derivatives of
l, with the sign turned, in the window's ends and the numbers of the curve, for the noises of λ_ψ.
(These numbers themselves are left at their best in J: it is then the same for every way to write a
curve.) For a straight line of k numbers with one kind of noise it has N − k in place of N readings,
as the restricted likelihood has: the noise is divided by the degrees of freedom, and the interval
of a number is nearly Student's. The top of a noise lies beside that of the likelihood by the slope
of the second term there.

Sources: Cox and Reid, Journal of the Royal Statistical Society B 49, 1987, for noises; Welham and
Thompson, the same journal, 59, 1997, for the numbers of a curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from neurograd.fit.models.maximise import LogLikelihood, from_stencil, maximise_nearby, stencil
from neurograd.fit.models.model import FLOOR, is_noise
from neurograd.fit.models.model_fit import ModelFit, RunLikelihood, by_run
from neurograd.fit.models.state_space import restricted
from neurograd.fit.models.trains import Array

CONFIDENCE = 0.95
"""Confidence of the intervals of a fit."""

_FAR = 2.0
"""Logarithms below that of ``FLOOR`` at which a noise is none."""

_LARGEST_BEND = 50.0
"""Bend of the largest nonlinearity label, 9, and a little more."""

_HIDDEN = 1e-9
"""Part of a difference's step below which a deviation is what rounding has left of a flat top."""

_FLATTEST = 1e-4
"""Least curvature, in units of a difference, of a number that follows the readings."""


def estimate(fit: ModelFit, name: str) -> tuple[float, float, float]:
    """A parameter and the ends of its interval.

    An end is infinite where the likelihood does not fall that far, a noise of 0 or a curve as bent
    as can be is then not ruled out, or where the steps end before it has.

    Args:
        fit: The fit.
        name: The parameter.
    """
    low, high = -np.inf, np.inf
    if is_noise(name):
        low = np.log(FLOOR) - _FAR
    if name.endswith("bend"):
        low, high = -_LARGEST_BEND, _LARGEST_BEND
    profile = _Profile.of(fit, name)
    return profile.middle, profile.end(-1.0, low), profile.end(1.0, high)


@dataclass(frozen=True)
class _Profile:
    """The likelihood of one parameter's values.

    Attributes:
        fit: The fit.
        place: The parameter's place.
        likelihood: The one that the fit has made large.
        by_run: That of each run.
        noise: Which parameters are noises, shape ``(n,)``.
        followed: Places of all others: the window's ends and the curve's numbers, shape ``(k,)``;
            none where these are integrated out.
        middle: Where the profile is highest.
        highest: Its value there.
    """

    fit: ModelFit
    place: int
    likelihood: LogLikelihood
    by_run: RunLikelihood
    noise: NDArray[np.bool_]
    followed: NDArray[np.int64]
    middle: float
    highest: float

    @staticmethod
    def of(fit: ModelFit, name: str) -> _Profile:
        """The profile of a parameter."""
        top, place = fit.top, fit.model.names.index(name)
        noise = np.array([is_noise(other) for other in fit.model.names])
        followed = np.flatnonzero(~noise)
        middle, each = float(top.parameters[place]), by_run(fit.model, fit.trains)
        likelihood = fit.likelihood()
        profile = _Profile(fit, place, likelihood, each, noise, followed, middle, top.value)
        highest, deviation = top.value + profile.correction(top.parameters), profile.deviation
        # A flat top is anywhere: nothing is known of a slope beside it.
        if not noise[place] or deviation > 1.0:
            return replace(profile, highest=highest)
        aside = 0.3 * deviation
        ends = [profile.correction(profile.start(middle + side)) for side in (aside, -aside)]
        slope = (ends[0] - ends[1]) / (2.0 * aside)
        shift = float(np.clip(slope * deviation, -0.5, 0.5)) * deviation
        return replace(profile, middle=middle + shift, highest=highest + 0.5 * slope * shift)

    @property
    def deviation(self) -> float:
        """Standard deviation of the parameter by the curvatures at the top.

        The step of a difference where the top is so flat that rounding has turned a curvature, or
        has hidden it beside far larger ones: it says nothing then.
        """
        inverse = np.linalg.pinv(self.fit.top.information, rcond=1e-14, hermitian=True)
        variance = float(inverse[self.place, self.place])
        unit = float(self.fit.top.unit[self.place])
        return math.sqrt(variance) if variance > (_HIDDEN * unit) ** 2 else unit

    def correction(self, parameters: Array) -> float:
        """What the profile has beyond the restricted likelihood, which knows of starts alone."""
        if not self.followed.size:
            return 0.0
        unit = self.fit.top.unit[self.followed]
        around = stencil(len(self.followed)) * unit
        points = np.tile(
            np.where(self.noise, parameters, self.fit.top.parameters), (len(around), 1)
        )
        points[:, self.followed] += around
        each, information = self.by_run(points)
        whole = each.sum(axis=1)
        starts = whole[0] - restricted(each[:1], information[:1], self.fit.trains.up)[0]
        sizes = np.linalg.eigvalsh(from_stencil(-whole)[2])
        return float(starts - 0.5 * np.log(np.maximum(sizes, _FLATTEST)).sum())

    def start(self, value: float) -> Array:
        """A value of the parameter, with what the curvatures at the top make of the others."""
        top = self.fit.top
        free = np.arange(len(top.parameters)) != self.place
        start = top.parameters.copy()
        start[self.place] = value
        coupling = top.information[np.ix_(free, [self.place])][:, 0]
        moved = np.linalg.lstsq(top.information[np.ix_(free, free)], coupling, rcond=1e-12)[0]
        shift = moved * (value - top.parameters[self.place])
        start[free] -= np.clip(shift, -1.0, 1.0)
        return start

    def root(self, start: Array) -> tuple[float, Array]:
        """``√(2·(L_max − L))``, 1.96 at the ends of a 95 % interval, and the others at their best.

        Args:
            start: The value whose likelihood it is, and the others to begin with.
        """
        free = np.arange(len(start)) != self.place
        found, best = maximise_nearby(self.likelihood, start, self.fit.top, free)
        fallen = self.highest - best - self.correction(found)
        return float(np.sqrt(2.0 * max(fallen, 0.0))), found

    def end(self, side: float, limit: float) -> float:
        """One end of the interval."""
        target = float(stats.norm.ppf(0.5 + 0.5 * CONFIDENCE))
        step = target * self.deviation
        inner, outer = 0.0, np.inf
        inner_root, outer_root = 0.0, np.inf
        top = self.fit.top.parameters
        start = self.start(self.middle + side * step)
        for _ in range(12):
            at = self.middle + side * step
            if side * (at - limit) >= 0:
                at = limit
            # Along the way from the top to where the others were at their best last.
            way = (at - top[self.place]) / (start[self.place] - top[self.place])
            root, start = self.root(top + (start - top) * way)
            step = abs(at - self.middle)
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
        return self.middle + side * (np.inf if np.isinf(outer) else step)
