"""Whether a predicted path holds: what bursts of real updates say of several chips' paths."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from neurograd.forecast.bursts.watch import Burst

LEVEL = 0.01
"""Part of the paths that hold which the test rejects, at most."""

ALLOWED = 0.1
"""What loss or squared length may depart by over a whole training and still count as the path's.

A part of them. Tests reject any difference once there are chips enough; this one is of no matter.
"""

CONFIDENCE = 0.95
"""Of the intervals of single places."""

NAMES = ("loss", "squared length of the weights")
"""What is looked at, in the order of ``watch.State``."""


@dataclass(frozen=True)
class PlaceCheck:
    """One of both functions at one place, as means over chips.

    Changes are those of a logarithm over ``updates`` updates: parts of the value, where small.

    Attributes:
        of: A name of ``NAMES``.
        done: Updates of the path up to there, the mean over chips.
        updates: Updates that were measured.
        expected: Smallest and largest change by the slope of the path before and after the place.
        settled: Change while the burst settled, which is not judged.
        measured: Change by real updates after that; infinite where they diverge.
        ci: Its two-sided interval at ``CONFIDENCE``.
        p_value: Of the test whether it is expected, by this place alone.
    """

    of: str
    done: float
    updates: int
    expected: tuple[float, float]
    settled: float
    measured: float
    ci: tuple[float, float]
    p_value: float


@dataclass(frozen=True)
class PathCheck:
    """What bursts say of the paths of several chips.

    Attributes:
        chips: Number of chips.
        updates: Real updates that all bursts took together.
        places: What was found, place by place; empty where nothing could be.
        p_value: Chance of bursts as far from the paths as these, or further, if the paths hold, at
            most; None where there is no test.
        departure: How much more the loss would change over a whole training at the real rates than
            at those of the path, as a part of it and at the mean over places; None likewise.
        unchecked: Why there is no test, None where there is one.
    """

    chips: int
    updates: int
    places: tuple[PlaceCheck, ...]
    p_value: float | None
    departure: float | None
    unchecked: str | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the paths are not rejected at ``LEVEL``; None without a test."""
        return None if self.p_value is None else self.p_value >= LEVEL


def unchecked(chips: int, reason: str) -> PathCheck:
    """The check of paths from which no bursts were taken."""
    return PathCheck(chips, 0, (), None, None, reason)


def check_path(bursts: Sequence[Sequence[Burst]], steps: int) -> PathCheck:
    """Test whether the paths of chips hold.

    At a place the mean real rate over chips is set beside the slopes of the path before and after
    it, between which the slope there lies as long as it grows or falls all along. Student's t over
    chips is that of the nearer end. Half of the level is for single places, by Bonferroni, half for
    all places of a function together.

    Args:
        bursts: Those of each chip.
        steps: Updates of the training.
    """
    chips = len(bursts)
    if chips < 2:
        return unchecked(chips, "of one chip it is not known how far chance goes")
    by_place: dict[int, list[Burst]] = defaultdict(list)
    for each in (burst for found in bursts for burst in found):
        by_place[each.place].append(each)
    shared = [found for _, found in sorted(by_place.items()) if len(found) == chips]
    if not shared:
        return unchecked(chips, "the paths have no states where all chips could be looked at")
    tables = [_Rates.of(shared, which) for which in range(len(NAMES))]
    places = tuple(table.at(k, steps) for k in range(len(shared)) for table in tables)
    single = len(places) * min(place.p_value for place in places)
    overall = len(tables) * min(table.p_value(steps) for table in tables)
    return PathCheck(
        chips=chips,
        updates=sum(each.settling + each.measured for found in bursts for each in found),
        places=places,
        p_value=min(1.0, 2.0 * single, 2.0 * overall),
        departure=tables[0].departure * steps,
    )


