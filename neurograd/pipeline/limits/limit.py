"""How far one number may move: the two values of a limit, and the line that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.outlook import PredictedCost


def is_lost(found: PredictedCost, now: PredictedCost) -> bool:
    """Whether a value is lost that the present one is not known to be.

    Of a spec that is not decided as it is, chips that happen to cost much the same can be enough
    for 'not tolerated' at a value that costs no more: it does where its interval at 99 % is above
    the present cost.

    Args:
        found: What is predicted there.
        now: What is predicted for the spec as it is.
    """
    if found.verdict is not Verdict.NOT_TOLERATED:
        return False
    if now.verdict is not Verdict.INCONCLUSIVE or now.unknown or not math.isfinite(found.cost):
        return True
    return found.ci[0] - found.allowed > now.cost - now.allowed


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
        status: ``limit`` (at least one of the two numbers is known); ``open`` (no value that was
            tried takes 'tolerated' from a spec that is); ``hopeless`` (every one leaves a spec 'not
            tolerated' that is); ``best`` (it is as harmless as it can be, and the spec is not
            tolerated); ``undecided`` (no value that was tried decides).
        inside: A, the last value that is predicted 'tolerated', infinite where that is only the
            ideal one; None where none is.
        outside: B, the first one that is lost (``is_lost``); None where none is.
        upper: Whether the limit is one from above: values below A are tolerated.
        reach: The outermost value that was tried in the direction in which an end is missing, or
            in the expected one; None if none was.
        monotone: Whether, in the harmful direction through all values tried, 'tolerated' never
            follows 'not tolerated', and the cost nowhere falls by more than its interval.
        tried: All values that were tried, by size.
        better: The end of the tornado's bar on the harmless side, None where there is none.
        worse: Its end on the harmful side.
        opposite: The limit on the other side of the present value, which is further away; None
            where none is known: numbers that may harm on either side are scanned there where the
            expected one decides nothing, others are not.
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
    opposite: Limit | None = None

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
        if self.status == "open" and self.reach is None:
            return f"{begin}, which is as far as it goes"
        said = self._two_numbers() if self.status == "limit" else self._none()
        if self.opposite is not None:
            said += f"; {self.opposite._as_other()}"
        falls = "" if self.monotone else " (the cost does not rise throughout)"
        return f"{begin}, {said}{self._by_chance()}{falls}"

    def _by_chance(self) -> str:
        """That values are 'not tolerated' at costs like the present one, which is undecided."""
        verdicts = [t for t in self.tried if t.estimate.verdict is Verdict.NOT_TOLERATED]
        if all(is_lost(each.estimate, self.now) for each in verdicts):
            return ""
        return (
            "; values that are predicted 'not tolerated' at a cost that is not told from the "
            "present one are no limit: so few chips do not decide it"
        )

    def _two_numbers(self) -> str:
        show = self.knob.show
        way, other = ("up to", "down to") if self.upper else ("down to", "up to")
        if self.inside is None:
            kept = f"not known to be tolerated{self._as_far_as(other)}"
        elif not math.isfinite(self.inside.value):
            kept = "tolerated as it is"
        else:
            kept = f"tolerated {'up to' if self.upper else 'from'} {show(self.inside.value)}"
        if self.outside is None:
            return f"{kept}, not known to be lost{self._as_far_as(way)}"
        between = ", not decided between" if self._gap() else ""
        return f"{kept}, lost from {self._lost(self.outside)}{between}"

    def _as_other(self) -> str:
        """The same beside a limit that says already what is tolerated."""
        if self.inside is None and self.outside is not None:
            return f"lost from {self._lost(self.outside)}"
        return self._two_numbers()

    def _lost(self, outside: Tried) -> str:
        return f"{self.knob.show(outside.value)}{'' if self.upper else ' down'}"

    def _as_far_as(self, way: str) -> str:
        """How far was tried, empty where nothing was."""
        return "" if self.reach is None else f" {way} {self.knob.show(self.reach)}"

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
