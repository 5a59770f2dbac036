"""How far each number of a spec may move before its predicted verdict flips."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import model_validator

from neurograd.judge.verdict import Verdict
from neurograd.records.record import CostEnds, Loss, Quantity, Record, cost_interval


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
    problem: str = ""
    """Why there is no number, empty where there is one."""
    time: float | None = None
    """Seconds after programming of which the cost is; None for the training and in older
    reports."""


class TrainedValue(_Predicted):
    """What training gave at a value."""

    value: Quantity
    """The value in units of the spec, None where it is ideal."""
    verdict: Verdict
    cost: Loss
    """Mean cost of the trained chips; infinite (null in JSON) where they diverged in a report of an
    earlier version."""
    ci: CostEnds
    """Its interval; an end without bound is infinite (null in JSON)."""


class ConfirmationResult(Record):
    """The two numbers of a limit, trained."""

    status: Literal["confirmed", "agrees", "not confirmed", "unclear"]
    """What training says of the limit."""
    inside: TrainedValue | None
    """At the value that is predicted to be tolerated; None without one."""
    outside: TrainedValue | None
    """At the one that is predicted not to be; None without one."""


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
    """A: up to it the number is predicted to be tolerated (from it on where ``upper`` is false);
    None where no value is."""
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
    """All values that were tried, by size."""
    training: ConfirmationResult | None
    """What training says of the limit, None where none was asked."""


class DesignChangeResult(Record):
    """What is predicted for another change of the design, against a clean twin with it."""

    label: str
    settings: dict[str, Any]
    """The keys of the spec that it changes, with their values."""
    why: str
    """The reason to expect something from it."""
    problem: str
    """Why there is no number, empty where there is one."""
    saves: bool
    """Whether the predicted cost is within the allowed one."""
    cost: float | None
    """Predicted cost; None without one, infinite (both null in JSON) where chips diverge."""
    ci: CostEnds | None
    """Its interval; None without one, an end without bound is infinite (both null in JSON)."""
    verdict: Verdict | None
    """None without a prediction."""

    @model_validator(mode="before")
    @classmethod
    def _open_ends(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("ci") is not None:
            cost = math.inf if data.get("cost") is None else data["cost"]
            return {**data, "cost": cost, "ci": cost_interval(cost, data["ci"])}
        return data
