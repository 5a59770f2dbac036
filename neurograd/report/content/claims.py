"""What a report claims, one claim after the other: the verdict, and what predictions said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from neurograd import words
from neurograd.judge.verdict import Verdict
from neurograd.records.point import PointResult
from neurograd.records.record import Number
from neurograd.records.report import CheckReport


class Outcome(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        name: What is claimed.
        outcome: What became of it.
        text: The numbers behind it, one or more sentences.
    """

    name: str
    outcome: Outcome
    text: str


_OF_VERDICT = {
    Verdict.TOLERATED: Outcome.HOLDS,
    Verdict.NOT_TOLERATED: Outcome.FAILS,
    Verdict.INCONCLUSIVE: Outcome.UNDECIDED,
}
_OF_AGREEMENT = {True: Outcome.HOLDS, False: Outcome.FAILS, None: Outcome.UNKNOWN}


def claims(report: CheckReport) -> tuple[Claim, ...]:
    """The claims of a check or a training, the verdict first.

    Args:
        report: What was found.
    """
    return (*_verdicts(report), *map(_point, report.points), *_forecast(report))


def _verdicts(report: CheckReport) -> Iterator[Claim]:
    yield Claim("the chip is tolerated", _OF_VERDICT[report.verdict], " ".join(report.decided_by))
    for part in report.deployment:
        cost = part.cost
        bounds = cost.lower_bound, cost.upper_bound
        ends = words.percent_ends(bounds, beside=(cost.allowed, cost.allowed))
        at = words.confidence(cost.bound_confidence or 0.0)
        text = (
            f"{cost.noun} {words.ranged_percent(cost.value, cost.ci, cost.confidence)}, {ends} by "
            f"one-sided bounds at {at} each; {words.typed_percent(cost.allowed)} is allowed"
        )
        name = f"the chip is tolerated {words.duration(part.time)} after programming"
        yield Claim(name, _OF_VERDICT[part.verdict], f"{words.capital(text)}.")


def _point(point: PointResult) -> Claim:
    change = point.delta_loss
    scale = point.loss

    def shown(value: Number, ends: tuple[Number, Number]) -> str:
        return words.ranged_number(value, ends, 0.99, scale=scale, missing="no number")

    text = (
        f"ΔL of one step: measured {shown(change.measured, change.measured_ci)}, predicted "
        f"{shown(change.predicted, change.predicted_ci)}."
    )
    name = f"predicted and measured loss change agree at step {point.step}"
    return Claim(name, _OF_AGREEMENT[change.agree], text)


def _forecast(report: CheckReport) -> Iterator[Claim]:
    """Whether what was predicted of the whole training agrees with the training."""
    forecast, cost = report.training.forecast, report.training.cost
    if forecast is None:
        return
    agrees = None
    # An interval of all that is possible agrees with everything.
    if forecast.cost.known and cost.known and not forecast.left_open:
        agrees = forecast.cost.ci[0] <= cost.ci[1] and cost.ci[0] <= forecast.cost.ci[1]
    trained = words.ranged_percent(cost.value, cost.ci, cost.confidence, missing="no number")
    predicted = words.ranged_percent(
        forecast.cost.value, forecast.cost.ci, forecast.cost.confidence, missing="no number"
    )
    text = f"{words.capital(cost.noun)}: trained {trained}, predicted {predicted}."
    yield Claim("the forecast agrees with the training", _OF_AGREEMENT[agrees], text)
