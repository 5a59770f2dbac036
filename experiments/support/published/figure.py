"""Accuracies along trainings beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from experiments.support.published import neurosim
from neurograd.report.plots import BLUE, GREEN, ORANGE, styled

_COLOURS = {"source": BLUE, "truncated": ORANGE, "keys": GREEN}


def draw(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel a device: every run of each reading, and MLP+NeuroSim's own."""
    with styled():
        figure = Figure(figsize=(10.0, 3.6), layout="constrained")
        panels = figure.subplots(1, len(neurosim.PUBLISHED), sharey=True)
        for axes, (device, published) in zip(panels, neurosim.PUBLISHED.items(), strict=True):
            tenths = range(1, neurosim.LOOKS + 1)
            for row in rows:
                if row["device"] == device:
                    axes.plot(tenths, row["looks"], lw=0.8, color=_COLOURS[row["variant"]])
            axes.plot(tenths, published, "ko-", ms=3, lw=1.2)
            axes.set_title(device)
            axes.set_xlabel("updates, tenths of 40,000")
        for name, colour in _COLOURS.items():
            panels[-1].plot([], [], color=colour, label=name)
        panels[-1].plot([], [], "ko-", ms=3, label="MLP+NeuroSim")
        panels[-1].legend()
        panels[0].set_ylabel("test accuracy, %")
        return figure
