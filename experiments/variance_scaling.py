"""Scaling exponent α of f(N) ∝ N^α, for every learning rule over a family of widths.

Digits, one hidden layer of 8 to 128 neurons at its Xavier initialization, two initializations
each. The total variance is taken relative to ‖g‖², so that a width's gradient does not count as
scaling; rules without noise have their squared bias instead. α is the slope of the logarithm
against log N, with its 99 % interval over all points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from experiments.support.record import ROOT, Run, parse, run_main
from neurograd.measure.intervals import t_quantile
from neurograd.measure.moments import measure_moments
from neurograd.output import write_atomically
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.report.plots import styled
from neurograd.spec import validate_spec

WIDTHS = (8, 16, 32, 64, 128)
RULES: dict[str, dict[str, Any]] = {
    "backprop, batches of 32": {"name": "backprop", "batch_size": 32},
    "weight_perturbation": {"name": "weight_perturbation"},
    "node_perturbation": {"name": "node_perturbation"},
    "forward_gradient": {"name": "forward_gradient"},
    "feedback_alignment": {"name": "feedback_alignment"},
    "direct_feedback_alignment": {"name": "direct_feedback_alignment"},
    "sign_symmetric": {"name": "sign_symmetric"},
    "local_loss": {"name": "local_loss"},
    "equilibrium_propagation": {"name": "equilibrium_propagation"},
    "manhattan": {"name": "manhattan"},
    "eprop": {"name": "eprop"},
    "surrogate, batches of 32": {"name": "surrogate", "batch_size": 32},
}
THEORY = {
    "weight_perturbation": "(N + 1)‖g‖²",
    "forward_gradient": "(N + 1)‖g‖²",
    "node_perturbation": "by nodes: Σ A(D‖δ‖² + ‖δ_l‖²)/n²",
    "backprop, batches of 32": "(n − B)/(n − 1)·spread/B",
}


def point(rule: dict[str, Any], width: int, seed: int, run: Run) -> tuple[int, float, str]:
    """N, the relative total variance or squared bias of a rule, and which of the two."""
    spiking = rule["name"] in ("surrogate", "eprop")
    network: dict[str, Any] = {"hidden": [width]}
    if spiking:
        network |= {"kind": "spiking", "surrogate": {"name": "fast_sigmoid", "slope": 5}}
    spec = validate_spec({"network": network, "learning_rule": rule, "measure": {"seed": seed}})
    problem = build_problem(spec, run.device)
    chip, w = build_chip(spec, problem), problem.initial_weights
    gradient = problem.gradient(w)  # of a spiking network: through the surrogate, as a scale
    draws = 2 if chip.deterministic_gradient else (40 if run.quick else 400)
    moments = measure_moments(chip.sampler(problem, w), gradient, draws, seed)
    square = float(gradient @ gradient)
    if moments.total_variance > 0:
        return w.numel(), moments.total_variance / square, "variance"
    return w.numel(), float(moments.bias.square().sum()) / square, "bias"


def exponent(sizes: Sequence[int], values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Slope of log values against log sizes, with its 99 % interval."""
    fit = stats.linregress(np.log(sizes), np.log(values))
    half = t_quantile(len(sizes) - 2) * float(fit.stderr)
    return float(fit.slope), (float(fit.slope) - half, float(fit.slope) + half)


def measure(run: Run) -> list[dict[str, Any]]:
    """One row a rule."""
    widths, seeds = (WIDTHS[:4], 1) if run.quick else (WIDTHS, 2)

    def row(name: str) -> dict[str, Any]:
        rule = RULES[name]
        found = [point(rule, width, run.seed + s, run) for width in widths for s in range(seeds)]
        sizes, values = [f[0] for f in found], [f[1] for f in found]
        alpha, ci = exponent(sizes, values)
        return {
            "rule": name,
            "of": found[0][2],
            "alpha": alpha,
            "alpha_ci": ci,
            "sizes": sizes,
            "values": values,
            "theory": THEORY.get(name),
        }

    return list(run.each({name: name for name in RULES}, row, depends_on=[RULES, widths]).values())


MARKERS = "os^Dv*X"


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Relative variance and squared bias against N: every initialization, and the power law."""
    with styled():
        figure = Figure(figsize=(10, 6), layout="constrained")
        for axes, kind, label in zip(
            figure.subplots(1, 2),
            ("variance", "bias"),
            ("total variance σ²f(N)/‖g‖²", "squared bias b²N/‖g‖²"),
            strict=True,
        ):
            shown = [row for row in rows if row["of"] == kind]
            for place, (row, marker) in enumerate(zip(shown, MARKERS, strict=False)):
                _draw_row(axes, row, marker, f"C{place}", hollow=place % 2 == 1)
            axes.set_xlabel("number of weights N")
            axes.set_title(label)
            axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.14), fontsize=8)
        return figure


def _draw_row(axes: Axes, row: dict[str, Any], marker: str, colour: str, *, hollow: bool) -> None:
    """Hollow markers are larger, so that two rules of equal values are both seen."""
    sizes, values = np.array(row["sizes"], float), np.array(row["values"], float)
    low, high = row["alpha_ci"]
    axes.loglog(
        sizes,
        values,
        marker,
        color=colour,
        ms=8 if hollow else 4.5,
        mfc="none" if hollow else colour,
        label=f"{row['rule']}: α = {row['alpha']:.2f} ({low:.2f} to {high:.2f})",
    )
    # The law with exponent α goes through the middle of the points, in logarithms.
    ends = np.array([sizes.min(), sizes.max()])
    middle = np.exp(np.log(values).mean() - row["alpha"] * np.log(sizes).mean())
    axes.loglog(ends, middle * ends ** row["alpha"], color=colour, lw=1, alpha=0.7)


def page(rows: list[dict[str, Any]]) -> str:
    """The table as Markdown."""
    lines = [
        "# Scaling of variance and bias with the number of weights",
        "",
        "Made by `python -m experiments.variance_scaling`; numbers in",
        "`experiments/results/variance_scaling.json`. "
        + (__doc__ or "").split("\n\n", 1)[1].strip(),
        "For spiking networks the surrogate gradient is the scale and the reference.",
        "With one hidden layer, feedback alignment and direct feedback alignment are one rule.",
        "",
        "![](../experiments/results/variance_scaling.png)",
        "",
        "| rule | of | α | 99 % interval | closed form |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for row in rows:
        low, high = row["alpha_ci"]
        lines.append(
            f"| {row['rule']} | {row['of']} | {row['alpha']:.3f} | {low:.3f} to {high:.3f} | "
            f"{row['theory'] or ''} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("variance_scaling", __doc__ or "", arguments)
    rows = measure(run)
    run.write({"rows": rows}, draw(rows))
    folder = run.out if run.quick else ROOT.parent / "docs"
    write_atomically(folder / "variance_scaling.md", page(rows))
    print(page(rows))


if __name__ == "__main__":
    run_main(main)
