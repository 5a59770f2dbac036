"""The figure: the paper's three panels, and three of ours below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.support.fig3.students import (
    COUNTS,
    NORM,
    SQUARE,
    STYLES,
    TEACHER,
    Student,
    expectation,
)
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled

DEPTH_COLOURS = {1: BLUE, 2: GREEN, 4: ORANGE, 8: RED}

WIDTH_COLOURS = {12: RED, 25: ORANGE, 50: GREEN, 100: BLUE}


def bars(axes: Axes, rows: Sequence[Mapping[str, Any]], x: str, key: str, **style: Any) -> None:
    """Means over seeds with 99 % intervals, joined by a line."""
    rows = sorted(rows, key=lambda r: r[x])
    y = np.array([r[key] for r in rows])
    ends = np.array([r[f"{key}_ci"] for r in rows])
    # A logarithmic axis has no place for an end at or below 0: the bar leaves the axes instead.
    errors = np.array([y - np.maximum(ends[:, 0], 1e-6 * y), ends[:, 1] - y])
    axes.errorbar(
        [r[x] for r in rows], y, yerr=errors.clip(min=0.0), capsize=2, ms=4, lw=1.3, **style
    )


def panel_a(axes: Axes, results: dict[str, Any]) -> None:
    """One hidden layer, linear."""
    wanted = results["effort"]["shallow"]
    rows = [
        r
        for r in results["trajectories"]
        if r["depth"] == 1 and r["activation"] == "linear" and r["width"] in wanted
    ]
    bars(axes, rows, "width", "measured", fmt="o-", color=BLUE, label="measured")
    rows = sorted(rows, key=lambda r: r["width"])
    axes.plot(
        [r["width"] for r in rows],
        [r["predicted"] for r in rows],
        "x",
        color="black",
        ms=7,
        zorder=3,
        label="predicted, ½(σ²/N)·Tr H·Δt²",
    )
    axes.set_xlabel("hidden layer width")
    axes.set_title("A  One hidden layer, linear")
    axes.legend()


def panel_bc(axes: Axes, results: dict[str, Any], x: str) -> None:
    """All networks: colour is depth, solid linear, dashed ReLU; points are measured."""
    widths = results["effort"]["widths"]
    for depth in results["effort"]["depths"]:
        for activation, line in STYLES.items():
            rows = [
                r
                for r in results["trajectories"]
                if (r["depth"], r["activation"]) == (depth, activation) and r["width"] in widths
            ]
            rows.sort(key=lambda r: r["width"])
            colour = DEPTH_COLOURS[depth]
            axes.plot(
                [r[x] for r in rows], [r["predicted"] for r in rows], line, color=colour, lw=1.3
            )
            key, marker = ("measured", "o") if activation == "linear" else ("strong", "s")
            # A logarithmic axis has no place for a mean at or below 0.
            shown = [r for r in rows if r[key] > 0]
            hollow = None if activation == "linear" else "none"
            bars(axes, shown, x, key, fmt=marker, color=colour, mfc=hollow)
    predicted = [r["predicted"] for r in results["trajectories"]]
    axes.set_ylim(0.25 * min(predicted), 3 * max(predicted))
    teacher = results["teacher"]["num_parameters"] if x == "num_parameters" else TEACHER[0]
    axes.axvline(teacher, color=GREY, linestyle=":", linewidth=1.5)


def legend_bc(figure: Figure, depths: Sequence[int]) -> None:
    """What colours, lines and points of B and C mean, above the panels."""
    hollow = {"marker": "s", "ms": 5, "mfc": "none", "linestyle": "none"}
    handles = {
        **{f"{d} hidden": Line2D([], [], color=DEPTH_COLOURS[d], lw=3) for d in depths},
        "linear, predicted": Line2D([], [], color="black"),
        "ReLU, predicted": Line2D([], [], color="black", linestyle="--"),
        "linear, measured": Line2D([], [], color="black", marker="o", ms=5, linestyle="none"),
        "ReLU, measured (means above 0)": Line2D([], [], color="black", **hollow),
        "teacher": Line2D([], [], color=GREY, linestyle=":", lw=1.5),
    }
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=len(handles),
        title="B and C",
        title_fontsize=9,
        columnspacing=1.4,
        handlelength=1.8,
    )


def panel_depth(axes: Axes, results: dict[str, Any]) -> None:
    """Theorem 2.2 at initialization: Tr H/N against depth, relative to one hidden layer."""
    effort = results["effort"]
    depths = range(effort["depths"][0], effort["depths"][-1] + 1)
    for width in (*effort["widths"], None):
        students = [
            Student(width, d, "linear") if width else Student(SQUARE, d, "linear", SQUARE, SQUARE)
            for d in depths
        ]
        exact = [expectation(s, float(s.inputs)) / s.num_parameters for s in students]
        found = results["square"] if width is None else results["initialization"]
        rows = [
            {
                "depth": r["depth"],
                "value": r["per_parameter"] / exact[0],
                "value_ci": [end / exact[0] for end in r["per_parameter_ci"]],
            }
            for r in found
            if r["activation"] == "linear" and (width is None or r["width"] == width)
        ]
        colour = GREY if width is None else WIDTH_COLOURS[width]
        label = f"width {width}" if width else f"{SQUARE} units everywhere"
        axes.plot(depths, np.array(exact) / exact[0], color=colour, lw=1.3, label=label)
        bars(axes, rows, "depth", "value", fmt="o", color=colour)
    axes.set_yscale("log")
    axes.set_yticks([0.2, 0.3, 0.5, 1.0, 1.5], ["0.2", "0.3", "0.5", "1", "1.5"])
    axes.minorticks_off()
    axes.set_xticks(effort["depths"])
    axes.set_xlabel("hidden layers")
    axes.set_ylabel("E[Tr H/N] relative to one hidden layer")
    axes.set_title("D  Theorem 2.2 at initialization, linear")
    axes.legend(fontsize=7.5, loc="lower left")


def panel_relu(axes: Axes, results: dict[str, Any]) -> None:
    """Theorem 2.3: ReLU over linear."""
    effort = results["effort"]
    for shift, (key, source, marker) in enumerate(
        (("per_parameter", "initialization", "o"), ("strong", "trajectories", "s"))
    ):
        for width in effort["widths"]:
            rows = {
                (r["depth"], r["activation"]): r for r in results[source] if r["width"] == width
            }
            ratios = [rows[d, "relu"][key] / rows[d, "linear"][key] for d in effort["depths"]]
            offset = 0.09 * (effort["widths"].index(width) - 1.5) + 0.02 * shift
            axes.plot(
                np.array(effort["depths"]) + offset,
                ratios,
                marker,
                color=WIDTH_COLOURS[width],
                ms=4.5,
                mfc="none" if shift else None,
            )
    depths = np.array([effort["depths"][0], effort["depths"][-1]], dtype=float)
    axes.plot(depths, 2.0**-depths, color="black", lw=1)
    axes.set_yscale("log", base=2)
    axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.5)
    handles = [
        *(
            Line2D([], [], color=WIDTH_COLOURS[w], marker="o", linestyle="none")
            for w in effort["widths"]
        ),
        Line2D([], [], color="black", marker="o", linestyle="none"),
        Line2D([], [], color="black", marker="s", mfc="none", linestyle="none"),
        Line2D([], [], color="black"),
    ]
    labels = [f"width {w}" for w in effort["widths"]]
    axes.legend(
        handles,
        [*labels, "Tr H/N at initialization", "measured ΔL", "exact: 2^−(hidden layers)"],
        fontsize=7.5,
        loc="lower left",
    )
    axes.set_xticks(effort["depths"])
    axes.set_ylim(2.0 ** (-depths[1] - 2), 2.0)
    axes.set_xlabel("hidden layers")
    axes.set_ylabel("ReLU / linear")
    axes.set_title("E  Theorem 2.3: ReLU against linear")


def panel_estimator(axes: Axes, results: dict[str, Any]) -> None:
    """The paper's estimator of the impact against ours."""
    rows = results["estimators"]
    k = np.linspace(2, max(COUNTS), 200)
    axes.plot(k, 2 * (k - 1) / k, color=RED, lw=1.3, label="2(K − 1)/K")
    axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.5)
    bars(axes, rows, "count", "published", fmt="o", color=RED, label="zero-sum vectors (paper)")
    bars(axes, rows, "count", "control_variate", fmt="s", color=BLUE, label="control variate")
    axes.set_ylim(0.8, 2.15)
    axes.set_xlabel("noise vectors K")
    axes.set_ylabel("estimate / (Eq. 3)")
    axes.set_title("F  Two estimators of the impact")
    axes.legend(loc="center right")


