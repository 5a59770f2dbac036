"""What the project promises of forecasts, counted on drawn chips beside twenty trained ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from experiments.support.forecasts.claims import rank_interval, ratio_interval
from experiments.support.record import Claim, held_where
from experiments.support.verdicts import TrueCost
from neurograd.judge.prediction_error import ends_with_error, error_of_prediction
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict
from neurograd.report.plots import BLUE, GREEN, ORANGE, RED, styled

INTERVAL = 0.95
"""Confidence of the predicted interval that is judged."""

AGREEING, BROKEN, OPEN, HOLDING, RANK, COST = 0.95, 0.05, 0.15, 0.9, 0.95, 0.1
"""Claimed bounds, in the order of the claims."""

LEFT_OPEN = ("some_chips_lost", "path_left")
"""Regimes whose interval is all that is possible: it holds everything, and is counted apart."""

_ENDS = (-math.inf, math.inf)
"""What stands for ends of an interval that a record has as None."""

Rows = Sequence[Mapping[str, Any]]


def trained_verdict(true: TrueCost, allowed: float, confidence: float) -> str:
    """The verdict of trained chips: their mean's one-sided bounds against what is allowed.

    Args:
        true: Mean cost of the chips, with its error.
        allowed: Largest cost that is allowed.
        confidence: One-sided.
    """
    reach = true.error * float(stats.t.ppf(confidence, true.chips - 1))
    if true.value + reach <= allowed:
        return Verdict.TOLERATED.value
    return (Verdict.NOT_TOLERATED if true.value - reach > allowed else Verdict.INCONCLUSIVE).value


def holds(row: Mapping[str, Any]) -> bool:
    """Whether the predicted interval holds the trained mean cost, that mean's own error counted.

    The distance of the two is held against the root of the sum of squares of the interval's arm on
    that side and of the arm of the mean's interval at the same confidence.
    """
    return _held(row, row["predicted"]["ci"])


def holds_same_samples(row: Mapping[str, Any]) -> bool:
    """Whether it does without what it allows for other test samples.

    The trained chips are scored on those of the forecast, so that their share of both errors is the
    same and cancels: ``holds`` is easier than it looks.
    """
    predicted = row["predicted"]
    value, open_ = predicted["value"], predicted.get("regime") in LEFT_OPEN
    if value is None or open_:
        return holds(row)
    low, high = map(_number, predicted["over_chips"], _ENDS)
    extra = error_of_prediction(value, predicted["error"], most_of(row))
    return _held(row, ends_with_error(value, (low, high), extra))


def _held(row: Mapping[str, Any], ends: Sequence[float | None]) -> bool:
    value, mean = (_number(row[side]["value"]) for side in ("predicted", "trained"))
    if not (math.isfinite(value) and math.isfinite(mean)):
        return value == mean
    end = _number(ends[mean > value], mean)
    return abs(mean - value) <= math.hypot(end - value, own_arm(row))


def most_of(row: Mapping[str, Any]) -> float:
    """The largest cost that there can be (``neurograd.judge.cost.Judgement.most``)."""
    return 1.0 if row["kind"] == "accuracy_drop" else math.inf


def own_arm(row: Mapping[str, Any]) -> float:
    """Half of the interval of the trained chips' mean cost, at ``INTERVAL``."""
    true = row["trained"]
    return float(true["error"] * stats.t.ppf(0.5 * (1.0 + INTERVAL), true["chips"] - 1))


def narrow(row: Mapping[str, Any]) -> bool:
    """Whether half of the predicted interval is half of the target or a quarter of the cost."""
    low, high = (_number(end) for end in row["predicted"]["ci"])
    cost = abs(_number(row["trained"]["value"]))
    return 0.5 * (high - low) <= max(0.5 * row["allowed"], 0.25 * cost)


def _number(value: Any, none: float = math.inf) -> float:
    """A number of a record, where None stands for one that is not finite."""
    return none if value is None else float(value)


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The numbers of all chips, and of each size of batches apart.

    Args:
        rows: Of all chips, by name, as the record keeps them.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows.values():
        groups.setdefault(str(row["batch"]), []).append(row)
    return {
        **numbers(list(rows.values())),
        "batches": {name: numbers(found) for name, found in groups.items()},
        "missed_chips": [name for name, row in rows.items() if not holds(row)],
        "opposite_chips": [name for name, row in rows.items() if _opposite(row)],
        "redrawn_refused": sum(len(row["refused"]) for row in rows.values()),
        "redrawn_failed": sum(len(row["failed"]) for row in rows.values()),
        "redrawn_not_learned": sum(row["not_learned"] for row in rows.values()),
    }


