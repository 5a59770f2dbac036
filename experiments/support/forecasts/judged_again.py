"""Kept chips of ``experiments.agreement``, judged with today's error of a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurograd.judge.prediction_error import MODEL_ERROR, ends_with_error, error_of_prediction
from neurograd.judge.verdict import Verdict

Row = Mapping[str, Any]


def judged_again(row: Row, limit: float, error: float = MODEL_ERROR) -> dict[str, Any]:
    """A row whose predicted interval and verdict are those with an error of the prediction.

    Args:
        row: Of one chip; ``plain_ci`` of its prediction covers chips and test samples only, and
            ``most`` is the accuracy that there is to lose (the trained twin's where a record has
            none).
        limit: Largest cost that is allowed.
        error: Part by which the damage may be off.
    """
    predicted = row["predicted"]
    if predicted["drop"] is None:
        return {**row, "predicted": {**predicted, "verdict": Verdict.NOT_TOLERATED.value}}
    most = predicted["most"] if "most" in predicted else row["trained"]["clean_accuracy"]
    extra = error_of_prediction(predicted["drop"], error, most)
    low, high = ends_with_error(predicted["drop"], tuple(predicted["plain_ci"]), extra)
    inside, outside = high <= limit, low > limit
    verdict = (
        Verdict.TOLERATED if inside
        else Verdict.NOT_TOLERATED if outside
        else Verdict.INCONCLUSIVE
    )  # fmt: skip
    return {**row, "predicted": {**predicted, "ci": [low, high], "verdict": verdict.value}}
