"""Figure of a fitted device: readings, the curve without noise, and what is left of either.

Of several devices each has its curve, and the spreads over them stand in the title.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurograd.fit.device_fit import DeviceFit
from neurograd.fit.measurements import DIRECTIONS, Direction
from neurograd.fit.models.model_fit import ModelFit
from neurograd.fit.numbers import SPREADS
from neurograd.report.plots import BLUE, GREY, ORANGE, styled

_COLOURS = dict(zip(DIRECTIONS, (BLUE, ORANGE), strict=True))


def plot_device_fit(fit: DeviceFit, title: str) -> Figure:
    """Readings and fitted curve against pulse number, above the residuals of the filter.

    A residual is a reading less what the model expects of it from those before, over its standard
    deviation: standard normal numbers without order, where the model fits.

    Args:
        fit: A fit to runs of pulses.
        title: What the device is.

    Raises:
        ValueError: If the fit is a table of single jumps, which has no pulse numbers.
    """
    if not fit.fits:
        raise ValueError("a table of single jumps has no pulse numbers to draw against")
    with styled():
        figure = Figure(figsize=(6.4, 5.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for direction in fit.fits[0].trains.directions:
            for number, each in enumerate(fit.fits):
                _draw(above, below, each, direction, named=number == 0)
        above.set_ylabel("conductance in S" if fit.unit == "S" else "conductance")
        above.set_title("\n".join([f"{title}: {fit.curve}", *_spreads(fit)]), fontsize="medium")
        for limit in (-2.0, 2.0):
            below.axhline(limit, color=GREY, linewidth=0.8, linestyle="--")
        below.set_ylabel("residual")
        below.set_xlabel("pulse number")
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure


def _spreads(fit: DeviceFit) -> list[str]:
    """Spreads over devices with their intervals, a line each."""
    return [number.in_words() for number in fit.numbers if number.key in SPREADS]


def _draw(above: Axes, below: Axes, fit: ModelFit, direction: Direction, *, named: bool) -> None:
    trains, colour = fit.trains, _COLOURS[direction]
    runs = trains.of(direction)
    readings = trains.origin + trains.scale * trains.values[:, runs]
    pulses = np.arange(len(readings))
    above.plot(pulses, readings, ".", color=colour, markersize=3, alpha=0.5)
    curve = fit.curve_without_noise(direction)
    label = f"{direction}, fitted" if named else None
    if named:
        above.plot([], [], ".", color=colour, label=f"{direction}, as read")
    above.plot(np.arange(len(curve)), curve, color=colour, label=label)
    below.plot(pulses, fit.filtered().innovations[:, 0, runs], ".", color=colour, markersize=3)
