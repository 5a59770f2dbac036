"""Figure 6: impact of bias on VGG networks by depth, and their gradient norm (Theorem 2.4).

The update has a bias of b = 0.02 in the direction (1, ..., 1) and no noise. |ΔL(b, 0)| is taken at
several points of a clean training and averaged (A); the gradient norm is that of the same points
(B). The third panel, which the paper does not have, sets both against each other, network by
network and point by point, with ΔL of Theorem 2.4 beside the measured one.

*Predicted*: ½b²QΔt² + b‖g‖PΔt with Q = βᵀHβ and P = ⟨ĝ, β⟩ − Δt·ĝᵀHβ, from one Hessian-vector
product. *Measured*: the loss after the biased step minus the loss after the clean step, without any
randomness. Both have Δt = 10⁻⁴, small enough for second order in every network. The clean steps
from point to point have the size 1/Tr H at the start, which differs between networks: a common one
would leave some where they are and throw others out.

Intervals are at 99 %, over initializations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from device_models import Backprop, Chip, WhiteNoise
from experiments.support.held import held_near, together
from experiments.support.known_update import known_update_change
from experiments.support.record import Claim, Held, Run, parse, run_main
from experiments.support.vgg import impacts
from experiments.support.vgg.impacts import (
    STYLES,
    by_start,
    depth_trends,
    geometric,
    usable,
)
from experiments.support.vgg.students import Student, Task, family, make_student, make_task
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.intervals import Interval
from neurograd.report.plots import GREY, styled
from neurograd.theory import bias_loss_change

BIAS = 0.02
STEP_SIZE = 1e-4
POINTS = (0, 4, 8)
"""Clean steps at which the impact is taken."""

AGREES = 0.1
"""Relative difference of prediction and measurement up to which they agree, also of an exponent."""


def measure(run: Run, task: Task, student: Student) -> dict[str, Any]:
    """Impact of bias along a clean training of one student."""
    problem, w = make_student(run, task, student)
    clean_step = 1.0 / float(exact_diagonal(problem, w).sum())
    chip = Chip(rule=WhiteNoise(Backprop(), bias=BIAS), step_size=STEP_SIZE)
    beta = torch.ones_like(w)
    row: dict[str, Any] = {
        **impacts.facts_of(student, problem, w),
        "clean_step_size": clean_step,
        "grad_norm": [],
        "predicted": [],
        "measured": [],
    }
    for step in range(POINTS[-1] + 1):
        gradient = problem.gradient(w)
        if step in POINTS:
            norm = float(gradient.norm())
            curved = problem.hvp(w, beta)
            unit = gradient / norm
            row["grad_norm"].append(norm)
            row["predicted"].append(
                bias_loss_change(
                    BIAS,
                    float(beta @ curved),
                    float(unit @ beta) - STEP_SIZE * float(unit @ curved),
                    norm,
                    STEP_SIZE,
                )
            )
            # Without noise two draws are equal, and their mean is exact.
            change = known_update_change(problem, w, chip, gradient, BIAS - gradient, 2, run.seed)
            row["measured"].append(change.value)
        w = w - clean_step * gradient
    return row


def students_of(run: Run, task: Task) -> list[Student]:
    """Students of all starts and depths."""
    if run.quick:
        return family(task, {"learned": 2, "kaiming": 3, "xavier": 3}, (11, 19))
    return family(task, {"learned": 3, "kaiming": 12, "xavier": 12})


def impact(row: dict[str, Any], key: str = "measured") -> float:
    """Mean |ΔL(b, 0)| over the points of one network."""
    return float(np.mean(np.abs(row[key])))


def norm_of(row: dict[str, Any]) -> float:
    """Mean gradient norm over the points of one network."""
    return float(np.mean(row["grad_norm"]))


def norm_trends(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[float, Interval]]:
    """Exponent of |ΔL| ∝ ‖g‖^k over networks (means over points), by start."""
    found = {}
    for start, mine in by_start(rows).items():
        if len(mine) > 2:
            fit = impacts.trend([math.log(norm_of(r)) for r in mine], [impact(r) for r in mine])
            found[start] = (fit.slope, fit.ci)
    return found


def differences(rows: Sequence[dict[str, Any]]) -> list[float]:
    """|measured − predicted| over the mean measured |ΔL|, mean over points, one a network."""
    return [
        float(np.mean(np.abs(np.subtract(r["measured"], r["predicted"])))) / impact(r) for r in rows
    ]


def claims_of(rows: Sequence[dict[str, Any]], task: Task) -> list[Claim]:
    """The paper's claims with what came out."""
    setting = impacts.setting_of(
        task,
        f"b = {BIAS:g} in direction (1, ..., 1)",
        f"Δt = {STEP_SIZE:g}",
        f"mean over {len(POINTS)} points of a clean training",
    )
    claims = []
    for claim, of in (
        ("Deeper VGG networks have a lower impact of bias", impact),
        ("Deeper VGG networks have a lower gradient norm", norm_of),
    ):
        trends = depth_trends(rows, of)
        panel = "Figure 6A" if of is impact else "Figure 6B"
        told = "; ".join(f"{STYLES[start][2]} {t}" for start, t in trends.items())
        if trends:
            claims.append(
                Claim(
                    f"{claim}, irrespective of the initialization.",
                    panel,
                    setting,
                    f"from VGG-11 to VGG-19: {told}{impacts.left_out(rows)}",
                    together([t.falls for t in trends.values()]),
                )
            )
    exponents = norm_trends(rows)
    if exponents:
        parts: list[Held] = [
            "inconclusive" if low <= 0 else held_near((low, high), 1.0, AGREES)
            for _, (low, high) in exponents.values()
        ]
        told = "; ".join(
            f"{STYLES[s][2]} {k:.2f} ({low:.2f} to {high:.2f})"
            for s, (k, (low, high)) in exponents.items()
        )
        # A slope that may be 0 says nothing on growth: the gradient norms are too much alike.
        claims.append(
            Claim(
                "The impact of bias grows linearly with the norm of the gradient: exponents are "
                f"within {AGREES:.0%} of 1.",
                "Theorem 2.4, Figure 6",
                setting,
                f"exponent k of |ΔL| ∝ ‖g‖^k over networks and its 99 % interval: {told}",
                together(parts),
            )
        )
    good = usable(rows)
    worst = {
        start: (geometric(differences(mine)), max(differences(mine)))
        for start, mine in by_start(rows).items()
    }
    told = "; ".join(
        f"{STYLES[s][2]} {100 * c:.2g} % ({100 * low:.2g} to {100 * high:.2g}; "
        f"worst {100 * w:.2g} %)"
        for s, ((c, (low, high)), w) in worst.items()
    )
    within = sum(d <= AGREES for d in differences(good))
    claims.append(
        Claim(
            "The impact of bias is ½b²QΔt² + b‖g‖PΔt.",
            "Theorem 2.4 (Eq. 6)",
            setting,
            f"{within} of {len(good)} networks within {100 * AGREES:g} %; mean difference of "
            f"measured and predicted in parts of |ΔL|: {told}",
            "held" if within == len(good) else ("partly" if within > 0 else "not held"),
        )
    )
    return claims


