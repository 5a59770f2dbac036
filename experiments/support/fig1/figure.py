"""The heat maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.support.fig1.claims import pick
from neurograd.report.plots import GREY, ORANGE, styled

LEGEND = (
    "mean over seeds; β = (1, ..., 1); * differs from clean at 99 % for all cells of the map "
    "together; triangles: one step stops descending in expectation (where clean steps descend)"
)


def level(value: float) -> str:
    """A tick: 0, plain or as a power of ten."""
    if value == 0 or 1e-3 < value < 1e3:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**power, 1)
    return rf"$10^{{{power}}}$" if digit == 1 else rf"${digit:g}\cdot10^{{{power}}}$"


def position(value: float, levels: Sequence[float]) -> float | None:
    """Where a value is on an axis of cells, between their centres by its logarithm."""
    if not 0 < value < math.inf:
        return None
    centres = np.log(levels[1:])
    if not centres[0] <= math.log(value) <= centres[-1]:
        return None
    return 1.0 + float(np.interp(math.log(value), centres, np.arange(len(centres))))


def table(result: dict[str, Any], split: str, key: str) -> np.ndarray:
    """Percent of each cell: rows are biases, columns noises."""
    s = result["setting"]
    return np.array(
        [
            [100 * pick(result, b, n)[f"{split}_summary"][key] for n in s["noises"]]
            for b in s["biases"]
        ]
    )


def heat_map(axes: Axes, result: dict[str, Any], split: str, key: str) -> Any:
    """One panel: biases upwards, noise to the right, cells labelled."""
    s, values = result["setting"], table(result, split, key)
    scale: dict[str, Any] = {"cmap": "viridis", "vmin": 0, "vmax": 100}
    if key == "difference":
        scale = {"cmap": "RdBu", "vmin": -3, "vmax": 3}
    image = axes.imshow(values, origin="lower", aspect="auto", **scale)
    axes.grid(visible=False)
    axes.set_xticks(range(len(s["noises"])), [level(v) for v in s["noises"]])
    axes.set_yticks(range(len(s["biases"])), [level(v) for v in s["biases"]])
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row, bias in enumerate(s["biases"]):
        for column, noise in enumerate(s["noises"]):
            value = values[row, column]
            dark = value < 60 if key == "mean" else abs(value) > 1.8
            text, weight = f"{value:.0f}", "normal"
            if key == "difference":
                low, high = pick(result, bias, noise)["test_summary"]["ci"]
                clear = low > 0 or high < 0
                weight = "bold" if clear else "normal"
                text = f"{value:+.1f}" if abs(value) < 9.95 else f"{value:+.0f}"
                text = "0" if abs(value) < 0.05 else text.replace("-", "−")
                text += "*" * clear
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=7.5,
                weight=weight,
                color="white" if dark else "#222222",
            )
    return image


def limit_marks(axes: Axes, result: dict[str, Any]) -> None:
    """Where one step stops descending: triangles on the lower and the left edge, off the labels."""
    s, found = result["setting"], result["limits"] or {}
    across = position(found.get("noise", 0.0), s["noises"])
    up = position(found.get("bias", 0.0), s["biases"])
    style: dict[str, Any] = {
        "color": ORANGE,
        "markeredgecolor": "#222222",
        "markersize": 9,
        "linestyle": "none",
        "clip_on": False,
    }
    if across is not None:
        axes.plot([across], [-0.4], marker="^", **style)
    if up is not None:
        axes.plot([-0.42], [up], marker=">", **style)
    axes.set_xlim(-0.5, len(s["noises"]) - 0.5)
    axes.set_ylim(-0.5, len(s["biases"]) - 0.5)


def second_axes(axes: Axes, result: dict[str, Any], *, top: bool, right: bool) -> None:
    """The other readings: total variance above, length of the bias on the right."""
    s = result["setting"]
    if top:
        above = axes.secondary_xaxis("top")
        above.set_xticks(range(len(s["noises"])), [level(v * v) for v in s["noises"]])
        above.tick_params(length=2, labelsize=8)
        above.set_xlabel("total variance σ²f(N)/‖g‖²")
    if right:
        root = math.sqrt(s["num_parameters"])
        beside = axes.secondary_yaxis("right")
        labels = [
            f"{v * root:.2g}" if v * root >= 0.001 else level(float(f"{v * root:.0e}"))
            for v in s["biases"]
        ]
        beside.set_yticks(range(len(s["biases"])), labels)
        beside.tick_params(length=2, labelsize=8)
        beside.set_ylabel("length of the bias b√N/‖g‖")


def draw(results: Sequence[dict[str, Any]]) -> Figure:
    """The paper's two heat maps, and the difference of the second to clean, a row each setting."""
    with styled():
        rows = len(results)
        figure = Figure(figsize=(13.5, 0.9 + 3.9 * rows), layout="constrained")
        panels = figure.subplots(rows, 3, squeeze=False)
        for row, (line, result) in enumerate(zip(panels, results, strict=True)):
            title = result["setting"]["title"]
            for axes, (split, key, name) in zip(
                line,
                (
                    ("train", "mean", "train accuracy (%)"),
                    ("test", "mean", "test accuracy (%)"),
                    ("test", "difference", "test accuracy − clean (points)"),
                ),
                strict=True,
            ):
                image = heat_map(axes, result, split, key)
                axes.set_title(f"{title}: {name}", pad=8)
                figure.colorbar(image, ax=axes, pad=0.02, extend="both" if key != "mean" else None)
                limit_marks(axes, result)
                second_axes(axes, result, top=row == 0, right=key == "difference")
                axes.set_xlabel("noise norm σ√f(N)/‖g‖")
            line[0].set_ylabel("bias of a weight b/‖g‖")
        figure.supxlabel(LEGEND, fontsize=9, color=GREY)
        return figure
