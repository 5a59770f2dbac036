"""Each number's curve of predicted costs, as points and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurograd import words
from neurograd.measure.intervals import Interval
from neurograd.records.limits import LimitResult
from neurograd.records.report import LimitsReport
from neurograd.report.content.limits import cost_in_words, training_says


@dataclass(frozen=True)
class CurvePoint:
    """A cost at one value of a number.

    Attributes:
        value: The value in units of the spec; None where it is ideal.
        shown: The value as a sentence has it.
        cost: Predicted or trained; infinite where chips diverge or cannot compute.
        ci: Its interval; an end without bound is infinite.
        allowed: Largest cost that the targets allow there.
        verdict: What is said of the value; empty where that is not known.
    """

    value: float | None
    shown: str
    cost: float
    ci: Interval
    allowed: float
    verdict: str = ""

    def in_words(self, confidence: float) -> str:
        """Value and cost with its interval."""
        return f"{self.shown}: {cost_in_words(self.cost, self.ci, confidence)}"


@dataclass(frozen=True)
class LimitCurve:
    """One number's curve.

    Attributes:
        row: The number.
        predicted: Every value that was predicted, by size; what is ideal stands at its own end.
        trained: The values at which chips were trained: the present one, A and B where asked.
        confidence: Confidence of the intervals.
    """

    row: LimitResult
    predicted: tuple[CurvePoint, ...]
    trained: tuple[CurvePoint, ...]
    confidence: float

    @classmethod
    def of(cls, report: LimitsReport, row: LimitResult) -> LimitCurve:
        """The curve of one number of a report."""
        now, allowed = report.now, report.now.allowed
        points = [
            CurvePoint(
                each.value,
                each.shown,
                each.cost,
                each.ci,
                allowed if each.allowed is None else each.allowed,
                each.verdict.value,
            )
            for each in row.tried
        ]
        if row.now is None:
            ideal = CurvePoint(None, row.now_shown, now.cost, now.ci, allowed, now.verdict.value)
            points.insert(0 if row.upper else len(points), ideal)
        return cls(row, tuple(points), tuple(_trained(report, row)), report.confidence)

    @property
    def name(self) -> str:
        """What stands above it."""
        return words.capital(self.row.label)

    @property
    def limit(self) -> str:
        """How far the number may move, without its name."""
        return words.capital(self.row.sentence.removeprefix(f"{self.row.label}: "))

    @property
    def caption(self) -> str:
        """The limit and what training says of it; numbers keep their units on one line."""
        said = [self.limit]
        if self.row.training is not None:
            said.append(words.capital(training_says(self.row)))
        return " ".join(f"{each}." for each in said).replace(" %", "\u00a0%")

    @property
    def infinite(self) -> bool:
        """Whether no training is predicted somewhere."""
        return any(not math.isfinite(point.cost) for point in self.predicted)

    @property
    def in_words(self) -> str:
        """All that the picture shows, for who does not see it."""
        said = [f"Predicted cost against {self.row.label}. {self.limit}."]
        for begin, points in (("Predicted", self.predicted), ("Trained", self.trained)):
            if points:
                at = "; ".join(point.in_words(self.confidence) for point in points)
                said.append(f"{begin} at {at}.")
        return " ".join(said)


def limit_curves(report: LimitsReport) -> list[LimitCurve]:
    """The curves of all numbers of which another value than the present one was predicted."""
    curves = [LimitCurve.of(report, row) for row in report.numbers]
    return [curve for curve in curves if len(curve.predicted) > 1]


def without_curve(report: LimitsReport) -> str:
    """The numbers of which no other value was predicted, in one sentence; empty without any."""
    drawn = {curve.row.key for curve in limit_curves(report)}
    names = [row.label for row in report.numbers if row.key not in drawn]
    if not names:
        return ""
    return f"Not drawn, as no other value was predicted: {words.listed(names)}."


def _trained(report: LimitsReport, row: LimitResult) -> list[CurvePoint]:
    """The spec as it is, and the two values of a limit, trained."""
    allowed, found = report.now.allowed, []
    as_it_is = report.trained
    if as_it_is is not None:
        found.append(
            CurvePoint(
                row.now,
                f"{row.now_shown} (now)",
                as_it_is.value,
                as_it_is.ci,
                as_it_is.allowed,
                report.verdict.value,
            )
        )
    if row.training is None:
        return found
    for tried, trained in (
        (row.inside, row.training.inside),
        (row.outside, row.training.outside),
    ):
        if tried is None or trained is None or trained.value == row.now:
            continue
        limit = allowed if trained.allowed is None else trained.allowed
        verdict = trained.verdict.value
        found.append(
            CurvePoint(trained.value, tried.shown, trained.cost, trained.ci, limit, verdict)
        )
    return found