def draw(rows: Sequence[dict[str, Any]], task: Task) -> Figure:
    """Impact and gradient norm against depth, and against each other."""
    with styled():
        figure = Figure(figsize=(12.6, 4.2), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        groups = by_start(rows)
        depths = sorted({r["depth"] for r in rows})
        for start, mine in groups.items():
            colour = STYLES[start][0]
            for axes, of in ((left, impact), (middle, norm_of)):
                places = [d for d in depths if any(r["depth"] == d for r in mine)]
                values = [[of(r) for r in mine if r["depth"] == d] for d in places]
                impacts.means_line(axes, start, places, values)
                if axes is left:
                    predicted = [
                        geometric([impact(r, "predicted") for r in mine if r["depth"] == d])[0]
                        for d in places
                    ]
                    left.plot(places, predicted, "x", color="black", ms=6, zorder=3)
            x = np.concatenate([r["grad_norm"] for r in mine])
            right.plot(
                x,
                np.abs(np.concatenate([r["measured"] for r in mine])),
                "o",
                color=colour,
                ms=3.5,
                alpha=0.6,
                mew=0,
            )
            right.plot(
                x,
                np.abs(np.concatenate([r["predicted"] for r in mine])),
                "x",
                color="black",
                ms=3,
                alpha=0.5,
                mew=0.6,
            )
        left.plot([], [], "x", color="black", ms=6, label="predicted (Theorem 2.4)")
        _guide(right)
        for axes in (left, middle):
            impacts.depth_axis(axes, depths)
            axes.set_yscale("log")
        for axis in (left.yaxis, middle.yaxis, right.yaxis, right.xaxis):
            axis.set_major_locator(LogLocator(numticks=8))
        divided = f" (widths /{task.scale.factor})" if task.scale.factor > 1 else ""
        left.set_title(f"A  Impact of bias{divided}")
        left.set_ylabel(f"mean |ΔL(b, 0)|, b = {BIAS:g}, Δt = $10^{{{math.log10(STEP_SIZE):.0f}}}$")
        middle.set_title("B  Gradient norm")
        middle.set_ylabel("mean ‖g‖")
        right.set_title("C  Both, point by point")
        right.set_xlabel("gradient norm ‖g‖")
        right.set_ylabel("|ΔL(b, 0)|")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
        return figure


def _guide(axes: Any) -> None:
    """A line of slope 1 through the middle of the points."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    x, y = (np.concatenate([line.get_data()[k] for line in axes.lines]) for k in (0, 1))
    ends = np.array([x.min(), x.max()])
    scale = np.exp(np.log(y[y > 0]).mean() - np.log(x[y > 0]).mean())
    axes.plot(ends, scale * ends, color=GREY, lw=1, label="slope 1")
    axes.legend(loc="upper left")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig6", __doc__ or "", arguments, data=True, weights=True)
    task = make_task(run)
    constants = {"b": BIAS, "step_size": STEP_SIZE, "points": POINTS}
    students = students_of(run, task)
    rows = impacts.rows_of(run, task, students, partial(measure, run, task), **constants)
    results = {
        "task": task.facts,
        **constants,
        "trends_of_impact": {s: asdict(t) for s, t in depth_trends(rows, impact).items()},
        "trends_of_grad_norm": {s: asdict(t) for s, t in depth_trends(rows, norm_of).items()},
        "exponents_of_grad_norm": norm_trends(rows),
        "rows": rows,
    }
    run.write(results, draw(rows, task), claims_of(rows, task))


if __name__ == "__main__":
    run_main(main)
