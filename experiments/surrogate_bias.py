"""Bias of surrogate gradients against the surrogate's slope, for four surrogates.

Left: handwritten digits, 64-32-10 leaky integrate-and-fire neurons over 10 time steps after 100
clean steps, against the gradient of the loss smoothed with s = 0.02. Right: a network of one time
step with 3 hidden and 3 output neurons, whose smoothed gradient is known exactly by enumerating all
spike patterns; crosses are exact, points measured. Relative bias is ‖mean update + g‖/‖g‖ after the
gain, which a step size could undo, is taken out: √(1 − cosine²). Intervals are at 99 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from device_models import SpikingNetwork, Surrogate
from experiments.library import SMOOTHING, budget_of, clean_weights, common_spec
from experiments.support.enumeration import exact_smoothed_gradient
from experiments.support.record import Run, parse, progress, run_main
from neurograd.measure.estimate import Estimate
from neurograd.measure.moments import Moments, measure_moments
from neurograd.measure.smoothed.loss import SmoothedLoss
from neurograd.measure.smoothed.reference import Reference, SmoothedBudget, measure_reference
from neurograd.pipeline.build import build_problem
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.report.plots import BLUE, GREEN, ORANGE, RED, styled
from neurograd.seeding import generator_for

PARAMETERS = {"fast_sigmoid": "slope", "sigmoid": "slope", "atan": "alpha", "LSO": "slope"}
SLOPES = {
    "fast_sigmoid": (1.0, 2.5, 5.0, 10.0, 25.0, 50.0),
    "sigmoid": (1.0, 2.5, 5.0, 10.0, 25.0, 50.0),
    "atan": (0.5, 1.0, 2.0, 5.0, 10.0, 25.0),
    "LSO": (0.02, 0.05, 0.1, 0.3, 0.6, 0.9),
}
COLOURS = {"fast_sigmoid": BLUE, "sigmoid": ORANGE, "atan": GREEN, "LSO": RED}
TINY_STD = 0.3


def mean_of(update: Tensor) -> Moments:
    """Moments of an update that is always the same."""
    return measure_moments(lambda generator: update, torch.zeros_like(update), 2, 0)


def row_of(reference: Reference, name: str, slope: float) -> dict[str, Any]:
    """One measured point of the figure."""
    return {
        "surrogate": name,
        "slope": slope,
        "b": reference.b,
        "b_ci": reference.b_ci,
        "gain": reference.gain,
        "gain_ci": reference.gain_ci,
        "cosine": reference.cosine,
        "cosine_ci": reference.cosine_ci,
    }


def on_digits(run: Run) -> list[dict[str, Any]]:
    """Every surrogate and slope on digits, at the same weights."""
    w = clean_weights(common_spec("spiking"), run)
    problem = build_problem(common_spec("spiking"), run.device)
    budget = budget_of(run)
    smoothed = SmoothedLoss(problem, w, SMOOTHING, run.seed)
    near = measure_reference(smoothed, mean_of(-problem.gradient(w)), budget)
    rows = []
    for name, key in PARAMETERS.items():
        for slope in SLOPES[name][:: 3 if run.quick else 1]:
            progress(f"surrogate_bias: {name} {slope:g}")
            network = {"surrogate": {"name": name, key: slope}}
            other = build_problem(common_spec("spiking", network=network), run.device)
            update = mean_of(-other.gradient(w))
            reference = measure_reference(smoothed, update, budget, grad_square=near.grad_square)
            rows.append(row_of(reference, name, slope))
    return rows


def tiny(surrogate: Surrogate) -> Problem:
    """4 inputs, 3 hidden and 3 output neurons in one time step."""
    generator = generator_for(0, "tiny")
    network = SpikingNetwork([4, 3, 3], surrogate=surrogate, readout="spikes")
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(0.7 * torch.randn(p.shape, generator=generator, dtype=p.dtype) + 0.3)
    x = torch.rand(20, 1, 4, generator=generator, dtype=torch.float64)
    return Problem(network, CrossEntropy(), x, (x[:, 0, :3] + 0.3 * x[:, 0, 1:]).argmax(1))


def enumerated(run: Run) -> list[dict[str, Any]]:
    """The same on a network whose exact smoothed gradient is known."""
    rows = []
    budget = SmoothedBudget(2, 400, 200 if run.quick else 4000, run.seed)
    base = tiny(Surrogate())
    w = base.initial_weights
    exact = exact_smoothed_gradient(base, w, TINY_STD)
    smoothed = SmoothedLoss(base, w, TINY_STD, run.seed)
    shared: Estimate | None = None
    for name, key in PARAMETERS.items():
        for slope in SLOPES[name][:: 3 if run.quick else 1]:
            update = -tiny(Surrogate(name, {key: slope})).gradient(w)
            reference = measure_reference(smoothed, mean_of(update), budget, grad_square=shared)
            shared = shared or reference.grad_square
            cosine = -float(update @ exact / (update.norm() * exact.norm()))
            b = float((update + exact).norm()) / math.sqrt(w.numel())
            rows.append({**row_of(reference, name, slope), "exact_cosine": cosine, "exact_b": b})
    return rows


def across(cosine: float) -> float:
    """Relative bias that no step size undoes."""
    return math.sqrt(max(0.0, 1.0 - cosine**2))


def panel(axes: Axes, rows: list[dict[str, Any]], title: str) -> None:
    """Relative bias against slope with intervals; crosses are exact values."""
    for name, colour in COLOURS.items():
        found = [r for r in rows if r["surrogate"] == name and math.isfinite(r["cosine"])]
        x, y = [r["slope"] for r in found], [across(r["cosine"]) for r in found]
        ends = [sorted(across(max(0.0, c)) for c in r["cosine_ci"]) for r in found]
        errors = [
            [max(0.0, v - e[0]) for v, e in zip(y, ends, strict=True)],
            [max(0.0, e[1] - v) for v, e in zip(y, ends, strict=True)],
        ]
        label = f"{name} ({PARAMETERS[name]})"
        axes.errorbar(x, y, yerr=errors, fmt="o-", color=colour, ms=4, capsize=2, label=label)
        exact = [(r["slope"], across(r["exact_cosine"])) for r in found if "exact_cosine" in r]
        if exact:
            axes.plot(*zip(*exact, strict=True), "x", color=colour, ms=8)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("slope of the surrogate")
    axes.set_title(title)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("surrogate_bias", __doc__ or "", arguments)
    digits, small = on_digits(run), enumerated(run)
    with styled():
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        panel(left, digits, f"Digits, 64-32-10, s = {SMOOTHING}")
        panel(right, small, f"Enumerated network, s = {TINY_STD}; crosses: exact")
        left.set_ylabel("relative bias across g, √(1 − cosine²)")
        left.legend()
    inside = [r["b_ci"][0] <= r["exact_b"] <= r["b_ci"][1] for r in small]
    print(f"exact bias inside the 99 % interval: {sum(inside)} of {len(inside)}")
    for row in digits:
        print(f"{row['surrogate']:14} {row['slope']:6g}  cosine {row['cosine']:.3f}")
    run.write({"digits": digits, "enumerated": small}, figure)


if __name__ == "__main__":
    run_main(main)
