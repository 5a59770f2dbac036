"""The plots of a report, as figures and as text that is the same for the same numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

Report = dict[str, Any]

# Okabe and Ito's palette, which colour-blind readers tell apart.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6b6b6b"

_STYLE: dict[str, Any] = {
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.edgecolor": "#555555",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@contextmanager
def styled() -> Iterator[None]:
    """The style of all figures, while the context is open."""
    with mpl.rc_context(_STYLE):
        yield


def plot_loss_change(report: Report) -> Figure:
    """Predicted against measured loss change of one step, with 99 % intervals."""
    with styled():
        figure, axes = _figure()
        points = [
            p
            for p in report["points"]
            if p["delta_loss"]["predicted"] is not None and p["delta_loss"]["measured"] is not None
        ]
        x = np.array([p["delta_loss"]["predicted"] for p in points])
        y = np.array([p["delta_loss"]["measured"] for p in points])
        x_error = _errors(x, [p["delta_loss"]["predicted_ci"] for p in points])
        y_error = _errors(y, [p["delta_loss"]["measured_ci"] for p in points])
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
                f"{point['step']}",
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


def plot_moments(report: Report) -> Figure:
    """Bias, noise and gradient along the clean training."""
    with styled():
        figure, axes = _figure()
        points, size = report["points"], report["num_parameters"] ** 0.5
        steps = [p["step"] for p in points]
        _line(axes, steps, [p["grad_norm"] for p in points], GREY, "‖g‖ gradient", "s--")
        noise = [_root(p["moments"]["total_variance"]) for p in points]
        bands = [[_root(end) for end in p["moments"]["total_variance_ci"]] for p in points]
        _line(axes, steps, noise, ORANGE, "√(σ²f(N)) noise", "^-", bands)
        found = [p for p in points if p["moments"]["b_ci"][0] > 0]
        _line(
            axes,
            [p["step"] for p in found],
            [p["moments"]["b"] * size for p in found],
            BLUE,
            "b√N bias",
            "o-",
            [[_scaled(end, size) for end in p["moments"]["b_ci"]] for p in found],
        )
        bounded = [p for p in points if p["moments"]["b_ci"][0] == 0 and p["moments"]["b_ci"][1]]
        if bounded:
            axes.plot(
                [p["step"] for p in bounded],
                [p["moments"]["b_ci"][1] * size for p in bounded],
                linestyle="none",
                marker=r"$\downarrow$",
                markersize=10,
                color=BLUE,
                label="upper bound of b√N (none detected)",
            )
        _log_if_positive(axes)
        axes.set_xlabel("step of the clean training")
        axes.set_ylabel("length in gradient units")
        axes.set_title("Moments along the training")
        axes.legend(loc="best")
        return figure


def plot_spectrum(report: Report) -> Figure:
    """Eigenvalues of the Hessian at the first and the last point, with the thresholds."""
    with styled():
        figure, axes = _figure()
        points = report["points"]
        chosen = [points[0]] if len(points) == 1 else [points[0], points[-1]]
        limit = 2.0 / report["step_size"]
        everything = [v for p in chosen for v in p["curvature"]["spectrum"]["eigenvalues"]]
        scale = max(1e-12, *(abs(v) for v in everything)) * 1e-3
        for point, colour in zip(chosen, (ORANGE, BLUE), strict=False):
            spectrum = point["curvature"]["spectrum"]
            edges, heights = _histogram(spectrum["eigenvalues"], spectrum["weights"], scale)
            axes.stairs(
                heights,
                edges,
                color=colour,
                fill=True,
                alpha=0.35,
                label=f"eigenvalues at step {point['step']}",
            )
            threshold = point["descent"]["noise_threshold"]
            if threshold:
                axes.axvline(
                    threshold,
                    color=colour,
                    linewidth=1.3,
                    linestyle="--",
                    label=f"noise limit (Eq. 7) at step {point['step']}",
                )
        axes.axvline(limit, color=RED, linewidth=1.3, label="2/Δt, limit of clean descent")
        axes.set_xscale("symlog", linthresh=scale)
        axes.set_xticks(_signed_ticks(scale, [*everything, limit]))
        axes.minorticks_off()
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)
        axes.set_xlabel("eigenvalue λ of the Hessian")
        axes.set_ylabel("number of eigenvalues")
        axes.set_title("Curvature and its thresholds")
        figure.legend(loc="outside lower center", ncols=2)
        return figure


def plot_training(report: Report) -> Figure:
    """Training curves of the clean network and of the chips."""
    with styled():
        clean = report["training"]["clean"]["curve"]
        chips = report["training"]["chip"]["curves"]
        both = bool(clean["test_accuracy"])
        figure = Figure(figsize=(4.8, 4.2), layout="constrained")
        panels = figure.subplots(2 if both else 1, 1, squeeze=False, sharex=True)[:, 0]
        _curves(panels[0], clean, chips, "train_loss", "training loss")
        _log_if_positive(panels[0])
        panels[0].legend(loc="best")
        if both:
            _curves(panels[1], clean, chips, "test_accuracy", "test accuracy", factor=100.0)
            panels[1].set_ylabel("test accuracy (%)")
        panels[-1].set_xlabel("step")
        panels[0].set_title("Training: clean network and chips")
        return figure


def plot_mitigation(report: Report) -> Figure:
    """Predicted cost without each effect and with it only, ranked, beside the whole chip's."""
    guide = report["mitigation"]
    parts, accuracy = guide["effects"], guide["kind"] == "accuracy_drop"
    with styled():
        figure = Figure(figsize=(6.8, 1.7 + 0.55 * len(parts)), layout="constrained")
        axes = figure.subplots()
        rows = np.arange(len(parts), dtype=float)
        for key, offset, colour, label in (
            ("without", -0.19, BLUE, "whole chip without it"),
            ("alone", 0.19, ORANGE, "ideal chip with it only"),
        ):
            _cost_bars(axes, rows + offset, [part[key] for part in parts], colour, label)
        whole = guide["whole"]
        if whole["value"] is not None:
            if None not in whole["ci"]:
                low, high = (100 * end for end in whole["ci"])
                axes.axvspan(low, high, color=GREY, alpha=0.13, linewidth=0)
            axes.axvline(
                100 * whole["value"], color=GREY, linewidth=1.5, label="whole chip (grey: interval)"
            )
        axes.axvline(
            100 * guide["allowed"], color=RED, linewidth=1.3, linestyle="--", label="allowed"
        )
        axes.axvline(0, color="#555555", linewidth=0.8)
        axes.set_yticks(rows, [part["label"] for part in parts])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(parts) - 0.5, -0.5)
        noun = "accuracy drop (points of %)" if accuracy else "lost decrease of the loss (%)"
        axes.set_xlabel(f"predicted {noun}, intervals at {guide['confidence']:.0%}")
        figure.legend(loc="outside lower center", ncols=4)
        return figure


