"""Tornado plot: how far each number moves the predicted cost."""

from __future__ import annotations

import math
import textwrap

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from neurograd import words
from neurograd.records.limits import LimitResult
from neurograd.records.report import LimitsReport
from neurograd.report.plots import BLUE, GREY, INK, ORANGE, RED, styled

WIDEST = 6
"""A cost of this many times the allowed one, or more, ends at the edge of the plot."""

_TITLE_WIDTH = 66
"""Characters that a line of the title has room for."""

_KINDS = {
    "accuracy_drop": "predicted test accuracy lost (points of %)",
    "excess_loss": "predicted loss not gained (% of the decrease)",
}


def plot_tornado(report: LimitsReport) -> Figure:
    """One bar a number, from the predicted cost at its harmless end to that at its harmful one.

    The ends are half and twice the present value, one bit more and less, or, for a number that is 0
    or ideal now, the far side of its limit. The longest bar is at the top.

    Args:
        report: The report of ``neurograd limits``.
    """
    now = report.now
    center = 100 * now.cost
    bars = sorted(
        (row for row in report.numbers if row.better or row.worse),
        key=lambda row: _length(row, center),
    )
    with styled(), mpl.rc_context({"axes.grid.axis": "x"}):
        figure = Figure(figsize=(7.6, 1.9 + 0.36 * max(3, len(bars))), layout="constrained")
        axes = figure.subplots()
        edge = _edge(bars, center, 100 * now.allowed)
        for place, row in enumerate(bars):
            _bar(axes, place, row, center, edge)
        axes.axvline(min(center, edge[1]), color=GREY, linewidth=1.2, label="as it is now")
        axes.axvline(100 * now.allowed, color=RED, linewidth=1.3, linestyle="--", label="allowed")
        axes.set_yticks(range(len(bars)))
        axes.set_yticklabels([f"{row.label}\n(now {row.now_shown})" for row in bars])
        axes.tick_params(axis="y", length=0, labelsize=8.5)
        axes.set_ylim(-0.7, max(len(bars) - 0.3, 0.7))
        axes.set_xlim(edge)
        axes.set_xlabel(_KINDS[now.kind])
        axes.set_title(_title(report))
        handles = [
            Patch(color=BLUE, label="expected harmless side"),
            Patch(color=ORANGE, label="expected harmful side"),
            *axes.get_legend_handles_labels()[0],
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        return figure


def _title(report: LimitsReport) -> str:
    # Matplotlib's own wrapping takes dollars for formulas, whatever the style says.
    of = f"{report.design.name[:60]}: predicted cost at half and twice each number"
    beside = "(numbers that are 0 or ideal now: just beyond their limit)"
    return f"{textwrap.fill(of, _TITLE_WIDTH)}\n{beside}"


def _bar(
    axes: Axes, place: int, row: LimitResult, center: float, edge: tuple[float, float]
) -> None:
    start = min(center, edge[1])
    for end, colour, up in ((row.better, BLUE, 1), (row.worse, ORANGE, -1)):
        if end is None:
            continue
        cost = 100 * end.cost
        shown = min(max(cost, edge[0]), edge[1])
        # Two ends on the same side of the present cost stand one above the other.
        shift = 0.17 * up if _same_side(row, center) else 0.0
        height = 0.62 if shift == 0.0 else 0.3
        axes.barh(place + shift, shown - start, left=start, height=height, color=colour, zorder=2)
        right = cost >= center if cost != center else up < 0
        text = end.shown + (f": {_far(cost)} →" if cost > edge[1] else "")
        inside = right and shown > edge[0] + 0.93 * (edge[1] - edge[0])
        axes.annotate(
            text,
            (shown, place + shift),
            xytext=(-4 if inside or not right else 4, 0),
            textcoords="offset points",
            ha="right" if inside or not right else "left",
            va="center",
            fontsize=7.5,
            color=INK,
            zorder=4,
            path_effects=[withStroke(linewidth=2.2, foreground="white")] if not inside else [],
        )


def _same_side(row: LimitResult, center: float) -> bool:
    if row.better is None or row.worse is None:
        return False
    ends = [100 * end.cost for end in (row.better, row.worse)]
    # Both may be infinite, and so may the present cost: then neither has moved.
    return center not in ends and (ends[0] > center) == (ends[1] > center)


def _far(cost: float) -> str:
    return words.percent(cost / 100, decimals=0, missing="no training")


def _ends(row: LimitResult, center: float) -> list[float]:
    return [center, *(100 * end.cost for end in (row.better, row.worse) if end is not None)]


def _length(row: LimitResult, center: float) -> float:
    ends = _ends(row, center)
    low, high = min(ends), max(ends)
    return 0.0 if low == high else high - low


def _edge(bars: list[LimitResult], center: float, allowed: float) -> tuple[float, float]:
    """Ends of the axis: everything finite up to ``WIDEST`` times the allowed cost."""
    found = [allowed, 0.0, *([center] if math.isfinite(center) else [])]
    found += [end for row in bars for end in _ends(row, center) if math.isfinite(end)]
    top = min(max(found), max(WIDEST * allowed, center if math.isfinite(center) else 0.0))
    low = max(min(found), -WIDEST * allowed)
    room = max(top - low, 1e-9)
    return low - 0.12 * room, top + 0.14 * room