def draw(results: dict[str, Any]) -> Figure:
    """The paper's three panels, and three of ours below them."""
    with styled():
        figure = Figure(figsize=(13, 8), layout="constrained")
        (a, b, c), (d, e, f) = figure.subplots(2, 3)
        panel_a(a, results)
        panel_bc(b, results, "num_parameters")
        panel_bc(c, results, "width")
        legend_bc(figure, results["effort"]["depths"])
        for axes in (a, b, c):
            axes.set_yscale("log")
        a.set_yticks([2e-10, 5e-10, 1e-9], ["2·10⁻¹⁰", "5·10⁻¹⁰", "10⁻⁹"])
        a.yaxis.set_minor_formatter("")
        a.set_ylabel("impact of variance ΔL(0, σ²)\nnoise norm σ = 0.1")
        b.set_xscale("log")
        b.set_xlabel("number of parameters N")
        b.set_title("B  All networks against their size")
        c.set_xlabel("hidden layer width")
        c.set_title("C  The same against width")
        factor = 1 / NORM
        right = c.secondary_yaxis("right", functions=(lambda y: factor * y, lambda y: y / factor))
        right.set_ylabel("ΔL if 0.1 were the total variance σ²")
        panel_depth(d, results)
        panel_relu(e, results)
        panel_estimator(f, results)
        return figure
