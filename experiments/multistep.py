"""Predicted and measured loss after up to 10,000 biased and noisy steps, with the loss floor.

Corollary A.2 of the paper in spirit: around a minimum, in the Hessian's eigenbasis, mean and
variance of the weights follow linear recursions, whose closed form ``theory.many_steps`` has for
any number of steps, and the loss floor for T → ∞.

Quadratic: one linear layer under squared error on the student-teacher data. There the closed form
is exact, so every difference is an error. Networks: trained without noise as far as they go, then
for up to 10,000 steps more with white noise or with a bias along all weights. The prediction
freezes the Hessian at the end of the clean training, takes that end for the minimum, and leaves
out directions of negative curvature. The excess loss is the mean over replicas minus the loss of a
clean twin that trains on for as many steps. Noise is given by the excess that is predicted at the
end, which is proportional to its variance. 're-linearized' is the same prediction with the
Hessians at the ends of four replicas. Intervals are at 99 %, over replicas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from experiments.support.ensemble import Ensemble, train_ensemble
from experiments.support.record import Claim, Held, Run, parse, run_main
from neurograd.forecast.frozen import PointSummary, frozen_excess_loss
from neurograd.measure.curvature import dense_hessian, measure_spectrum
from neurograd.measure.intervals import Interval, interval
from neurograd.problem import Problem, datasets
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.report.plots import BLUE, GREEN, GREY, ORANGE, RED, styled
from neurograd.seeding import generator_for
from neurograd.theory import ManySteps, loss_floor, many_steps

STEPS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
QUICK_STEPS = (1, 3, 10, 30, 100)
REPLICAS = 32
EXCESS = (0.003, 0.03, 0.3)
"""Predicted excess loss at the end, in parts of the loss before any training."""
RELINEARIZED = 4
"""Replicas whose final Hessian is taken."""


@dataclass(frozen=True)
class Basis:
    """The Hessian's eigenbasis at one place.

    Attributes:
        values: Eigenvalues, shape ``(N,)``, ascending.
        vectors: Eigenvectors in the columns, shape ``(N, N)``.
    """

    values: Tensor
    vectors: Tensor

    def along(self, vector: Tensor) -> np.ndarray:
        """Components of a vector along the eigenvectors, shape ``(N,)``."""
        components: np.ndarray = (self.vectors.T @ vector).numpy()
        return components

    @property
    def rising(self) -> np.ndarray:
        """Which eigenvalues are positive."""
        chosen: np.ndarray = (self.values > 0).numpy()
        return chosen


def basis_at(problem: Problem, w: Tensor) -> Basis:
    """The Hessian's eigenbasis at ``w``."""
    values, vectors = torch.linalg.eigh(dense_hessian(problem, w))
    return Basis(values, vectors)


# -- quadratic ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class QuadraticCase:
    """Bias and noise on the quadratic, in parts of the gradient's length at the initial weights.

    Attributes:
        title: For the figure.
        noise: √(σ²f(N))/‖g‖.
        bias: b√N/‖g‖.
        sharpness: Δt·λ_1; 2 is the limit of clean descent.
        at_minimum: Whether it starts at the minimum, else at the initial weights.
    """

    title: str
    noise: float
    bias: float
    sharpness: float
    at_minimum: bool


QUADRATIC = {
    "quadratic_noise": QuadraticCase("noise", 1.0, 0.0, 0.5, True),
    "quadratic_bias": QuadraticCase("bias", 0.0, 0.3, 0.5, True),
    "quadratic_both": QuadraticCase("noise and bias, Δtλ₁ = 0.5", 1.0, 0.3, 0.5, False),
    "quadratic_sharp": QuadraticCase("noise and bias, Δtλ₁ = 1.6", 1.0, 0.3, 1.6, False),
}


def quadratic(seed: int) -> Problem:
    """One linear layer, 25 inputs and 10 outputs, on the student-teacher data."""
    data = datasets.teacher_student(samples=60, seed=seed)
    network = mlp(25, [], 10, generator=generator_for(seed, "network"))
    return Problem(network, MeanSquaredError(), data.inputs, data.targets)


