"""What a row of ``experiments.agreement`` keeps of a forecast, and its verdict by the same rule.

Rows keep the judgement by chance alone. A fresh forecast and a kept one get their interval and
their verdict from it by the same function, with today's error of a prediction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from neurograd.errors import NeurogradError
from neurograd.judge.cost import Judgement, judge_chips
from neurograd.judge.forecasts import Forecast, with_error
from neurograd.judge.networks import Predicted
from neurograd.judge.prediction_error import MODEL_ERROR
from neurograd.judge.verdict import Bounds, Cost, Verdict
from neurograd.pipeline.forecasting import allowed_by, baseline_of, forecast_plan
from neurograd.problem import Problem
from neurograd.spec import Spec

Row = Mapping[str, Any]

_OF_PLANS = ("verdict", "looks", "more", "test_samples", "undecided")
"""Fields of a judgement that a verdict with an error of the prediction does not need."""


def by_chance(
    found: Forecast, networks: Sequence[Predicted], spec: Spec, problem: Problem
) -> Judgement:
    """The judgement of a forecast's chips without an error of the prediction.

    Args:
        found: The forecast.
        networks: Its first clean twin, and after it its chips.
        spec: Of the chips.
        problem: The spec's problem.
    """
    plan = forecast_plan(spec, found.way, found.regime)
    baseline, allowed = baseline_of(problem), allowed_by(spec)
    return judge_chips(baseline, allowed, found.twins, networks[1:], plan)


def side_of(found: Forecast, chance: Judgement) -> dict[str, Any]:
    """The predicted side of a row, without its verdict: all that this rests on.

    Args:
        found: The forecast.
        chance: Its judgement ``by_chance``.
    """
    kept = {key: value for key, value in asdict(chance).items() if key not in _OF_PLANS}
    return {
        "drop": chance.cost.value,
        "excess_loss": chance.excess_loss.value,
        "gradients": found.gradients,
        "chips": found.chips,
        "way": found.way,
        "regime": None if found.regime is None else found.regime.name,
        "drawn": found.drawn,
        "by_chance": kept,
    }


def judged_again(row: Row, error: float = MODEL_ERROR) -> dict[str, Any]:
    """A row whose predicted interval and verdict are those with an error of the prediction.

    Args:
        row: Of one chip, whose predicted side is that of ``side_of``, from a record or not.
        error: Part by which the damage may be off; chips whose every update was drawn have none.

    Raises:
        NeurogradError: If the row is of an older record, without bounds of its forecast.
    """
    kept = row["predicted"]
    if not has_bounds(row):
        raise NeurogradError(
            "a row has no bounds of its forecast; allowed: records of "
            "python -m experiments.agreement, or of its --predict-again"
        )
    judged = with_error(_by_chance(kept), kept["chips"], 0.0 if kept["drawn"] else error)
    verdict, ci = judged.verdict, judged.cost.ci
    if kept["regime"] is not None and kept["way"] != "every_update":
        # As of the forecast: a path in a regime decides nothing.
        verdict = Verdict.INCONCLUSIVE
        ci = judged.possible if kept["regime"] == "some_chips_lost" else ci
    return {**row, "predicted": {**kept, "verdict": verdict.value, "ci": [*ci]}}


def has_bounds(row: Row) -> bool:
    """Whether a row has the bounds that its forecast is judged by; older records have none."""
    return "by_chance" in row["predicted"]


def _by_chance(kept: Row) -> Judgement:
    """The judgement by chance alone, from what ``side_of`` kept of it, or a record of that."""
    told, known = kept["by_chance"], {field.name for field in fields(Judgement)}
    rest = {key: value for key, value in told.items() if key in known}
    bounds = told["bounds"]
    lower, upper = _ends((bounds["lower"], bounds["upper"]))
    return Judgement(
        **{
            **rest,
            "verdict": Verdict.INCONCLUSIVE,
            "cost": _cost(told["cost"]),
            "excess_loss": _cost(told["excess_loss"]),
            "bounds": Bounds(lower, upper, bounds["confidence"]),
            "possible": _ends(told["possible"]),
        }
    )


def _cost(told: Row) -> Cost:
    value = math.inf if told["value"] is None else told["value"]
    return Cost(value, _ends(told["ci"]), told["confidence"])


def _ends(ends: Sequence[float | None]) -> tuple[float, float]:
    """An interval of a record, where None stands for no end."""
    low, high = ends
    return -math.inf if low is None else low, math.inf if high is None else high
