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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import brentq
from torch import Tensor

from device_models import Backprop, Chip, Minibatch, RelativeNoise
from experiments.support.record import Claim, Held, Run, parse, run_main
from experiments.support.vgg import vgg
from neurograd import theory
from neurograd.errors import DivergenceError
from neurograd.measure.curvature.trace import hessian_trace
from neurograd.measure.intervals import CONFIDENCE, interval
from neurograd.problem import Problem, datasets
from neurograd.problem.datasets import Dataset
from neurograd.problem.losses import CrossEntropy
from neurograd.problem.networks import mlp
from neurograd.report.plots import GREY, ORANGE, styled
from neurograd.seeding import generator_for
from neurograd.training.loop import train

SOURCE = "Figure 1"
MEANINGFUL = 0.01
"""Smallest change of accuracy that would matter: what is within it counts as insensitive."""

PILOTS = 3
PILOT_SEED = 1000
CURVE_POINTS = 6
CHUNK = 1000
POINTS = (0.0, 0.1, 0.5)
"""Parts of the clean training at which the curvature is measured."""

LEGEND = (
    "mean over seeds; β = (1, ..., 1); * differs from clean at 99 % for all cells of the map "
    "together; triangles: one step stops descending in expectation (where clean steps descend)"
)

SMALL_GRID: dict[str, Any] = {
    "biases": (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 1e-1),
    "noises": (0.0, 1e-1, 1.0, 3.0, 10.0, 100.0),
}


@dataclass(frozen=True)
class Setting:
    """One heat map: a network on data, and what is tried.

    Attributes:
        name: In the names of items.
        title: In the figure and the claims.
        depth: Of the VGG; None is an MLP.
        hidden: Widths of the MLP.
        factor: Divides the VGG's filters.
        classifier_width: Units of the VGG's hidden linear layers, before the division.
        steps: Updates.
        batch_size: Samples of a batch, None for the whole set.
        train_samples: Digits for training, the others are for the test; None keeps the split.
        wrong_labels: Part of the training labels that are wrong.
        step_sizes: Δt to choose from.
        biases: b/‖g‖, the first one 0.
        noises: σ√f(N)/‖g‖, the first one 0.
        seeds: Number of runs of each cell.
        dtype: Type of weights and inputs.
    """

    name: str
    title: str
    steps: int
    biases: tuple[float, ...]
    noises: tuple[float, ...]
    seeds: int = 20
    depth: int | None = None
    hidden: tuple[int, ...] = (32,)
    factor: int = 1
    classifier_width: int = 4096
    batch_size: int | None = None
    train_samples: int | None = 200
    wrong_labels: float = 0.0
    step_sizes: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    dtype: str = "float64"


@dataclass(frozen=True)
class Item:
    """One training of one cell.

    Attributes:
        bias: b/‖g‖.
        noise: σ√f(N)/‖g‖.
        seed: Which of the seeds.
        step_size: Δt.
        signs: Whether β is a random vector of ±1 instead of (1, ..., 1).
    """

    bias: float
    noise: float
    seed: int
    step_size: float
    signs: bool = False

    @property
    def cell(self) -> str:
        """Name of the cell, the same for all seeds."""
        return f"b{self.bias:g}-s{self.noise:g}" + ("-signs" if self.signs else "")