@dataclass(frozen=True)
class _Rates:
    """Rates of change of one function an update, each of shape ``(places, chips)``.

    Attributes:
        name: What the function is of.
        real: By real updates, infinite where they diverge.
        less: Smaller slope of the path beside the place, that of the same side for all chips.
        more: The larger one.
        settled: Change while the burst settled.
        done: Updates of the path.
        updates: Those that were measured at a place.
    """

    name: str
    real: np.ndarray
    less: np.ndarray
    more: np.ndarray
    settled: np.ndarray
    done: np.ndarray
    updates: int

    @staticmethod
    def of(places: Sequence[Sequence[Burst]], which: int) -> _Rates:
        """From bursts of all chips at each place."""

        def table(number: Callable[[Burst], float]) -> np.ndarray:
            return np.array([[number(burst) for burst in place] for place in places], dtype=float)

        updates = places[0][0].measured
        settled, end = table(lambda b: b.settled[which]), table(lambda b: b.end[which])
        with np.errstate(invalid="ignore"):
            real = np.where(np.isfinite(end), (end - settled) / updates, np.inf)
        before = table(lambda b: (b.path[1][which] - b.path[0][which]) / b.before)
        after = table(lambda b: (b.path[2][which] - b.path[1][which]) / b.after)
        swap = (before.mean(1) > after.mean(1))[:, None]
        return _Rates(
            name=NAMES[which],
            real=real,
            less=np.where(swap, after, before),
            more=np.where(swap, before, after),
            settled=settled - table(lambda b: b.path[1][which]),
            done=table(lambda b: b.done),
            updates=updates,
        )

    @property
    def departure(self) -> float:
        """Mean of the real rates beyond the path's."""
        with np.errstate(invalid="ignore"):
            below, above = (self.real - self.less).mean(1), (self.real - self.more).mean(1)
        # NaN where both are infinite, which is no departure.
        return float((np.fmin(below, 0.0) + np.fmax(above, 0.0)).mean())

    def p_value(self, steps: int) -> float:
        """Of all places together: their one-sided tests as normal numbers, added (Stouffer)."""
        sides = [
            _one_sided(*self._beside(place), ALLOWED / steps) for place in range(len(self.real))
        ]
        tiny = np.finfo(float).tiny
        normal = ndtri(np.clip(np.array(sides), tiny, 1.0 - np.finfo(float).epsneg))
        return float(min(1.0, 2.0 * ndtr(normal.sum(0) / math.sqrt(len(sides))).min()))

    def _beside(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Real rates less the smaller and less the larger slope, each of shape ``(S,)``."""
        real = self.real[place]
        with np.errstate(invalid="ignore"):
            return real - self.less[place], real - self.more[place]

    def at(self, place: int, steps: int) -> PlaceCheck:
        """What is said of one place."""
        real, less, more = self.real[place], self.less[place], self.more[place]
        mean, margin = float(real.mean()), _margin(real)
        return PlaceCheck(
            of=self.name,
            done=float(self.done[place].mean()),
            updates=self.updates,
            expected=(float(less.mean()) * self.updates, float(more.mean()) * self.updates),
            settled=float(self.settled[place].mean()),
            measured=mean * self.updates,
            ci=((mean - margin) * self.updates, (mean + margin) * self.updates),
            p_value=min(1.0, 2.0 * min(_one_sided(*self._beside(place), ALLOWED / steps))),
        )


def _margin(values: np.ndarray) -> float:
    """Half of the interval of a mean; 0 where that is not finite."""
    if not np.isfinite(values).all():
        return 0.0
    quantile = float(stdtrit(len(values) - 1, 0.5 + 0.5 * CONFIDENCE))
    return quantile * float(values.std(ddof=1)) / math.sqrt(len(values))


def _one_sided(below: np.ndarray, above: np.ndarray, allowed: float) -> tuple[float, float]:
    """p-values of a mean not below the smaller and not above the larger slope of a path.

    Args:
        below: Real rates less the smaller slope, one a chip, shape ``(S,)``.
        above: The same with the larger slope; infinite where real updates diverge, −infinite where
            the next state of the path is infinite, NaN where both are.
        allowed: How far outside the mean may be.
    """
    return _chance_below(below + allowed), _chance_below(allowed - above)


def _chance_below(values: np.ndarray) -> float:
    """p-value of a mean that is not below 0.

    0 where real updates diverge and the path does not, 1 where the path's slope has no end.
    """
    if np.isnan(values).any() or (values == np.inf).any():
        return 1.0
    if (values == -np.inf).any():
        return 0.0
    return float(stdtr(len(values) - 1, _statistic(values)))


def _statistic(values: np.ndarray) -> float:
    """Student's t of a mean against 0; infinite without any spread."""
    mean, spread = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    if spread == 0.0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / spread
