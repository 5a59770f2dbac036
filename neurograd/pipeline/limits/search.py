"""Where the predicted verdict changes: two outward scans, then bisections.

A limit is two numbers. Up to A the predicted verdict is 'tolerated', from B on it is 'not
tolerated'; between them it is not decided. All values are predicted with the same random numbers,
so that costs of neighbouring values differ by what the value does and hardly by chance. Nothing
assumes that the cost rises throughout: a limit is the change of verdict nearest to the present
value, and a cost that falls again is reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.outlook import PredictedCost

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
    """

    scan: int
    factor: float
    bisections: int
    close: float
    beyond: bool


FULL = SearchBudget(scan=5, factor=4.0, bisections=5, close=1.08, beyond=True)
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
        now: What is known of the spec as it is: its verdict is that of training.
        status: ``limit`` (at least one of the two numbers is known); ``open`` (no value that was
            tried takes 'tolerated' from a spec that is); ``hopeless`` (every one leaves a spec 'not
            tolerated' that is); ``best`` (it is as harmless as it can be, and the spec is not
            tolerated); ``undecided`` (no value that was tried decides).
        inside: A, the last value that is predicted 'tolerated'; None where none is.
        outside: B, the first one that is predicted 'not tolerated'; None where none is.
        upper: Whether the limit is one from above: values below A are tolerated.
        reach: The outermost value that was tried in the direction in which an end is missing, or
            in the expected one; None if none was.
        monotone: Whether, in the harmful direction through all values tried, 'tolerated' never
            follows 'not tolerated', and the cost nowhere falls by more than its interval.
        tried: All values that were tried, by size.
        better: The end of the tornado's bar on the harmless side, None where there is none.
        worse: Its end on the harmful side.
    """

    knob: Knob
    now: PredictedCost
    status: str
    inside: Tried | None
    outside: Tried | None
    upper: bool
    reach: float | None
    monotone: bool
    tried: tuple[Tried, ...]
    better: Tried | None
    worse: Tried | None

    @property
    def changes_anything(self) -> bool:
        """Whether another value costs anything else than the present one, or none was tried."""
        others = [each.estimate for each in self.tried if each.estimate is not self.now]
        here = (self.now.cost, self.now.ci)
        return not others or any((each.cost, each.ci) != here for each in others)

    def sentence(self) -> str:
        """The limit in one line, such as 'levels: now 40, tolerated from 64, lost from 32 down'."""
        begin = f"{self.knob.label}: now {self.knob.show(self.knob.now)}"
        if self.status == "best":
            return f"{begin}, which is not what limits"
        said = self._two_numbers() if self.status == "limit" else self._none()
        falls = "" if self.monotone else " (the cost does not rise throughout)"
        return f"{begin}, {said}{falls}"

    def _two_numbers(self) -> str:
        show, reach = self.knob.show, self.knob.show(self.reach)
        way, other = ("up to", "down to") if self.upper else ("down to", "up to")
        if self.inside is None:
            kept = f"not known to be tolerated {other} {reach}"
        else:
            kept = f"tolerated {'up to' if self.upper else 'from'} {show(self.inside.value)}"
        if self.outside is None:
            return f"{kept}, not known to be lost {way} {reach}"
        lost = f"{show(self.outside.value)}{'' if self.upper else ' down'}"
        return f"{kept}, lost from {lost}{', not decided between' if self._gap() else ''}"

    def _gap(self) -> bool:
        """Whether a value between the two numbers was tried, which decides nothing."""
        if self.inside is None or self.outside is None:
            return False
        low, high = sorted((self.inside.value, self.outside.value))
        return any(low < tried.value < high for tried in self.tried)

    def _none(self) -> str:
        knob = self.knob
        if self.tried and (knob.either or self.status == "undecided"):
            ends = f"from {knob.show(self.tried[0].value)} to {knob.show(self.tried[-1].value)}"
            return {
                "open": f"no limit {ends}",
                "hopeless": f"not enough alone anywhere {ends}",
                "undecided": f"not decided anywhere {ends}",
            }[self.status]
        away, back = ("up to", "down to") if knob.harmful > 0 else ("down to", "up to")
        reach = knob.show(self.reach)
        return {
            "open": f"no limit {away} {reach}",
            "hopeless": f"not enough alone {back} {reach}",
            "undecided": "not decided",
        }[self.status]


def find_limit(knob: Knob, now: PredictedCost, predict: Predict, budget: SearchBudget) -> Limit:
    """Look for the values nearest to the present one at which the predicted verdict changes.

    Args:
        knob: The number.
        now: What is known of the spec as it is.
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
        ends = {way: self._tornado_end(way) for way in (1, -1)}
        kept, lost = (self._crossing(side, ends, 1) for side in (_tolerated, _not_lost))
        if not kept.found and not lost.found and self._knob.either:
            kept, lost = (self._crossing(side, ends, -1) for side in (_tolerated, _not_lost))
        missing = kept if kept.good is None else lost
        crossed = next((each for each in (kept, lost) if each.found), None)
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

    def _crossing(self, side: Side, ends: dict[int, float | None], sign: int) -> _Crossing:
        """Where a side is left, or entered, in the expected direction (sign 1) or in the other."""
        here = side(self._now)
        way = sign * (self._knob.harmful if here else -self._knob.harmful)
        bracket, reach = self._scan(side, way, ends[way])
        if bracket is None:
            return _Crossing(False, None, None, way > 0, reach)
        pair = self._bisect(side, *bracket)
        # Nothing may be tried between an ideal value and the best one that can be had.
        good = next((value for value in pair if side(self._known[value])), None)
        bad = next((value for value in pair if not side(self._known[value])), None)
        return _Crossing(True, good, bad, (way > 0) == here, reach)

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
        self, side: Side, way: int, first: float | None
    ) -> tuple[tuple[float, float] | None, float | None]:
        """Go outward until the side changes: (last value of this side, first of the other one)."""
        here, last, reach = side(self._now), self._start, None
        for value in self._outward(side, way, first):
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

    def _outward(self, side: Side, way: int, first: float | None) -> list[float]:
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
                if not side(self._now) and not side(self._estimate(0.0)):
                    return [0.0]
                values.append(0.0)
        rounded = [knob.rounded(value) for value in values]
        if rounded and knob.scale == "log" and way > 0 and knob.unit == "%" and knob.high <= 1.0:
            rounded.append(knob.high)
        past = [v for v in rounded if (v - self._start) * way > 0]
        return sorted(dict.fromkeys(past), reverse=way < 0)

    # -- bisection -------------------------------------------------------------------------------

    def _bisect(self, side: Side, near: float, far: float) -> tuple[float, float]:
        """Neighbours of the crossing between two values of opposite sides, by size."""
        low, high = min(near, far), max(near, far)
        if not math.isfinite(high):
            high = self._knob.high
        if not math.isfinite(low):
            low = self._knob.low
        low_side = side(self._estimate(low))
        for _ in range(self._budget.bisections):
            middle = self._middle(low, high)
            if middle is None:
                break
            if side(self._estimate(middle)) == low_side:
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

    def _monotone(self) -> bool:
        """Whether the cost rises towards harm through all values that were tried."""
        values = sorted(self._known, reverse=self._knob.harmful < 0)
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
        found: Whether it is.
        good: The last value on the side, None without one.
        bad: The first value beyond it, None without one.
        upper: Whether the side is the one of the smaller values.
        reach: The outermost value that was tried for it, None if none was.
    """

    found: bool
    good: float | None
    bad: float | None
    upper: bool
    reach: float | None


def _tolerated(found: PredictedCost) -> bool:
    return found.verdict is Verdict.TOLERATED


def _not_lost(found: PredictedCost) -> bool:
    return found.verdict is not Verdict.NOT_TOLERATED
