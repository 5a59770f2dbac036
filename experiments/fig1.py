"""Figure 1: train and test accuracy against bias and noise in proportion to the gradient's norm.

Every update is ``−g + b·β + σ√f(N)·n̂`` (Eq. 1) with both b and σ√f(N) as fractions of the gradient
norm ‖g‖ at that update, gradient descent at a constant step size. **Bias**: b/‖g‖ of a single
weight, β = (1, ..., 1), so that its length is b√N/‖g‖ (second axis); a fixed random β of ±1, which
has the same length, is tried without noise beside it. **Variance**: the first axis is the *norm* of
the noise over ‖g‖, which is what the paper's code calls variance; read as the total variance
σ²f(N)/‖g‖² the same cell is at the square of that (second axis).

Without ``--data``: scikit-learn's 8×8 digits, 200 of them for training so that generalization can
be told apart, all other 1,597 for the test, full batch: an MLP 64-32-10, the same with 20 % wrong
training labels, and VGG-11 with an eighth of its filters in float32. Data, initialization and noise
are drawn anew for each seed and shared by the cells of a map, so that every cell is compared with
its own clean twin. The step size is the one of five (VGG: three) with the lowest training loss in
the worst of three clean runs on other seeds. With ``--data``: CIFAR-10, VGG-16 without batch norm,
50 epochs of batches of 5,000 drawn without replacement at each update, float32, the paper's grid,
20 seeds.

Intervals are paired over seeds (Student's t) and simultaneous at 99 % for all cells of a map
(Bonferroni). A network that diverged answers what its last weights give: class 0 where they are not
numbers. Triangles: where the expected loss of one step stops falling (Lemma 2.1 with the measured
curvature), at the tightest of three points of the clean training, median of three pilots; 0 where
a clean step itself climbs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from experiments.support.fig1.claims import claims_of
from experiments.support.fig1.figure import draw
from experiments.support.fig1.setting import (
    Item,
    Setting,
    chip_of,
    dataset_of,
    direction_of,
    items_of,
    problem_of,
    settings_of,
)
from experiments.support.record import Run, parse, run_main
from neurograd import theory
from neurograd.errors import DivergenceError
from neurograd.measure.curvature.trace import hessian_trace
from neurograd.measure.intervals import CONFIDENCE, interval
from neurograd.problem import Problem
from neurograd.problem.datasets import Dataset
from neurograd.training.loop import train

PILOTS = 3
PILOT_SEED = 1000
CURVE_POINTS = 6
POINTS = (0.0, 0.1, 0.5)
"""Parts of the clean training at which the curvature is measured."""


def compute(setting: Setting, data: Dataset, run: Run, item: Item) -> dict[str, Any]:
    """Train one network and read both accuracies."""
    problem = problem_of(setting, data, run.seed, item.seed, run.device)
    beta = direction_of(problem, run.seed, item.seed) if item.signs else 1.0
    trained = train(
        problem,
        chip_of(setting, item, beta),
        setting.steps,
        run.seed,
        chip_index=item.seed,
        curve_points=CURVE_POINTS,
    )
    return {
        "train": round(problem.accuracy(trained.weights, "train"), 5),
        "test": round(problem.accuracy(trained.weights), 5),
        "train_loss": trained.train_loss,
        "diverged": trained.diverged,
    }


def choose_step(setting: Setting, data: Dataset, run: Run) -> float:
    """The step size with the lowest training loss in the worst of the clean pilot runs.

    Raises:
        DivergenceError: If clean training diverged with every step size.
    """
    items = {
        f"{setting.name}-pilot-{step:g}-{k}": Item(0.0, 0.0, PILOT_SEED + k, step)
        for step in setting.step_sizes
        for k in range(PILOTS)
    }
    done = run.each(items, partial(compute, setting, data, run), depends_on=asdict(setting))
    worst = dict.fromkeys(setting.step_sizes, 0.0)
    for name, item in items.items():
        loss = done[name]["train_loss"]
        loss = math.inf if loss is None or done[name]["diverged"] else loss
        worst[item.step_size] = max(worst[item.step_size], loss)
    best = min(worst, key=lambda step: worst[step])
    if worst[best] == math.inf:
        raise DivergenceError(
            f"{setting.title}: clean training diverged with every step size of "
            f"{', '.join(f'{s:g}' for s in setting.step_sizes)}; allowed: data that can be learned"
        )
    return best


def first_crossing(margin: Callable[[float], float]) -> float:
    """Where a margin that begins below 0 first reaches 0; 0 if it does not, inf if it never does.

    The margins here are quadratic with one positive root, which a change of sign brackets.
    """
    if margin(0.0) >= 0:
        return 0.0
    high = 1e-9
    while margin(high) < 0:
        high *= 10.0
        if high > 1e12:
            return math.inf
    return float(brentq(margin, 0.0, high, rtol=1e-9))


def descent_limits(problem: Problem, w: Tensor, step: float, seed: int) -> tuple[float, float]:
    """Largest relative bias (β = (1, ..., 1)) and noise norm whose expected step still descends."""
    g = problem.gradient(w)
    product, ones = problem.hessian_product(w), torch.ones_like(g)
    square, norm = float(g @ g), float(g.norm())
    h_g, h_ones = product(g), product(ones)
    kappa = float(g @ h_g) / square
    trace = hessian_trace(problem, w, seed).value

    def bias_margin(b: float) -> float:
        slope = -square + b * norm * float(g.sum())
        curvature = (
            kappa * square
            - 2 * b * norm * float(g @ h_ones)
            + (b * norm) ** 2 * float(h_ones.sum())
        )
        return theory.exact_margin(slope, curvature, 0.0, step)

    def noise_margin(noise: float) -> float:
        variance = (noise * norm) ** 2
        return theory.noise_descent_margin(step, variance, norm, kappa, trace, w.numel())

    return first_crossing(bias_margin), first_crossing(noise_margin)


def limits(setting: Setting, data: Dataset, run: Run, item: Item) -> dict[str, Any]:
    """The tightest limits along one clean training."""
    problem = problem_of(setting, data, run.seed, item.seed, run.device)
    steps = sorted({int(part * setting.steps) for part in POINTS})
    chip = chip_of(setting, item, 1.0)
    trained = train(
        problem,
        chip,
        max(1, steps[-1]),
        run.seed,
        chip_index=item.seed,
        snapshots=steps,
        curve_points=2,
    )
    found = [descent_limits(problem, trained.snapshots[t], item.step_size, run.seed) for t in steps]
    return {"bias": min(b for b, _ in found), "noise": min(n for _, n in found), "steps": steps}


def summary(values: Sequence[float], clean: Sequence[float], comparisons: int) -> dict[str, Any]:
    """Mean of a cell and its paired difference to the clean twin, simultaneous at 99 %."""
    gaps = np.array(values) - np.array(clean)
    error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
    confidence = 1 - (1 - CONFIDENCE) / comparisons
    return {
        "mean": float(np.mean(values)),
        "difference": float(gaps.mean()),
        "ci": interval(float(gaps.mean()), error, len(gaps) - 1, confidence),
    }


def measure(setting: Setting, run: Run) -> dict[str, Any]:
    """One map: every cell with its seeds, and its difference to the clean cell."""
    data = dataset_of(setting, run)
    step = choose_step(setting, data, run)
    items = {f"{setting.name}-{i.cell}-{i.seed}": i for i in items_of(setting, step)}
    done = run.each(items, partial(compute, setting, data, run), depends_on=asdict(setting))
    cells: dict[str, dict[str, Any]] = {}
    for name, item in items.items():
        cell = cells.setdefault(
            item.cell,
            {"bias": item.bias, "noise": item.noise, "signs": item.signs}
            | {"train": [], "test": [], "diverged": 0},
        )
        cell["train"].append(done[name]["train"])
        cell["test"].append(done[name]["test"])
        cell["diverged"] += int(done[name]["diverged"])
    clean, comparisons = cells["b0-s0"], len(cells) - 1
    rows = []
    for cell in cells.values():
        splits = {
            f"{split}_summary": summary(cell[split], clean[split], comparisons)
            for split in ("train", "test")
        }
        rows.append(cell | splits)
    size = problem_of(setting, data, run.seed, 0, run.device).num_parameters
    return {
        "setting": asdict(setting) | {"step_size": step, "num_parameters": size},
        "comparisons": comparisons,
        "limits": limits_of(setting, data, run, step),
        "cells": rows,
    }


def limits_of(setting: Setting, data: Dataset, run: Run, step: float) -> dict[str, Any] | None:
    """Medians of the limits over the pilot seeds; none for batches, whose gradients are others."""
    if setting.batch_size is not None:
        return None
    items = {
        f"{setting.name}-limits-{k}": Item(0.0, 0.0, PILOT_SEED + k, step) for k in range(PILOTS)
    }
    done = run.each(items, partial(limits, setting, data, run), depends_on=asdict(setting))
    # An infinite limit was kept as null.
    found = {
        key: [math.inf if d[key] is None else d[key] for d in done.values()]
        for key in ("bias", "noise")
    }
    return {key: float(np.median(values)) for key, values in found.items()} | {"each": found}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig1", __doc__ or "", arguments, data=True)
    results = [measure(setting, run) for setting in settings_of(run)]
    run.write({"maps": results}, draw(results), claims_of(results))


if __name__ == "__main__":
    run_main(main)