def settings_of(run: Run) -> tuple[Setting, ...]:
    """What is tried: digits, or CIFAR-10 where its folder is given; less of it in quick form."""
    if run.data is not None:
        cifar = Setting(
            name="vgg16",
            title="VGG-16, CIFAR-10",
            steps=500,  # 50 epochs of 10 batches
            biases=(0.0, *(10.0**k for k in range(-8, -1))),
            noises=(0.0, *(10.0**k for k in range(-3, 3))),
            depth=16,
            batch_size=5000,
            train_samples=None,
            dtype="float32",
        )
        small: dict[str, Any] = {
            "biases": (0.0, 1e-2),
            "noises": (0.0, 100.0),
            "step_sizes": (0.05,),
        }
        return (replace(cifar, factor=32, steps=2, seeds=2, **small) if run.quick else cifar,)
    network: dict[str, Any] = {
        "depth": 11,
        "factor": 8,
        "classifier_width": 256,
        "dtype": "float32",
    }
    if run.quick:
        grid: dict[str, Any] = {
            "biases": (0.0, 1e-4, 1e-1),
            "noises": (0.0, 0.1, 100.0),
            "seeds": 4,
        }
        return (
            Setting("mlp", "MLP, digits", 60, step_sizes=(0.5, 0.2), **grid),
            Setting("vgg", "VGG-11/8, digits", 60, step_sizes=(0.1, 0.05), **grid, **network),
        )
    return (
        Setting("mlp", "MLP, digits", 300, **SMALL_GRID),
        Setting("mlp-wrong", "MLP, 20 % wrong labels", 500, wrong_labels=0.2, **SMALL_GRID),
        Setting(
            "vgg",
            "VGG-11/8, digits",
            200,
            (0.0, 1e-4, 1e-3, 1e-2),
            (0.0, 1e-1, 1.0, 3.0, 10.0),
            # With 0.1, which three pilots would choose, one of 13 clean networks did not converge.
            step_sizes=(0.05, 0.02, 0.01),
            **network,
        ),
    )


def dataset_of(setting: Setting, run: Run) -> Dataset:
    """The data of all seeds, before they are divided."""
    dtype = getattr(torch, setting.dtype)
    flat = setting.depth is None
    if run.data is not None:
        return datasets.cifar10(run.data, flat=flat, dtype=dtype)
    return datasets.digits(flat=flat, dtype=dtype)


def problem_of(setting: Setting, data: Dataset, seed: int, k: int, device: torch.device) -> Problem:
    """Network and data of seed k."""
    path = int(generator_for(seed, "fig1-data", k).initial_seed())
    if setting.train_samples is not None:
        data = datasets.redraw_split(data, setting.train_samples, path)
    if setting.wrong_labels:
        data = datasets.with_wrong_labels(data, setting.wrong_labels, path)
    shape, generator = data.input_shape, generator_for(seed, "fig1-network", k)
    network = (
        mlp(shape, setting.hidden, 10, generator=generator)
        if setting.depth is None
        else vgg(
            setting.depth,
            shape,
            10,
            factor=setting.factor,
            classifier_width=setting.classifier_width,
            generator=generator,
        )
    )
    return Problem(
        network,
        CrossEntropy(),
        data.inputs,
        data.targets,
        test_inputs=data.test_inputs,
        test_targets=data.test_targets,
        dtype=getattr(torch, setting.dtype),
        device=device,
        chunk_size=CHUNK,
    )


def direction_of(problem: Problem, seed: int, k: int) -> Tensor:
    """A random β of ±1, shape ``(N,)``, for seed k."""
    w = problem.initial_weights
    coins = torch.randint(0, 2, w.shape, generator=generator_for(seed, "fig1-signs", k))
    return (2 * coins - 1).to(w)


