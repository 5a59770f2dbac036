"""Figure of a table of jumps: the change of one pulse against the conductance before it."""

from __future__ import annotations

from matplotlib.figure import Figure

from neurograd.fit.measurements import Measurements
from neurograd.report.plots import BLUE, ORANGE, styled


def plot_jumps(measured: Measurements, title: str) -> Figure:
    """Samples of both directions over each other.

    Args:
        measured: A table of jumps.
        title: What the data are.
    """
    unit = "S" if measured.unit == "S" else "relative units"
    with styled():
        figure = Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.subplots()
        for jumps, colour in zip(measured.jumps, (BLUE, ORANGE), strict=True):
            axes.plot(
                jumps.conductance, jumps.change, ".", color=colour, markersize=3, alpha=0.5,
                label=jumps.direction,
            )  # fmt: skip
        axes.axhline(0.0, color="black", linewidth=0.8)
        axes.set_xlabel(f"conductance in {unit}")
        axes.set_ylabel(f"change of one pulse in {unit}")
        axes.set_title(title)
        axes.legend()
        return figure
