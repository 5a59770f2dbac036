"""The figure: a panel a network, and all ratios below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.support.agreement import Agreement
from experiments.support.lemma_2_1.claims import SHORT, agreement, judged
from experiments.support.lemma_2_1.networks import NETWORKS, SPIKING_TITLE
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled

SHOWN = (0.3, 6.0)
"""Ratios that the figure shows."""

KINDS = {
    "noise": (BLUE, "o", "white noise"),
    "bias": (ORANGE, "^", "bias (1, ..., 1)"),
    "across": (GREEN, "s", "bias across g"),
    "both": (RED, "D", "bias and noise"),
}


def panel(axes: Axes, title: str, rows: Sequence[dict[str, Any]], found: Agreement | None) -> None:
    """Measured against predicted in logarithms; filled where the loss rises, hollow where not."""
    sizes = [abs(r["predicted"]) for r in rows]
    axes.axline((min(sizes),) * 2, (2 * max(sizes),) * 2, color=GREY, lw=1, ls="--")
    for row in rows:
        colour, marker, _ = KINDS[row["kind"]]
        if row["predicted"] * row["measured"] <= 0:
            continue
        x, y = abs(row["predicted"]), abs(row["measured"])
        low, high = sorted(abs(end) for end in row["measured_ci"])
        errors = [[y - low if low > 0 else 0.0], [high - y]]
        axes.errorbar(
            [x],
            [y],
            yerr=np.clip(errors, 0.0, None),
            fmt=marker,
            ms=4,
            lw=0.8,
            mew=0.9,
            color=colour,
            mfc=colour if row["predicted"] > 0 else "white",
            alpha=1.0 if row["length"] <= SHORT else 0.35,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, fontsize=9)
    if found is not None:
        text = f"slope {found.slope:.3f}\nR² {found.r_squared:.5f}\nratio {found.ratio:.3f}"
        axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=8)


def ratios(axes: Axes, found: dict[str, dict[str, Any]]) -> None:
    """Measured over predicted against the length of the perturbation, where second order ends."""
    smooth = {True: (BLUE, "o", "smooth losses"), False: (RED, "s", "ReLU networks")}
    for kind, (colour, marker, label) in smooth.items():
        names = [n for n in found if n in NETWORKS and NETWORKS[n].smooth == kind]
        rows = [r for n in names for r in found[n]["rows"]]
        x = np.array([r["length"] for r in rows])
        y = np.array([r["measured"] / r["predicted"] for r in rows])
        shown = (y > SHOWN[0]) & (y < SHOWN[1])
        left = f"{len(y) - shown.sum()} of {len(y)} beyond the axis or of the other sign"
        style = {"marker": marker, "color": colour, "ms": 3.5, "lw": 0, "alpha": 0.55}
        axes.plot(x[shown], y[shown], **style, label=f"{label} ({left})")
    axes.axhline(1.0, color=GREY, lw=1, ls="--")
    axes.axvline(SHORT, color=GREY, lw=1, ls=":")
    axes.text(SHORT * 1.1, 0.34, "longer: not judged →", fontsize=8, color=GREY)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(*SHOWN)
    axes.set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    axes.minorticks_off()
    axes.set_xlabel("length of the perturbation, Δt·√(b²N + σ²f(N)) / ‖w‖")
    axes.set_ylabel("measured / predicted")
    axes.legend(loc="upper left", ncols=2, frameon=True, edgecolor="none", framealpha=0.9)


def draw(found: dict[str, dict[str, Any]]) -> Figure:
    """A panel a network, and all ratios below."""
    with styled():
        figure = Figure(figsize=(12.5, 9), layout="constrained")
        places = figure.add_gridspec(3, 4, height_ratios=(1, 1, 0.8))
        for k, (name, result) in enumerate(found.items()):
            axes = figure.add_subplot(places[k // 4, k % 4])
            known = name in NETWORKS
            title = NETWORKS[name].title if known else SPIKING_TITLE
            shown = agreement(judged(name, result["rows"])) if known else None
            panel(axes, title, result["rows"], shown)
            if k % 4 == 0:
                axes.set_ylabel("measured |ΔL|")
            if k // 4 == 1:
                axes.set_xlabel("predicted |ΔL| (Eq. 3, kinks where there are any)")
        ratios(figure.add_subplot(places[2, :]), found)
        handles = [
            Line2D([], [], color=c, marker=m, lw=0, ms=5, label=label)
            for c, m, label in KINDS.values()
        ]
        handles += [
            Line2D([], [], color=GREY, marker="o", mfc="white", lw=0, ms=5, label="loss falls"),
            Line2D([], [], color=GREY, ls="--", lw=1, label="equal"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=6)
        return figure
