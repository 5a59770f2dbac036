"""What the project promises of its forecasts, and what the chips say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from experiments.support.forecasts.judged_again import has_bounds
from experiments.support.record import Claim, held_where
from neurograd.judge.prediction_error import MODEL_ERROR
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import CONFIDENCE, Interval, interval

VERDICTS = tuple(v.value for v in Verdict)

PROMISES_BROKEN, AGREEING, OPEN, RANK, COST = 0.05, 0.9, 0.15, 0.9, 0.1
"""Claimed bounds, in the order of the claims."""


def summary(rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Confusion matrix, error rates, rank correlation and cost ratio; intervals at 99 %.

    Args:
        rows: Of all chips, by name.
    """
    pairs = [(row["predicted"], row["trained"]) for row in rows.values()]
    table = [
        [sum(p["verdict"] == a and t["verdict"] == b for p, t in pairs) for b in VERDICTS]
        for a in VERDICTS
    ]
    told = [(p, t) for p, t in pairs if "inconclusive" not in (p["verdict"], t["verdict"])]
    agree = sum(p["verdict"] == t["verdict"] for p, t in told)
    promised = [t for p, t in pairs if p["verdict"] == "tolerated"]
    broken = sum(t["verdict"] == "not tolerated" for t in promised)
    open_ = sum(p["verdict"] == "inconclusive" for p, _ in pairs)
    spearman = _rank([(_drop(p), _drop(t)) for p, t in pairs])
    seconds = {key: [row["seconds"][key] for row in rows.values()] for key in ("predict", "train")}
    ratio = sum(seconds["predict"]) / sum(seconds["train"])
    each = np.array(seconds["predict"]) / np.array(seconds["train"])
    return {
        "chips": len(pairs),
        "without_bounds": sum(not has_bounds(row) for row in rows.values()),
        "verdicts": VERDICTS,
        "confusion": table,
        "agree": agree,
        "both_conclusive": len(told),
        "agree_ci": _proportion(agree, len(told)),
        "predicted_tolerated": len(promised),
        "predicted_tolerated_failed": broken,
        "predicted_tolerated_failed_ci": _proportion(broken, len(promised)),
        "predicted_inconclusive": open_,
        "predicted_inconclusive_ci": _proportion(open_, len(pairs)),
        "trained_inconclusive": sum(t["verdict"] == "inconclusive" for _, t in pairs),
        "spearman": spearman,
        "spearman_ci": rank_interval(spearman, len(pairs)),
        "seconds": {key: sum(values) for key, values in seconds.items()},
        "cost_ratio": ratio,
        "cost_ratio_ci": ratio_interval(seconds["predict"], seconds["train"]),
        "cost_ratio_median": float(np.median(each)),
    }


def _drop(side: Mapping[str, Any]) -> float:
    return 1.0 if side["drop"] is None else float(side["drop"])


def _rank(drops: Sequence[tuple[float, float]]) -> float:
    """Spearman's correlation; NaN where one side is the same for all."""
    sides = [list(side) for side in zip(*drops, strict=True)]
    if any(len(set(side)) < 2 for side in sides):
        return math.nan
    return float(stats.spearmanr(*sides).statistic)


def _proportion(count: int, total: int) -> Interval:
    """Exact interval; all that is possible where nothing was counted."""
    return proportion_interval(count, total) if total else (0.0, 1.0)


def rank_interval(rank: float, count: int) -> Interval:
    """Interval of Spearman's correlation (Bonett and Wright, Psychometrika 2000), at 99 %.

    Args:
        rank: The correlation.
        count: Number of pairs; fewer than four leave all that is possible.
    """
    if count < 4 or not -1 < rank < 1:
        return -1.0, 1.0
    half = stats.norm.ppf(0.5 + 0.5 * CONFIDENCE) * math.sqrt((1 + 0.5 * rank**2) / (count - 3))
    return math.tanh(math.atanh(rank) - half), math.tanh(math.atanh(rank) + half)


def ratio_interval(above: Sequence[float], below: Sequence[float]) -> Interval:
    """Interval of a ratio of sums over chips (first order, Cochran, Sampling Techniques), at 99 %.

    Args:
        above: One number a chip, shape ``(n,)``.
        below: The same of the denominator, all above 0.
    """
    top, bottom = np.array(above), np.array(below)
    ratio, count = float(top.sum() / bottom.sum()), len(top)
    if count < 2:
        return 0.0, math.inf
    rest = float(((top - ratio * bottom) ** 2).sum()) * count / (count - 1)
    return interval(ratio, math.sqrt(rest) / float(bottom.sum()), count - 1)


def claims(result: Mapping[str, Any], setting: str) -> list[Claim]:
    """What the project promises of its predictions, and what came out.

    Args:
        result: From ``summary``.
        setting: What all chips share, as the end of a sentence.
    """
    all_chips = (
        f"{result['chips']} chips on digits: devices × scaled noise × rules × two networks × two "
        f"step sizes, {setting}"
    )
    judged = (
        f"{all_chips}; the prediction's error of {MODEL_ERROR:.0%} was tuned on none of them "
        "(drawn_tuning), the forecast's step lengths by hand on all"
    )
    if result["without_bounds"]:
        judged += (
            f"; {result['without_bounds']} predictions are older and judged by their 99 % "
            "intervals, not by the forecast's own bounds"
        )

    def claim(text: str, where: str, measured: str, ends: Interval, allowed: Interval) -> Claim:
        shown = f"{measured} ({_shown(ends)} at 99 %)"
        return Claim(text, "neurograd's forecast", where, shown, held_where(ends, *allowed))

    promised, told = result["predicted_tolerated"], result["both_conclusive"]
    return [
        claim(
            "A chip that is predicted tolerated does not fail in training (error rate 5 %).",
            judged,
            f"{result['predicted_tolerated_failed']} of {promised} failed",
            result["predicted_tolerated_failed_ci"],
            (0.0, PROMISES_BROKEN),
        ),
        claim(
            "Predicted and trained verdicts agree for at least 90 % of the chips.",
            judged,
            f"{result['agree']} of {told} with a verdict on both sides agree; training itself was "
            f"inconclusive for {result['trained_inconclusive']}",
            result["agree_ci"],
            (AGREEING, 1.0),
        ),
        claim(
            "At most 15 % of the predictions are inconclusive.",
            judged,
            f"{result['predicted_inconclusive']} of {result['chips']}",
            result["predicted_inconclusive_ci"],
            (0.0, OPEN),
        ),
        claim(
            "Predicted and measured accuracy drop correlate above 0.9 (Spearman).",
            judged,
            f"{result['spearman']:.3f}",
            result["spearman_ci"],
            (RANK, 1.0),
        ),
        claim(
            "Predicting costs at most a tenth of training the chips.",
            all_chips,
            f"{result['cost_ratio']:.3f} of the chips' training in all, median of the chips "
            f"{result['cost_ratio_median']:.3f}",
            result["cost_ratio_ci"],
            (0.0, COST),
        ),
    ]


def _shown(ends: Interval) -> str:
    return " to ".join(f"{end:.3g}" for end in ends)
