"""How far each number of a spec may move before its predicted verdict flips."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import model_validator

from neurograd.judge.verdict import Verdict
from neurograd.records.record import (
    CostEnds,
    Ends,
    Loss,
    Number,
    Quantity,
    Record,
    cost_interval,
)


class _Predicted(Record):
    cost: Loss
    """Predicted cost; infinite (null in JSON) where chips diverge or cannot compute."""
    ci: CostEnds
    """Its interval; an end without bound is infinite (null in JSON)."""
    verdict: Verdict

    @model_validator(mode="before")
    @classmethod
    def _open_ends(cls, data: Any) -> Any:
        if isinstance(data, dict) and "ci" in data:
            return {**data, "ci": cost_interval(data.get("cost"), data["ci"])}
        return data


class Prediction(_Predicted):
    """What is predicted for the spec as it is."""

    allowed: float
    """Largest cost that the targets allow."""
    kind: str
    """``accuracy_drop`` or ``excess_loss``."""
    clean_learned: bool
    """Whether the clean network has anything to lose."""
    clean_accuracy: float | None
    """Predicted test accuracy of the clean twin, None where undefined."""
    chip_accuracy: float | None
    """Mean predicted test accuracy of the chips, None where undefined."""
    problem: str
    """Why there is no number, empty where there is one."""
    time: float | None = None
    """Seconds after programming of which the cost is, of the training and the times after it the
    part furthest above what it may cost, or least below; None for the training and in older
    reports."""


class TriedValue(_Predicted):
    """A value of a number with what is predicted there."""

    value: Quantity
    """The value in units of the spec, None where it is ideal."""
    shown: str
    """The value as a sentence has it."""
    cost: Loss
    """Predicted cost; infinite (null in JSON) where chips diverge or cannot compute."""
    ci: CostEnds
    """Its interval; an end without bound is infinite (null in JSON)."""
    verdict: Verdict
    allowed: float | None = None
    """Largest cost that the targets allow of that part; None in older reports."""
    problem: str = ""
    """Why there is no number, or why it decides nothing: a clean network that diverges, or gets
    worse itself by more than a chip may cost; empty otherwise."""
    time: float | None = None
    """Seconds after programming of which the cost is; None for the training and in older
    reports."""


class TrainedValue(_Predicted):
    """What training gave at a value."""

    value: Quantity
    """The value in units of the spec, None where it is ideal."""
    verdict: Verdict
    cost: Loss
    """Mean cost of the trained chips; infinite (null in JSON) where the clean network diverges,
    where chips cannot compute, and where they diverged in a report of an earlier version."""
    ci: CostEnds
    """Its interval; an end without bound is infinite (null in JSON)."""
    allowed: float | None = None
    """Largest cost that the targets allow of that part; None in older reports."""
    problem: str = ""
    """Why there is no number, empty where there is one."""


class ConfirmationResult(Record):
    """The two numbers of a limit, trained."""

    status: Literal["confirmed", "agrees", "not confirmed", "unclear"]
    """What training says of the limit."""
    inside: TrainedValue | None
    """At the value that is predicted to be tolerated; None without one."""
    outside: TrainedValue | None
    """At the one that is predicted not to be; None without one."""


class OppositeLimit(Record):
    """The limit on the other side of the present value, which is further away and not trained."""

    upper: bool
    """Whether values below it are the tolerated ones."""
    inside: TriedValue | None
    """Its A; None where no value is tolerated there."""
    outside: TriedValue | None
    """Its B; None where no value that was tried there is lost."""


class LimitResult(Record):
    """How far one number may move."""

    key: str
    """The dotted key that holds it."""
    label: str
    """What a sentence calls it."""
    unit: str
    """``%`` for fractions, ``s`` for times, ``bits``, or empty."""
    now: Quantity
    """Its value, None where nothing limits it (ideal)."""
    now_shown: str
    status: Literal["limit", "open", "hopeless", "best", "undecided"]
    """``limit``; ``open``: no value that was tried takes 'tolerated' from a spec that is;
    ``hopeless``: each leaves one 'not tolerated' that is; ``best``: it is as harmless as it can be,
    and not what limits; ``undecided``: none decides."""
    sentence: str
    """The limit in one line."""
    upper: bool
    """Whether values below the limit are the tolerated ones."""
    inside: TriedValue | None
    """A: up to it the number is predicted to be tolerated (from it on where ``upper`` is false).
    Its value is None where only the ideal one is; None where no value is."""
    outside: TriedValue | None
    """B: from it on the target is predicted to be missed; between A and B nothing is decided. None
    where no value that was tried is lost."""
    reach: Quantity
    """The outermost value that was tried in the direction in which A or B is missing, or in the
    expected one; None if none was."""
    monotone: bool
    """Whether the cost rises through all values that were tried."""
    separated: bool | None = None
    """Whether the neighbours are predicted on their own sides; in older reports, else None."""
    better: TriedValue | None
    """Half or twice the present value, on the harmless side; None where there is none."""
    worse: TriedValue | None
    """The same on the harmful side; None where there is none."""
    tried: tuple[TriedValue, ...]
    """All values that were tried, by size: the curve of predicted costs."""
    training: ConfirmationResult | None
    """What training says of the limit, None where none was asked. Of two limits the nearer one is
    trained."""
    opposite: OppositeLimit | None = None
    """The limit on the other side of the present value; None where none is known, and in older
    reports."""


class DesignChangeResult(Record):
    """What is predicted for another change of the design, against a clean twin with it."""

    label: str
    settings: dict[str, Any]
    """The keys of the spec that it changes, with their values."""
    why: str
    """The reason to expect something from it."""
    problem: str
    """Why there is no number, or why the change saves nothing whatever it costs; else empty."""
    saves: bool
    """Whether the predicted cost is within the allowed one, and the clean network as good: worse by
    no more than a chip may be."""
    cost: float | None
    """Predicted cost; None without one, infinite (both null in JSON) where chips diverge."""
    ci: CostEnds | None
    """Its interval; None without one, an end without bound is infinite (both null in JSON)."""
    verdict: Verdict | None
    """None without a prediction."""
    clean_accuracy: float | None = None
    """Predicted test accuracy of the clean twin with the change; None where undefined, without a
    prediction and in older reports."""
    chip_accuracy: float | None = None
    """Mean predicted test accuracy of the chips with it; None likewise."""

    @model_validator(mode="before")
    @classmethod
    def _open_ends(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("ci") is not None:
            cost = math.inf if data.get("cost") is None else data["cost"]
            return {**data, "cost": cost, "ci": cost_interval(cost, data["ci"])}
        return data


class RangeDraw(_Predicted):
    """One value of every number that is not known exactly, with what is predicted there."""

    values: dict[str, float]
    """The values, by key."""
    cost: Loss
    """Predicted cost; infinite (null in JSON) where chips diverge or cannot compute."""
    ci: CostEnds
    """Its interval; an end without bound is infinite (null in JSON)."""
    verdict: Verdict
    allowed: float | None = None
    """Largest cost that the targets allow of that part; None in older reports."""
    problem: str = ""
    """Why there is no number, empty where there is one."""
    time: float | None = None
    """Seconds after programming of which the cost is, of the training and the times after it the
    part furthest above what it may cost, or least below; None for the training and in older
    reports."""


class VerdictShare(Record):
    """How much of what is known of the numbers has a verdict."""

    value: float
    """Part of the draws."""
    ci: tuple[float, float]
    """Interval of the part of the distribution; draws that are not decided count as either."""
    draws: int
    """Number of the draws."""


class RangedNumber(Record):
    """One number that is not known exactly."""

    key: str
    known: str
    """What is known of it, as a sentence has it."""
    typical: float
    """Its value in all that is trained."""
    min: float
    max: float
    std: Number
    """Standard deviation of a normal distribution, cut at both ends; None (null in JSON) of a
    triangular or a skewed one."""
    interval: tuple[float, float] | None = None
    """Ends of the interval at 95 % of a skewed distribution, cut at both ends; None (null in JSON)
    of another one, and in older reports."""
    share: Number
    """Part of the variance of the predicted cost that a parabola in the number explains, about what
    goes when the number is known; that is more where the cost has a cliff. None (null in JSON)
    where the cost does not vary, or the draws are too few to tell."""
    share_ci: Ends
    """Its interval by the jackknife, a rough one: at 99 % it misses the parabola's part in more
    than 1 % of cases, and often what goes where the cost has a cliff. None (null in JSON) at both
    ends where ``share`` is."""
    larger_costs_more: bool
    """Whether larger values cost more."""
    changes: bool
    """Whether a chip at the least or the largest value is another one than at the typical one."""
    tolerated_to: Number
    """From the harmless end to here all draws are tolerated; None (null in JSON) where the draws do
    not show that."""
    tolerated_draws: int
    """Number of these draws; 0 without any."""
    lost_from: Number
    """From here to the harmful end all draws are not tolerated; None (null in JSON) likewise."""
    lost_draws: int
    """Number of these draws; 0 without any."""


class RangesResult(Record):
    """What is forecast over numbers that are not known exactly."""

    kind: str
    """``accuracy_drop`` or ``excess_loss``."""
    allowed: float
    """Largest cost that the targets allow of the part that decides at the first draw; every draw
    has its own."""
    confidence: float
    """Confidence of the intervals, two-sided."""
    tolerated: VerdictShare
    lost: VerdictShare
    """Share of 'not tolerated'."""
    undecided: int
    """Draws whose forecast is inconclusive."""
    inside: VerdictShare
    """Share whose predicted cost is allowed, whatever the forecast's own error."""
    numbers: tuple[RangedNumber, ...]
    """That with the largest part of the variance first."""
    measure_next: str | None
    """Key of the number that is worth knowing better; None (null in JSON) where all draws have one
    verdict, or none of them tells, or tells it from any other number."""
    draws: tuple[RangeDraw, ...]
    corners: tuple[RangeDraw, ...] = ()
    """The ends of the numbers; empty where they were not asked for."""
    corners_kind: Literal["all", "axes"] | None = None
    """``all``: every combination of ends; ``axes``: one number at an end, the others typical. None
    (null in JSON) without corners."""
    sentences: tuple[str, ...]
    """What all this says, one sentence each."""
