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

A Hessian does not see the kinks that noise crosses (``neurograd.theory.kinks``): ReLU students are
also predicted with them and measured anew (``--only kinks`` adds this part to a kept record).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch

from device_models import Backprop, Chip, WhiteNoise
from experiments.support.fig3.claims import make_claims
from experiments.support.fig3.figure import draw
from experiments.support.fig3.kinks import along
from experiments.support.fig3.students import (
    COUNTS,
    NORM,
    OUTPUTS,
    QUICK,
    SQUARE,
    STEP_SIZE,
    STRONG,
    STYLES,
    TEACHER,
    Effort,
    Student,
    expectation,
    problem_of,
    teacher_size,
)
from experiments.support.known_update import known_update_change
from experiments.support.published_estimator import published_variance_impact, zero_sum_factor
from experiments.support.record import CLAIMS, Run, parse, run_main
from neurograd.measure.curvature import hessian_trace
from neurograd.measure.intervals import (
    Interval,
    mean_interval,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.theory import (
    lemma_2_1,
    variance_impact_per_parameter,
)
from neurograd.training.loop import train


def predict(problem: Problem, w: torch.Tensor, total_variance: float, seed: int) -> float:
    """The variance term of Lemma 2.1 with the exact Tr H."""
    trace = hessian_trace(problem, w, seed).value
    size = problem.num_parameters
    return lemma_2_1(0.0, 0.0, 0.0, 0.0, total_variance, trace, size, STEP_SIZE).variance


def measure_at(
    problem: Problem, w: torch.Tensor, total_variance: float, draws: int, seed: int, point: int
) -> tuple[float, Interval]:
    """E[ΔL] of white noise at ``w``, by the control variate."""
    chip = Chip(WhiteNoise(Backprop(), total_variance=total_variance), STEP_SIZE)
    g = problem.gradient(w)
    found = known_update_change(problem, w, chip, g, -g, draws, seed, point=point)
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
    relu = [s for s in grid if s.activation == "relu"]
    kinks: dict[str, Callable[[], dict[str, Any]]] = {
        f"kinks-{s.name}": partial(along, s, effort, run) for s in relu
    }
    if run.only is not None:
        return {} if run.only == CLAIMS else kinks
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
    return tasks | kinks


def measure(run: Run, effort: Effort) -> dict[str, Any]:
    """All numbers of the experiment."""
    found = run.each(tasks_of(effort, run), lambda task: task(), depends_on=asdict(effort))

    def rows(prefix: str) -> list[dict[str, Any]]:
        return [row for name, row in found.items() if name.startswith(f"{prefix}-")]

    if run.only is not None:
        return run.kept() | ({} if run.only == CLAIMS else {"kinks": rows("kinks")})
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
        "kinks": rows("kinks"),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig3", __doc__ or "", arguments, parts=("kinks",))
    results = measure(run, QUICK if run.quick else Effort())
    run.write(results, draw(results), make_claims(results))


if __name__ == "__main__":
    run_main(main)
