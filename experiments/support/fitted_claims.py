"""What ranges of fitted devices promise, against the devices that the files were drawn from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import optimize, special, stats

from experiments.support.held import together, word_of_test
from experiments.support.record import Claim, Held, held_where
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import CONFIDENCE
from neurograd.report.plots import BLUE, GREEN, ORANGE, RED, styled

TELLS, TELLS_WRONGLY = 0.5, 0.05
"""Claimed mean shares that are tolerated: at least of tolerated devices, at most of lost ones."""
TOLERATED, LOST = Verdict.TOLERATED.value, Verdict.NOT_TOLERATED.value

Row = Mapping[str, Any]


def cost_of(told: Row) -> float:
    """A predicted cost; None stands for one without bound."""
    return math.inf if told["cost"] is None else float(told["cost"])


def place_of(fitted: Row, truth: Row) -> tuple[int, int]:
    """How many draws cost less than the true device is predicted to, and how many more."""
    true = cost_of(truth["forecast"])
    costs = [cost_of(draw) for draw in fitted["draws"]]
    return sum(cost < true for cost in costs), sum(cost > true for cost in costs)


def held(fitted: Row, truth: Row) -> bool:
    """Whether the draws' costs go from the true device's or below to it or above."""
    below, above = place_of(fitted, truth)
    return max(below, above) < len(fitted["draws"])


def count_of(fitted: Row, verdict: str) -> int:
    """Draws with a verdict."""
    return sum(draw["verdict"] == verdict for draw in fitted["draws"])


def bounds_of(fitted: Row) -> tuple[float, float]:
    """Smallest and largest probability that the true device is tolerated, by its draws.

    It is one more draw of what the data allow: of the n + 1 there are k at least that are
    tolerated, and l at least that are not, and it may be any of them.
    """
    number = len(fitted["draws"]) + 1
    return count_of(fitted, TOLERATED) / number, 1.0 - count_of(fitted, LOST) / number


def counts_of_sum(probabilities: Sequence[float]) -> np.ndarray:
    """Distribution of the number of successes of independent trials, shape ``(n + 1,)``."""
    found = np.ones(1)
    for each in probabilities:
        found = np.convolve(found, [1.0 - each, each])
    return found


def expected_counts(bounds: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """Smallest and largest number of tolerated devices that shares allow at ``CONFIDENCE``.

    Args:
        bounds: Smallest and largest probability of each device.
    """
    side = 0.5 * (1.0 - CONFIDENCE)
    low, high = (np.cumsum(counts_of_sum([ends[k] for ends in bounds])) for k in (0, 1))
    return int(np.searchsorted(low, side)), int(np.searchsorted(high, 1.0 - side))


def summary(truths: Mapping[str, Row], fits: Mapping[str, Row], sizes: Sequence[int]) -> Row:
    """The numbers of every size of file.

    Args:
        truths: Rows of the true devices, by name.
        fits: Rows of the fits, by the size of the file and the name.
        sizes: Pulses of the files.
    """
    by_size = {
        size: {name: fits[f"{size}-{name}"] for name in truths if f"{size}-{name}" in fits}
        for size in sizes
    }
    return {str(size): numbers(truths, rows) for size, rows in by_size.items()}


def numbers(truths: Mapping[str, Row], fits: Mapping[str, Row]) -> dict[str, Any]:
    """Counts of the files of one size.

    Args:
        truths: Rows of the true devices, by name.
        fits: Rows of the fits, by the same name.
    """
    told = {name: row for name, row in fits.items() if not row["refused"]}
    pairs = [(row, truths[name]) for name, row in told.items()]
    verdicts = [truth["trained"]["verdict"] for _, truth in pairs]
    kept = sum(verdict == TOLERATED for verdict in verdicts)
    low, high = expected_counts([bounds_of(row) for row, _ in pairs])
    inside = sum(held(*pair) for pair in pairs)
    return {
        "files": len(fits),
        "refused": {name: row["refused"] for name, row in fits.items() if row["refused"]},
        "told": len(pairs),
        "held": inside,
        "held_ci": proportion_interval(inside, len(pairs)) if pairs else (0.0, 1.0),
        "expected": 1.0 - 2.0 / (len(pairs[0][0]["draws"]) + 1) if pairs else math.nan,
        "below_all": sum(place_of(*pair)[1] == len(pair[0]["draws"]) for pair in pairs),
        "above_all": sum(place_of(*pair)[0] == len(pair[0]["draws"]) for pair in pairs),
        "tolerated_allowed": (low, high),
        "tolerated": (kept, len(pairs) - sum(verdict == LOST for verdict in verdicts)),
        "wrong_and_sure": sum(_wrong_and_sure(*pair) for pair in pairs),
        "share_where_tolerated": _mean_share(pairs, TOLERATED, TOLERATED),
        "share_where_lost": _mean_share(pairs, LOST, TOLERATED),
        "lost_where_lost": _mean_share(pairs, LOST, LOST),
        "width": {name: _width(row) for name, row in told.items()},
    }


def _wrong_and_sure(fitted: Row, truth: Row) -> bool:
    """Whether all draws have the verdict that the trained chips contradict."""
    opposite = {TOLERATED: LOST, LOST: TOLERATED}.get(truth["trained"]["verdict"])
    return opposite is not None and count_of(fitted, opposite) == len(fitted["draws"])


def _mean_share(
    pairs: Sequence[tuple[Row, Row]], trained: str, counted: str
) -> tuple[float, int] | None:
    """Mean share of the draws with a verdict over the devices with a trained one; their number."""
    shares = [
        count_of(row, counted) / len(row["draws"])
        for row, truth in pairs
        if truth["trained"]["verdict"] == trained
    ]
    return (float(np.mean(shares)), len(shares)) if shares else None


def _width(fitted: Row) -> float:
    """Of the draws' costs, those without bound counted as 1."""
    costs = [min(cost_of(draw), 1.0) for draw in fitted["draws"]]
    return max(costs) - min(costs)


