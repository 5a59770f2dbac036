"""The figure: the paper's three panels, and D."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke

from experiments.support.fig7.grid import SPREAD, Effort, curvatures, products, ratios, step_sizes
from experiments.support.fig7.quadratics import CROSSING
from neurograd.report.plots import styled
from neurograd.theory import (
    bias_ratio_threshold,
    noise_curvature_threshold,
)

BELOW = r"$\lambda_1$ = limit of Eq. 7: below, descent"

ABOVE = r"$\lambda_N$ = limit of Eq. 7: above, no descent"

HALO = [withStroke(linewidth=3.2, foreground="white")]


def heat_map(
    axes: Axes, x: np.ndarray, y: np.ndarray, descents: list[list[int]], steps: int
) -> AxesImage:
    """Part of the steps that descend, blue where all do."""
    image = axes.pcolormesh(
        x, y, np.array(descents) / steps, cmap="RdYlBu", vmin=0, vmax=1, shading="nearest"
    )
    image.set_rasterized(True)
    axes.grid(False)
    return image


def noise_panel(axes: Axes, results: dict[str, Any], key: str, effort: Effort) -> AxesImage:
    """A or B with the limits of Theorem 3.1."""
    sigma = 0.0 if key == "true_gradient" else 1.0
    dt, lam = step_sizes(effort), curvatures(effort)
    image = heat_map(axes, 1e3 * dt, lam, results[key]["descents"], effort.steps)
    fine = np.linspace(dt[0], dt[-1], 200)
    limit = np.array([noise_curvature_threshold(float(d), sigma**2, 1.0) for d in fine])
    axes.plot(1e3 * fine, limit, "k--", lw=1.6, path_effects=HALO, label=BELOW)
    shown = SPREAD * limit <= lam[-1]
    axes.plot(
        1e3 * fine[shown],
        SPREAD * limit[shown],
        "k:",
        lw=1.8,
        path_effects=HALO,
        label=ABOVE,
    )
    axes.set_yscale("log")
    axes.set_xlim(1e3 * dt[0], 1e3 * dt[-1])
    axes.set_ylim(lam[0], lam[-1])
    axes.set_xlabel("step size Δt (10⁻³)")
    axes.set_ylabel(r"largest eigenvalue $\lambda_1$ of the Hessian")
    legend(axes, "lower left")
    return image


def bias_panel(axes: Axes, results: dict[str, Any], key: str, effort: Effort) -> AxesImage:
    """C or D with both thresholds of Theorem 3.2."""
    found = results[key]
    r, s = ratios(effort), products(effort)
    image = heat_map(axes, r, s, found["descents"], effort.steps)
    fine = np.linspace(s[0], s[-1], 400)
    psi = found["psi_over_lambda_1"]
    published = [bias_ratio_threshold(psi * v, 1.0, "published") for v in fine]
    safe = [bias_ratio_threshold(v, 1.0, "safe") for v in fine]
    axes.plot(
        published, fine, "k--", lw=1.6, path_effects=HALO, label="published threshold (Eq. 8)"
    )
    axes.plot(safe, fine, "k-", lw=1.8, path_effects=HALO, label="safe threshold, min(1, 2/s − 1)")
    axes.set_xlim(r[0], r[-1])
    axes.set_ylim(s[0], s[-1])
    axes.set_xlabel("bias ratio r = b√N/‖g‖")
    axes.set_ylabel(r"s = $\lambda_1$·Δt")
    return image


def legend(axes: Axes, place: str, skip: int = 0) -> None:
    """A legend that can be read on colours, without the first ``skip`` entries."""
    handles, labels = axes.get_legend_handles_labels()
    box = axes.legend(
        handles[skip:],
        labels[skip:],
        loc=place,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
        fontsize=8,
    )
    box.set_zorder(5)


def mark_unsafe(axes: Axes, results: dict[str, Any], effort: Effort) -> None:
    """Hatch what the published threshold allows though the loss can ascend."""
    psi = results["bias_pair"]["psi_over_lambda_1"]
    s = np.linspace(CROSSING / psi, products(effort)[-1], 300)
    published = np.array([bias_ratio_threshold(psi * v, 1.0, "published") for v in s])
    safe = np.array([bias_ratio_threshold(float(v), 1.0, "safe") for v in s])
    axes.fill_betweenx(
        s,
        safe,
        published,
        where=published > safe,
        facecolor="none",
        edgecolor="black",
        hatch="////",
        lw=0,
        label="published allows, loss can rise",
    )
    ratio = results["counterexample"]["bias_ratio"]
    largest = max(results["counterexample"]["hessian_eigenvalues"])
    at = largest * results["counterexample"]["step_size"]
    axes.plot(ratio, at, "*", color="black", ms=11, mec="white", label="counterexample")


def draw(results: dict[str, Any]) -> Figure:
    """The paper's three panels, and D."""
    effort = Effort(**results["effort"])
    with styled():
        figure = Figure(figsize=(10.5, 8.4), layout="constrained")
        panels = figure.subplots(2, 2)
        noise_panel(panels[0, 0], results, "true_gradient", effort)
        noise_panel(panels[0, 1], results, "noise", effort)
        bias_panel(panels[1, 0], results, "bias", effort)
        image = bias_panel(panels[1, 1], results, "bias_pair", effort)
        mark_unsafe(panels[1, 1], results, effort)
        for axes, title in zip(
            panels.flat,
            (
                "A  True gradient descent",
                "B  Noise, σ = ‖g‖",
                "C  Bias of random direction, N = 250",
                "D  The same with N = 2",
            ),
            strict=True,
        ):
            axes.set_title(title)
        legend(panels[1, 0], "upper right")
        legend(panels[1, 1], "lower left", skip=2)  # C names the lines
        figure.colorbar(image, ax=panels, label="empirical probability of descent", shrink=0.6)
        return figure
