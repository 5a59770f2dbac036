"""Impacts on VGG students: their rows, how they change with depth, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy import stats
from torch import Tensor

from experiments.support.record import Held, Run
from experiments.support.vgg.students import DEPTHS, Student, Task
from neurograd.measure.intervals import Interval, mean_interval, t_quantile
from neurograd.problem import Problem
from neurograd.report.plots import BLUE, GREEN, ORANGE

STUCK = 0.5
"""Squared error above which a trained student learned nothing; 1 is that of a constant."""

STYLES: dict[str, tuple[str, str, str]] = {
    "trained": (BLUE, "-", "trained here"),
    "pretrained": (BLUE, "-", "pretrained weights"),
    "kaiming": (ORANGE, "--", "random, Kaiming"),
    "xavier": (GREEN, "--", "random, Xavier"),
}
"""Colour, line and name of every start."""


def usable(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the networks that were trained and learned nothing."""
    return [r for r in rows if not (r["start"] == "trained" and r["loss"] > STUCK)]


def facts_of(student: Student, problem: Problem, w: Tensor) -> dict[str, Any]:
    """What every row says of its student, whose weights are ``w`` of shape ``(N,)``."""
    return {
        "start": student.start,
        "depth": student.depth,
        "factor": student.factor,
        "index": student.index,
        "num_parameters": problem.num_parameters,
        "loss": problem.loss(w),
    }


def rows_of(
    run: Run,
    task: Task,
    students: Sequence[Student],
    measure: Callable[[Student], dict[str, Any]],
    **depends_on: Any,
) -> list[dict[str, Any]]:
    """Measured rows of all students.

    Args:
        run: The run, which keeps finished rows on disk.
        task: What the students learn.
        students: The students.
        measure: Makes the row of one.
        depends_on: All but run and scale that the rows depend on, as JSON types.
    """
    items = {student.name: student for student in students}
    depends_on = {"scale": task.facts["scale"], **depends_on}
    return list(run.each(items, measure, depends_on=depends_on).values())


def setting_of(task: Task, *facts: str, widths: str = "") -> str:
    """Teacher, students and data in one phrase, then more facts.

    Args:
        task: What the students learn.
        facts: More of the setting.
        widths: Follows what the widths are divided by.
    """
    return ", ".join(
        (
            f"VGG students of a VGG-19 teacher on {task.name}",
            f"widths divided by {task.scale.factor}{widths}",
            f"{task.scale.samples} images",
            "squared error",
            *facts,
        )
    )


def left_out(rows: Sequence[dict[str, Any]]) -> str:
    """How many rows are not usable, where there are some."""
    stuck = len(rows) - len(usable(rows))
    return f"; {stuck} that learned nothing are left out" if stuck else ""


def by_start(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Usable rows of every start that has some."""
    groups = {start: [r for r in usable(rows) if r["start"] == start] for start in STYLES}
    return {start: mine for start, mine in groups.items() if mine}


@dataclass(frozen=True)
class Trend:
    """Relative change of a positive quantity with another one.

    Attributes:
        slope: Of the logarithm, by least squares over all networks.
        ci: Its 99 % interval, infinite where there are fewer than three points.
        ends: Factor from the smallest to the largest place, by the slope.
        ends_ci: Its 99 % interval.
    """

    slope: float
    ci: Interval
    ends: float
    ends_ci: Interval

    @property
    def falls(self) -> Held:
        """Whether the quantity falls, at 99 %."""
        if self.ci[1] < 0:
            return "held"
        return "not held" if self.ci[0] > 0 else "inconclusive"

    def __str__(self) -> str:
        low, high = self.ends_ci
        return f"×{self.ends:.3g} (99 % interval {low:.3g} to {high:.3g})"


def trend(places: Sequence[float], values: Sequence[float]) -> Trend:
    """Slope of log values over places.

    Args:
        places: One a network.
        values: Above 0.
    """
    x, y = np.asarray(places, dtype=float), np.log(np.asarray(values, dtype=float))
    fit = stats.linregress(x, y)
    half = t_quantile(len(x) - 2) * float(fit.stderr) if len(x) > 2 else math.inf
    slope, span = float(fit.slope), float(x.max() - x.min())
    ci = (slope - half, slope + half)
    with np.errstate(over="ignore"):
        low, middle, high = (float(np.exp(span * s)) for s in (ci[0], slope, ci[1]))
    return Trend(slope, ci, middle, (low, high))


def depth_trends(
    rows: Sequence[dict[str, Any]], of: Callable[[dict[str, Any]], float]
) -> dict[str, Trend]:
    """Trend of a quantity of a network with its depth, by start."""
    return {
        start: trend([r["depth"] for r in mine], [of(r) for r in mine])
        for start, mine in by_start(rows).items()
        if len({r["depth"] for r in mine}) > 1
    }


def geometric(values: Sequence[float]) -> tuple[float, Interval]:
    """Geometric mean of positive values, with its 99 % interval."""
    center, (low, high) = mean_interval(np.log(np.asarray(values, dtype=float)))
    with np.errstate(over="ignore"):
        return float(np.exp(center)), (float(np.exp(low)), float(np.exp(high)))


def bars(center: float, ci: Interval) -> list[list[float]]:
    """Lengths of an error bar, none where the interval is not finite."""
    if not (math.isfinite(ci[0]) and math.isfinite(ci[1])):
        return [[0.0], [0.0]]
    return [[max(0.0, center - ci[0])], [max(0.0, ci[1] - center)]]


def depth_axis(axes: Axes, depths: Sequence[int] = DEPTHS) -> None:
    """Ticks with the networks' names."""
    axes.set_xticks(list(depths), [f"VGG-{depth}" for depth in depths])
    axes.set_xlim(min(depths) - 0.9, max(depths) + 0.9)


def means_line(
    axes: Axes, start: str, places: Sequence[float], values: Sequence[Sequence[float]]
) -> list[float]:
    """Geometric means with 99 % intervals, joined by the line of a start; returns the means.

    Args:
        axes: Where to draw.
        start: A key of ``STYLES``.
        places: One a group.
        values: Positive values of every group.
    """
    colour, line, name = STYLES[start]
    centers = [geometric(group) for group in values]
    means = [center for center, _ in centers]
    axes.errorbar(
        places,
        means,
        yerr=np.hstack([bars(center, ci) for center, ci in centers]),
        fmt="o",
        ls=line,
        color=colour,
        ms=4.5,
        capsize=2.5,
        label=name,
    )
    return means