def measure_quadratic(case: QuadraticCase, run: Run) -> dict[str, Any]:
    """Excess loss over the minimum, predicted exactly and measured."""
    problem = quadratic(run.seed)
    w, size = problem.initial_weights, problem.num_parameters
    gradient, basis = problem.gradient(w), basis_at(problem, w)
    deviation = basis.along(gradient) / basis.values.numpy()
    minimum = w - basis.vectors @ torch.from_numpy(deviation)
    start, initial = (minimum, 0.0 * deviation) if case.at_minimum else (w, deviation)
    norm, dt = float(gradient.norm()), case.sharpness / float(basis.values[-1])
    variance, b = (case.noise * norm) ** 2, case.bias * norm / math.sqrt(size)
    bias = basis.along(torch.full_like(w, b))
    steps = QUICK_STEPS if run.quick else STEPS
    found = train_ensemble(
        problem,
        start,
        dt,
        (0, *steps),
        1 if variance == 0 else (16 if run.quick else REPLICAS),
        run.seed,
        total_variance=variance,
        bias=b,
    )

    def predict(count: float) -> ManySteps:
        return many_steps(basis.values.numpy(), dt, count, variance / size, bias, initial)

    rows = excess_rows(found, [problem.loss(minimum)] * len(found.steps))
    for row in rows:
        row["predicted"] = predict(row["steps"]).excess_loss
    floor = loss_floor(basis.values.numpy(), dt, variance / size, bias)
    return {"num_parameters": size, "step_size": dt, "floor": floor, "rows": rows}


def excess_rows(found: Ensemble, reference: Sequence[float]) -> list[dict[str, Any]]:
    """Mean excess of the replicas' losses over a reference, with its 99 % interval."""
    rows: list[dict[str, Any]] = []
    for steps, losses, zero in zip(found.steps, found.losses, reference, strict=True):
        count, mean = len(losses), float(losses.mean()) - zero
        error = float(losses.std()) / math.sqrt(count) if count > 1 else 0.0
        rows.append(
            {"steps": steps, "measured": mean, "measured_ci": interval(mean, error, count - 1)}
        )
    return rows


