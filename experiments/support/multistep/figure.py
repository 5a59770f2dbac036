"""The figure: excess loss by steps, and predicted over measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.support.multistep.cases import CASES, EXCESS, NETWORKS, QUADRATIC
from experiments.support.multistep.claims import again, factor
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled

COLOURS = (BLUE, GREEN, ORANGE, RED)


def curve(axes: Axes, rows: Sequence[dict[str, Any]], colour: str, label: str) -> None:
    """Prediction as a line, measurement as points with intervals."""
    shown = [r for r in rows if r["steps"] > 0]
    x = [r["steps"] for r in shown]
    axes.plot(x, [r["predicted"] for r in shown], color=colour, lw=1.3)
    y = np.array([r["measured"] for r in shown])
    ends = np.array([r["measured_ci"] for r in shown]).T
    positive = y > 0
    # A logarithmic axis has no room for the lower half of an interval that holds 0.
    low = np.where(ends[0] > 0, y - ends[0], 0.0)
    errors = np.array([low, ends[1] - y]).clip(min=0.0)[:, positive]
    axes.errorbar(
        np.array(x)[positive],
        y[positive],
        yerr=errors,
        fmt="o",
        ms=4,
        capsize=2,
        lw=1,
        color=colour,
        label=label,
    )


def panel(axes: Axes, title: str) -> None:
    """Axes of loss against steps."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("step T")
    axes.set_title(title)
    axes.legend(fontsize=8)


def draw(quadratics: dict[str, Any], networks: dict[str, Any]) -> Figure:
    """Quadratic above, with its floors; networks below; how far predictions are off."""
    with styled():
        figure = Figure(figsize=(12.5, 7.6), layout="constrained")
        top, bottom = figure.subplots(2, 3)
        for name, colour in zip(quadratics, COLOURS, strict=True):
            case, found = QUADRATIC[name], quadratics[name]
            axes = top[0] if case.at_minimum else top[1]
            curve(axes, found["rows"], colour, case.title)
            axes.axhline(found["floor"], color=colour, lw=1, ls=":")
        panel(top[0], "Quadratic, from its minimum")
        panel(top[1], "Quadratic, from the initial weights")
        top[1].set_ylim(0.5, 8)
        top[1].set_yticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
        top[1].minorticks_off()
        for axes, (name, found) in zip(bottom, networks.items(), strict=True):
            for colour, (case, content) in zip(COLOURS, found["cases"].items(), strict=True):
                label = "bias" if case == "bias" else f"noise, {CASES[case]:g} predicted"
                curve(axes, content["rows"], colour, label)
            panel(axes, NETWORKS[name].title)
        for axes in (top[0], bottom[0]):
            axes.set_ylabel("excess loss")
        factors(top[2], networks)
        handles = [
            axes.plot([], [], color=GREY, lw=1.3, label="closed form")[0],
            axes.plot([], [], color=GREY, lw=1, ls=":", label="floor, T → ∞")[0],
            axes.errorbar([], [], yerr=[], fmt="o", ms=4, color=GREY, label="mean, 99 % interval"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
        return figure


def factors(axes: Axes, networks: dict[str, Any]) -> None:
    """Predicted over measured at the end, frozen and re-linearized, against the noise."""
    for colour, marker, (name, found) in zip(COLOURS, "os^", networks.items(), strict=False):
        noises = [c for c in found["cases"] if c != "bias"]
        ends = [factor(found["cases"][c]["rows"][-1]) for c in noises]
        x, y = [CASES[c] for c in noises], np.array([value for value, _ in ends])
        errors = np.array([[v - low, min(high, 100.0) - v] for v, (low, high) in ends]).T
        axes.errorbar(
            x,
            y,
            yerr=errors.clip(min=0.0),
            fmt=f"{marker}-",
            ms=4.5,
            capsize=2,
            color=colour,
            label=NETWORKS[name].title.rsplit(",", 1)[0],
        )
        ends_again = [again(found["cases"][c]) for c in noises]
        axes.plot(x, ends_again, f"{marker}--", ms=4.5, mfc="white", lw=1, color=colour)
    label = "re-linearized at the end"
    axes.plot([], [], "o--", color=GREY, mfc="white", ms=4.5, lw=1, label=label)
    axes.axhline(1.0, color=GREY, lw=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.5, 400)  # room for the legend
    axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.set_xticks(list(EXCESS), [f"{e:g}" for e in EXCESS])
    axes.minorticks_off()
    axes.set_xlabel("noise, as predicted excess / initial loss")
    axes.set_ylabel("predicted / measured")
    axes.set_title("Networks: over-prediction at the end")
    axes.legend(fontsize=8, loc="upper left")
