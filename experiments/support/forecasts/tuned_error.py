"""What a forecast may be off by, tuned on drawn chips that do not judge it.

The mean trained cost of a chip and its predicted one are known with 95 % intervals over chips: both
are scored on the same test samples, which are no part of their distance. What these do not explain
of it is the prediction's own error, counted in units of
``neurograd.judge.prediction_error.error_of_prediction``. Its bound is that of split conformal
prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei et al., J.
Am. Stat. Assoc. 2018), which needs no law of the errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.support.forecasts.drawn_claims import LEFT_OPEN, most_of, own_arm
from neurograd.judge.prediction_error import MODEL_ERROR, error_of_prediction

GRID = 0.05
"""Candidates of ``MODEL_ERROR`` are whole multiples of it."""

MISSED = 0.05
"""Probability that a chip which is drawn like the tuning ones is off by more than the tuned error,
at most."""

Row = Mapping[str, Any]


def unexplained(row: Row) -> float:
    """How far a prediction is off, in units of a full error, beyond what chance explains.

    The root of what the squares of their arms towards each other leave of the squared distance of
    the predicted and the trained cost, as independent errors add in squares
    (``neurograd.judge.prediction_error.arm_with_error``). 0 where they leave nothing, and where
    both costs are without end; infinite where one of them is, or where nothing is predicted and
    something is lost.
    """
    value, mean = row["predicted"]["value"], row["trained"]["value"]
    if value is None or mean is None:
        return 0.0 if value is mean else math.inf
    end = row["predicted"]["over_chips"][mean > value]
    arm = 0.0 if end is None else abs(end - value)
    beyond = (value - mean) ** 2 - arm**2 - own_arm(row) ** 2
    if beyond <= 0:
        return 0.0
    unit = error_of_prediction(value, 1.0, most_of(row))
    return math.sqrt(beyond) / unit if unit > 0 else math.inf


def followed(rows: Sequence[Row]) -> list[Row]:
    """Those whose path was followed to an interval: others have no error of a prediction."""
    return [
        row
        for row in rows
        if row["predicted"]["way"] != "every_update" and row["predicted"]["regime"] not in LEFT_OPEN
    ]


def tuned(errors: Sequence[float]) -> float:
    """The smallest multiple of ``GRID`` that a new chip is beyond with probability ``MISSED``.

    Of n errors in order it is the one at place ⌈(n + 1)(1 − MISSED)⌉, over the draw of all chips.

    Args:
        errors: ``unexplained`` of the tuning chips.

    Returns:
        The bound; infinite where no number is large enough, as for fewer than 19 chips.
    """
    # Products such as 20·0.95 are whole numbers but for their last digit.
    place = math.ceil((len(errors) + 1) * (1 - MISSED) - 1e-9)
    least = sorted(errors)[place - 1] if place <= len(errors) else math.inf
    return round(GRID * math.ceil(least / GRID), 10) if math.isfinite(least) else math.inf


def tuned_error(rows: Sequence[Row]) -> dict[str, Any]:
    """What ``MODEL_ERROR`` is tuned to, and by what.

    Args:
        rows: Of the tuning chips.
    """
    errors = [unexplained(row) for row in followed(rows)]
    return {
        "used": MODEL_ERROR,
        "tuned": tuned(errors),
        "followed": len(errors),
        "explained_by_chance": sum(error == 0 for error in errors),
        "largest": sorted(errors)[-5:],
    }