def chip_of(setting: Setting, item: Item, beta: Tensor | float) -> Chip:
    """The chip that makes the updates of a cell."""
    rule = RelativeNoise(Backprop(), item.bias, item.noise, beta)
    if setting.batch_size is None:
        return Chip(rule, item.step_size)
    return Chip(Minibatch(rule, setting.batch_size), item.step_size)


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
    accuracy = trained.test_accuracy
    assert accuracy is not None  # both data sets have classes and a test set
    return {
        "train": round(problem.accuracy(trained.weights, "train"), 5),
        "test": round(accuracy, 5),
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


def items_of(setting: Setting, step: float) -> Iterator[Item]:
    """All trainings of a map; seeds outermost, so that an early stop leaves whole maps behind."""
    for k in range(setting.seeds):
        for bias in setting.biases:
            for noise in setting.noises:
                yield Item(bias, noise, k, step)
        for bias in setting.biases[1:]:
            yield Item(bias, 0.0, k, step, signs=True)


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


# -- claims -------------------------------------------------------------------------------------


def pick(result: dict[str, Any], bias: float, noise: float, signs: bool = False) -> dict[str, Any]:
    """The cell at a bias, with β = (1, ..., 1) or of random signs, and a noise."""
    found: dict[str, Any] = next(
        c for c in result["cells"] if (c["bias"], c["noise"], c["signs"]) == (bias, noise, signs)
    )
    return found


def points(summary: dict[str, Any]) -> str:
    """A difference in percentage points with its interval."""
    low, high = summary["ci"]
    mean = 100 * summary["difference"]
    return f"{mean:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"


def place(cell: dict[str, Any]) -> str:
    """Where a cell is, in words."""
    kind = ", β of random signs" if cell["signs"] else ""
    return f"bias {cell['bias']:g}, noise {cell['noise']:g}{kind}"


def tolerated(cells: Sequence[dict[str, Any]]) -> int:
    """How many cells, from the first on, stay within MEANINGFUL of the clean test accuracy."""
    for count, cell in enumerate(cells):
        low, high = cell["test_summary"]["ci"]
        if low < -MEANINGFUL or high > MEANINGFUL:
            return count
    return len(cells)


def insensitive(result: dict[str, Any]) -> tuple[Held, str]:
    """Whether some noise alone and some bias alone leave the test accuracy as it is."""
    setting = result["setting"]
    root = math.sqrt(setting["num_parameters"])
    axes = {
        "bias": [pick(result, b, 0.0) for b in setting["biases"][1:]],
        "bias of random signs": [pick(result, b, 0.0, signs=True) for b in setting["biases"][1:]],
        "noise": [pick(result, 0.0, n) for n in setting["noises"][1:]],
    }
    counts = {name: tolerated(cells) for name, cells in axes.items()}
    texts = []
    for name, cells in axes.items():
        if not counts[name]:
            texts.append(f"{name} at no level")
            continue
        last = cells[counts[name] - 1]
        texts.append(
            f"noise norm up to {last['noise']:g}‖g‖"
            if name == "noise"
            else f"{name} up to b/‖g‖ = {last['bias']:g} (length {last['bias'] * root:.2g}‖g‖)"
        )
    both = (counts["bias"] > 0, counts["noise"] > 0)
    held: Held = "held" if all(both) else "partly" if any(both) else "inconclusive"
    return held, (
        f"test accuracy shown to stay within ±{100 * MEANINGFUL:g} point of clean with "
        + ", ".join(texts)
    )


def small_amounts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Cells that are not clean and whose mean training accuracy is within MEANINGFUL of clean."""
    return [
        c
        for c in result["cells"]
        if (c["bias"] or c["noise"]) and c["train_summary"]["difference"] >= -MEANINGFUL
    ]


def helped(result: dict[str, Any]) -> tuple[Held, str]:
    """Whether any amount raised the test accuracy."""
    cells = [c for c in result["cells"] if c["bias"] or c["noise"]]
    best = max(cells, key=lambda c: c["test_summary"]["difference"])
    better = [c for c in cells if c["test_summary"]["ci"][0] > 0]
    highest = max((c["test_summary"]["ci"][1] for c in small_amounts(result)), default=math.inf)
    held: Held = "held" if better else "not held" if highest < MEANINGFUL else "inconclusive"
    return held, (
        f"{len(better)} of {len(cells)} cells better than clean; the best ({place(best)}) by "
        f"{points(best['test_summary'])}; where training is unharmed no interval goes above "
        f"{100 * highest:+.2f} points"
    )


def harmed(result: dict[str, Any]) -> tuple[Held, str]:
    """Whether the largest noise alone and the largest bias alone lower both accuracies."""
    setting = result["setting"]
    worst = {
        f"noise {setting['noises'][-1]:g}": pick(result, 0.0, setting["noises"][-1]),
        f"bias {setting['biases'][-1]:g}": pick(result, setting["biases"][-1], 0.0),
    }
    ends = [c[f"{s}_summary"]["ci"] for c in worst.values() for s in ("train", "test")]
    lower = [high < 0 for _, high in ends]
    if all(lower):
        held: Held = "held"
    elif any(lower):
        held = "partly"
    else:
        held = "not held" if all(low > -MEANINGFUL for low, _ in ends) else "inconclusive"
    return held, "; ".join(
        f"{name}: train {points(c['train_summary'])}, test {points(c['test_summary'])}"
        for name, c in worst.items()
    )


CLAIMS: tuple[tuple[str, Callable[[dict[str, Any]], tuple[Held, str]]], ...] = (
    ("Learning can be insensitive to some variance and bias of the gradient estimate", insensitive),
    ("A small amount of noise or bias can aid generalization", helped),
    ("Excessive noise and excessive bias harm learning", harmed),
)


def together(held: Sequence[Held]) -> Held:
    """One word for several settings."""
    if len(set(held)) == 1:
        return held[0]
    return "partly" if "held" in held or "partly" in held else "inconclusive"


def claims_of(results: Sequence[dict[str, Any]]) -> list[Claim]:
    """What the paper says of the figure, and what the maps say."""
    claims = []
    for sentence, judge in CLAIMS:
        found = [(r["setting"]["title"], *judge(r)) for r in results]
        claims.append(
            Claim(
                sentence,
                SOURCE,
                "; ".join(setting_text(r) for r in results),
                " | ".join(f"{title}: {held}, {text}" for title, held, text in found)
                + "; paired over seeds, simultaneous at 99 % over the cells of a map",
                together([held for _, held, _ in found]),
            )
        )
    return claims


def setting_text(result: dict[str, Any]) -> str:
    """A setting in words."""
    s = result["setting"]
    batch = "full batch" if s["batch_size"] is None else f"batches of {s['batch_size']}"
    return (
        f"{s['title']}: N = {s['num_parameters']}, {s['steps']} updates at Δt = "
        f"{s['step_size']:g}, {batch}, {s['seeds']} seeds"
    )


# -- figure -------------------------------------------------------------------------------------


def level(value: float) -> str:
    """A tick: 0, plain or as a power of ten."""
    if value == 0 or 1e-3 < value < 1e3:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**power, 1)
    return rf"$10^{{{power}}}$" if digit == 1 else rf"${digit:g}\cdot10^{{{power}}}$"


def position(value: float, levels: Sequence[float]) -> float | None:
    """Where a value is on an axis of cells, between their centres by its logarithm."""
    if not 0 < value < math.inf:
        return None
    centres = np.log(levels[1:])
    if not centres[0] <= math.log(value) <= centres[-1]:
        return None
    return 1.0 + float(np.interp(math.log(value), centres, np.arange(len(centres))))


def table(result: dict[str, Any], split: str, key: str) -> np.ndarray:
    """Percent of each cell: rows are biases, columns noises."""
    s = result["setting"]
    return np.array(
        [
            [100 * pick(result, b, n)[f"{split}_summary"][key] for n in s["noises"]]
            for b in s["biases"]
        ]
    )


def heat_map(axes: Axes, result: dict[str, Any], split: str, key: str) -> Any:
    """One panel: biases upwards, noise to the right, cells labelled."""
    s, values = result["setting"], table(result, split, key)
    scale: dict[str, Any] = {"cmap": "viridis", "vmin": 0, "vmax": 100}
    if key == "difference":
        scale = {"cmap": "RdBu", "vmin": -3, "vmax": 3}
    image = axes.imshow(values, origin="lower", aspect="auto", **scale)
    axes.grid(visible=False)
    axes.set_xticks(range(len(s["noises"])), [level(v) for v in s["noises"]])
    axes.set_yticks(range(len(s["biases"])), [level(v) for v in s["biases"]])
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row, bias in enumerate(s["biases"]):
        for column, noise in enumerate(s["noises"]):
            value = values[row, column]
            dark = value < 60 if key == "mean" else abs(value) > 1.8
            text, weight = f"{value:.0f}", "normal"
            if key == "difference":
                low, high = pick(result, bias, noise)["test_summary"]["ci"]
                clear = low > 0 or high < 0
                weight = "bold" if clear else "normal"
                text = f"{value:+.1f}" if abs(value) < 9.95 else f"{value:+.0f}"
                text = "0" if abs(value) < 0.05 else text.replace("-", "−")
                text += "*" * clear
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=7.5,
                weight=weight,
                color="white" if dark else "#222222",
            )
    return image


def limit_marks(axes: Axes, result: dict[str, Any]) -> None:
    """Where one step stops descending: triangles on the lower and the left edge, off the labels."""
    s, found = result["setting"], result["limits"] or {}
    across = position(found.get("noise", 0.0), s["noises"])
    up = position(found.get("bias", 0.0), s["biases"])
    style: dict[str, Any] = {
        "color": ORANGE,
        "markeredgecolor": "#222222",
        "markersize": 9,
        "linestyle": "none",
        "clip_on": False,
    }
    if across is not None:
        axes.plot([across], [-0.4], marker="^", **style)
    if up is not None:
        axes.plot([-0.42], [up], marker=">", **style)
    axes.set_xlim(-0.5, len(s["noises"]) - 0.5)
    axes.set_ylim(-0.5, len(s["biases"]) - 0.5)


def second_axes(axes: Axes, result: dict[str, Any], *, top: bool, right: bool) -> None:
    """The other readings: total variance above, length of the bias on the right."""
    s = result["setting"]
    if top:
        above = axes.secondary_xaxis("top")
        above.set_xticks(range(len(s["noises"])), [level(v * v) for v in s["noises"]])
        above.tick_params(length=2, labelsize=8)
        above.set_xlabel("total variance σ²f(N)/‖g‖²")
    if right:
        root = math.sqrt(s["num_parameters"])
        beside = axes.secondary_yaxis("right")
        labels = [
            f"{v * root:.2g}" if v * root >= 0.001 else level(float(f"{v * root:.0e}"))
            for v in s["biases"]
        ]
        beside.set_yticks(range(len(s["biases"])), labels)
        beside.tick_params(length=2, labelsize=8)
        beside.set_ylabel("length of the bias b√N/‖g‖")


def draw(results: Sequence[dict[str, Any]]) -> Figure:
    """The paper's two heat maps, and the difference of the second to clean, a row each setting."""
    with styled():
        rows = len(results)
        figure = Figure(figsize=(13.5, 0.9 + 3.9 * rows), layout="constrained")
        panels = figure.subplots(rows, 3, squeeze=False)
        for row, (line, result) in enumerate(zip(panels, results, strict=True)):
            title = result["setting"]["title"]
            for axes, (split, key, name) in zip(
                line,
                (
                    ("train", "mean", "train accuracy (%)"),
                    ("test", "mean", "test accuracy (%)"),
                    ("test", "difference", "test accuracy − clean (points)"),
                ),
                strict=True,
            ):
                image = heat_map(axes, result, split, key)
                axes.set_title(f"{title}: {name}", pad=8)
                figure.colorbar(image, ax=axes, pad=0.02, extend="both" if key != "mean" else None)
                limit_marks(axes, result)
                second_axes(axes, result, top=row == 0, right=key == "difference")
                axes.set_xlabel("noise norm σ√f(N)/‖g‖")
            line[0].set_ylabel("bias of a weight b/‖g‖")
        figure.supxlabel(LEGEND, fontsize=9, color=GREY)
        return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("fig1", __doc__ or "", arguments, data=True)
    results = [measure(setting, run) for setting in settings_of(run)]
    run.write({"maps": results}, draw(results), claims_of(results))


if __name__ == "__main__":
    run_main(main)
