"""Where the predicted cost crosses the allowed one: an outward scan, then bisection.

All values are predicted with the same random numbers, so that costs of neighbouring values differ
by what the value does and hardly by chance. Nothing assumes that the cost rises throughout: the
limit is the crossing nearest to the present value, and a cost that falls again is reported.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from neurograd.effects.knob import Knob
from neurograd.pipeline.limits.outlook import PredictedCost

Predict = Callable[[float], PredictedCost]

APART = 1.18
"""Smallest ratio of the two neighbours of a limit, so that training can tell them apart."""


STEPS_APART = 4
"""Most times that a neighbour is moved on by ``APART`` because it is on the wrong side."""


@dataclass(frozen=True)
class SearchBudget:
    """How closely a limit is looked for.

    Attributes:
        scan: Most values that are tried outward on one side.
        factor: Ratio of neighbouring values of the scan.
        bisections: Most values that are tried between two of the scan.
        close: Ratio of the two neighbours at which bisection ends.
        beyond: Whether a value beyond the crossing is tried, to see whether the cost falls again.
    """

    scan: int
    factor: float
    bisections: int
    close: float
    beyond: bool


FULL = SearchBudget(scan=5, factor=4.0, bisections=6, close=1.04, beyond=True)
QUICK = SearchBudget(scan=4, factor=6.0, bisections=3, close=1.3, beyond=False)


@dataclass(frozen=True)
class Tried:
    """A value with what is predicted there."""

    value: float
    estimate: PredictedCost


@dataclass(frozen=True)
class Limit:
    """How far one number may move.

    Attributes:
        knob: The number.
        now: What is predicted for the spec as it is.
        status: ``limit``; ``open`` (no value that was tried flips the verdict of a spec that is
            within its target); ``hopeless`` (none saves a spec that is not); ``best`` (it is as
            harmless as it can be, and the spec is not within its target).
        inside: The tolerated neighbour of the crossing, None without one.
        outside: The other neighbour.
        reach: The outermost value that was tried in the expected direction, None if none was.
        monotone: Whether, in the harmful direction through all values tried, the cost crosses the
            allowed one at most once and nowhere falls by more than its interval.
        separated: Whether the two neighbours, moved apart to be told from each other by training,
            are still predicted on their own sides.
        tried: All values that were tried, by size.
        better: The end of the tornado's bar on the harmless side, None where there is none.
        worse: Its end on the harmful side.
    """

    knob: Knob
    now: PredictedCost
    status: str
    inside: Tried | None
    outside: Tried | None
    reach: float | None
    monotone: bool
    separated: bool
    tried: tuple[Tried, ...]
    better: Tried | None
    worse: Tried | None

    @property
    def upper(self) -> bool:
        """Whether the limit is one from above: values below it are tolerated."""
        if self.inside is None or self.outside is None:
            return self.knob.harmful > 0
        return self.inside.value < self.outside.value

    def sentence(self) -> str:
        """The limit in one line, such as 'levels: now 40, needed 64'."""
        knob = self.knob
        begin = f"{knob.label}: now {knob.show(knob.now)}"
        if self.status == "limit":
            assert self.inside is not None
            words = "tolerated up to" if self.upper else "needed"
            text = f"{begin}, {words} {knob.show(self.inside.value)}"
        elif self.status == "best":
            return f"{begin}, which is not what limits"
        elif knob.either:
            ends = (knob.show(self.tried[0].value), knob.show(self.tried[-1].value))
            words = "no limit" if self.status == "open" else "not enough alone anywhere"
            text = f"{begin}, {words} from {ends[0]} to {ends[1]}"
        elif self.status == "open":
            way = "up to" if knob.harmful > 0 else "down to"
            text = f"{begin}, no limit {way} {knob.show(self.reach)}"
        else:
            way = "down to" if knob.harmful > 0 else "up to"
            text = f"{begin}, not enough alone {way} {knob.show(self.reach)}"
        notes = [
            note
            for said, note in (
                (not self.separated, "the cost hardly changes there"),
                (not self.monotone, "the cost does not rise throughout"),
            )
            if said
        ]
        return f"{text} ({'; '.join(notes)})" if notes else text


def find_limit(knob: Knob, now: PredictedCost, predict: Predict, budget: SearchBudget) -> Limit:
    """Look for the value nearest to the present one at which the predicted cost is crossed.

    Args:
        knob: The number.
        now: What is predicted for the spec as it is.
        predict: What is predicted for another value.
        budget: How closely to look.
    """
    return _Search(knob, now, predict, budget).run()


class _Search:
    """One knob's search; every value is predicted once."""

    def __init__(
        self, knob: Knob, now: PredictedCost, predict: Predict, budget: SearchBudget
    ) -> None:
        self._knob, self._now, self._budget = knob, now, budget
        self._predict = predict
        # What nothing limits stands beyond the allowed range.
        self._start = knob.now if knob.now is not None else -knob.harmful * math.inf
        self._known = {self._start: now}

    def run(self) -> Limit:
        knob, inside = self._knob, self._now.inside
        direction = knob.harmful if inside else -knob.harmful
        ends = {way: self._tornado_end(way) for way in (knob.harmful, -knob.harmful)}
        bracket, reach = self._scan(direction, ends[direction])
        if bracket is None and knob.either:
            bracket, _ = self._scan(-direction, ends[-direction])
        if bracket is None:
            fallback = "open" if inside else "hopeless"
            status = fallback if reach is not None else ("open" if inside else "best")
            return self._limit(status, None, None, reach, ends)
        low, high = self._bisect(*bracket)
        low, high, separated = self._apart(low, high)
        pair = (low, high) if self._known[min(bracket)].inside else (high, low)
        return self._limit("limit", pair[0], pair[1], reach, ends, separated)

    def _limit(
        self,
        status: str,
        inside: float | None,
        outside: float | None,
        reach: float | None,
        ends: dict[int, float | None],
        separated: bool = True,
    ) -> Limit:
        knob = self._knob
        worse, better = ends[knob.harmful], ends[-knob.harmful]
        if worse is None:  # now 0 or ideal: there is no half and no twice
            worse = outside if outside is not None else (reach if self._now.inside else None)
        if worse == self._start:
            worse = None
        return Limit(
            knob=knob,
            now=self._now,
            status=status,
            inside=self._tried(inside),
            outside=self._tried(outside),
            reach=reach,
            monotone=self._monotone(),
            separated=separated,
            tried=tuple(Tried(v, self._known[v]) for v in sorted(self._known) if math.isfinite(v)),
            better=self._tried(better),
            worse=self._tried(worse),
        )

    def _tried(self, value: float | None) -> Tried | None:
        if value is None or not math.isfinite(value):
            return None
        return Tried(value, self._estimate(value))

    def _estimate(self, value: float) -> PredictedCost:
        if value not in self._known:
            self._known[value] = self._predict(value)
        return self._known[value]

    # -- scan ------------------------------------------------------------------------------------

    def _tornado_end(self, way: int) -> float | None:
        """Twice or half of the present value; one bit more or less."""
        knob, start = self._knob, self._start
        if start == 0 or not math.isfinite(start):
            return None
        moved = start + way if knob.scale == "linear" else start * 2.0**way
        value = knob.rounded(moved)
        if value == start:
            return None
        self._estimate(value)
        return value

    def _scan(
        self, way: int, first: float | None
    ) -> tuple[tuple[float, float] | None, float | None]:
        """Go outward until the side changes: (last value of this side, first of the other one)."""
        side, last, reach = self._now.inside, self._start, None
        for value in self._outward(way, first):
            reach = value
            if self._estimate(value).inside != side:
                if self._budget.beyond:
                    self._look_beyond(way, value)
                return (last, value), reach
            last = value
        return None, reach

    def _look_beyond(self, way: int, crossed: float) -> None:
        if self._knob.scale == "log" and crossed > 0:
            further = self._knob.rounded(crossed * 2.0**way)
            if further not in (crossed, 0.0):
                self._estimate(further)

    def _outward(self, way: int, first: float | None) -> list[float]:
        knob, budget = self._knob, self._budget
        end = knob.high if way > 0 else knob.low
        if not math.isfinite(self._start):
            if way == -1 if self._start < 0 else way == 1:
                return []
            begin = knob.high if way < 0 else knob.low
            halves = [knob.rounded(begin * 2.0 ** (way * k)) for k in range(budget.scan)]
            return list(dict.fromkeys(halves))
        if self._start == 0:
            values = [knob.first * budget.factor**k for k in range(budget.scan)] if way > 0 else []
        elif knob.scale == "linear":
            values = [first] if first is not None else []
            ratio = 2.0 if way > 0 else 0.5
            values += [self._start * ratio**k for k in range(1, budget.scan)]
        else:
            values = [first] if first is not None else []
            values += [self._start * budget.factor ** (way * k) for k in range(1, budget.scan)]
            if way < 0 and end == 0.0:
                # If not even 0 helps, nothing between will.
                if not self._now.inside and not self._estimate(0.0).inside:
                    return [0.0]
                values.append(0.0)
        rounded = [knob.rounded(value) for value in values]
        if rounded and knob.scale == "log" and way > 0 and knob.unit == "%" and knob.high <= 1.0:
            rounded.append(knob.high)
        past = [v for v in rounded if (v - self._start) * way > 0]
        return sorted(dict.fromkeys(past), reverse=way < 0)

    # -- bisection -------------------------------------------------------------------------------

    def _bisect(self, near: float, far: float) -> tuple[float, float]:
        """Neighbours of the crossing between two values of opposite sides, by size."""
        low, high = min(near, far), max(near, far)
        if not math.isfinite(high):
            high = self._knob.high
        if not math.isfinite(low):
            low = self._knob.low
        low_inside = self._estimate(low).inside
        for _ in range(self._budget.bisections):
            middle = self._middle(low, high)
            if middle is None:
                break
            if self._estimate(middle).inside == low_inside:
                low = middle
            else:
                high = middle
        return low, high

    def _middle(self, low: float, high: float) -> float | None:
        """A value between two, None where they are close enough."""
        knob = self._knob
        if low > 0 and knob.scale == "log":
            if high / low <= self._budget.close and not knob.whole:
                return None
            middle = math.sqrt(low * high)
        elif knob.scale == "log":
            middle = high / self._budget.factor
        else:
            middle = 0.5 * (low + high)
        value = knob.rounded(middle)
        return value if low < value < high else None

    def _apart(self, low: float, high: float) -> tuple[float, float, bool]:
        """The neighbours at least ``APART``, and whether they stay on opposite sides.

        Chance (a forecast has draws of its own, and test samples are whole numbers) may put a value
        close to the limit on the wrong side; a few more steps away from it are tried then.
        """
        knob = self._knob
        low_inside = self._estimate(low).inside
        if knob.scale == "log" and low > 0 and high / low < APART:
            center, half = math.sqrt(low * high), math.sqrt(APART)
            wide = knob.rounded(center / half), knob.rounded(center * half)
            low, high = min(wide[0], low), max(wide[1], high)
        for _ in range(STEPS_APART if knob.scale == "log" else 0):
            if self._estimate(low).inside != low_inside:
                low = knob.rounded(low / APART)
            elif self._estimate(high).inside == low_inside:
                high = knob.rounded(high * APART)
        sides = self._estimate(low).inside, self._estimate(high).inside
        return low, high, sides == (low_inside, not low_inside)

    def _monotone(self) -> bool:
        """Whether the cost rises towards harm through all values that were tried."""
        knob = self._knob
        values = sorted(self._known, reverse=knob.harmful < 0)
        found = [self._known[value] for value in values]
        flips = sum(a.inside != b.inside for a, b in itertools.pairwise(found))
        worst = -math.inf
        for each in found:
            if each.ci[1] < worst:
                return False
            worst = max(worst, each.cost)
        return flips <= 1
