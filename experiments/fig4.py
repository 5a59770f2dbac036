"""Figure 4: impact of bias against the gradient's norm and against the bias (Theorem 2.4).

Linear students of one hidden layer (25-25-10, no biases) learn a ReLU teacher by clean gradient
descent until they have converged. Along the way ΔL of one step with the same bias b for all weights
(β = 1, ..., 1; Δt = 0.001) is measured and predicted by Eq. 6 from P and Q at the same weights.
The clean steps are of size 0.3, so that the trajectory gets from a large gradient to one near 0.
Without noise every ΔL is exact; intervals are over seeds, each with its own data and student, at
99 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats
from torch import Tensor

from device_models import Backprop, Chip, WhiteNoise
from experiments.support.quadratic import linear_network
from experiments.support.record import Claim, Held, Run, held_over, parse, run_main
from neurograd.measure.intervals import Interval, mean_interval
from neurograd.measure.loss_change import measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem
from neurograd.problem.datasets import teacher_student
from neurograd.problem.losses import MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled
from neurograd.seeding import generator_for
from neurograd.theory import bias_loss_change
from neurograd.training.loop import train

INPUTS, WIDTH, OUTPUTS, TEACHER = 25, 25, 10, (50, 50, 50)
STEP_SIZE, CLEAN_STEP, BIAS = 1e-3, 0.3, 0.02
BIASES = (-0.2, -0.15, -0.1, -0.05, -0.02, 0.02, 0.05, 0.1, 0.15, 0.2)
SCALES = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        samples: Training samples.
        seeds: Pairs of data and student.
        steps: Clean steps after which b = 0.02 is measured; 0 is before the first.
        profile: Those after which ΔL is measured against b; the last is converged.
    """

    samples: int = 5000
    seeds: int = 10
    steps: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 24, 40, 80, 200, 600, 2000)
    profile: tuple[int, ...] = (0, 10, 80, 600, 2000)


QUICK = Effort(300, 4, (0, 2, 4, 8, 16, 60, 300), (0, 60, 300))


def problem_of(samples: int, index: int, run: Run) -> Problem:
    """A linear student with its own data and its own initialization."""
    data = teacher_student(
        inputs=INPUTS,
        outputs=OUTPUTS,
        teacher_hidden=TEACHER,
        samples=samples,
        test_samples=1,
        seed=1000 * run.seed + index,
    )
    network = mlp(
        INPUTS,
        [WIDTH],
        OUTPUTS,
        activation="linear",
        bias=False,
        generator=generator_for(run.seed, "student", index),
    )
    return Problem(network, MeanSquaredError(), data.inputs, data.targets, device=run.device)


@dataclass(frozen=True)
class Terms:
    """What Eq. 6 needs at one place: ‖g‖, ``Q = βᵀHβ`` and ``P = ⟨ĝ, β⟩ − Δt·ĝᵀHβ``."""

    grad_norm: float
    p: float
    q: float


def terms_at(problem: Problem, w: Tensor) -> Terms:
    """The terms of Eq. 6 for a bias of all ones."""
    g = problem.gradient(w)
    beta = torch.ones_like(g)
    h_beta = problem.hvp(w, beta)
    norm = float(g.norm())
    along = float(g @ (beta - STEP_SIZE * h_beta))
    return Terms(norm, along / norm if norm > 0 else 0.0, float(beta @ h_beta))


def measure_at(problem: Problem, w: Tensor, b: float, seed: int) -> float:
    """ΔL of one step with a bias and without noise: the same in every draw."""
    sample = Chip(WhiteNoise(Backprop(), bias=b), STEP_SIZE).sampler(problem, w)
    moments = measure_moments(sample, problem.gradient(w), 2, seed)
    return measure_loss_change(problem, w, sample, STEP_SIZE, moments, 2, seed).value


def row_at(problem: Problem, w: Tensor, b: float, terms: Terms, seed: int) -> dict[str, float]:
    """Predicted and measured ΔL."""
    return {
        "b": b,
        **asdict(terms),
        "predicted": bias_loss_change(b, terms.q, terms.p, terms.grad_norm, STEP_SIZE),
        "measured": measure_at(problem, w, b, seed),
    }


