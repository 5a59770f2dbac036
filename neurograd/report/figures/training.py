"""The trainings of the clean network and of the chips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurograd.records.record import Number
from neurograd.records.report import CheckReport
from neurograd.report.plots import BLUE, GREY, log_if_positive, styled


def plot_training(report: CheckReport) -> Figure:
    """Training curves of the clean network and of the chips."""
    with styled():
        clean = report.training.clean.curve
        chips = report.training.chip.curves
        both = bool(clean.test_accuracy)
        figure = Figure(figsize=(4.8, 4.2), layout="constrained")
        panels = figure.subplots(2 if both else 1, 1, squeeze=False, sharex=True)[:, 0]
        _curves(panels[0], clean.steps, clean.train_loss, [c.train_loss for c in chips])
        panels[0].set_ylabel("training loss")
        log_if_positive(panels[0])
        panels[0].legend(loc="best")
        if both:
            accuracies = [c.test_accuracy for c in chips]
            _curves(panels[1], clean.steps, clean.test_accuracy, accuracies, factor=100.0)
            panels[1].set_ylabel("test accuracy (%)")
        panels[-1].set_xlabel("step")
        panels[0].set_title("Training: clean network and chips")
        return figure


def _curves(
    axes: Axes,
    steps: Sequence[int],
    clean: Sequence[Number],
    chips: Sequence[Sequence[Number]],
    factor: float = 1.0,
) -> None:
    """The clean curve, the chips' mean with the range that they span, and each chip thinly."""
    table: np.ndarray = np.full((len(chips), len(steps)), np.nan)
    for row, chip in zip(table, chips, strict=True):
        row[: len(chip)] = [np.nan if v is None else factor * v for v in chip]
    complete = ~np.isnan(table).all(axis=0)
    shown = np.array(steps)[complete]
    if complete.any():
        part = table[:, complete]
        axes.fill_between(
            shown, np.nanmin(part, 0), np.nanmax(part, 0), color=BLUE, alpha=0.15, linewidth=0
        )
        axes.plot(shown, part.T, color=BLUE, linewidth=0.5, alpha=0.5)
        axes.plot(
            shown, np.nanmean(part, 0), color=BLUE, linewidth=1.8, label="chips, mean and range"
        )
    reference = [np.nan if v is None else factor * v for v in clean]
    axes.plot(steps, reference, color=GREY, linestyle="--", linewidth=1.5, label="clean network")
