"""What comes after training, as a table."""

from __future__ import annotations

from neurograd import words
from neurograd.records.report import CheckReport
from neurograd.records.training import DeploymentResult
from neurograd.report.content.sheet import Column, Sheet, percent

_NOTE = (
    "The verdict of the whole is 'not tolerated' if that of the training or of one time is, and "
    "'tolerated' only if all are; each keeps targets.confidence by itself."
)


def deployment_sheet(report: CheckReport) -> Sheet[DeploymentResult] | None:
    """Accuracy, cost and verdict at each time after programming; None without a deployment."""
    results = report.deployment
    if not results:
        return None
    cost = results[0].cost
    level = words.confidence(cost.bound_confidence or 0.0)
    columns: tuple[Column[DeploymentResult], ...] = (
        Column("after", lambda r: words.duration(r.time), text=True),
        Column("chips", lambda r: str(r.chips)),
        Column("accuracy", lambda r: percent(r.accuracy)),
        Column("interval", _interval, term="interval", page_only=True),
        Column("spread", lambda r: percent(r.accuracy_spread)),
        Column(_SHORT[cost.kind], lambda r: percent(r.cost.value)),
        Column(f"bounds at {level}", _bounds),
        Column("verdict", lambda r: r.verdict.value, text=True),
    )
    title = f"After programming: at most {words.typed_percent(cost.allowed)} {cost.noun} allowed"
    return Sheet(title, columns, results, note=_NOTE)


_SHORT = {"accuracy_drop": "drop", "excess_loss": "lost"}


def _interval(result: DeploymentResult) -> str:
    ends = words.percent_interval(result.accuracy_ci)
    return f"{ends} at {words.confidence(result.cost.confidence)}"


def _bounds(result: DeploymentResult) -> str:
    return words.percent_interval((result.cost.lower_bound, result.cost.upper_bound))