def claims(result: Mapping[str, Mapping[str, Any]], setting: str) -> tuple[Claim, ...]:
    """What is claimed of the draws, and what came out.

    Args:
        result: From ``summary``.
        setting: How the files were drawn.
    """
    parts = list(result.items())
    most = str(max(int(size) for size in result))
    every = [held_where(part["held_ci"], part["expected"], 1.0) for part in result.values()]
    return (
        Claim(
            "Where a file is fitted, the predicted cost of the true device lies among those of the "
            "draws as often as one more draw would.",
            _SOURCE,
            setting,
            f"expected of {100 * parts[0][1]['expected']:.3g} %; "
            + "; ".join(f"{size} pulses: {_held_in_words(part)}" for size, part in parts),
            together(every),
        ),
        Claim(
            "As many devices are tolerated in training as the shares of the draws allow.",
            _SOURCE,
            setting,
            "; ".join(f"{size} pulses: {_counts_in_words(part)}" for size, part in parts),
            together([word_of_test(_allowed(part)) for _, part in parts]),
        ),
        Claim(
            f"From {most} pulses on average half of the draws or more are tolerated where the "
            f"device is, and at most {TELLS_WRONGLY:.0%} where it is lost.",
            _SOURCE,
            setting,
            "; ".join(f"{size} pulses: {_shares_in_words(part)}" for size, part in parts),
            _tells(result[most]),
        ),
        _narrower(result, setting),
    )


_SOURCE = "neurograd fit --ranges, and the forecasts over them"


def _held_in_words(part: Row) -> str:
    low, high = part["held_ci"]
    return (
        f"{part['held']} of {part['told']} ({100 * low:.3g} to {100 * high:.3g} % at 99 %; "
        f"{part['below_all']} below all draws, {part['above_all']} above)"
    )


def _counts_in_words(part: Row) -> str:
    (low, high), (kept, most) = part["tolerated_allowed"], part["tolerated"]
    open_ = f" to {most}" if most > kept else ""
    return (
        f"{kept}{open_} tolerated, {low} to {high} allowed at 99 %, all draws wrong of "
        f"{part['wrong_and_sure']}"
    )


def _allowed(part: Row) -> bool:
    (low, high), (kept, most) = part["tolerated_allowed"], part["tolerated"]
    return bool(kept <= high and most >= low)


def _shares_in_words(part: Row) -> str:
    def shown(key: str) -> str:
        if part[key] is None:
            return "none"
        share, count = part[key]
        low, high = share_interval(share, count)
        ends = f"{100 * low:.3g} to {100 * high:.3g} % at 99 %"
        return f"{100 * share:.3g} % ({ends}, {count} devices)"

    return (
        f"tolerated where tolerated {shown('share_where_tolerated')}, where lost "
        f"{shown('share_where_lost')}; lost where lost {shown('lost_where_lost')}"
    )


def _tells(part: Row) -> Held:
    """Whether the share tells devices apart; few of one kind do not show it."""
    sides = [("share_where_tolerated", TELLS, 1.0), ("share_where_lost", 0.0, TELLS_WRONGLY)]
    return together(
        [
            held_where(share_interval(*part[key]), low, high) if part[key] else "inconclusive"
            for key, low, high in sides
        ]
    )