# -- networks ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """A network that is trained clean, then with noise or bias.

    Attributes:
        title: For the figure.
        make: Makes the problem from a seed.
        step_size: Δt of the whole training.
        clean: Steps of the clean training.
    """

    title: str
    make: Callable[[int], Problem]
    step_size: float
    clean: int


def digits(activation: str, seed: int) -> Problem:
    """100 handwritten digits, 64-8-10, cross-entropy: the network interpolates them."""
    data = datasets.digits(train_samples=100)
    network = mlp(64, [8], 10, activation=activation, generator=generator_for(seed, "network"))
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def student(seed: int) -> Problem:
    """Student 10-16-4 (tanh) of a ReLU teacher, squared error, 100 samples."""
    data = datasets.teacher_student(
        inputs=10, outputs=4, teacher_hidden=(10,), samples=100, seed=seed
    )
    network = mlp(10, [16], 4, activation="tanh", generator=generator_for(seed, "network"))
    return Problem(network, MeanSquaredError(), data.inputs, data.targets)


NETWORKS = {
    "cross_entropy_tanh": Network(
        "cross-entropy, tanh 64-8-10, digits", partial(digits, "tanh"), 0.3, 5000
    ),
    "cross_entropy_relu": Network(
        "cross-entropy, ReLU 64-8-10, digits", partial(digits, "relu"), 0.3, 5000
    ),
    "mse_tanh": Network("squared error, tanh 10-16-4, teacher", student, 0.1, 10000),
}
CASES = {f"noise_{excess:g}": excess for excess in EXCESS} | {"bias": EXCESS[0]}


def frozen(basis: Basis, dt: float, steps: int, variance: float, bias: np.ndarray) -> float:
    """Excess loss with a frozen Hessian, from its minimum, without negative curvature.

    Args:
        basis: Where the Hessian is frozen.
        dt: Δt.
        steps: T.
        variance: σ²f(N)/N.
        bias: Components of the bias along the eigenvectors, shape ``(N,)``.
    """
    rising = basis.rising
    values = basis.values.numpy()[rising]
    return many_steps(values, dt, steps, variance, bias[rising]).excess_loss


def measure_network(network: Network, run: Run) -> dict[str, Any]:
    """All noises and the bias on one network."""
    problem, dt = network.make(run.seed), network.step_size
    steps = (0, *(QUICK_STEPS if run.quick else STEPS))
    clean_steps = network.clean // (20 if run.quick else 1)
    before = train_ensemble(problem, problem.initial_weights, dt, (0, clean_steps), 1, run.seed)
    loss_0, (w,) = float(before.losses[0, 0]), before.weights
    twin = train_ensemble(problem, w, dt, steps, 1, run.seed)
    basis, size = basis_at(problem, w), problem.num_parameters
    spectrum = measure_spectrum(problem, w, run.seed)
    trace, nothing = float(basis.values.sum()), np.zeros(size)
    ones = basis.along(torch.ones_like(w))
    cases: dict[str, Any] = {}
    for name, excess in CASES.items():
        target, last = excess * loss_0, steps[-1]
        if name == "bias":
            variance, b = 0.0, math.sqrt(target / frozen(basis, dt, last, 0.0, ones))
        else:
            variance, b = target / frozen(basis, dt, last, 1.0, nothing), 0.0
        found = train_ensemble(
            problem,
            w,
            dt,
            steps,
            1 if variance == 0 else (8 if run.quick else REPLICAS),
            run.seed,
            total_variance=variance * size,
            bias=b,
        )
        rows = excess_rows(found, twin.losses[:, 0].tolist())
        for row in rows:
            row["predicted"] = frozen(basis, dt, row["steps"], variance, b * ones)
        ends = [basis_at(problem, end) for end in found.weights[:RELINEARIZED]]
        summary = PointSummary(spectrum, trace, variance * trace, b**2 * size)
        cases[name] = {
            "total_variance": variance * size,
            "b": b,
            "rows": rows,
            # Infinite, and null in JSON, where the replicas' own ends are too sharp for Δt.
            "relinearized": float(
                np.mean([frozen(end, dt, last, variance, nothing) for end in ends])
            )
            if variance > 0
            else math.nan,
            "trace_at_end": float(np.mean([float(end.values.sum()) for end in ends])),
            "by_check": frozen_excess_loss(summary, dt, last),
        }
    negative = basis.values[basis.values < 0].sum()
    return {
        "num_parameters": size,
        "step_size": dt,
        "initial_loss": loss_0,
        "clean_loss": problem.loss(w),
        "clean_gradient": float(problem.gradient(w).norm()),
        "twin_loss": float(twin.losses[-1, 0]),
        "trace": trace,
        "negative_trace": float(negative),
        "lambda_max": float(basis.values[-1]),
        "cases": cases,
    }


# -- claims and figure -------------------------------------------------------------------------


def factor(row: dict[str, Any]) -> tuple[float, Interval]:
    """Predicted over measured excess, with its 99 % interval; infinite where none is measured."""
    low, high = row["measured_ci"]
    ends = [row["predicted"] / end if end > 0 else math.inf for end in (high, low)]
    value = row["predicted"] / row["measured"] if row["measured"] > 0 else math.inf
    return value, (ends[0], ends[1])


def again(case: dict[str, Any]) -> float:
    """Predicted over measured excess with the Hessians at the replicas' ends; maybe infinite."""
    predicted = case["relinearized"]
    if predicted is None or case["rows"][-1]["measured"] <= 0:
        return math.inf
    return float(predicted / case["rows"][-1]["measured"])


def exact(row: dict[str, Any]) -> bool:
    """Whether prediction and measurement are the same, within the interval and rounding."""
    low, high = row["measured_ci"]
    slack = 1e-9 * abs(row["predicted"]) + 1e-12
    return bool(low - slack <= row["predicted"] <= high + slack)


