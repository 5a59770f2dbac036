"""Where the predicted verdict changes: two outward scans, then bisections.

A limit is two numbers. Up to A the predicted verdict is 'tolerated', from B on it is 'not
tolerated'; between them it is not decided. All values are predicted with the same random numbers,
so that costs of neighbouring values differ by what the value does and hardly by chance. Nothing
assumes that the cost rises throughout: a limit is the change of verdict nearest to the present
value, and a cost that falls again is reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.curve import midpoint, next_value
from neurograd.pipeline.limits.limit import Limit, Tried, is_lost
from neurograd.pipeline.limits.outlook import PredictedCost
from neurograd.pipeline.limits.outward import nearest, outward, start_of

Predict = Callable[[float], PredictedCost]
Side = Callable[[PredictedCost], bool]


@dataclass(frozen=True)
class SearchBudget:
    """How closely a limit is looked for.

    Attributes:
        scan: Most values that are tried outward on one side.
        factor: Ratio of neighbouring values of the scan.
        bisections: Most values that are tried between two of the scan.
        close: Ratio of two values of different verdicts at which bisection ends.
        beyond: Whether a value beyond the crossing is tried, to see whether the cost falls again.
        between: Most values that are tried where the curve of costs has gaps.
    """

    scan: int
    factor: float
    bisections: int
    close: float
    beyond: bool
    between: int

    @property
    def most(self) -> int:
        """Most values that a search tries beside the present one.

        A scan each way ends at 0 or at all that there is, and 'tolerated' and 'not tolerated' may
        begin on both sides.
        """
        return 2 * (self.scan + 1) + 4 * (self.bisections + self.beyond) + self.between


FULL = SearchBudget(scan=5, factor=4.0, bisections=5, close=1.08, beyond=True, between=4)
QUICK = SearchBudget(scan=4, factor=6.0, bisections=3, close=1.3, beyond=False, between=2)


def find_limit(knob: Knob, now: PredictedCost, predict: Predict, budget: SearchBudget) -> Limit:
    """Look for the values nearest to the present one at which the predicted verdict changes.

    Args:
        knob: The number.
        now: What is predicted for the spec as it is.
        predict: What is predicted for another value.
        budget: How closely to look.
    """
    return _Search(knob, now, predict, budget).run()


def harmful_value(knob: Knob, budget: SearchBudget) -> float:
    """About where a scan towards harm first looks; one further where nothing limits the number.

    Args:
        knob: The number.
        budget: How closely a search looks.
    """
    if knob.signed:
        found = nearest(knob, knob.harmful)
        return start_of(knob) if found is None else found
    if knob.now == 0:
        return knob.rounded(knob.first * budget.factor)
    begin = knob.now
    if begin is None:
        begin = knob.high if knob.harmful < 0 else knob.low
    ratio = 2.0 if knob.now is None or knob.scale == "linear" else budget.factor
    return knob.rounded(begin * ratio**knob.harmful)


class _Search:
    """One knob's search; every value is predicted once."""

    def __init__(
        self, knob: Knob, now: PredictedCost, predict: Predict, budget: SearchBudget
    ) -> None:
        self._knob, self._now, self._budget = knob, now, budget
        self._predict = predict
        self._start = start_of(knob)
        self._known = {self._start: now}

    def run(self) -> Limit:
        ends = {way: self._tornado_end(way) for way in (1, -1)}
        sides = [self._both(1)]
        if self._knob.signed or (self._knob.either and not _is_crossed(sides[0])):
            sides.append(self._both(-1))
        self._fill_gaps()
        if len(sides) == 1:
            sides += self._passed()
        sides = [
            (self._nearest(_tolerated, kept), self._nearest(self._not_lost, lost))
            for kept, lost in sides
        ]
        crossed = sorted(filter(_is_crossed, sides), key=self._distance)
        first, *others = [self._limit_of(side, ends) for side in crossed or sides[-1:]]
        return replace(first, opposite=others[0] if others else None)

    def _not_lost(self, found: PredictedCost) -> bool:
        return not is_lost(found, self._now)

    def _passed(self) -> list[tuple[_Crossing, _Crossing]]:
        """The side that was not searched, where a value that was tried there has another verdict.

        That harm leaves open what is lost already is no such verdict.
        """
        kept, lost = self._seen(_tolerated), self._seen(self._not_lost)
        if not kept.found and not (lost.found and lost.here):
            return []
        for side, crossing in ((_tolerated, kept), (self._not_lost, lost)):
            if crossing.good is not None and crossing.bad is not None:
                self._bisect(side, crossing.good, crossing.bad)
        return [(kept, lost)]

    def _seen(self, side: Side) -> _Crossing:
        """Where a side is left, or entered, in the direction that is not the expected one."""
        here = side(self._now)
        way = -self._knob.harmful if here else self._knob.harmful
        past = [value for value in self._known if (value - self._start) * way > 0]
        reach = max(past, key=lambda value: value * way, default=None)
        return self._nearest(side, _Crossing(way=way, reach=reach, here=here))

    def _both(self, sign: int) -> tuple[_Crossing, _Crossing]:
        """Where 'tolerated' ends or begins, and where 'not tolerated' does, on one side."""
        return self._crossing(_tolerated, sign), self._crossing(self._not_lost, sign)

    def _distance(self, side: tuple[_Crossing, _Crossing]) -> float:
        """How far from the present value its verdict changes on one side."""
        changed = [each.bad if each.here else each.good for each in side]
        return min(abs(value - self._start) for value in changed if value is not None)

    def _limit_of(self, side: tuple[_Crossing, _Crossing], ends: dict[int, float | None]) -> Limit:
        kept, lost = side
        missing = kept if kept.good is None else lost
        crossed = next((each for each in side if each.found), None)
        if crossed is None:
            return self._limit(self._without(missing.reach), None, None, missing.reach, ends)
        return self._limit("limit", kept.good, lost.bad, missing.reach, ends, crossed.upper)

    def _without(self, reach: float | None) -> str:
        """The status where no verdict changes."""
        if self._now.verdict is Verdict.TOLERATED:
            return "open"
        if self._now.verdict is Verdict.INCONCLUSIVE:
            return "undecided"
        return "best" if reach is None else "hopeless"

    def _crossing(self, side: Side, sign: int) -> _Crossing:
        """Where a side is left, or entered, in the expected direction (sign 1) or in the other."""
        here = side(self._now)
        way = sign * (self._knob.harmful if here else -self._knob.harmful)
        bracket, reach = self._scan(side, way)
        if bracket is not None:
            self._bisect(side, *bracket)
        return self._nearest(side, _Crossing(way=way, reach=reach, here=here))

    def _nearest(self, side: Side, crossing: _Crossing) -> _Crossing:
        """The same crossing where, of all values tried, it is nearest to the present one.

        An ideal value is one of them: nothing may be tried between it and the best one that can be
        had.
        """
        here, way, last = crossing.here, crossing.way, self._start
        past = [value for value in self._known if (value - self._start) * way > 0]
        for value in sorted(past, reverse=way < 0):
            if side(self._known[value]) != here:
                good, bad = (last, value) if here else (value, last)
                return replace(crossing, good=good, bad=bad, upper=(way > 0) == here)
            last = value
        return crossing

    def _fill_gaps(self) -> None:
        """Try values where the curve of costs would be a long line between two of them."""
        for _ in range(self._budget.between):
            value = next_value(self._knob, self._known, self._budget.factor)
            if value is None:
                return
            self._estimate(value)

    def _limit(
        self,
        status: str,
        inside: float | None,
        outside: float | None,
        reach: float | None,
        ends: dict[int, float | None],
        upper: bool | None = None,
    ) -> Limit:
        knob = self._knob
        worse, better = ends[knob.harmful], ends[-knob.harmful]
        if worse is None:  # now 0 or ideal: there is no half and no twice
            worse = outside if outside is not None else reach
        if worse == self._start:
            worse = None
        return Limit(
            knob=knob,
            now=self._now,
            status=status,
            inside=self._tried(inside),
            outside=self._tried(outside),
            upper=knob.harmful > 0 if upper is None else upper,
            reach=reach,
            monotone=self._monotone(),
            tried=tuple(Tried(v, self._known[v]) for v in sorted(self._known) if math.isfinite(v)),
            better=self._tried(better),
            worse=self._tried(worse),
        )

    def _tried(self, value: float | None) -> Tried | None:
        return None if value is None else Tried(value, self._estimate(value))

    def _estimate(self, value: float) -> PredictedCost:
        if value not in self._known:
            self._known[value] = self._predict(value)
        return self._known[value]

    # -- scan ------------------------------------------------------------------------------------

    def _tornado_end(self, way: int) -> float | None:
        """The value beside the present one, which is predicted whatever is searched."""
        value = nearest(self._knob, way)
        if value is not None:
            self._estimate(value)
        return value

    def _scan(self, side: Side, way: int) -> tuple[tuple[float, float] | None, float | None]:
        """Go outward until the side changes: (last value of this side, first of the other one)."""
        here, last, reach = side(self._now), self._start, None
        for value in outward(self._knob, way, self._budget.scan, self._budget.factor):
            reach = value
            if side(self._estimate(value)) != here:
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

    # -- bisection -------------------------------------------------------------------------------

    def _bisect(self, side: Side, near: float, far: float) -> None:
        """Close in on the crossing between two values of opposite sides."""
        knob, budget = self._knob, self._budget
        low, high = sorted((near, far))
        low = low if math.isfinite(low) else knob.low
        high = high if math.isfinite(high) else knob.high
        low_side = side(self._estimate(low))
        for _ in range(budget.bisections):
            middle = midpoint(knob, low, high, budget.factor)
            if middle is None or self._are_close(low, high):
                return
            if side(self._estimate(middle)) == low_side:
                low = middle
            else:
                high = middle

    def _are_close(self, low: float, high: float) -> bool:
        """Whether two values are as near to each other as a limit is looked for."""
        knob = self._knob
        rough = knob.scale == "log" and not knob.whole and low > 0
        return rough and high / low <= self._budget.close

    def _monotone(self) -> bool:
        """Whether the cost rises towards harm through all values that were tried."""
        known = [value for value, found in self._known.items() if not found.unknown]
        values = sorted(known, reverse=self._knob.harmful < 0)
        if not values:
            return True
        if not (self._knob.signed or self._knob.either):
            return self._rises(values)
        # Either way may harm: it rises from where it costs least.
        least = min(range(len(values)), key=lambda k: self._known[values[k]].excess)
        return self._rises(values[least:]) and self._rises(values[least::-1])

    def _rises(self, values: Sequence[float]) -> bool:
        """Whether the cost nowhere falls along some values, and no lost one is followed by any."""
        worst, lost = -math.inf, False
        for each in (self._known[value] for value in values):
            highest = each.ci[1] - each.allowed
            if highest < worst or (lost and each.verdict is Verdict.TOLERATED):
                return False
            worst = max(worst, each.excess)
            lost = lost or each.verdict is Verdict.NOT_TOLERATED
        return True


@dataclass(frozen=True)
class _Crossing:
    """Where a side is left or entered.

    Attributes:
        way: The direction from the present value: 1 up, -1 down.
        reach: The outermost value that was tried for it, None if none was.
        here: Whether the present value is on the side.
        good: The last value on the side; None where it is not left or entered.
        bad: The first value beyond it; None likewise.
        upper: Whether the side is the one of the smaller values.
    """

    way: int
    reach: float | None
    here: bool
    good: float | None = None
    bad: float | None = None
    upper: bool = False

    @property
    def found(self) -> bool:
        """Whether it is left or entered."""
        return self.good is not None


def _is_crossed(side: tuple[_Crossing, _Crossing]) -> bool:
    return any(each.found for each in side)


def _tolerated(found: PredictedCost) -> bool:
    return found.verdict is Verdict.TOLERATED
