"""Figure 3: impact of variance against width, depth and ReLU (Theorems 2.2 and 2.3).

Students of 25 inputs and 10 outputs, without biases and Xavier-initialized, learn a ReLU teacher of
four layers by clean gradient descent (Δt = 0.001, 5 steps). Along the way E[ΔL] of one step with
white noise is measured with the control variate and predicted from the exact Tr H; every seed has
its own data and its own student. The paper's 'variance' of 0.1 is the noise's norm in its code, so
the total variance here is 0.01; with 0.1 as the total variance every ΔL is 10 times as large (right
axis of C). So weak a noise crosses a kink of a ReLU in few draws, from which much of ΔL then comes:
ReLU networks are therefore also measured with noise of norm 10, and the result divided by 10⁴, as
ΔL is proportional to σ². The second row is ours: Tr H/N at initialization, which the theorems are
about, against its exact expectation; and the estimator of the paper's scripts. Intervals are at
99 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from device_models import Backprop, Chip, WhiteNoise
from experiments.support.published_estimator import published_variance_impact, zero_sum_factor
from experiments.support.record import Claim, Held, Run, parse, run_main
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.intervals import (
    CONFIDENCE,
    Interval,
    combine_errors,
    interval,
    mean_interval,
    proportion_interval,
)
from neurograd.measure.loss_change import measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.problem import Problem
from neurograd.problem.datasets import teacher_student
from neurograd.problem.losses import MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled
from neurograd.seeding import generator_for
from neurograd.theory import (
    expected_hessian_trace,
    lemma_2_1,
    variance_impact_per_parameter,
)
from neurograd.training.loop import train

INPUTS, OUTPUTS, TEACHER = 25, 10, (50, 50, 50)
STEP_SIZE, NORM, STRONG = 1e-3, 0.1, 10.0
WIDTHS, DEPTHS, SHALLOW = (12, 25, 50, 100), (1, 2, 4, 8), (12, 18, 25, 35, 50, 70, 100)
SQUARE = 25
COUNTS = (2, 3, 5, 8, 15, 30)
DEPTH_COLOURS = {1: BLUE, 2: GREEN, 4: ORANGE, 8: RED}
WIDTH_COLOURS = {12: RED, 25: ORANGE, 50: GREEN, 100: BLUE}
STYLES = {"linear": "-", "relu": "--"}
NAMES = {"linear": "linear", "relu": "ReLU"}


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        samples: Training samples of a trajectory.
        seeds: Pairs of data and student.
        steps: Steps of the clean trajectory at which it is measured, 0 before the first.
        draws: Noise vectors of norm 0.1 at each of them.
        strong_draws: Noise vectors of norm 10.
        inits: Initializations for the expectation of Tr H/N; more where layers are narrow, as
            the trace then varies more.
        repeats: Estimates for every number of zero-sum vectors.
        training: Clean steps, of size 0.05, after which Tr H/N is taken once more.
        widths: Of the students.
        depths: Numbers of hidden layers.
        shallow: Widths of panel A.
    """

    samples: int = 1000
    seeds: int = 10
    steps: tuple[int, ...] = (0, 2, 4)
    draws: int = 15
    strong_draws: int = 45
    inits: int = 150
    repeats: int = 200
    training: int = 400
    widths: tuple[int, ...] = WIDTHS
    depths: tuple[int, ...] = DEPTHS
    shallow: tuple[int, ...] = SHALLOW


QUICK = Effort(
    samples=200,
    seeds=3,
    steps=(0, 4),
    draws=8,
    strong_draws=20,
    inits=20,
    repeats=20,
    training=40,
    widths=(12, 25, 50),
    depths=(1, 2, 4),
    shallow=(12, 25, 50),
)


@dataclass(frozen=True)
class Student:
    """A fully connected student; ``activation`` is ``linear`` or ``relu``."""

    width: int
    depth: int
    activation: str
    inputs: int = INPUTS
    outputs: int = OUTPUTS

    @property
    def widths(self) -> list[int]:
        """Inputs, hidden layers and outputs."""
        return [self.inputs, *[self.width] * self.depth, self.outputs]

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(a * b for a, b in pairwise(self.widths))

    @property
    def name(self) -> str:
        """A name that is a file name."""
        return f"{self.inputs}-{self.width}x{self.depth}-{self.outputs}-{self.activation}"


