"""Figure 7: when a noisy or biased step descends (Theorems 3.1 and 3.2), and when a bound fails.

Linear networks under squared error, whose Hessian follows from the inputs' covariance: 25
eigenvalues evenly spaced from λ_1/4 to λ_1, once for each of 10 outputs (N = 250), gradients at
random weights. A: true gradient descent, B: noise of the gradient's length, C: a bias of random
direction; colour is the part of the steps that lower the loss. The loss is quadratic, so the steps
are taken in its eigenbasis, and some of them in a network to compare. D is ours: the same as C
with N = 2, where a random bias is often near the worst direction, and the published bound of
Theorem 3.2 fails. Random quadratics of 1 to 8 weights then try every bound. Probabilities come with
exact 99 % intervals (Clopper-Pearson; of none in n, up to 4.6/n).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.support.fig7.claims import make_claims
from experiments.support.fig7.figure import draw
from experiments.support.fig7.grid import (
    BIAS_STEP,
    INPUTS,
    OUTPUTS,
    PAIR,
    QUICK,
    SPREAD,
    Effort,
    curvatures,
    products,
    ratios,
    spectrum,
    step_sizes,
)
from experiments.support.fig7.quadratics import try_bounds
from experiments.support.quadratic import directions, linear_network, loss_changes
from experiments.support.record import Run, parse, run_main
from neurograd.measure.intervals import mean_interval
from neurograd.seeding import generator_for
from neurograd.theory import (
    bias_ratio_threshold,
    counterexample_3_2,
    noise_curvature_threshold,
    noise_descent_margin,
)


def gradients_of(lam: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Unit gradients at random weights: ``g ∝ λ·(w − w*)``, shape ``(count, N)``."""
    g = lam * directions((count, len(lam)), generator)
    return g / g.norm(dim=1, keepdim=True)


def noise_cell(
    dt: float, largest: float, sigma: float, count: int, generator: torch.Generator
) -> tuple[int, float]:
    """How many of ``count`` noisy steps descend, and the mean expected change (‖g‖ = 1)."""
    lam = spectrum(largest)
    g = gradients_of(lam, count, generator)
    update = -g
    if sigma > 0:
        noise = torch.randn(g.shape, generator=generator, dtype=g.dtype)
        update = update + sigma / math.sqrt(len(lam)) * noise
    changes = loss_changes(lam, g, update, dt)
    kappa = float((lam * g.square()).sum(1).mean())
    margin = noise_descent_margin(dt, sigma**2, 1.0, kappa, float(lam.sum()), len(lam))
    return int((changes < 0).sum()), margin


def noise_map(sigma: float, effort: Effort, run: Run) -> dict[str, Any]:
    """Panels A and B: rows are λ_1, columns Δt."""
    descents, margins = [], []
    for j, largest in enumerate(curvatures(effort)):
        cells = [
            noise_cell(
                float(dt),
                float(largest),
                sigma,
                effort.steps,
                generator_for(run.seed, "noise", int(sigma > 0), j, i),
            )
            for i, dt in enumerate(step_sizes(effort))
        ]
        descents.append([count for count, _ in cells])
        margins.append([margin for _, margin in cells])
    return {"descents": descents, **judged(descents, margins, sigma, effort)}


def judged(
    descents: list[list[int]], margins: list[list[float]], sigma: float, effort: Effort
) -> dict[str, Any]:
    """What Theorem 3.1 says of the cells, against single steps and against the expectation."""
    found = {
        side: {"cells": 0, "steps": 0, "against": 0, "expectation_against": 0}
        for side in ("descent", "ascent")
    }
    for j, largest in enumerate(curvatures(effort)):
        for i, dt in enumerate(step_sizes(effort)):
            limit = noise_curvature_threshold(float(dt), sigma**2, 1.0)
            down = descents[j][i]
            if largest <= limit:
                add(found["descent"], effort.steps, effort.steps - down, margins[j][i] > 0)
            elif largest / SPREAD >= limit:
                add(found["ascent"], effort.steps, down, margins[j][i] < 0)
    return {"theorem_3_1": found, "half": half_descent(np.array(descents) / effort.steps, effort)}


def add(row: dict[str, int], steps: int, against: int, expectation_against: bool) -> None:
    """Count one cell."""
    row["cells"] += 1
    row["steps"] += steps
    row["against"] += against
    row["expectation_against"] += int(expectation_against)


def half_descent(part: np.ndarray, effort: Effort) -> dict[str, Any]:
    """λ_1·Δt at which half of the steps descend, the mean over columns that cross it."""
    found = []
    for i, dt in enumerate(step_sizes(effort)):
        below = np.flatnonzero(part[:, i] < 0.5)
        if len(below) == 0 or below[0] == 0:
            continue
        k = below[0]
        upper, lower = part[k - 1, i], part[k, i]
        where = (upper - 0.5) / (upper - lower)
        log_s = np.log(curvatures(effort)[k - 1 : k + 1] * dt)
        found.append(float(np.exp(log_s[0] + where * (log_s[1] - log_s[0]))))
    mean, ci = mean_interval(found)
    return {"s": mean, "s_ci": ci, "columns": len(found)}


