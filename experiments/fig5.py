"""Figure 5: impact of variance on VGG networks of several depths and widths (Theorems 2.2 and 2.3).

(A) VGG-11, 13, 16 and 19, with learned weights and random; (B) VGG-19 with its widths divided, at
random. The impact of variance is ΔL(0, σ²) of Lemma 2.1, divided by Δt² because a common step size
for all starts does not exist: *predicted* ½(σ²/N)·Tr H with the exact trace, *measured* as the mean
change of the loss over steps with white noise against the clean step.

The paper's "σ² = 20" has two readings: a total variance of 20, or (as its published code takes it)
a noise of *norm* 20, a total variance of 400. Both are measured; the prediction is 20 times larger
for the second one (right axis).

The step size is Δt = 1/Tr H for each network, so that Δt·λ_1 stays below about 1. Much smaller
steps do not come closer to the prediction: the loss of a ReLU network has kinks, and those that the
noise crosses change the loss by terms of the order of Δt·σ, while their number falls as Δt·σ. Their
sum is of second order, as the prediction, but has no place in Tr H; its fluctuation relative to
½Δt²σ²Tr H/N grows as Δt falls. Whether impact falls with depth and width is therefore judged by the
exact trace, and the measured impact stands beside it.

Random students are also predicted with these kinks (``neurograd.theory.kinks``) and measured anew;
``--only kinks`` adds this part to a kept record.

Intervals are at 99 %, over initializations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from device_models import Backprop, Chip, WhiteNoise
from experiments.support.held import held_near, together
from experiments.support.known_update import known_update_change
from experiments.support.record import CLAIMS, Claim, Held, Run, parse, run_main
from experiments.support.vgg.impacts import (
    STYLES,
    Trend,
    by_start,
    depth_axis,
    depth_trends,
    facts_of,
    left_out,
    means_line,
    rows_of,
    setting_of,
    trend,
    usable,
)
from experiments.support.vgg.kinks import kink_claim, kinked, kinks_of
from experiments.support.vgg.students import Student, Task, family, make_student, make_task
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.intervals import mean_interval
from neurograd.report.plots import GREY, styled
from neurograd.theory import white_variance_term

PAPER_VALUE = 20.0
READINGS = {"total_variance": PAPER_VALUE, "noise_norm": PAPER_VALUE**2}
"""Total variance σ²f(N) by what the paper's 20 is taken for."""

WIDTHS = (8, 12, 16, 24, 32)
AGREES = 0.25
"""What measured over predicted may be off from 1."""


def measure(run: Run, task: Task, draws: int, student: Student) -> dict[str, Any]:
    """Predicted and measured impact of variance on one student."""
    problem, w = make_student(run, task, student)
    gradient = problem.gradient(w)
    trace = float(exact_diagonal(problem, w).sum())
    step_size = 1.0 / trace
    size = problem.num_parameters
    row: dict[str, Any] = {
        **facts_of(student, problem, w),
        "grad_norm": float(gradient.norm()),
        "hessian_trace": trace,
        "step_size": step_size,
    }
    for point, (reading, variance) in enumerate(READINGS.items()):
        chip = Chip(rule=WhiteNoise(Backprop(), total_variance=variance), step_size=step_size)
        change = known_update_change(
            problem, w, chip, gradient, -gradient, draws, run.seed, point=point
        )
        row[reading] = {
            "predicted": white_variance_term(variance, trace, size, step_size) / step_size**2,
            "measured": change.value / step_size**2,
            "measured_ci": [end / step_size**2 for end in change.ci],
        }
    return row