def problem_of(student: Student, samples: int, index: int, run: Run) -> Problem:
    """The student with its own data and its own initialization."""
    data = teacher_student(
        inputs=student.inputs,
        outputs=student.outputs,
        teacher_hidden=TEACHER,
        samples=samples,
        test_samples=1,
        seed=1000 * run.seed + index,
    )
    network = mlp(
        student.inputs,
        [student.width] * student.depth,
        student.outputs,
        activation=student.activation,
        bias=False,
        generator=generator_for(run.seed, "student", index),
    )
    return Problem(network, MeanSquaredError(), data.inputs, data.targets, device=run.device)


def predict(problem: Problem, w: torch.Tensor, total_variance: float, seed: int) -> float:
    """The variance term of Lemma 2.1 with the exact Tr H."""
    trace = hessian_trace(problem, w, seed).value
    size = problem.num_parameters
    return lemma_2_1(0.0, 0.0, 0.0, 0.0, total_variance, trace, size, STEP_SIZE).variance


def measure_at(
    problem: Problem, w: torch.Tensor, total_variance: float, draws: int, seed: int, point: int
) -> tuple[float, Interval]:
    """E[ΔL] of white noise at ``w``, by the control variate."""
    rule = WhiteNoise(Backprop(), total_variance=total_variance)
    sample = Chip(rule, STEP_SIZE).sampler(problem, w)
    gradient = problem.gradient(w)
    moments = measure_moments(sample, gradient, 2, seed, point=point)
    found = measure_loss_change(
        problem, w, sample, STEP_SIZE, moments, draws, seed, point=point, exact_mean=-gradient
    )
    return found.value, found.ci


def trajectory(student: Student, effort: Effort, run: Run) -> dict[str, Any]:
    """Predicted and measured impact, the mean along the clean trajectory, for every seed."""
    means: dict[str, list[float]] = {"predicted": [], "measured": [], "strong": []}
    inside, norms = {"measured": 0, "strong": 0}, []
    for index in range(effort.seeds):
        problem = problem_of(student, effort.samples, index, run)
        steps, chip = effort.steps, Chip(Backprop(), STEP_SIZE)
        weights = train(problem, chip, max(1, *steps), run.seed, snapshots=steps).snapshots
        found: dict[str, list[float]] = {name: [] for name in means}
        for step in steps:
            w, point = weights[step], 100 * index + step
            norms.append(float(problem.gradient(w).norm()))
            predicted = predict(problem, w, NORM**2, run.seed)
            found["predicted"].append(predicted)
            for name, norm, draws in (
                ("measured", NORM, effort.draws),
                ("strong", STRONG, effort.strong_draws),
            ):
                value, ci = measure_at(problem, w, norm**2, draws, run.seed, point)
                scale = (NORM / norm) ** 2
                found[name].append(scale * value)
                inside[name] += scale * ci[0] <= predicted <= scale * ci[1]
        for name, values in found.items():
            means[name].append(float(np.mean(values)))
    predicted_means = np.array(means["predicted"])
    return {
        **asdict(student),
        "num_parameters": student.num_parameters,
        **summary("predicted", predicted_means),
        **summary("measured", means["measured"]),
        **summary("strong", means["strong"]),
        **summary("ratio", np.array(means["measured"]) / predicted_means),
        **summary("strong_ratio", np.array(means["strong"]) / predicted_means),
        "points": effort.seeds * len(effort.steps),
        "measured_inside": inside["measured"],
        "strong_inside": inside["strong"],
        "grad_norm": [min(norms), max(norms)],
    }