def _verdicts(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["predicted"]["verdict"], row["trained"]["verdict"]


def _opposite(row: Mapping[str, Any]) -> bool:
    predicted, trained = _verdicts(row)
    return predicted != trained and Verdict.INCONCLUSIVE.value not in (predicted, trained)


def numbers(rows: Rows) -> dict[str, Any]:
    """Counts of some chips; intervals at 99 %."""
    told = [row for row in rows if Verdict.INCONCLUSIVE.value not in _verdicts(row)]
    promised = [row for row in told if row["predicted"]["verdict"] == Verdict.TOLERATED.value]
    agree = sum(not _opposite(row) for row in told)
    broken = sum(_opposite(row) for row in promised)
    still_open = sum(row["predicted"]["verdict"] == Verdict.INCONCLUSIVE.value for row in rows)
    lost = [row for row in rows if _differs(row)]
    rank = _rank([(_number(r["predicted"]["value"]), _number(r["trained"]["value"])) for r in lost])
    held, tight = sum(map(holds, rows)), sum(map(narrow, rows))
    return {
        "chips": len(rows),
        "both_conclusive": len(told),
        "agree": agree,
        "agree_ci": _proportion(agree, len(told)),
        "predicted_tolerated": len(promised),
        "predicted_tolerated_failed": broken,
        "predicted_tolerated_failed_ci": _proportion(broken, len(promised)),
        "predicted_inconclusive": still_open,
        "predicted_inconclusive_ci": _proportion(still_open, len(rows)),
        "all_is_possible": sum(row["predicted"].get("regime") in LEFT_OPEN for row in rows),
        "trained_inconclusive": sum(_verdicts(row)[1] == "inconclusive" for row in rows),
        "held": held,
        "held_ci": _proportion(held, len(rows)),
        "held_same_samples": sum(map(holds_same_samples, rows)),
        "narrow": tight,
        "costing": len(lost),
        "spearman": rank,
        "spearman_ci": rank_interval(rank, len(lost)),
        **_cost(rows),
        "followed": _cost([row for row in rows if row["predicted"]["way"] != "every_update"]),
    }


def _cost(rows: Rows) -> dict[str, Any]:
    """Seconds of forecasts beside those of training the same networks; no ratio of none."""
    keys = ("predict", "train", "train_twins")
    seconds = {key: [row["seconds"][key] for row in rows] for key in keys}
    found: dict[str, Any] = {
        "forecasts": len(rows),
        "seconds": {key: sum(values) for key, values in seconds.items()},
    }
    if not rows:
        return found
    trained = [sum(pair) for pair in zip(seconds["train"], seconds["train_twins"], strict=True)]
    return found | {
        "cost_ratio": sum(seconds["predict"]) / sum(trained),
        "cost_ratio_ci": ratio_interval(seconds["predict"], trained),
    }


def _differs(row: Mapping[str, Any]) -> bool:
    """Whether the trained cost differs from 0 by more than its interval."""
    return abs(_number(row["trained"]["value"])) > own_arm(row)


def _rank(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's correlation; NaN where one side is the same for all, or pairs are few."""
    sides = [list(side) for side in zip(*pairs, strict=True)]
    if len(pairs) < 3 or any(len(set(side)) < 2 for side in sides):
        return math.nan
    return float(stats.spearmanr(*sides).statistic)


def _proportion(count: int, total: int) -> tuple[float, float]:
    """Exact interval; all that is possible where nothing was counted."""
    return proportion_interval(count, total) if total else (0.0, 1.0)


def claims(result: Mapping[str, Any], setting: str) -> list[Claim]:
    """What the project promises of its forecasts, and what came out.

    Args:
        result: From ``summary``.
        setting: How the chips were drawn.
    """
    chips = result["chips"]
    costs = {name: part["cost_ratio_ci"] for name, part in result["batches"].items()}
    held = ", ".join(
        f"{part['held']} of {part['chips']} at batch {name}"
        for name, part in result["batches"].items()
    )
    by_batch = ", ".join(
        f"{part['cost_ratio']:.3f} at batch {name}" + _of_followed(part["followed"])
        for name, part in result["batches"].items()
    )
    worst = (max(low for low, _ in costs.values()), max(high for _, high in costs.values()))

    def claim(
        text: str, measured: str, ends: tuple[float, float], low: float, high: float
    ) -> Claim:
        shown = f"{measured} ({ends[0]:.3g} to {ends[1]:.3g} at 99 %)"
        return Claim(text, "neurograd's forecast", setting, shown, held_where(ends, low, high))

    return [
        claim(
            "Of chips with a verdict on both sides at least 95 % agree.",
            f"{result['agree']} of {result['both_conclusive']}",
            result["agree_ci"],
            AGREEING,
            1.0,
        ),
        claim(
            "A chip that is predicted tolerated does not fail in training (error rate 5 %).",
            f"{result['predicted_tolerated_failed']} of {result['predicted_tolerated']} failed",
            result["predicted_tolerated_failed_ci"],
            0.0,
            BROKEN,
        ),
        claim(
            "At most 15 % of the forecasts are inconclusive.",
            f"{result['predicted_inconclusive']} of {chips}",
            result["predicted_inconclusive_ci"],
            0.0,
            OPEN,
        ),
        claim(
            "The forecast's 95 % interval holds the mean cost of the trained chips of at least "
            "90 % of the specs.",
            f"{result['held']} of {chips}: {held}; without what it allows for other test samples "
            f"{result['held_same_samples']}; narrower than half of the target or a quarter of the "
            f"cost in {result['narrow']}",
            result["held_ci"],
            HOLDING,
            1.0,
        ),
        claim(
            "Predicted and trained cost correlate above 0.95 (Spearman) over chips whose cost "
            "differs from 0.",
            f"{result['spearman']:.3f} over {result['costing']}",
            result["spearman_ci"],
            RANK,
            1.0,
        ),
        claim(
            "Predicting chips and clean twins costs at most a tenth of training them, for every "
            "size of batches.",
            by_batch,
            worst,
            0.0,
            COST,
        ),
    ]


def _of_followed(part: Mapping[str, Any]) -> str:
    """The cost of forecasts that follow a path, where there is one."""
    if "cost_ratio" not in part:
        return " (no path is followed)"
    return f" ({part['cost_ratio']:.3f} of the {part['forecasts']} that follow a path)"


def draw(rows: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Predicted against trained cost, one panel a size of batches."""
    names = list(dict.fromkeys(str(row["batch"]) for row in rows.values()))
    with styled():
        figure = Figure(figsize=(3.2 * len(names), 3.6), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False, sharex=True, sharey=True)[0]
        for axes, name in zip(panels, names, strict=True):
            _panel(axes, [row for row in rows.values() if str(row["batch"]) == name], name)
        panels[0].set_ylabel("predicted cost, % (95 % interval)")
        return figure


def _panel(axes: Axes, rows: Rows, name: str) -> None:
    for colour, chosen in (
        (GREEN, [row for row in rows if holds(row) and not _opposite(row)]),
        (ORANGE, [row for row in rows if not holds(row) and not _opposite(row)]),
        (RED, [row for row in rows if _opposite(row)]),
    ):
        for row in chosen:
            value, true = row["predicted"]["value"], row["trained"]["value"]
            if value is None or true is None or not np.isfinite([value, true]).all():
                continue
            low, high = (_number(end, value) for end in row["predicted"]["ci"])
            arms = [[100 * max(0.0, value - low)], [100 * max(0.0, high - value)]]
            axes.errorbar(
                [100 * true], [100 * value], yerr=arms, fmt="o", ms=4, lw=0.7, color=colour
            )
    axes.axline((0, 0), (1, 1), color=BLUE, lw=0.8)
    axes.set_xscale("symlog", linthresh=2)
    axes.set_yscale("symlog", linthresh=2)
    trained = sorted({row["trained"]["chips"] for row in rows})
    axes.set_xlabel(f"cost of {' or '.join(map(str, trained))} trained chips, %")
    held = sum(map(holds, rows))
    axes.set_title(f"batch {name}: {held} of {len(rows)} held")
