"""The predicted cost against one number, with its limits and what training gave beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurograd.judge.verdict import Verdict
from neurograd.report.figures.number_axis import NumberAxis
from neurograd.report.limit_curves import LimitCurve
from neurograd.report.plots import BLUE, GREEN, INK, RED, interval_errors, styled

WIDTH = 2.9
"""Inches; about a third of the width of A4, where letters of 7 points can be read."""

_ABOVE, _BELOW = 0.34, 0.24
"""Inches for the values above the picture and the labels below it."""

_LETTERS = 7.5
_PART = 0.32
"""Width of a value above the picture, as a part of that of the axes."""
_ROOM = 1.35
"""How far the axis goes beyond what is drawn, as a factor."""
_ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LABELS = {"accuracy_drop": "accuracy lost (%)", "excess_loss": "loss not gained (%)"}
_ZONES = {Verdict.TOLERATED.value: GREEN, Verdict.NOT_TOLERATED.value: RED}


@dataclass(frozen=True)
class CostAxis:
    """The vertical axis, which all curves of a report share; costs in %.

    It is even up to the allowed cost and logarithmic beyond it, so that the allowed cost and that
    of a chip that loses everything can both be read.

    Attributes:
        target: The allowed cost.
        low: The lower end.
        high: The upper end, where also an infinite cost is drawn.
    """

    target: float
    low: float
    high: float

    @classmethod
    def of(cls, curves: Iterable[LimitCurve], allowed: float) -> CostAxis:
        """The axis that holds every cost of some curves; intervals may end beyond it."""
        points = [point for curve in curves for point in (*curve.predicted, *curve.trained)]
        known = [100 * point.cost for point in points if math.isfinite(point.cost)]
        target = 100 * allowed
        unit = _unit(target)
        return cls(target, _ROOM * min([-0.5 * unit, *known]), _ROOM * max([2 * unit, *known]))

    def ticks(self) -> list[float]:
        """0, what is allowed, and round costs that have room."""
        found, last = [0.0, self.target], _unit(self.target)
        for cost in _ROUND:
            if 2.2 * last < cost <= self.high:
                found.append(float(cost))
                last = cost
        below = [-cost for cost in found if 2.2 * _unit(self.target) < cost <= -self.low]
        return sorted({*found, *below})

    def apply(self, axes: Axes) -> None:
        """Set scale, ends and ticks of an axis."""
        axes.set_yscale("symlog", linthresh=_unit(self.target), linscale=1.0)
        axes.set_ylim(self.low, self.high)
        ticks = self.ticks()
        axes.set_yticks(ticks, [f"{tick:.3g}".replace("-", "−") for tick in ticks])
        axes.get_yticklabels()[ticks.index(self.target)].set(color=RED, fontweight="bold")
        axes.minorticks_off()

    def within(self, cost: float) -> float:
        """A cost, or the end of an interval, in % and not beyond the ends."""
        return min(max(100 * cost, self.low), self.high)


def _unit(target: float) -> float:
    """Cost up to which the axis is even."""
    return target if target > 0 else 1.0


def plot_limit_curve(curve: LimitCurve, costs: CostAxis, kind: str, height: float) -> Figure:
    """One number's curve: markers where a cost was predicted, lines between them.

    Args:
        curve: The number with its costs.
        costs: The vertical axis.
        kind: ``accuracy_drop`` or ``excess_loss``.
        height: Inches.
    """
    with styled():
        figure = Figure(figsize=(WIDTH, height))
        inner = (height - _ABOVE - _BELOW) / height
        axes = figure.add_axes((0.155, _BELOW / height, 0.825, inner))
        row = curve.row
        points = (*curve.predicted, *curve.trained)
        across = NumberAxis.of([p.value for p in points], row.unit, ideal_below=row.upper)
        across.apply(axes)
        costs.apply(axes)
        axes.tick_params(labelsize=_LETTERS, length=2.5, pad=2)
        axes.set_ylabel(_LABELS[kind], fontsize=_LETTERS, labelpad=1)
        _zones(axes, curve, across)
        _target(axes, curve, across, costs)
        _predicted(axes, curve, across, costs)
        _trained(axes, curve, across, costs)
        _limits(axes, curve, across)
        return figure


def _zones(axes: Axes, curve: LimitCurve, across: NumberAxis) -> None:
    """Neighbouring values of one verdict, shaded; to the end of the axis from the outermost."""
    places = [across.place(point.value) for point in curve.predicted]
    left, right = across.ends
    runs = groupby(range(len(places)), key=lambda index: curve.predicted[index].verdict)
    for verdict, run in runs:
        members = list(run)
        low = left if members[0] == 0 else places[members[0]]
        high = right if members[-1] == len(places) - 1 else places[members[-1]]
        if verdict in _ZONES:
            axes.axvspan(low, high, color=_ZONES[verdict], alpha=0.13, linewidth=0, zorder=0)


def _target(axes: Axes, curve: LimitCurve, across: NumberAxis, costs: CostAxis) -> None:
    """What is allowed; of a deployment it may be another cost at another value."""
    allowed = [100 * point.allowed for point in curve.predicted]
    style: dict[str, Any] = {"color": RED, "linewidth": 1.2, "linestyle": "--", "zorder": 2}
    if len(set(allowed)) == 1:
        axes.axhline(allowed[0], **style)
        return
    places = [across.place(point.value) for point in curve.predicted]
    axes.plot(places, allowed, drawstyle="steps-mid", **style)


def _predicted(axes: Axes, curve: LimitCurve, across: NumberAxis, costs: CostAxis) -> None:
    """Markers at every value, the band of their intervals, and lines between them."""
    for one, other in pairwise(curve.predicted):
        ends = [across.place(one.value), across.place(other.value)]
        heights = [costs.within(one.cost), costs.within(other.cost)]
        beside = any(across.beside(each.value) for each in (one, other))
        known = math.isfinite(one.cost) and math.isfinite(other.cost)
        style = "-" if known and not beside else ":"
        axes.plot(ends, heights, color=BLUE, linewidth=1.3, linestyle=style, zorder=3)
        if known:
            low, high = ([costs.within(each.ci[end]) for each in (one, other)] for end in (0, 1))
            axes.fill_between(ends, low, high, color=BLUE, alpha=0.2, linewidth=0, zorder=1)
    for finite, marker, size in ((True, "o", 3.2), (False, "^", 4.5)):
        shown = [each for each in curve.predicted if math.isfinite(each.cost) == finite]
        places = [across.place(each.value) for each in shown]
        heights = [costs.within(each.cost) for each in shown]
        axes.plot(
            places,
            heights,
            linestyle="none",
            marker=marker,
            markersize=size,
            color=BLUE,
            clip_on=False,
            zorder=4,
        )


def _trained(axes: Axes, curve: LimitCurve, across: NumberAxis, costs: CostAxis) -> None:
    """Trained costs with their intervals, a little to the right of what is predicted there."""
    low, high = across.ends
    for each in curve.trained:
        height = costs.within(each.cost)
        ends = [(costs.within(each.ci[0]), costs.within(each.ci[1]))]
        axes.errorbar(
            across.place(each.value) + 0.016 * (high - low),
            height,
            yerr=interval_errors(np.array([height]), ends),
            fmt="D" if math.isfinite(each.cost) else "^",
            color=INK,
            markersize=3.4,
            capsize=2,
            elinewidth=1.0,
            zorder=5,
        )


def _limits(axes: Axes, curve: LimitCurve, across: NumberAxis) -> None:
    """A and B as lines with their letters above, and the present value above them."""
    row = curve.row
    low, high = across.ends
    for tried, letter, colour, leftward in (
        (row.inside, "A", GREEN, row.upper),
        (row.outside, "B", RED, not row.upper),
    ):
        if tried is not None:
            place = across.place(tried.value)
            axes.axvline(place, color=colour, linewidth=1.4, zorder=2)
            # One ends where the other begins, and neither leaves the picture.
            part = (place - low) / (high - low)
            edge = min(max(part, _PART), 0.98 - _PART) + (0.0 if leftward else 0.02)
            align = "right" if leftward else "left"
            _above(axes, edge, 2, f"{letter} {tried.shown}", colour, align, fontweight="bold")
    # That on the other side has no letters, for which there is no room.
    if row.opposite is not None:
        for tried, colour in ((row.opposite.inside, GREEN), (row.opposite.outside, RED)):
            if tried is not None:
                axes.axvline(across.place(tried.value), color=colour, linewidth=1.0, zorder=2)
    now = across.place(row.now)
    part = (now - low) / (high - low)
    align = "left" if part < _PART else "right" if part > 1 - _PART else "center"
    axes.axvline(now, color=INK, linewidth=1.0, linestyle=":", zorder=2)
    _above(axes, part, 12, f"now {row.now_shown}", INK, align)


def _above(
    axes: Axes, part: float, points: float, text: str, colour: str, align: str, **options: Any
) -> None:
    """A text some points above the picture, at a part of its width."""
    axes.annotate(
        text,
        (part, 1.0),
        xycoords="axes fraction",
        xytext=(0, points),
        textcoords="offset points",
        color=colour,
        fontsize=_LETTERS,
        ha=align,
        va="bottom",
        **options,
    )
