"""Figure of a device's pulse response: mean and spread, up and down."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurograd.pipeline.pulse_curves import Branch, PulseCurve
from neurograd.report.plots import BLUE, GREY, ORANGE, styled


def plot_pulse_curve(curve: PulseCurve, title: str) -> Figure:
    """Conductance (or weight) against pulse number, up then down.

    Args:
        curve: From ``neurograd.pipeline.pulse_curves.pulse_curve``.
        title: What the device is.
    """
    with styled():
        figure = Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.subplots()
        scale, unit = _scale(curve)
        for branch, colour, name, start in (
            (curve.up, BLUE, "potentiation", 0),
            (curve.down, ORANGE, "depression", int(curve.up.pulses[-1])),
        ):
            _draw(axes, branch, colour, name, start, scale)
        axes.plot([], [], color=GREY, linestyle="--", linewidth=1, label="nominal device")
        axes.set_xlabel("pulse number")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(f"conductance in {unit}" if curve.unit == "S" else "weight")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3)
        return figure


def _draw(axes: Axes, branch: Branch, colour: str, name: str, start: int, scale: float) -> None:
    x = branch.pulses + start
    band = f"{name}, mean and 5 to 95 %"
    axes.fill_between(x, scale * branch.low, scale * branch.high, color=colour, alpha=0.2, lw=0)
    axes.plot(x, scale * branch.mean, color=colour, linewidth=1.6, label=band)
    axes.plot(x, scale * branch.ideal, color=GREY, linewidth=1, linestyle="--")


def _scale(curve: PulseCurve) -> tuple[float, str]:
    """Factor and unit in which the largest conductance has few digits."""
    if curve.unit != "S":
        return 1.0, ""
    top = float(curve.up.high.max())
    for factor, unit in ((1e3, "mS"), (1e6, "µS"), (1e9, "nS")):
        if top * factor >= 1:
            return factor, unit
    return 1e12, "pS"