def trajectory(index: int, effort: Effort, run: Run) -> dict[str, Any]:
    """One student: b = 0.02 along its trajectory, and all b at some places."""
    problem = problem_of(effort.samples, index, run)
    wanted = sorted({*effort.steps, *effort.profile})
    chip = Chip(Backprop(), CLEAN_STEP)
    weights = train(problem, chip, wanted[-1], run.seed, snapshots=wanted).snapshots
    along, profiles = [], []
    for step in wanted:
        terms = terms_at(problem, weights[step])
        if step in effort.steps:
            row = row_at(problem, weights[step], BIAS, terms, run.seed)
            along.append({"step": step, **row})
        if step in effort.profile:
            rows = [row_at(problem, weights[step], b, terms, run.seed) for b in BIASES]
            profiles.append({"step": step, **asdict(terms), "rows": rows, **fitted(rows, terms)})
    return {"along": along, "profiles": profiles, **regressed(along)}


def regressed(along: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Slope of ΔL − ½b²QΔt² against P·‖g‖, and what ‖g‖ alone explains of ΔL (through 0)."""
    y = np.array([row["measured"] for row in along])
    norm = np.array([row["grad_norm"] for row in along])
    linear = norm * np.array([row["p"] for row in along])
    quadratic = 0.5 * np.array([row["q"] for row in along]) * (BIAS * STEP_SIZE) ** 2
    fit = stats.linregress(linear, y - quadratic)
    proportional = norm * float(norm @ y) / float(norm @ norm)
    left = float(((y - proportional) ** 2).sum() / (y**2).sum())
    sizes = np.abs(BIAS * STEP_SIZE * linear) + np.abs(quadratic)
    errors = np.abs(y - np.array([row["predicted"] for row in along])) / sizes
    return {
        "slope": float(fit.slope) / (BIAS * STEP_SIZE),
        "r_squared": float(fit.rvalue) ** 2,
        "r_squared_norm_alone": 1 - left,
        "largest_relative_error": float(errors.max()),
    }


def fitted(rows: Sequence[dict[str, float]], terms: Terms) -> dict[str, float]:
    """Least-squares ``ΔL = c_1 b + c_2 b²`` of the measured values, relative to Eq. 6."""
    b = np.array([row["b"] for row in rows])
    y = np.array([row["measured"] for row in rows])
    (linear, quadratic), *_ = np.linalg.lstsq(np.stack([b, b**2], 1), y, rcond=None)
    scale = 0.5 * terms.q * STEP_SIZE**2
    return {
        "quadratic_ratio": float(quadratic) / scale,
        "linear_share": abs(float(linear)) / (abs(float(linear)) + abs(scale) * max(BIASES)),
        "rises_both_ways": float(all(row["measured"] > 0 for row in rows)),
    }


def along_a_line(run: Run) -> dict[str, Any]:
    """A quadratic, moving straight away from its minimum: P and Q stay, only ‖g‖ changes."""
    lam = torch.linspace(0.5, 2.0, INPUTS, dtype=torch.float64)
    problem, basis = linear_network(lam, OUTPUTS, generator_for(run.seed, "line"))
    w = problem.initial_weights
    away = (problem.gradient(w).view(OUTPUTS, INPUTS) @ basis / lam @ basis.T).flatten()
    rows = []
    for scale in SCALES:
        here = w - away + scale * away
        rows.append(row_at(problem, here, BIAS, terms_at(problem, here), run.seed))
    norms = [row["grad_norm"] for row in rows]
    fit = stats.linregress(norms, [row["measured"] for row in rows])
    return {
        "rows": rows,
        "slope": float(fit.slope) / (BIAS * rows[0]["p"] * STEP_SIZE),
        "intercept": float(fit.intercept) / (0.5 * BIAS**2 * rows[0]["q"] * STEP_SIZE**2),
        "r_squared": float(fit.rvalue) ** 2,
    }


def measure(run: Run, effort: Effort) -> dict[str, Any]:
    """All numbers of the experiment."""
    tasks: dict[str, Callable[[], dict[str, Any]]] = {
        "line": partial(along_a_line, run),
        **{f"seed-{k}": partial(trajectory, k, effort, run) for k in range(effort.seeds)},
    }
    found = run.each(tasks, lambda task: task(), depends_on=asdict(effort))
    return {
        "step_size": STEP_SIZE,
        "clean_step_size": CLEAN_STEP,
        "b": BIAS,
        "effort": asdict(effort),
        "line": found["line"],
        "students": [found[f"seed-{k}"] for k in range(effort.seeds)],
    }


# --- claims ---------------------------------------------------------------------------------------


def show(value: tuple[float, Interval], digits: int = 4) -> str:
    """A mean with its interval."""
    mean, (low, high) = value
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def make_claims(results: dict[str, Any]) -> list[Claim]:
    """The claims of Figure 4 and Theorem 2.4, judged by the numbers in ``results``."""
    students = results["students"]
    setting = (
        f"linear student 25-25-10, ReLU teacher, {len(students)} seeds, "
        f"{results['effort']['samples']} samples, all-ones bias, Δt = {STEP_SIZE:g}"
    )
    return [
        line_claim(results["line"]),
        *norm_claims(students, f"{setting}, b = {BIAS:g}, clean trajectories to convergence"),
        sign_claim(students, f"{setting}, b = {BIAS:g}"),
        profile_claim(students, f"{setting}, |b| from 0.02 to 0.2"),
    ]


def line_claim(line: dict[str, Any]) -> Claim:
    """Eq. 6 where P and Q are held fixed."""
    exact = abs(line["slope"] - 1) < 1e-6 and abs(line["intercept"] - 1) < 1e-3
    return Claim(
        claim="The impact of bias grows linearly with the gradient's norm; P and Q do not depend "
        "on it.",
        source="Theorem 2.4 (Eq. 6)",
        setting="linear network 25-10 on a straight line through its minimum, so that only ‖g‖ "
        f"changes; b = {BIAS:g}, Δt = {STEP_SIZE:g}, {len(line['rows'])} places",
        measured=f"slope/(bPΔt) = {line['slope']:.8f}, value at ‖g‖ = 0 over ½b²QΔt² = "
        f"{line['intercept']:.5f}, R² = {line['r_squared']:.8f}; no noise, so without intervals",
        held="held" if exact else "not held",
    )


def norm_claims(students: Sequence[dict[str, Any]], setting: str) -> list[Claim]:
    """Panel A along trajectories, with P and without."""
    slope = mean_interval([s["slope"] for s in students])
    alone = [s["r_squared_norm_alone"] for s in students]
    smallest = min(s["r_squared"] for s in students)
    error = max(s["largest_relative_error"] for s in students)
    turned = sum(
        min(r["p"] for r in s["along"]) < 0 < max(r["p"] for r in s["along"]) for s in students
    )
    return [
        Claim(
            claim="Along a trajectory ΔL(b, 0) = ½b²QΔt² + b‖g‖PΔt, with slope bΔt in ‖g‖P.",
            source="Theorem 2.4 (Eq. 6), Figure 4A",
            setting=setting,
            measured=f"slope/(bΔt) = {show(slope, 6)}, R² ≥ {smallest:.6f}; measured and predicted "
            f"ΔL differ by at most {100 * error:.2g} % of Eq. 6's terms (third order)",
            held="held" if error < 1e-3 else "not held",
        ),
        Claim(
            claim="Along a trajectory the impact of bias grows linearly with ‖g‖ alone.",
            source="Theorem 2.4, Figure 4A",
            setting=setting,
            measured=f"a line through 0 in ‖g‖ explains {100 * float(np.median(alone)):.0f} % of "
            f"ΔL² (median; {100 * min(alone):.0f} to {100 * max(alone):.0f} % by student): P turns "
            f"with the gradient's direction, and changes its sign in {turned} of {len(students)}",
            held=share_held(alone),
        ),
    ]


def share_held(alone: Sequence[float]) -> Held:
    """Held where ‖g‖ alone explains 95 % for every student, not where for none."""
    return held_over([value >= 0.95 for value in alone])


def sign_claim(students: Sequence[dict[str, Any]], setting: str) -> Claim:
    """Bias can help or hinder."""
    first = [s["along"][0]["measured"] for s in students]
    up, down = sum(v > 0 for v in first), sum(v < 0 for v in first)
    return Claim(
        claim="Bias can help or hinder, depending on its direction.",
        source="Theorem 2.4, Section 2.2, Figure 4A",
        setting=f"{setting}, at initialization",
        measured=f"it raises the loss of {up} and lowers that of {down} of {len(students)} "
        "students",
        held="held" if up and down else "inconclusive",
    )


def profile_claim(students: Sequence[dict[str, Any]], setting: str) -> Claim:
    """Panel B."""
    last = [s["profiles"][-1] for s in students]
    ratio = mean_interval([p["quadratic_ratio"] for p in last])
    share = max(p["linear_share"] for p in last)
    norm = max(p["grad_norm"] for p in last)
    rises = sum(bool(p["rises_both_ways"]) for p in last)
    first = sum(bool(s["profiles"][0]["rises_both_ways"]) for s in students)
    good = all(abs(end - 1) < 1e-3 for end in ratio[1]) and rises == len(last)
    return Claim(
        claim="Where the gradient is small the impact is quadratic in b, with coefficient ½QΔt², "
        "and always hinders.",
        source="Theorem 2.4 (Eq. 6), Figure 4B",
        setting=f"{setting}, after {last[0]['step']} clean steps, ‖g‖ ≤ {norm:.1e}",
        measured=f"fitted coefficient/(½QΔt²) = {show(ratio, 6)}; the linear term is at most "
        f"{100 * share:.2g} % at b = 0.2; every b of both signs raises the loss of {rises} of "
        f"{len(last)} students (at initialization of {first})",
        held="held" if good else "partly" if rises else "not held",
    )


# --- figure ---------------------------------------------------------------------------------------


def panel_a(axes: Axes, students: Sequence[dict[str, Any]]) -> None:
    """ΔL against ‖g‖: one line a student, coloured by the sign that it starts with."""
    for student in students:
        rows = sorted(student["along"], key=lambda r: r["grad_norm"])
        x = [r["grad_norm"] for r in rows]
        colour = RED if rows[-1]["measured"] > 0 else BLUE
        axes.plot(x, [1e6 * r["predicted"] for r in rows], "-", color=colour, lw=1, alpha=0.7)
        axes.plot(x, [1e6 * r["measured"] for r in rows], "o", color=colour, ms=3.5)
    axes.axhline(0, color=GREY, lw=1, ls=":")
    handles = [
        Line2D([], [], color=RED, marker="o", ms=4, lw=1),
        Line2D([], [], color=BLUE, marker="o", ms=4, lw=1),
        Line2D([], [], color="black", marker="o", ms=4, ls="none"),
        Line2D([], [], color="black", lw=1),
    ]
    axes.legend(
        handles,
        ["bias hinders at the start", "bias helps at the start", "measured", "predicted (Eq. 6)"],
        loc="upper left",
        fontsize=8,
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.45 * (high - low))
    axes.set_xlabel("gradient norm ‖g‖")
    axes.set_ylabel(f"impact of bias ΔL(b, 0) (10⁻⁶), b = {BIAS:g}")
    axes.set_title("A  Along clean trajectories, one line a student")


def panel_p(axes: Axes, students: Sequence[dict[str, Any]]) -> None:
    """The same with the direction taken out: ΔL against P·‖g‖ has slope bΔt."""
    rows = [r for s in students for r in s["along"]]
    x = np.array([r["p"] * r["grad_norm"] for r in rows])
    slope, _ = mean_interval([s["slope"] for s in students])
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, 1e6 * BIAS * STEP_SIZE * ends, color=GREY, lw=1.4, label="slope bΔt (Eq. 6)")
    label = f"measured, slope {slope:.6f} bΔt"
    axes.plot(x, [1e6 * r["measured"] for r in rows], "o", color=GREEN, ms=3.5, label=label)
    axes.legend(loc="upper left", fontsize=8)
    axes.set_xlabel("P·‖g‖")
    axes.set_ylabel(f"impact of bias ΔL(b, 0) (10⁻⁶), b = {BIAS:g}")
    axes.set_title("A′  The same against P·‖g‖")


def panel_b(axes: Axes, students: Sequence[dict[str, Any]]) -> None:
    """ΔL against b after convergence: every student with its parabola ½b²QΔt²."""
    last = [s["profiles"][-1] for s in students]
    b = np.linspace(min(BIASES), max(BIASES), 200)
    for profile in last:
        parabola = 0.5 * profile["q"] * (b * STEP_SIZE) ** 2
        axes.plot(b, 1e6 * parabola, color=GREY, lw=0.9)
        measured = [1e6 * row["measured"] for row in profile["rows"]]
        axes.plot(BIASES, measured, "o", color=ORANGE, ms=3.5)
    handles = [
        Line2D([], [], color=ORANGE, marker="o", ms=4, ls="none"),
        Line2D([], [], color=GREY, lw=1),
    ]
    axes.legend(handles, ["measured", "½b²QΔt² (Eq. 6)"], loc="upper center", fontsize=8)
    norm = max(p["grad_norm"] for p in last)
    power = math.ceil(math.log10(norm)) if norm > 0 else 0
    axes.set_xlabel("bias b")
    axes.set_ylabel("impact of bias ΔL(b, 0) (10⁻⁶)")
    axes.set_title(rf"B  Converged, ‖g‖ < $10^{{{power}}}$")


def draw(results: dict[str, Any]) -> Figure:
    """Panels A and B of the paper, with A's direction taken out between them."""
    with styled():
        figure = Figure(figsize=(12.5, 4.2), layout="constrained")
        a, p, b = figure.subplots(1, 3)
        panel_a(a, results["students"])
        panel_p(p, results["students"])
        panel_b(b, results["students"])
        return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig4", __doc__ or "", arguments)
    results = measure(run, QUICK if run.quick else Effort())
    run.write(results, draw(results), make_claims(results))


if __name__ == "__main__":
    run_main(main)
