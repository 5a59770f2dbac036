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
from torch import Tensor

from experiments.support.ensemble import Ensemble, train_ensemble
from experiments.support.multistep.cases import (
    CASES,
    NETWORKS,
    QUADRATIC,
    RELINEARIZED,
    REPLICAS,
    Network,
    QuadraticCase,
    quadratic,
)
from experiments.support.multistep.claims import claims
from experiments.support.multistep.figure import draw
from experiments.support.record import Run, parse, run_main
from neurograd.forecast.frozen import PointSummary, frozen_excess_loss
from neurograd.measure.curvature import dense_hessian, measure_spectrum
from neurograd.measure.intervals import interval
from neurograd.problem import Problem
from neurograd.theory import ManySteps, loss_floor, many_steps

STEPS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)
QUICK_STEPS = (1, 3, 10, 30, 100)


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