def students_of(run: Run, task: Task) -> list[Student]:
    """Panel A's students, then those that panel B has besides."""
    few = run.quick
    counts = {"learned": 2, "kaiming": 3, "xavier": 3} if few else {}
    counts = counts or {"learned": 4, "kaiming": 7, "xavier": 7}
    found = family(task, counts, (11, 19) if few else (11, 13, 16, 19))
    base = task.scale.factor
    factors = (base // 2, base) if few else tuple(f * base // 16 for f in WIDTHS)
    if base == 1:  # the paper's: the undivided network and narrower ones
        factors = (1, 2, 4, 8)
    for start in ("kaiming", "xavier"):
        for factor in factors:
            if factor != base:
                found += [Student(start, 19, factor, k) for k in range(3 if few else 4)]
    return found


def ratios(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Measured over predicted impact, the mean of both readings, one a network."""
    return [
        float(np.mean([r[reading]["measured"] / r[reading]["predicted"] for reading in READINGS]))
        for r in rows
    ]


def impact(row: dict[str, Any]) -> float:
    """Predicted impact of a total variance of 20 over Δt²."""
    value: float = row["total_variance"]["predicted"]
    return value


def measured_ends(rows: Sequence[dict[str, Any]], key: str) -> str:
    """Measured impact of the networks with the smallest and the largest depth or factor.

    From the noise of norm 20, which is measured best, for a total variance of 20.
    """
    parts = []
    ends = sorted({r[key] for r in rows})
    for end in dict.fromkeys(ends[:1] + ends[-1:]):
        values = [r["noise_norm"]["measured"] / PAPER_VALUE for r in rows if r[key] == end]
        center, (low, high) = mean_interval(values)
        name = f"VGG-{end}" if key == "depth" else f"/{end}"
        parts.append(f"{name} {center:.2g} ({low:.2g} to {high:.2g})")
    return ", ".join(parts)


def undivided(rows: Sequence[dict[str, Any]], task: Task) -> list[dict[str, Any]]:
    """Rows of panel A: those of the widths that the task is measured at."""
    return [r for r in rows if r["factor"] == task.scale.factor]


def width_trends(rows: Sequence[dict[str, Any]]) -> dict[str, Trend]:
    """Trend of the predicted impact of VGG-19 with the logarithm of its width, by random start."""
    found = {}
    for start in ("kaiming", "xavier"):
        mine = [r for r in rows if r["start"] == start and r["depth"] == 19]
        if len({r["factor"] for r in mine}) > 1:
            found[start] = trend([-math.log(r["factor"]) for r in mine], [impact(r) for r in mine])
    return found


def agreement(rows: Sequence[dict[str, Any]]) -> Held:
    """Whether measured over predicted is 1 within ``AGREES``."""
    return held_near(mean_interval(ratios(rows))[1], 1.0, AGREES)


def claims_of(rows: Sequence[dict[str, Any]], task: Task) -> list[Claim]:
    """The paper's claims with what came out."""
    base = task.scale.factor
    good = usable(rows)
    setting = setting_of(
        task, "Δt = 1/Tr H", "σ² = 20", "judged by the exact Tr H/N", widths=" unless stated"
    )
    depths, widths = depth_trends(undivided(rows, task), impact), width_trends(rows)
    learned = {s: t for s, t in depths.items() if s == task.learned}
    random = {s: t for s, t in depths.items() if s != task.learned}

    def told(trends: dict[str, Trend], key: str) -> str:
        parts = []
        for start, t in trends.items():
            mine = [r for r in good if r["start"] == start]
            mine = [
                r for r in mine if (r["factor"] == base if key == "depth" else r["depth"] == 19)
            ]
            parts.append(f"{STYLES[start][2]} {t}, measured mean {measured_ends(mine, key)}")
        return "; ".join(parts)

    claims = []
    for title, trends in (("learned weights", learned), ("random weights", random)):
        if trends:
            claims.append(
                Claim(
                    f"Deeper VGG networks have a lower impact of variance ({title}).",
                    "Figure 5A",
                    setting,
                    f"predicted impact from VGG-11 to VGG-19: {told(trends, 'depth')}"
                    + (left_out(rows) if title == "learned weights" else ""),
                    together([t.falls for t in trends.values()]),
                )
            )
    if widths:
        found = sorted({r["factor"] for r in rows if r["depth"] == 19})
        claims.append(
            Claim(
                "Wider VGG-19 networks have a lower impact of variance.",
                "Figure 5B",
                setting,
                f"predicted impact from the narrowest (widths /{found[-1]}) to the widest "
                f"(/{found[0]}): {told(widths, 'factor')}",
                together([t.falls for t in widths.values()]),
            )
        )
    groups = by_start(rows)
    parts = []
    for start, mine in groups.items():
        found = []
        for reading, variance in READINGS.items():
            values = [r[reading]["measured"] / r[reading]["predicted"] for r in mine]
            center, (low, high) = mean_interval(values)
            found.append(f"{center:.2f} ({low:.2f} to {high:.2f}) at {variance:g}")
        parts.append(f"{STYLES[start][2]} {', '.join(found)}")
    claims.append(
        Claim(
            f"The impact of variance is ½(σ²/N)·Tr H·Δt², within {AGREES:.0%}.",
            "Lemma 2.1",
            setting.replace("σ² = 20, judged by the exact Tr H/N", "total variances 20 and 400"),
            "measured over predicted, mean over networks and its 99 % interval: "
            + "; ".join(parts),
            together([agreement(mine) for mine in groups.values()]),
        )
    )
    return claims


def _curve(
    axes: Axes, start: str, places: Sequence[float], groups: Sequence[list[dict[str, Any]]]
) -> None:
    """Predicted impact as a line, measured as open markers beside it; 99 % intervals."""
    colour = STYLES[start][0]
    means = means_line(axes, start, places, [[impact(r) for r in mine] for mine in groups])
    for place, mean, mine in zip(places, means, groups, strict=True):
        ratio, (low, high) = mean_interval(ratios(mine))
        if math.isfinite(low) and high > 0 and ratio > 0:
            beside = place * 1.035 if axes.get_xscale() == "log" else place + 0.22
            axes.errorbar(
                [beside],
                [mean * ratio],
                yerr=[[mean * (ratio - max(low, 1e-3 * ratio))], [mean * (high - ratio)]],
                fmt="s",
                mfc="white",
                color=colour,
                ms=4,
                elinewidth=0.8,
                alpha=0.8,
            )


def draw(rows: Sequence[dict[str, Any]], task: Task) -> Figure:
    """The paper's two panels."""
    base = task.scale.factor
    good = usable(rows)
    with styled():
        figure = Figure(figsize=(9.6, 4.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        right.set_xscale("log")
        depths = sorted({r["depth"] for r in good})
        for start in STYLES:
            groups = {
                depth: [
                    r for r in good if (r["start"], r["depth"], r["factor"]) == (start, depth, base)
                ]
                for depth in depths
            }
            groups = {depth: mine for depth, mine in groups.items() if mine}
            if groups:
                _curve(left, start, list(groups), list(groups.values()))
        depth_axis(left, depths)
        left.set_title("A  Depth" + (f" (widths /{base})" if base > 1 else ""))
        factors = sorted({r["factor"] for r in good if r["depth"] == 19})
        for start in ("kaiming", "xavier"):
            groups = {
                f: [r for r in good if (r["start"], r["depth"], r["factor"]) == (start, 19, f)]
                for f in factors
            }
            groups = {f: mine for f, mine in groups.items() if mine}
            if groups:
                _curve(right, start, list(groups), list(groups.values()))
        right.set_xticks(factors, [str(f) for f in factors])
        right.minorticks_off()
        right.set_xlabel("factor of downsampling of VGG-19's widths")
        right.set_title("B  Width")
        left.set_ylabel("impact of variance ΔL(0, σ²)/Δt²\n(σ² = 20 as total variance)")
        for axes in (left, right):
            axes.set_yscale("log")
            low = min(impact(r) for r in good) / 4
            high = max(impact(r) for r in good) * 8
            axes.set_ylim(low, high)
        twin = right.secondary_yaxis("right", functions=(_up, _down))
        twin.set_ylabel("the same if 20 is the noise's norm (×20)")
        left.plot([], [], "s", mfc="white", color=GREY, ms=4, label="measured (beside predicted)")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
        return figure


def _up(y: Any) -> Any:
    return y * PAPER_VALUE


def _down(y: Any) -> Any:
    return y / PAPER_VALUE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig5", __doc__ or "", arguments, data=True, weights=True, parts=("kinks",))
    task = make_task(run)
    draws = 8 if run.quick else 16
    students = students_of(run, task)
    kept = {} if run.only is None else run.kept()
    rows = kept.get("rows") or rows_of(
        run, task, students, partial(measure, run, task, draws), draws=draws
    )
    kinks = kept.get("kinks", [])
    if run.only != CLAIMS:
        by_name = {s.name: row for s, row in zip(students, rows, strict=True)}
        one = partial(kinks_of, run, task, READINGS["noise_norm"], by_name)
        kinks = list(run.each(kinked(students), one, depends_on="kinks").values())
    depths = depth_trends(undivided(rows, task), impact)
    results = {
        "task": kept.get("task", task.facts),
        "readings_of_20": READINGS,
        "draws": draws,
        "trends_with_depth": {s: asdict(t) for s, t in depths.items()},
        "trends_with_width": {s: asdict(t) for s, t in width_trends(rows).items()},
        "rows": rows,
        "kinks": kinks,
    }
    made = claims_of(rows, task)
    if kinks:
        setting = setting_of(task, "Δt = 1/Tr H")
        made.append(kink_claim(kinks, setting, READINGS["noise_norm"]))
    run.write(results, draw(rows, task), made)


if __name__ == "__main__":
    run_main(main)