def claims(quadratics: dict[str, Any], networks: dict[str, Any]) -> list[Claim]:
    """What the paper says, and what came out."""

    def ends(name: str) -> str:
        row = quadratics[name]["rows"][-1]
        low, high = row["measured_ci"]
        return (
            f"{QUADRATIC[name].title} predicted {row['predicted']:.4g}, measured "
            f"{row['measured']:.4g} ({low:.4g} to {high:.4g}), floor "
            f"{quadratics[name]['floor']:.4g}"
        )

    rows = [row for case in quadratics.values() for row in case["rows"]]
    inside = sum(exact(row) for row in rows)
    noisy = [r for r in rows if r["measured_ci"][0] < r["measured_ci"][1]]
    # Relative half widths say how sharp the comparison is.
    sharp = [0.5 * (r["measured_ci"][1] - r["measured_ci"][0]) / r["predicted"] for r in noisy]
    steps = rows[-1]["steps"]
    made = [
        Claim(
            "The loss after many steps with bias and noise follows from curvature, bias and "
            "variance in closed form, up to a floor.",
            "Corollary A.2 (extension of Lemma 2.1)",
            f"quadratic: linear layer 25-10, squared error; {REPLICAS} replicas, up to {steps:,} "
            "steps; 99 % intervals",
            f"prediction inside the interval at {inside} of {len(rows)} points (median half width "
            f"{np.median(sharp):.1%} of the excess); after {steps:,} steps: "
            + "; ".join(map(ends, quadratics)),
            # At 99 %, one point in a hundred may lie outside; the points of one case are dependent.
            "held" if inside >= len(rows) - 2 else "not held",
        )
    ]
    for name, result in networks.items():
        parts, within = [], []
        for case, found in result["cases"].items():
            end = found["rows"][-1]
            value, (low, high) = factor(end)
            within.append(exact(end))
            parts.append(
                f"{case.replace('_', ' ')}: predicted {end['predicted']:.3g}, measured "
                f"{end['measured']:.3g}, factor {value:.2f}"
                + (f", interval {low:.2f} to {high:.2f}" if low < high else ", without noise")
            )
            spread = [factor(r)[0] for r in found["rows"] if r["steps"] > 0]
            parts[-1] += f" ({min(spread):.2f} to {max(spread):.2f} over all T)"
            if found["total_variance"] > 0:
                parts[-1] += (
                    f", re-linearized {again(found):.2f}, Tr H at the end "
                    f"{found['trace_at_end'] / result['trace']:.2f} of the start's"
                )
        made.append(
            Claim(
                "The same around a network's minimum, with the Hessian frozen there.",
                "Corollary A.2 (extension of Lemma 2.1)",
                f"{NETWORKS[name].title}, N = {result['num_parameters']}, clean loss "
                f"{result['clean_loss']:.2g}; {REPLICAS} replicas, {end['steps']:,} steps; noise "
                "named by the predicted excess in parts of the initial loss; factor is predicted "
                "over measured, with 99 % interval",
                "; ".join(parts),
                judge(within),
            )
        )
    return made


def judge(within: Sequence[bool]) -> Held:
    """Held where all predictions lie inside their intervals."""
    if all(within):
        return "held"
    return "partly" if any(within) else "not held"


COLOURS = (BLUE, GREEN, ORANGE, RED)


def curve(axes: Axes, rows: Sequence[dict[str, Any]], colour: str, label: str) -> None:
    """Prediction as a line, measurement as points with intervals."""
    shown = [r for r in rows if r["steps"] > 0]
    x = [r["steps"] for r in shown]
    axes.plot(x, [r["predicted"] for r in shown], color=colour, lw=1.3)
    y = np.array([r["measured"] for r in shown])
    ends = np.array([r["measured_ci"] for r in shown]).T
    positive = y > 0
    # A logarithmic axis has no room for the lower half of an interval that holds 0.
    low = np.where(ends[0] > 0, y - ends[0], 0.0)
    errors = np.array([low, ends[1] - y]).clip(min=0.0)[:, positive]
    axes.errorbar(
        np.array(x)[positive],
        y[positive],
        yerr=errors,
        fmt="o",
        ms=4,
        capsize=2,
        lw=1,
        color=colour,
        label=label,
    )


