"""What each effect of a chip that fails costs over the whole training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurograd.records.cost import Cost
from neurograd.records.mitigation import MitigationGuide
from neurograd.report.plots import BLUE, GREY, ORANGE, RED, interval_errors, styled
from neurograd.words import confidence


def plot_mitigation(guide: MitigationGuide) -> Figure:
    """Predicted cost without each effect and with it only, ranked, beside the whole chip's."""
    parts = guide.effects
    with styled():
        figure = Figure(figsize=(6.8, 1.7 + 0.55 * len(parts)), layout="constrained")
        axes = figure.subplots()
        rows = np.arange(len(parts), dtype=float)
        for costs, offset, colour, label in (
            ([part.without for part in parts], -0.19, BLUE, "whole chip without it"),
            ([part.alone for part in parts], 0.19, ORANGE, "ideal chip with it only"),
        ):
            _cost_bars(axes, rows + offset, costs, colour, label)
        whole = guide.whole
        if math.isfinite(whole.value):
            if whole.known:
                low, high = (100 * end for end in whole.ci)
                axes.axvspan(low, high, color=GREY, alpha=0.13, linewidth=0)
            axes.axvline(
                100 * whole.value, color=GREY, linewidth=1.5, label="whole chip (grey: interval)"
            )
        axes.axvline(100 * guide.allowed, color=RED, linewidth=1.3, linestyle="--", label="allowed")
        axes.axvline(0, color="#555555", linewidth=0.8)
        axes.set_yticks(rows, [part.label for part in parts])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(parts) - 0.5, -0.5)
        unit = "points of %" if guide.is_accuracy else "%"
        axes.set_xlabel(
            f"predicted {guide.noun} ({unit}), intervals at {confidence(guide.confidence)}"
        )
        figure.legend(loc="outside lower center", ncols=4)
        return figure


def _cost_bars(
    axes: Axes, rows: np.ndarray, costs: Sequence[Cost], colour: str, label: str
) -> None:
    """Horizontal bars in percent with intervals; a cost that is not finite has a word instead."""
    values = np.array([100 * cost.value for cost in costs])
    known = np.isfinite(values)
    ends = [(100 * cost.ci[0], 100 * cost.ci[1]) for cost in costs if math.isfinite(cost.value)]
    axes.barh(rows, np.where(known, values, 0.0), height=0.36, color=colour, label=label)
    axes.errorbar(
        values[known],
        rows[known],
        xerr=interval_errors(values[known], ends),
        fmt="none",
        ecolor="#333333",
        elinewidth=1,
        capsize=2,
    )
    for row in rows[~known]:
        axes.text(0, row, " diverges", va="center", fontsize=8, color=colour)