def share_interval(mean: float, count: int) -> tuple[float, float]:
    """Interval of the mean of numbers from 0 to 1 at ``CONFIDENCE``, whatever their law.

    Chernoff's bound (Hoeffding, J. Am. Stat. Assoc. 1963, theorem 1): the means p that
    ``n·KL(mean, p) ≤ ln(2/α)`` leaves.

    Args:
        mean: Of the numbers.
        count: How many there are, n.
    """
    most = math.log(2.0 / (1.0 - CONFIDENCE)) / count

    def beyond(p: float) -> float:
        return float(special.rel_entr(mean, p) + special.rel_entr(1.0 - mean, 1.0 - p)) - most

    low = optimize.brentq(beyond, 0.0, mean) if mean > 0.0 else 0.0
    high = optimize.brentq(beyond, mean, 1.0) if mean < 1.0 else 1.0
    return float(low), float(high)


def _narrower(result: Mapping[str, Row], setting: str) -> Claim:
    """Whether more pulses narrow the costs of the draws: sign tests of each step in size."""
    sizes, words = sorted(result, key=int), []
    found: list[Held] = []
    for fewer, more in itertools.pairwise(sizes):
        wide, narrow = result[fewer]["width"], result[more]["width"]
        both = [name for name in wide if name in narrow]
        less = sum(narrow[name] < wide[name] for name in both)
        chance, wider = (
            stats.binomtest(less, len(both), alternative=side).pvalue if both else 1.0
            for side in ("greater", "less")
        )
        middle = [100 * float(np.median(list(each.values()) or [0.0])) for each in (wide, narrow)]
        words.append(
            f"{fewer} to {more}: narrower of {less} of {len(both)} (p = {chance:.2g}), medians "
            f"{middle[0]:.2g} and {middle[1]:.2g} %"
        )
        found.append(
            "held" if chance <= 1.0 - CONFIDENCE else word_of_test(wider > 1.0 - CONFIDENCE)
        )
    return Claim(
        "Ten times as many pulses narrow what the draws cost (sign test at 99 %).",
        _SOURCE,
        setting,
        "; ".join(words),
        together(found) if found else "inconclusive",
    )


def draw(truths: Mapping[str, Row], fits: Mapping[str, Row], sizes: Sequence[int]) -> Figure:
    """Costs of the draws beside those of the true devices, one panel a size of file."""
    order = sorted(truths, key=lambda name: cost_of(truths[name]["forecast"]))
    with styled():
        figure = Figure(figsize=(3.6 * len(sizes), 4.0), layout="constrained")
        panels = figure.subplots(1, len(sizes), squeeze=False, sharex=True, sharey=True)[0]
        for axes, size in zip(panels, sizes, strict=True):
            found = [(truths[name], fits.get(f"{size}-{name}")) for name in order]
            _panel(axes, found, size)
        panels[0].set_ylabel("accuracy drop, %")
        panels[0].legend(loc="upper left")
        return figure


def _panel(axes: Axes, found: Sequence[tuple[Row, Row | None]], size: int) -> None:
    colours = {TOLERATED: GREEN, LOST: RED}
    for place, (truth, fitted) in enumerate(found):
        if fitted is not None and not fitted["refused"]:
            for told in fitted["draws"]:
                colour = colours.get(told["verdict"], ORANGE)
                axes.plot(place, 100 * min(cost_of(told), 1.0), "_", ms=7, color=colour)
        true = truth["trained"]
        axes.plot(place, 100 * min(cost_of(truth["forecast"]), 1.0), "x", ms=5, color="black")
        cost = 100 * min(_finite(true["value"]), 1.0)
        reach = 100 * true["error"] * float(stats.t.ppf(0.995, true["chips"] - 1))
        axes.errorbar(place, cost, yerr=reach, fmt="o", ms=3, lw=0.8, color=BLUE)
    for marker, colour, label in (
        ("_", GREEN, "draw, tolerated"),
        ("_", ORANGE, "draw, not decided"),
        ("_", RED, "draw, lost"),
        ("x", "black", "true device, forecast"),
        ("o", BLUE, "true device, trained (99 %)"),
    ):
        axes.plot([], [], marker, ms=5, color=colour, label=label)
    axes.set_yscale("symlog", linthresh=10)
    ticks = (0, 5, 10, 20, 40, 80)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("device, by its predicted cost")
    fitted = sum(row is not None and not row["refused"] for _, row in found)
    axes.set_title(f"{size} pulses: {fitted} of {len(found)} fitted")


def _finite(value: Any) -> float:
    return math.inf if value is None else float(value)