def panel(axes: Axes, title: str) -> None:
    """Axes of loss against steps."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("step T")
    axes.set_title(title)
    axes.legend(fontsize=8)


def draw(quadratics: dict[str, Any], networks: dict[str, Any]) -> Figure:
    """Quadratic above, with its floors; networks below; how far predictions are off."""
    with styled():
        figure = Figure(figsize=(12.5, 7.6), layout="constrained")
        top, bottom = figure.subplots(2, 3)
        for name, colour in zip(quadratics, COLOURS, strict=True):
            case, found = QUADRATIC[name], quadratics[name]
            axes = top[0] if case.at_minimum else top[1]
            curve(axes, found["rows"], colour, case.title)
            axes.axhline(found["floor"], color=colour, lw=1, ls=":")
        panel(top[0], "Quadratic, from its minimum")
        panel(top[1], "Quadratic, from the initial weights")
        top[1].set_ylim(0.5, 8)
        top[1].set_yticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
        top[1].minorticks_off()
        for axes, (name, found) in zip(bottom, networks.items(), strict=True):
            for colour, (case, content) in zip(COLOURS, found["cases"].items(), strict=True):
                label = "bias" if case == "bias" else f"noise, {CASES[case]:g} predicted"
                curve(axes, content["rows"], colour, label)
            panel(axes, NETWORKS[name].title)
        for axes in (top[0], bottom[0]):
            axes.set_ylabel("excess loss")
        factors(top[2], networks)
        handles = [
            axes.plot([], [], color=GREY, lw=1.3, label="closed form")[0],
            axes.plot([], [], color=GREY, lw=1, ls=":", label="floor, T → ∞")[0],
            axes.errorbar([], [], yerr=[], fmt="o", ms=4, color=GREY, label="mean, 99 % interval"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
        return figure


def factors(axes: Axes, networks: dict[str, Any]) -> None:
    """Predicted over measured at the end, frozen and re-linearized, against the noise."""
    for colour, marker, (name, found) in zip(COLOURS, "os^", networks.items(), strict=False):
        noises = [c for c in found["cases"] if c != "bias"]
        ends = [factor(found["cases"][c]["rows"][-1]) for c in noises]
        x, y = [CASES[c] for c in noises], np.array([value for value, _ in ends])
        errors = np.array([[v - low, min(high, 100.0) - v] for v, (low, high) in ends]).T
        axes.errorbar(
            x,
            y,
            yerr=errors.clip(min=0.0),
            fmt=f"{marker}-",
            ms=4.5,
            capsize=2,
            color=colour,
            label=NETWORKS[name].title.rsplit(",", 1)[0],
        )
        ends_again = [again(found["cases"][c]) for c in noises]
        axes.plot(x, ends_again, f"{marker}--", ms=4.5, mfc="white", lw=1, color=colour)
    label = "re-linearized at the end"
    axes.plot([], [], "o--", color=GREY, mfc="white", ms=4.5, lw=1, label=label)
    axes.axhline(1.0, color=GREY, lw=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.5, 400)  # room for the legend
    axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.set_xticks(list(EXCESS), [f"{e:g}" for e in EXCESS])
    axes.minorticks_off()
    axes.set_xlabel("noise, as predicted excess / initial loss")
    axes.set_ylabel("predicted / measured")
    axes.set_title("Networks: over-prediction at the end")
    axes.legend(fontsize=8, loc="upper left")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("multistep", __doc__ or "", arguments)
    items: dict[str, Callable[[], dict[str, Any]]] = {
        name: partial(measure_quadratic, case, run) for name, case in QUADRATIC.items()
    }
    items |= {name: partial(measure_network, net, run) for name, net in NETWORKS.items()}
    found = run.each(items, lambda item: item())
    quadratics = {name: found[name] for name in QUADRATIC}
    networks = {name: found[name] for name in NETWORKS}
    run.write(
        {"quadratic": quadratics, "networks": networks},
        draw(quadratics, networks),
        claims(quadratics, networks),
    )


if __name__ == "__main__":
    run_main(main)