def _cost_bars(
    axes: Axes, rows: np.ndarray, costs: Sequence[dict[str, Any]], colour: str, label: str
) -> None:
    """Horizontal bars in percent with intervals; a cost that is not finite has a word instead."""
    values = np.array([np.nan if c["value"] is None else 100 * c["value"] for c in costs])
    ends = [[None if end is None else 100 * end for end in cost["ci"]] for cost in costs]
    axes.barh(rows, np.nan_to_num(values), height=0.36, color=colour, label=label)
    known = np.isfinite(values)
    axes.errorbar(
        values[known],
        rows[known],
        xerr=_errors(values[known], [e for e, k in zip(ends, known, strict=True) if k]),
        fmt="none",
        ecolor="#333333",
        elinewidth=1,
        capsize=2,
    )
    for row in rows[~known]:
        axes.text(0, row, " diverges", va="center", fontsize=8, color=colour)


PLOTS = (plot_loss_change, plot_moments, plot_spectrum, plot_training)


def to_svg(figure: Figure, prefix: str) -> str:
    """The figure as an SVG element that can stand beside others in one page.

    The same figure gives the same text: no dates, no random names.

    Args:
        figure: The figure.
        prefix: What its ids begin with; another one for each figure of a page.
    """
    buffer = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": prefix}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns:(?:cc|dc|rdf)="[^"]*"', "", text)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    return re.sub(r"url\(#", f"url(#{prefix}-", text)


def to_image(figure: Figure, kind: str) -> bytes:
    """A figure as a file of its own; the same figure gives the same bytes.

    Args:
        figure: The figure.
        kind: ``png``, ``svg`` or ``pdf``.
    """
    buffer = io.BytesIO()
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "neurograd"}):
        figure.savefig(buffer, format=kind, dpi=150, metadata=dates[kind])
    return buffer.getvalue()


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    return figure, figure.subplots()


def _errors(centers: np.ndarray, ends: Sequence[Sequence[float | None]]) -> np.ndarray:
    """Error bars from intervals; none where an interval is not finite."""
    low = [c if e[0] is None else e[0] for c, e in zip(centers, ends, strict=True)]
    high = [c if e[1] is None else e[1] for c, e in zip(centers, ends, strict=True)]
    errors: np.ndarray = np.array([centers - np.array(low), np.array(high) - centers])
    return errors.clip(min=0.0)


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
    bands: Sequence[Sequence[float | None]] | None = None,
) -> None:
    if not steps:
        return
    centers = np.array([np.nan if v is None else v for v in values], dtype=float)
    errors = None if bands is None else _errors(centers, bands)
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


def _log_if_positive(axes: Axes) -> None:
    low, _ = axes.dataLim.intervaly
    if np.isfinite(low) and low > 0:
        axes.set_yscale("log")


def _root(value: float | None) -> float | None:
    return None if value is None else max(0.0, value) ** 0.5


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


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


def _curves(
    axes: Axes,
    clean: dict[str, Any],
    chips: list[dict[str, Any]],
    key: str,
    label: str,
    factor: float = 1.0,
) -> None:
    """The clean curve, the chips' mean with the range that they span, and each chip thinly."""
    steps = clean["steps"]
    table: np.ndarray = np.full((len(chips), len(steps)), np.nan)
    for row, chip in zip(table, chips, strict=True):
        found = [np.nan if v is None else factor * v for v in chip[key]]
        row[: len(found)] = found
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
    reference = [np.nan if v is None else factor * v for v in clean[key]]
    axes.plot(steps, reference, color=GREY, linestyle="--", linewidth=1.5, label="clean network")
    axes.set_ylabel(label)
