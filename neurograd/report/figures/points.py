"""What is measured along the clean training: loss changes, moments and spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path

from neurograd.records.point import PointResult
from neurograd.records.record import Ends, Number
from neurograd.records.report import CheckReport
from neurograd.report.plots import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    interval_errors,
    log_if_positive,
    small_figure,
    styled,
)

_SHAFT, _HEAD = 0.06, 0.25
_DOWN = Path(
    [
        (-_SHAFT, 0.5),
        (_SHAFT, 0.5),
        (_SHAFT, -0.1),
        (_HEAD, -0.1),
        (0.0, -0.5),
        (-_HEAD, -0.1),
        (-_SHAFT, -0.1),
        (-_SHAFT, 0.5),
    ],
    closed=True,
)
"""The mark of a bound that lies above: an arrow that points down."""


def plot_loss_change(report: CheckReport) -> Figure:
    """Predicted against measured loss change of one step, with 99 % intervals."""
    with styled():
        figure, axes = small_figure()
        points = [
            p
            for p in report.points
            if p.delta_loss.predicted is not None and p.delta_loss.measured is not None
        ]
        x = np.array([p.delta_loss.predicted for p in points], dtype=float)
        y = np.array([p.delta_loss.measured for p in points], dtype=float)
        x_error = interval_errors(x, [p.delta_loss.predicted_ci for p in points])
        y_error = interval_errors(y, [p.delta_loss.measured_ci for p in points])
        axes.axline((0, 0), slope=1, color=GREY, linewidth=1, linestyle="--", label="equal")
        axes.errorbar(
            x,
            y,
            xerr=x_error,
            yerr=y_error,
            fmt="o",
            color=BLUE,
            markersize=4.5,
            capsize=2,
            elinewidth=1,
            label="99 % intervals",
        )
        for point, px, py in zip(points, x, y, strict=True):
            axes.annotate(
                f"{point.step}",
                (px, py),
                xytext=(6, -10),
                textcoords="offset points",
                fontsize=8,
                color=GREY,
            )
        _signed_log(axes, np.concatenate([x, y]) if len(x) else np.ones(1))
        axes.set_xlabel("predicted ΔL (Lemma 2.1)")
        axes.set_ylabel("measured ΔL")
        axes.set_title("Cost of one step, labelled by step")
        axes.legend(loc="upper left")
        return figure


def plot_moments(report: CheckReport) -> Figure:
    """Bias, noise and gradient along the clean training."""
    with styled():
        figure, axes = small_figure()
        points, size = report.points, report.num_parameters**0.5
        steps = [p.step for p in points]
        _line(axes, steps, [p.grad_norm for p in points], GREY, "‖g‖ gradient", "s--")
        noise = [_root(p.moments.total_variance) for p in points]
        bands = [_both(_root, p.moments.total_variance_ci) for p in points]
        _line(axes, steps, noise, ORANGE, "√(σ²f(N)) noise", "^-", bands)
        found = [p for p in points if p.moments.b is not None and (p.moments.b_ci[0] or 0.0) > 0]
        scaled = partial(_scaled, factor=size)
        _line(
            axes,
            [p.step for p in found],
            [scaled(p.moments.b) for p in found],
            BLUE,
            "b√N bias",
            "o-",
            [_both(scaled, p.moments.b_ci) for p in found],
        )
        bounded = {
            p.step: high * size
            for p in points
            for low, high in [p.moments.b_ci]
            if low == 0 and high
        }
        if bounded:
            axes.plot(
                list(bounded),
                list(bounded.values()),
                linestyle="none",
                marker=_DOWN,
                markersize=10,
                color=BLUE,
                label="upper bound of b√N (none detected)",
            )
        log_if_positive(axes)
        axes.set_xlabel("step of the clean training")
        axes.set_ylabel("length in gradient units")
        axes.set_title("Moments along the training")
        axes.legend(loc="best")
        return figure


_TWO_COLUMNS = 36
"""Letters of the longest label of a legend that fits the figure in two columns."""


def plot_spectrum(report: CheckReport) -> Figure:
    """Eigenvalues of the Hessian at the first and the last point, with the thresholds."""
    with styled():
        figure, axes = small_figure()
        points = report.points
        chosen = [
            (point, point.curvature.spectrum)
            for point in ([points[0]] if len(points) == 1 else [points[0], points[-1]])
            if point.curvature.spectrum is not None
        ]
        descent = _descent_limit(report)
        steps = {p.step: p.step_size or report.step_size for p, _ in chosen}
        steps = steps or {0: report.step_size}
        known = {} if descent is None else {at: descent[0] / size for at, size in steps.items()}
        everything = [value for _, spectrum in chosen for value in spectrum.eigenvalues]
        scale = max(1e-12, *(abs(v) for v in everything)) * 1e-3
        for (point, spectrum), colour in zip(chosen, (ORANGE, BLUE), strict=False):
            edges, heights = _histogram(spectrum.eigenvalues, spectrum.weights, scale)
            axes.stairs(
                heights,
                edges,
                color=colour,
                fill=True,
                alpha=0.35,
                label=f"eigenvalues at step {point.step}",
            )
            threshold = point.descent.noise_threshold
            if threshold:
                axes.axvline(
                    threshold,
                    color=colour,
                    linewidth=1.3,
                    linestyle="--",
                    label=f"noise limit (Eq. 7) at step {point.step}{_holding(point)}",
                )
        for limit in sorted(set(known.values())):
            at = [f" at step {step}" for step, each in known.items() if each == limit]
            said = at[0] if len(at) < len(known) else ""
            label = f"{descent[1] if descent else ''}, limit of clean descent{said}"
            axes.axvline(limit, color=RED, linewidth=1.3, label=label)
        axes.set_xscale("symlog", linthresh=scale)
        axes.set_xticks(_signed_ticks(scale, [0.0, *everything, *known.values()]))
        axes.minorticks_off()
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)
        axes.set_xlabel("eigenvalue λ of the Hessian")
        axes.set_ylabel("number of eigenvalues")
        axes.set_title("Curvature and its thresholds")
        longest = max(len(str(label)) for label in axes.get_legend_handles_labels()[1])
        figure.legend(loc="outside lower center", ncols=2 if longest <= _TWO_COLUMNS else 1)
        return figure


def _descent_limit(report: CheckReport) -> tuple[float, str] | None:
    """The curvature beyond which clean descent diverges, times Δt, and what it is called.

    None for an optimizer that scales the steps of each weight: curvature alone tells nothing.
    """
    optimizer = report.design.training.optimizer
    if optimizer is None or (optimizer.name == "sgd" and not optimizer.momentum):
        return 2.0, "2/Δt"
    if optimizer.name != "sgd" or optimizer.momentum is None:
        return None
    return 2.0 * (1.0 + optimizer.momentum), "2(1 + μ)/Δt"


def _holding(point: PointResult) -> str:
    """What is said of a threshold that is not known to hold where the updates are no gradient."""
    return " (does not hold)" if point.descent.noise_threshold_holds is False else ""


def _signed_log(axes: Axes, values: np.ndarray) -> None:
    """Logarithmic axes where values span decades; linear around 0 where signs mix."""
    sizes = np.abs(values[values != 0])
    if len(sizes) == 0 or sizes.max() / sizes.min() < 10:
        return
    if (values > 0).all():
        axes.set_xscale("log")
        axes.set_yscale("log")
        return
    axes.set_xscale("symlog", linthresh=float(sizes.min()))
    axes.set_yscale("symlog", linthresh=float(sizes.min()))


def _line(
    axes: Axes,
    steps: Sequence[int],
    values: Sequence[float | None],
    colour: str,
    label: str,
    style: str,
    bands: Sequence[Ends] | None = None,
) -> None:
    if not steps:
        return
    centers = np.array([np.nan if v is None else v for v in values], dtype=float)
    errors = None if bands is None else interval_errors(centers, bands)
    axes.errorbar(
        steps,
        centers,
        yerr=errors,
        fmt=style,
        color=colour,
        markersize=4.5,
        capsize=2,
        linewidth=1.3,
        label=label,
    )


def _root(value: Number) -> Number:
    return None if value is None else max(0.0, value) ** 0.5


def _scaled(value: Number, factor: float) -> Number:
    return None if value is None else value * factor


def _both(change: Callable[[Number], Number], ends: Ends) -> Ends:
    return change(ends[0]), change(ends[1])


def _signed_ticks(scale: float, values: Sequence[float]) -> list[float]:
    """0 and every second decade on both sides, as far as there are values."""
    ticks = [0.0]
    size = 10.0 * scale
    power = 10.0 ** np.ceil(np.log10(size))
    while power <= max(abs(v) for v in values):
        if power <= max(values):
            ticks.append(float(power))
        if -power >= min(values):
            ticks.append(-float(power))
        power *= 10.0
    return sorted(ticks)


def _histogram(
    values: Sequence[float], weights: Sequence[float], scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Counts in bins that are even on a symmetric logarithmic axis."""
    position = np.arcsinh(np.array(values) / scale)
    bins = np.linspace(position.min() - 0.1, position.max() + 0.1, 42)
    counts, edges = np.histogram(position, bins=bins, weights=weights)
    return scale * np.sinh(edges), np.maximum(counts, 1e-3)
