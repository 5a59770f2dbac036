"""Figure of measured data and of the curves that a device follows."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurograd.effects.measured_block import MeasuredBlock
from neurograd.fit import Measurements
from neurograd.fit.measurements import DIRECTIONS
from neurograd.report.plots import BLUE, ORANGE, styled


def plot_measured(measured: Measurements, found: MeasuredBlock, title: str) -> Figure:
    """Readings against the pulse of their run, and the curves; or changes against conductance.

    Args:
        measured: What was read.
        found: The device.
        title: What the data are.
    """
    with styled():
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        for axes, place in zip(figure.subplots(1, 2), (0, 1), strict=True):
            if measured.jumps:
                _draw_jumps(axes, measured, place)
            else:
                _draw_runs(axes, measured, found, place)
            axes.set_title(DIRECTIONS[place])
        figure.suptitle(title)
        return figure


def _unit(measured: Measurements) -> str:
    return "S" if measured.unit == "S" else "relative units"


def _draw_runs(axes: Axes, measured: Measurements, found: MeasuredBlock, place: int) -> None:
    colour = (BLUE, ORANGE)[place]
    own = [run for run in measured.runs if run.direction == DIRECTIONS[place]]
    for run in own:
        counted = np.arange(len(run.conductance)) if run.pulses is None else run.pulses
        shift = 0 if run.start is None else 1
        axes.plot(counted + shift, run.conductance, ".", color=colour, markersize=3, alpha=0.5)
    curve = found.curves[place]
    axes.plot(curve.pulses, curve.conductance, color="black", linewidth=1.2, label="the device")
    axes.set_xlabel("pulses")
    axes.set_ylabel(f"conductance in {_unit(measured)}")
    axes.legend()


def _draw_jumps(axes: Axes, measured: Measurements, place: int) -> None:
    jumps = measured.jumps[place]
    colour = (BLUE, ORANGE)[place]
    axes.plot(jumps.conductance, jumps.change, ".", color=colour, markersize=3, alpha=0.5)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel(f"conductance in {_unit(measured)}")
    axes.set_ylabel(f"change of one pulse in {_unit(measured)}")