def summary(name: str, values: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """Mean over seeds with its interval, and their standard deviation."""
    mean, ci = mean_interval(values)
    spread = float(np.std(values, ddof=1))
    return {name: mean, f"{name}_ci": ci, f"{name}_seeds": len(values), f"{name}_sd": spread}


def at_initialization(student: Student, effort: Effort, run: Run) -> dict[str, Any]:
    """Tr H/N over initializations, and against the expectation on the same inputs."""
    values, ratios = [], []
    for index in range(effort.inits * max(1, 50 // student.width)):
        problem = problem_of(student, 100, index, run)
        trace = hessian_trace(problem, problem.initial_weights, run.seed).value
        values.append(variance_impact_per_parameter(trace, problem.num_parameters))
        square = float(problem.data()[0].square().sum(1).mean())
        ratios.append(trace / expectation(student, square))
    size = problem.num_parameters
    return {
        **asdict(student),
        "num_parameters": size,
        **summary("per_parameter", values),
        **summary("against_expectation", ratios),
        "expected": expectation(student, float(student.inputs)) / size,
    }


def expectation(student: Student, square: float) -> float:
    """E[Tr H] over initializations; the mean of ‖x‖² of standard normal inputs is their number."""
    return expected_hessian_trace(student.widths, square, relu=student.activation == "relu")


def after_training(student: Student, effort: Effort, run: Run) -> dict[str, Any]:
    """Tr H/N before and after a clean training."""
    before, after, losses = [], [], []
    for index in range(effort.seeds):
        problem = problem_of(student, 250, index, run)
        trained = train(problem, Chip(Backprop(), 0.05), effort.training, run.seed)
        losses.append(trained.train_loss / problem.loss(problem.initial_weights))
        for values, w in ((before, problem.initial_weights), (after, trained.weights)):
            trace = hessian_trace(problem, w, run.seed).value
            values.append(variance_impact_per_parameter(trace, problem.num_parameters))
    return {
        **asdict(student),
        **summary("before", before),
        **summary("after", after),
        **summary("loss_left", losses),
    }


def estimators(effort: Effort, run: Run) -> dict[str, Any]:
    """The paper's zero-sum estimator and ours, relative to the prediction, on one student."""
    problem = problem_of(Student(25, 1, "linear"), 200, 0, run)
    w = problem.initial_weights
    expected = predict(problem, w, NORM**2, run.seed)
    rows = []
    for count in COUNTS:
        published, ours = [], []
        for k in range(effort.repeats):
            generator = generator_for(run.seed, "published", count, k, device=w.device)
            value = published_variance_impact(problem, w, NORM, STEP_SIZE, count, generator)
            published.append(value / expected)
            value, _ = measure_at(problem, w, NORM**2, count, run.seed, 1000 * count + k)
            ours.append(value / expected)
        rows.append(
            {
                "count": count,
                "factor": zero_sum_factor(count),
                **summary("published", published),
                **summary("control_variate", ours),
            }
        )
    return {"rows": rows}


def readings(effort: Effort, run: Run) -> dict[str, Any]:
    """What the two readings of a 'variance' of 0.1 give: total variance 0.01 and 0.1."""
    problem = problem_of(Student(25, 1, "linear"), 200, 0, run)
    w, draws = problem.initial_weights, 5 * effort.draws
    found = {}
    for name, total in (("norm", NORM**2), ("total_variance", NORM)):
        value, ci = measure_at(problem, w, total, draws, run.seed, 0)
        predicted = predict(problem, w, total, run.seed)
        found[name] = {"predicted": predicted, "measured": value, "measured_ci": ci}
    return found


def tasks_of(effort: Effort, run: Run) -> dict[str, Callable[[], dict[str, Any]]]:
    """All items of the experiment by name."""
    grid = [
        Student(width, depth, activation)
        for activation in STYLES
        for depth in effort.depths
        for width in effort.widths
    ]
    shallow = [Student(width, 1, "linear") for width in effort.shallow]
    square = [Student(SQUARE, d, "linear", SQUARE, SQUARE) for d in effort.depths]
    trained = [Student(SQUARE, d, a) for a in STYLES for d in effort.depths]
    tasks: dict[str, Callable[[], dict[str, Any]]] = {
        "estimators": partial(estimators, effort, run),
        "readings": partial(readings, effort, run),
    }
    for prefix, function, students in (
        ("trajectory", trajectory, [*grid, *shallow]),
        ("init", at_initialization, [*grid, *square]),
        ("trained", after_training, trained),
    ):
        tasks |= {f"{prefix}-{s.name}": partial(function, s, effort, run) for s in students}
    return tasks


def measure(run: Run, effort: Effort) -> dict[str, Any]:
    """All numbers of the experiment."""
    found = run.each(tasks_of(effort, run), lambda task: task(), depends_on=asdict(effort))

    def rows(prefix: str) -> list[dict[str, Any]]:
        return [row for name, row in found.items() if name.startswith(f"{prefix}-")]

    return {
        "step_size": STEP_SIZE,
        "noise_norm": NORM,
        "effort": asdict(effort),
        "teacher": {"hidden": TEACHER, "num_parameters": teacher_size()},
        "trajectories": rows("trajectory"),
        "initialization": [r for r in rows("init") if r["outputs"] == OUTPUTS],
        "square": [r for r in rows("init") if r["outputs"] == SQUARE],
        "trained": rows("trained"),
        "estimators": found["estimators"]["rows"],
        "readings": found["readings"],
    }


def teacher_size() -> int:
    """Number of the teacher's weights, without its biases."""
    return sum(a * b for a, b in pairwise([INPUTS, *TEACHER, OUTPUTS]))


# --- claims ---------------------------------------------------------------------------------------


def difference(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> tuple[float, Interval]:
    """Second mean minus the first, with Welch's interval (wide, as seeds are shared)."""

    def error(row: Mapping[str, Any]) -> tuple[float, float]:
        count = row[f"{key}_seeds"]
        return row[f"{key}_sd"] / math.sqrt(count), count - 1.0

    change = b[key] - a[key]
    return change, interval(change, *combine_errors([error(a), error(b)]))


def compare(
    rows: Sequence[Mapping[str, Any]], key: str, along: str, values: tuple[Any, Any]
) -> list[tuple[dict[str, Any], str]]:
    """Every pair of rows that differs in ``along`` only, as its setting and how it goes.

    ``falls`` or ``rises`` where the interval of the difference excludes 0, else ``unclear``.
    """
    axes = [k for k in ("width", "depth", "activation") if k != along]
    found = []
    for first in rows:
        for second in rows:
            same = all(first[k] == second[k] for k in axes)
            if not same or (first[along], second[along]) != values:
                continue
            _, (low, high) = difference(first, second, key)
            trend = "falls" if high < 0 else "rises" if low > 0 else "unclear"
            setting = {k: first[k] for k in axes}
            found.append(({**setting, "ratio": second[key] / first[key]}, trend))
    return found


def verdict(trends: Sequence[str]) -> Held:
    """Held where every pair falls; not held where none does and one rises."""
    if all(t == "falls" for t in trends):
        return "held"
    if "rises" in trends:
        return "partly" if "falls" in trends else "not held"
    return "inconclusive"


def count(trends: Sequence[str]) -> str:
    """How many pairs go which way."""
    parts = [f"{trends.count(t)} {t}" for t in ("falls", "rises", "unclear") if t in trends]
    return f"of {len(trends)} pairs: " + ", ".join(parts)


def trends_of(
    rows: Sequence[Mapping[str, Any]], key: str, along: str, values: Sequence[Any]
) -> list[tuple[dict[str, Any], str]]:
    """``compare`` for all neighbouring values."""
    return [pair for step in pairwise(values) for pair in compare(rows, key, along, step)]


def make_claims(results: dict[str, Any]) -> list[Claim]:
    """The claims of Figure 3 and Theorems 2.2 and 2.3, judged by the numbers in ``results``."""
    return [
        *width_claims(results),
        *depth_claims(results),
        *relu_claims(results),
        lemma_claim(results),
        estimator_claim(results),
    ]


def setting_of(results: dict[str, Any]) -> str:
    """Data and students in one phrase."""
    effort = results["effort"]
    return (
        f"25-width×depth-10 students without biases, widths {list(effort['widths'])}, hidden "
        f"layers {list(effort['depths'])}, ReLU teacher 25-50-50-50-10"
    )


def width_claims(results: dict[str, Any]) -> list[Claim]:
    """Panel A and the curves of B and C."""
    effort, rows = results["effort"], results["trajectories"]
    ends = effort["widths"][0], effort["widths"][-1]
    pairs = compare(rows, "strong", "width", ends)
    linear, relu = ([p for p in pairs if p[0]["activation"] == a] for a in STYLES)
    shallow = compare(rows, "measured", "width", ends)
    ratio = next(s["ratio"] for s, _ in shallow if (s["depth"], s["activation"]) == (1, "linear"))
    init = trends_of(results["initialization"], "per_parameter", "width", effort["widths"])
    setting = f"{setting_of(results)}; {effort['seeds']} seeds, width {ends[0]} to {ends[1]}"
    return [
        Claim(
            claim="The impact of variance falls with width.",
            source="Figure 3A–C, Section 2.1",
            setting=f"{setting}; linear students measured, all by Tr H/N",
            measured=f"one hidden layer × {ratio:.3f}; measured at all depths, "
            f"{count([t for _, t in linear])}; Tr H/N at initialization, linear and ReLU, "
            f"neighbouring widths, {count([t for _, t in init])}",
            held=verdict([t for _, t in [*linear, *init]]),
        ),
        Claim(
            claim="The measured impact of variance falls with width in ReLU networks.",
            source="Figure 3B–C",
            setting=f"{setting}; ReLU students, noise norm {STRONG:g}",
            measured="; ".join(f"{s['depth']} hidden: × {s['ratio']:.2f}, {t}" for s, t in relu)
            + ". The kinks make single deep students differ too much",
            held=verdict([t for _, t in relu]),
        ),
    ]


def depth_claims(results: dict[str, Any]) -> list[Claim]:
    """Theorem 2.2 in the figure's setting, with equal layers, for ReLU, and after a training."""
    effort, rows = results["effort"], results["initialization"]
    linear = [r for r in rows if r["activation"] == "linear"]
    first, last = effort["depths"][0], effort["depths"][-1]
    pairs = compare(linear, "per_parameter", "depth", (first, last))
    exact = {(r["width"], r["depth"]): r["expected"] for r in linear}
    listed = "; ".join(
        f"width {s['width']}: × {s['ratio']:.2f} (exact × "
        f"{exact[s['width'], last] / exact[s['width'], first]:.2f}), {t}"
        for s, t in pairs
    )
    text = f"Tr H/N at initialization, {effort['inits']} initializations or more, at 99 %"
    square = results["square"]
    change, ci = difference(square[0], square[-1], "per_parameter")
    base = square[0]["per_parameter"]
    equal = ci[0] <= 0 <= ci[1]
    claims = [
        Claim(
            claim="Theorem 2.2: in linear networks the impact of variance falls with depth.",
            source="Theorem 2.2 (Eq. 4), Figure 3B–C",
            setting=f"{setting_of(results)}; {text}",
            measured=f"{first} to {last} hidden layers: {listed}. The exact expectation falls "
            "only where width > (inputs + outputs)/2 = 17.5",
            held=verdict([t for _, t in pairs]),
        ),
        Claim(
            claim="Theorem 2.2 with d units in every layer, as it is stated (≤).",
            source="Theorem 2.2 (Eq. 4)",
            setting=f"linear networks with {SQUARE} units in all layers, inputs and outputs "
            f"included; {text}",
            measured=f"{first} to {last} hidden layers: Tr H/N changes by "
            f"{100 * change / base:+.1f} % ({100 * ci[0] / base:+.1f} to "
            f"{100 * ci[1] / base:+.1f} %); the exact expectation does not change: "
            "the theorem holds as an equality, without a fall",
            held="held" if equal or ci[1] < 0 else "not held",
        ),
    ]
    relu = [r for r in rows if r["activation"] == "relu"]
    pairs = trends_of(relu, "per_parameter", "depth", effort["depths"])
    trained = results["trained"]
    after = {a: compare(trained, "after", "depth", (first, last)) for a in STYLES}
    parts = [
        f"{NAMES[a]}: × {s['ratio']:.2f}, {t}"
        for a in STYLES
        for s, t in after[a]
        if s["activation"] == a
    ]
    ends = [t for a in STYLES for s, t in after[a] if s["activation"] == a]
    left = max(r["loss_left"] for r in trained)
    return [
        *claims,
        Claim(
            claim="Deeper ReLU networks have a lower impact of variance.",
            source="Figure 3B–C",
            setting=f"ReLU students of the same sizes; {text}",
            measured=f"neighbouring depths, {count([t for _, t in pairs])}",
            held=verdict([t for _, t in pairs]),
        ),
        Claim(
            claim="The order by depth holds loosely over the course of training.",
            source="Section 2.1, after Theorem 2.2",
            setting=f"25-25×depth-10 students after {effort['training']} clean steps of 0.05, "
            f"{effort['seeds']} seeds; the loss left is up to {100 * left:.0f} %",
            measured=f"Tr H/N, {first} to {last} hidden layers: {'; '.join(parts)}",
            held=verdict(ends),
        ),
    ]


def relu_claims(results: dict[str, Any]) -> list[Claim]:
    """Theorem 2.3 by Tr H/N, and by the loss changes of Figure 3."""
    step = ("linear", "relu")
    init = compare(results["initialization"], "per_parameter", "activation", step)
    path = compare(results["trajectories"], "strong", "activation", step)
    after = compare(results["trained"], "after", "activation", step)
    ratios = [s["ratio"] for s, _ in init]
    shares = [s["ratio"] for s, _ in path]
    setting = setting_of(results) + "; each ReLU network against the linear one of its size"
    return [
        Claim(
            claim="Theorem 2.3: a ReLU lowers Tr H/N and with it the impact of variance.",
            source="Theorem 2.3 (Eq. 5)",
            setting=setting,
            measured=f"at initialization × {min(ratios):.4f} to {max(ratios):.3f} (exact: "
            f"2^−hidden layers), {count([t for _, t in init])}; after training, "
            f"{count([t for _, t in after])}",
            held=verdict([t for _, t in [*init, *after]]),
        ),
        Claim(
            claim="The measured impact of variance is lower in ReLU networks.",
            source="Figure 3B–C",
            setting=f"{setting}; measured E[ΔL] along the trajectories, noise norm {STRONG:g}",
            measured=f"{count([t for _, t in path])}; ratios {min(shares):.3f} to "
            f"{max(shares):.3f}",
            held=verdict([t for _, t in path]),
        ),
    ]


def lemma_claim(results: dict[str, Any]) -> Claim:
    """Measured against predicted impact; ReLU's kinks are what the Hessian does not see."""
    parts, helds = [], []
    for activation in STYLES:
        rows = [r for r in results["trajectories"] if r["activation"] == activation]
        points = sum(r["points"] for r in rows)
        for key, norm in (("measured", NORM), ("strong", STRONG)):
            inside = sum(r[f"{key}_inside"] for r in rows)
            parts.append(
                f"{NAMES[activation]}, norm {norm:g}: {inside} of {points} intervals hold the "
                "prediction"
            )
            low, _ = proportion_interval(points - inside, points)
            helds.append(low <= 1 - CONFIDENCE)
        key = "ratio" if activation == "linear" else "strong_ratio"
        ratio, ci = mean_interval([r[key] for r in rows])
        spread = ", ".join(
            f"{d}: {np.sqrt(np.mean([r[f'{key}_sd'] ** 2 for r in rows if r['depth'] == d])):.2g}"
            for d in results["effort"]["depths"]
        )
        parts.append(
            f"measured/predicted {ratio:.3f} ({ci[0]:.3f} to {ci[1]:.3f} over {len(rows)} "
            f"networks), standard deviation over seeds by hidden layers {spread}"
        )
    return Claim(
        claim="The impact of variance is ½(σ²f(N)/N)·Tr H·Δt².",
        source="Lemma 2.1 (Eq. 3)",
        setting=f"{setting_of(results)}; noise with a control variate at each point of the clean "
        "trajectories, exact Tr H; a ReLU's kinks bend the loss of single networks up or down, "
        "which the Hessian does not see",
        measured="; ".join(parts),
        held="held" if all(helds) else "partly" if any(helds) else "not held",
    )


def estimator_claim(results: dict[str, Any]) -> Claim:
    """The factor of the paper's own estimator."""
    rows = {r["count"]: r for r in results["estimators"]}
    row = rows[15]
    low, high = row["published_ci"]
    c_low, c_high = row["control_variate_ci"]
    norm, total = (results["readings"][k]["measured"] for k in ("norm", "total_variance"))
    return Claim(
        claim="A plain average over 15 noise vectors that sum to zero measures the impact of "
        "variance (the paper's scripts).",
        source="Figure 3, its published code",
        setting="linear student 25-25-10 at initialization, noise norm 0.1, "
        f"{row['published_seeds']} estimates",
        measured=f"estimate/(Eq. 3) = {row['published']:.3f} ({low:.3f} to {high:.3f}), too large "
        f"by 2(K − 1)/K = {row['factor']:.3f}; with the control variate "
        f"{row['control_variate']:.4f} ({c_low:.4f} to {c_high:.4f}). Reading 0.1 as the total "
        f"variance and not as the norm: × {total / norm:.3f} everywhere, the order is the same",
        held="held" if low <= 1 <= high else "not held",
    )


# --- figure ---------------------------------------------------------------------------------------


def bars(axes: Axes, rows: Sequence[Mapping[str, Any]], x: str, key: str, **style: Any) -> None:
    """Means over seeds with 99 % intervals, joined by a line."""
    rows = sorted(rows, key=lambda r: r[x])
    y = np.array([r[key] for r in rows])
    ends = np.array([r[f"{key}_ci"] for r in rows])
    # A logarithmic axis has no place for an end at or below 0: the bar leaves the axes instead.
    errors = np.array([y - np.maximum(ends[:, 0], 1e-6 * y), ends[:, 1] - y])
    axes.errorbar(
        [r[x] for r in rows], y, yerr=errors.clip(min=0.0), capsize=2, ms=4, lw=1.3, **style
    )


def panel_a(axes: Axes, results: dict[str, Any]) -> None:
    """One hidden layer, linear."""
    wanted = results["effort"]["shallow"]
    rows = [
        r
        for r in results["trajectories"]
        if r["depth"] == 1 and r["activation"] == "linear" and r["width"] in wanted
    ]
    bars(axes, rows, "width", "measured", fmt="o-", color=BLUE, label="measured")
    rows = sorted(rows, key=lambda r: r["width"])
    axes.plot(
        [r["width"] for r in rows],
        [r["predicted"] for r in rows],
        "x",
        color="black",
        ms=7,
        zorder=3,
        label="predicted, ½(σ²/N)·Tr H·Δt²",
    )
    axes.set_xlabel("hidden layer width")
    axes.set_title("A  One hidden layer, linear")
    axes.legend()


def panel_bc(axes: Axes, results: dict[str, Any], x: str) -> None:
    """All networks: colour is depth, solid linear, dashed ReLU; points are measured."""
    widths = results["effort"]["widths"]
    for depth in results["effort"]["depths"]:
        for activation, line in STYLES.items():
            rows = [
                r
                for r in results["trajectories"]
                if (r["depth"], r["activation"]) == (depth, activation) and r["width"] in widths
            ]
            rows.sort(key=lambda r: r["width"])
            colour = DEPTH_COLOURS[depth]
            axes.plot(
                [r[x] for r in rows], [r["predicted"] for r in rows], line, color=colour, lw=1.3
            )
            key, marker = ("measured", "o") if activation == "linear" else ("strong", "s")
            # A logarithmic axis has no place for a mean at or below 0.
            shown = [r for r in rows if r[key] > 0]
            hollow = None if activation == "linear" else "none"
            bars(axes, shown, x, key, fmt=marker, color=colour, mfc=hollow)
    predicted = [r["predicted"] for r in results["trajectories"]]
    axes.set_ylim(0.25 * min(predicted), 3 * max(predicted))
    teacher = results["teacher"]["num_parameters"] if x == "num_parameters" else TEACHER[0]
    axes.axvline(teacher, color=GREY, linestyle=":", linewidth=1.5)


def legend_bc(figure: Figure, depths: Sequence[int]) -> None:
    """What colours, lines and points of B and C mean, above the panels."""
    hollow = {"marker": "s", "ms": 5, "mfc": "none", "linestyle": "none"}
    handles = {
        **{f"{d} hidden": Line2D([], [], color=DEPTH_COLOURS[d], lw=3) for d in depths},
        "linear, predicted": Line2D([], [], color="black"),
        "ReLU, predicted": Line2D([], [], color="black", linestyle="--"),
        "linear, measured": Line2D([], [], color="black", marker="o", ms=5, linestyle="none"),
        "ReLU, measured (means above 0)": Line2D([], [], color="black", **hollow),
        "teacher": Line2D([], [], color=GREY, linestyle=":", lw=1.5),
    }
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside upper center",
        ncols=len(handles),
        title="B and C",
        title_fontsize=9,
        columnspacing=1.4,
        handlelength=1.8,
    )


def panel_depth(axes: Axes, results: dict[str, Any]) -> None:
    """Theorem 2.2 at initialization: Tr H/N against depth, relative to one hidden layer."""
    effort = results["effort"]
    depths = range(effort["depths"][0], effort["depths"][-1] + 1)
    for width in (*effort["widths"], None):
        students = [
            Student(width, d, "linear") if width else Student(SQUARE, d, "linear", SQUARE, SQUARE)
            for d in depths
        ]
        exact = [expectation(s, float(s.inputs)) / s.num_parameters for s in students]
        found = results["square"] if width is None else results["initialization"]
        rows = [
            {
                "depth": r["depth"],
                "value": r["per_parameter"] / exact[0],
                "value_ci": [end / exact[0] for end in r["per_parameter_ci"]],
            }
            for r in found
            if r["activation"] == "linear" and (width is None or r["width"] == width)
        ]
        colour = GREY if width is None else WIDTH_COLOURS[width]
        label = f"width {width}" if width else f"{SQUARE} units everywhere"
        axes.plot(depths, np.array(exact) / exact[0], color=colour, lw=1.3, label=label)
        bars(axes, rows, "depth", "value", fmt="o", color=colour)
    axes.set_yscale("log")
    axes.set_yticks([0.2, 0.3, 0.5, 1.0, 1.5], ["0.2", "0.3", "0.5", "1", "1.5"])
    axes.minorticks_off()
    axes.set_xticks(effort["depths"])
    axes.set_xlabel("hidden layers")
    axes.set_ylabel("E[Tr H/N] relative to one hidden layer")
    axes.set_title("D  Theorem 2.2 at initialization, linear")
    axes.legend(fontsize=7.5, loc="lower left")


def panel_relu(axes: Axes, results: dict[str, Any]) -> None:
    """Theorem 2.3: ReLU over linear."""
    effort = results["effort"]
    for shift, (key, source, marker) in enumerate(
        (("per_parameter", "initialization", "o"), ("strong", "trajectories", "s"))
    ):
        for width in effort["widths"]:
            rows = {
                (r["depth"], r["activation"]): r for r in results[source] if r["width"] == width
            }
            ratios = [rows[d, "relu"][key] / rows[d, "linear"][key] for d in effort["depths"]]
            offset = 0.09 * (effort["widths"].index(width) - 1.5) + 0.02 * shift
            axes.plot(
                np.array(effort["depths"]) + offset,
                ratios,
                marker,
                color=WIDTH_COLOURS[width],
                ms=4.5,
                mfc="none" if shift else None,
            )
    depths = np.array([effort["depths"][0], effort["depths"][-1]], dtype=float)
    axes.plot(depths, 2.0**-depths, color="black", lw=1)
    axes.set_yscale("log", base=2)
    axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.5)
    handles = [
        *(
            Line2D([], [], color=WIDTH_COLOURS[w], marker="o", linestyle="none")
            for w in effort["widths"]
        ),
        Line2D([], [], color="black", marker="o", linestyle="none"),
        Line2D([], [], color="black", marker="s", mfc="none", linestyle="none"),
        Line2D([], [], color="black"),
    ]
    labels = [f"width {w}" for w in effort["widths"]]
    axes.legend(
        handles,
        [*labels, "Tr H/N at initialization", "measured ΔL", "exact: 2^−(hidden layers)"],
        fontsize=7.5,
        loc="lower left",
    )
    axes.set_xticks(effort["depths"])
    axes.set_ylim(2.0 ** (-depths[1] - 2), 2.0)
    axes.set_xlabel("hidden layers")
    axes.set_ylabel("ReLU / linear")
    axes.set_title("E  Theorem 2.3: ReLU against linear")


def panel_estimator(axes: Axes, results: dict[str, Any]) -> None:
    """The paper's estimator of the impact against ours."""
    rows = results["estimators"]
    k = np.linspace(2, max(COUNTS), 200)
    axes.plot(k, 2 * (k - 1) / k, color=RED, lw=1.3, label="2(K − 1)/K")
    axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.5)
    bars(axes, rows, "count", "published", fmt="o", color=RED, label="zero-sum vectors (paper)")
    bars(axes, rows, "count", "control_variate", fmt="s", color=BLUE, label="control variate")
    axes.set_ylim(0.8, 2.15)
    axes.set_xlabel("noise vectors K")
    axes.set_ylabel("estimate / (Eq. 3)")
    axes.set_title("F  Two estimators of the impact")
    axes.legend(loc="center right")


def draw(results: dict[str, Any]) -> Figure:
    """The paper's three panels, and three of ours below them."""
    with styled():
        figure = Figure(figsize=(13, 8), layout="constrained")
        (a, b, c), (d, e, f) = figure.subplots(2, 3)
        panel_a(a, results)
        panel_bc(b, results, "num_parameters")
        panel_bc(c, results, "width")
        legend_bc(figure, results["effort"]["depths"])
        for axes in (a, b, c):
            axes.set_yscale("log")
        a.set_yticks([2e-10, 5e-10, 1e-9], ["2·10⁻¹⁰", "5·10⁻¹⁰", "10⁻⁹"])
        a.yaxis.set_minor_formatter("")
        a.set_ylabel("impact of variance ΔL(0, σ²)\nnoise norm σ = 0.1")
        b.set_xscale("log")
        b.set_xlabel("number of parameters N")
        b.set_title("B  All networks against their size")
        c.set_xlabel("hidden layer width")
        c.set_title("C  The same against width")
        factor = 1 / NORM
        right = c.secondary_yaxis("right", functions=(lambda y: factor * y, lambda y: y / factor))
        right.set_ylabel("ΔL if 0.1 were the total variance σ²")
        panel_depth(d, results)
        panel_relu(e, results)
        panel_estimator(f, results)
        return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig3", __doc__ or "", arguments)
    results = measure(run, QUICK if run.quick else Effort())
    run.write(results, draw(results), make_claims(results))


if __name__ == "__main__":
    run_main(main)