def bias_map(pair: bool, effort: Effort, run: Run) -> dict[str, Any]:
    """Panels C (N = 250) and D (N = 2): rows are s = λ_1·Δt, columns r = ‖bias‖/‖g‖."""
    unit = torch.tensor(PAIR, dtype=torch.float64) if pair else spectrum(1.0)
    psi = float(unit.norm())
    counts = {form: {"cells": 0, "steps": 0, "against": 0} for form in ("published", "safe")}
    descents = []
    for j, s in enumerate(products(effort)):
        lam = unit * (float(s) / BIAS_STEP)
        limits = {
            "published": bias_ratio_threshold(psi * s / BIAS_STEP, BIAS_STEP, "published"),
            "safe": bias_ratio_threshold(s / BIAS_STEP, BIAS_STEP, "safe"),
        }
        row = []
        for i, r in enumerate(ratios(effort)):
            generator = generator_for(run.seed, "bias", int(pair), j, i)
            # With N = 2 the gradient, too, is taken in all directions.
            shape = (effort.steps, len(lam))
            g = directions(shape, generator) if pair else gradients_of(lam, effort.steps, generator)
            update = -g + float(r) * directions(shape, generator)
            down = int((loss_changes(lam, g, update, BIAS_STEP) < 0).sum())
            row.append(down)
            for form, limit in limits.items():
                if r <= limit:
                    counts[form]["cells"] += 1
                    counts[form]["steps"] += effort.steps
                    counts[form]["against"] += effort.steps - down
        descents.append(row)
    return {"descents": descents, "psi_over_lambda_1": psi, "theorem_3_2": counts}


def in_network(effort: Effort, run: Run) -> dict[str, Any]:
    """The same steps taken in a network: its losses against the quadratic form."""
    generator = generator_for(run.seed, "network")
    one = spectrum(1000.0, outputs=1)
    problem, basis = linear_network(one, OUTPUTS, generator)
    w, g = problem.initial_weights, problem.gradient(problem.initial_weights)
    noise = directions((effort.network_steps, len(w)), generator)
    updates = -g + float(g.norm()) * noise
    measured = torch.tensor(
        [problem.loss(w + BIAS_STEP * u) - problem.loss(w) for u in updates], dtype=torch.float64
    )

    def coordinates(v: Tensor) -> Tensor:
        return (v.view(-1, OUTPUTS, INPUTS) @ basis).flatten(1)

    lam = one.repeat(OUTPUTS)
    expected = loss_changes(lam, coordinates(g), coordinates(updates), BIAS_STEP)
    hessian = torch.stack([problem.hvp(w, row) for row in torch.eye(len(w), dtype=w.dtype)])
    eigenvalues = torch.linalg.eigvalsh(hessian)
    return {
        "steps": effort.network_steps,
        "largest_relative_difference": float((measured / expected - 1).abs().max()),
        "largest_eigenvalue_error": float((eigenvalues / lam.sort().values - 1).abs().max()),
    }


def measure(run: Run, effort: Effort) -> dict[str, Any]:
    """All numbers of the experiment."""
    tasks: dict[str, Callable[[], dict[str, Any]]] = {
        "true-gradient": partial(noise_map, 0.0, effort, run),
        "noise": partial(noise_map, 1.0, effort, run),
        "bias": partial(bias_map, False, effort, run),
        "bias-pair": partial(bias_map, True, effort, run),
        "network": partial(in_network, effort, run),
        **{f"quadratics-{k}": partial(try_bounds, k, effort, run) for k in range(effort.chunks)},
    }
    found = run.each(tasks, lambda task: task(), depends_on=asdict(effort))
    chunks = [found[f"quadratics-{k}"] for k in range(effort.chunks)]
    example = counterexample_3_2()
    return {
        "effort": asdict(effort),
        "true_gradient": found["true-gradient"],
        "noise": found["noise"],
        "bias": found["bias"],
        "bias_pair": found["bias-pair"],
        "network": found["network"],
        "quadratics": {key: sum(c[key] for c in chunks) for key in chunks[0]},
        "counterexample": {
            **asdict(example),
            "bias_ratio": example.bias_ratio,
            "published_threshold": example.published_threshold,
            "safe_threshold": example.safe_threshold,
            "loss_change": example.loss_change,
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig7", __doc__ or "", arguments)
    results = measure(run, QUICK if run.quick else Effort())
    run.write(results, draw(results), make_claims(results))


if __name__ == "__main__":
    run_main(main)
