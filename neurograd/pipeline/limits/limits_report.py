"""The parts of a limits report from what was searched and trained."""

from __future__ import annotations

import math
from functools import partial

from neurograd.effects.knob import Knob
from neurograd.judge.verdict import Verdict
from neurograd.pipeline.limits.confirm import Confirmation, TrainedCost
from neurograd.pipeline.limits.design_changes import PredictedChange
from neurograd.pipeline.limits.limit import Limit, Tried
from neurograd.pipeline.limits.outlook import PredictedCost
from neurograd.records.limits import (
    ConfirmationResult,
    DesignChangeResult,
    LimitResult,
    OppositeLimit,
    Prediction,
    TrainedValue,
    TriedValue,
)


def prediction(found: PredictedCost) -> Prediction:
    """What is predicted for the spec as it is."""
    return Prediction(
        cost=found.cost,
        ci=found.ci,
        verdict=found.verdict,
        allowed=found.allowed,
        kind=found.kind,
        clean_learned=found.clean_learned,
        clean_accuracy=found.clean_accuracy,
        chip_accuracy=found.chip_accuracy,
        problem=found.problem,
        time=found.time,
    )


def limit_result(limit: Limit, confirmation: Confirmation | None) -> LimitResult:
    """How far one number may move, and what training says of it."""
    knob = limit.knob
    show = partial(_shown, knob)
    return LimitResult(
        key=knob.key,
        label=knob.label,
        unit=knob.unit,
        now=knob.now,
        now_shown=knob.show(knob.now),
        status=limit.status,
        sentence=limit.sentence(),
        upper=limit.upper,
        inside=show(limit.inside),
        outside=show(limit.outside),
        reach=limit.reach,
        monotone=limit.monotone,
        better=show(limit.better),
        worse=show(limit.worse),
        tried=tuple(_tried(knob, each) for each in limit.tried),
        training=None if confirmation is None else _confirmed(confirmation),
        opposite=None if limit.opposite is None else _opposite(limit.opposite),
    )


def _opposite(limit: Limit) -> OppositeLimit:
    show = partial(_shown, limit.knob)
    return OppositeLimit(upper=limit.upper, inside=show(limit.inside), outside=show(limit.outside))


def _shown(knob: Knob, tried: Tried | None) -> TriedValue | None:
    return None if tried is None else _tried(knob, tried)


def _tried(knob: Knob, tried: Tried) -> TriedValue:
    found = tried.estimate
    return TriedValue(
        value=tried.value,
        shown=knob.show(tried.value if math.isfinite(tried.value) else None),
        cost=found.cost,
        ci=found.ci,
        verdict=found.verdict,
        problem=found.problem,
        allowed=found.allowed,
        time=found.time,
    )


def _confirmed(confirmation: Confirmation) -> ConfirmationResult:
    return ConfirmationResult(
        status=confirmation.status,
        inside=_trained(confirmation.inside),
        outside=_trained(confirmation.outside),
    )


def _trained(found: TrainedCost | None) -> TrainedValue | None:
    if found is None:
        return None
    return TrainedValue(
        value=found.value,
        verdict=Verdict(found.verdict),
        cost=found.cost,
        ci=found.ci,
        allowed=found.allowed,
        problem=found.problem,
    )


def change_result(each: PredictedChange) -> DesignChangeResult:
    """What is predicted for a change of the design."""
    found = each.estimate
    return DesignChangeResult(
        label=each.change.label,
        settings=each.change.settings,
        why=each.change.why,
        problem=each.problem or each.worse,
        saves=each.saves,
        cost=None if found is None else found.cost,
        ci=None if found is None else found.ci,
        verdict=None if found is None else found.verdict,
        clean_accuracy=None if found is None else found.clean_accuracy,
        chip_accuracy=None if found is None else found.chip_accuracy,
    )
