"""What a forecast may be off, tuned on one half of the chips and judged on the other one.

A constant that is judged on the chips that it was tuned on is no error bar, so a seed splits them.
The trained and the predicted cost of a chip are known with 95 % intervals; what these do not
explain of their distance is the prediction's own error. Its bound is that of split conformal
prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Lei et al.,
J. Am. Stat. Assoc. 2018), which needs no law of the errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurograd.judge.forecasts import MODEL_ERROR
from neurograd.judge.verdict import Verdict

SPLIT_SEED = 0
"""Of the split; taken once, before anything was tuned with it."""

GRID = 0.05
"""Candidates of ``MODEL_ERROR`` are whole multiples of it."""

MISSED = 0.05
"""Probability that a chip which is drawn like the tuning ones is off by more than the tuned error,
at most."""

_OTHER_SPLITS = 1000

Row = Mapping[str, Any]


def split(names: Sequence[str], seed: int = SPLIT_SEED) -> tuple[list[str], list[str]]:
    """Names to tune on and names to judge with, half of them each.

    Args:
        names: All of them; the order does not matter.
        seed: Of the split.
    """
    ordered = sorted(names)
    places = np.random.default_rng(seed).permutation(len(ordered))
    middle = (len(ordered) + 1) // 2
    tuning = [ordered[place] for place in sorted(places[:middle])]
    return tuning, [ordered[place] for place in sorted(places[middle:])]


def unexplained(row: Row) -> float:
    """How far a prediction is off, relative to itself, beyond what both intervals explain.

    0 where the distance of the predicted and the trained cost is within the root of the sum of the
    squares of their half widths, and where both diverge; infinite where one of them does, or where
    nothing is predicted and something is lost.
    """
    predicted, trained = row["predicted"]["drop"], row["trained"]["drop"]
    if predicted is None or trained is None:
        return 0.0 if predicted is trained else math.inf
    ends = (row["predicted"]["plain_ci"], row["trained"]["ci"])
    halves = [0.5 * (high - low) for low, high in ends]
    beyond = abs(predicted - trained) - math.hypot(*halves)
    if beyond <= 0:
        return 0.0
    return beyond / abs(predicted) if predicted else math.inf


def tuned(rows: Sequence[Row]) -> float:
    """The smallest multiple of ``GRID`` that a new chip is beyond with probability ``MISSED``.

    Of n errors in order it is the one at place ⌈(n + 1)(1 − MISSED)⌉, over the draw of all chips.

    Args:
        rows: Of the tuning chips.

    Returns:
        The bound; infinite where no number is large enough, as for fewer than 19 chips.
    """
    errors = sorted(map(unexplained, rows))
    # Products such as 20·0.95 are whole numbers but for their last digit.
    place = math.ceil((len(errors) + 1) * (1 - MISSED) - 1e-9)
    least = errors[place - 1] if place <= len(errors) else math.inf
    return round(GRID * math.ceil(least / GRID), 10) if math.isfinite(least) else math.inf


def missed(rows: Sequence[Row], error: float) -> int:
    """How many chips are off by more than an error."""
    return sum(unexplained(row) > error for row in rows)


def judged_again(row: Row, limit: float, error: float = MODEL_ERROR) -> dict[str, Any]:
    """A row whose predicted interval and verdict are those with an error of the prediction.

    Args:
        row: Of one chip; ``plain_ci`` of its prediction covers chips and test samples only.
        limit: Largest cost that is allowed.
        error: Part of a predicted cost by which it may be off.
    """
    predicted = row["predicted"]
    if predicted["drop"] is None:
        return {**row, "predicted": {**predicted, "verdict": Verdict.NOT_TOLERATED.value}}
    extra = error * abs(predicted["drop"])
    low, high = predicted["plain_ci"][0] - extra, predicted["plain_ci"][1] + extra
    inside, outside = high <= limit, low > limit
    verdict = (
        Verdict.TOLERATED if inside
        else Verdict.NOT_TOLERATED if outside
        else Verdict.INCONCLUSIVE
    )  # fmt: skip
    return {**row, "predicted": {**predicted, "ci": [low, high], "verdict": verdict.value}}


def model_error(rows: Mapping[str, Row]) -> dict[str, Any]:
    """What ``MODEL_ERROR`` is tuned to, how it does on the other half, and on other splits."""
    tuning, judging = ([rows[name] for name in half] for half in split(list(rows)))
    found = tuned(tuning)
    others = []
    for seed in range(1, _OTHER_SPLITS + 1):
        mine, rest = ([rows[name] for name in half] for half in split(list(rows), seed))
        each = tuned(mine)
        others.append((each, missed(rest, each) / max(1, len(rest))))
    values = np.array([value for value, _ in others])
    return {
        "used": MODEL_ERROR,
        "tuned": found,
        "split_seed": SPLIT_SEED,
        "tuning_chips": len(tuning),
        "tuning_missed": missed(tuning, found),
        "judging_chips": len(judging),
        "judging_missed": missed(judging, found),
        "other_splits": {
            "splits": _OTHER_SPLITS,
            "tuned_5_50_95_percent": [
                float(each) for each in np.quantile(values, (0.05, 0.5, 0.95), method="nearest")
            ],
            "judging_missed_mean": float(np.mean([share for _, share in others])),
        },
    }
