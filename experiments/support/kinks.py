"""What the experiment on kinks claims, and its figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from experiments.support.held import together
from experiments.support.record import Claim, Held, held_where
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled

LIMITS = {
    ("closed form", 0.001): (0.95, 1.05),
    ("closed form", 0.01): (0.95, 1.05),
    ("draws", 0.001): (0.93, 1.07),
    ("draws", 0.01): (0.88, 1.12),
}
"""Measured over predicted that counts as right, by method and size of the noise over ‖w‖."""

SOURCE = "Lemma 2.1 (Eq. 3) with kinks (ours)"


def inside(row: Mapping[str, Any]) -> Held:
    """Whether the whole interval of measured over predicted is within its limits."""
    low, high = row["ratio_ci"]
    return held_where((low, high), *LIMITS[row["method"], row["size"]])


def judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that the claim is about: after some training, and noise up to 0.01 ‖w‖."""
    return [r for r in rows if r["step"] > 0 and (r["method"], r["size"]) in LIMITS]


def claims(found: Mapping[str, dict[str, Any]]) -> list[Claim]:
    """What is claimed of the kinks, and what came out."""
    made = []
    for name in found:
        title, rows = found[name]["title"], found[name]["rows"]
        right = judged(rows)
        limits = {LIMITS[r["method"], r["size"]] for r in right}
        within = " or ".join(f"{low} to {high}" for low, high in sorted(limits, reverse=True))
        made.append(
            Claim(
                "White noise costs what Eq. 3's variance term and the kinks say, half way and "
                f"trained: measured over predicted within {within}.",
                SOURCE,
                f"{title}, digits; noise of 0.001 and 0.01 ‖w‖; 99 % intervals",
                "; ".join(sentence(r) for r in right),
                together([inside(r) for r in right]),
            )
        )
        others = [r for r in rows if r not in right]
        if others:
            made.append(
                Claim(
                    "The same at initialization, where kinks cancel most of the Hessian's part, "
                    "and for noise of 0.05 ‖w‖, where higher orders count: within 0.95 to 1.05.",
                    SOURCE,
                    f"{title}, digits; 99 % intervals",
                    "; ".join(sentence(r) for r in others),
                    together([held_where(tuple(r["ratio_ci"]), 0.95, 1.05) for r in others]),
                )
            )
    return made


def sentence(row: Mapping[str, Any]) -> str:
    """The numbers of one row."""
    low, high = row["ratio_ci"]
    return (
        f"{row['stage']}, {row['size']:g} ‖w‖: {row['ratio']:.3f} ({low:.3f} to {high:.3f}), "
        f"without kinks {row['ratio_without']:.2f}"
    )


def draw(found: Mapping[str, dict[str, Any]]) -> Figure:
    """Measured over predicted, without kinks (hollow) and with (filled)."""
    colours = {"initialization": ORANGE, "half way": GREEN, "trained": BLUE}
    with styled():
        figure = Figure(figsize=(3.2 * len(found), 3.4), layout="constrained")
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, result in zip(panels, found.values(), strict=True):
            axes.axhline(1.0, color=GREY, linewidth=1, linestyle="--")
            for row in result["rows"]:
                colour = colours.get(row["stage"], RED)
                low, high = row["ratio_ci"]
                axes.plot(row["size"], row["ratio_without"], "o", mfc="white", mec=colour)
                axes.errorbar(
                    row["size"],
                    row["ratio"],
                    yerr=[[max(0.0, row["ratio"] - low)], [max(0.0, high - row["ratio"])]],
                    fmt="o",
                    color=colour,
                    capsize=2,
                )
            axes.set_xscale("log")
            axes.set_yscale("symlog", linthresh=2.0)
            axes.set_title(result["title"], fontsize=9)
            axes.set_xlabel("noise over ‖w‖")
            axes.set_ylabel("measured over predicted")
        for stage, colour in colours.items():
            figure.axes[0].plot([], [], "o", color=colour, label=stage)
        figure.axes[0].plot([], [], "o", mfc="white", mec=GREY, label="without kinks")
        figure.axes[0].legend(loc="best", fontsize=7)
        return figure
