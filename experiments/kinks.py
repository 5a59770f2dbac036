"""White noise on networks with kinks: measured cost over Eq. 3's, without and with the kinks.

Fully connected ReLU networks and a small convolutional one with max-pooling on digits, at
initialization, half way and trained. At each point all weights get white noise of 0.001, 0.01 and
0.05 of ‖w‖, and the mean change of the loss is compared with ½s²·Tr H (exact) alone and with what
the kinks add (``neurograd.theory.kinks``): in closed form for the fully connected networks, over
draws for the convolutional one.

The measurement takes losses at antithetic pairs of noise. Each pair's ½εᵀHε and kinks are
subtracted as control variates and their means are put back: ½s²·Tr H, and the kinks' closed form,
which is the exact mean of the pairs' tangent kinks. For the convolutional network the kinks' mean
over the same pairs stands in prediction and measurement. So the interval of measured over predicted
is that of the rest alone, which is what both leave out.

What is left at initialization and for 0.05 of ‖w‖ is taken apart into network and loss
(``experiments.support.kink_causes``); ``--only causes`` adds this part to a kept record.
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

from device_models import Backprop, Chip
from experiments.support.kink_causes import cause_claim, causes, initial_claim, std_of
from experiments.support.kinks import claims, draw
from experiments.support.record import CLAIMS, Run, parse, run_main
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import (
    RandomStep,
    closed_form_kinks,
    has_closed_form_kinks,
    kinks_of_steps,
)
from neurograd.problem import Problem, datasets
from neurograd.problem.losses import CrossEntropy
from neurograd.problem.networks import mlp, small_cnn
from neurograd.seeding import generator_for
from neurograd.theory import white_variance_term
from neurograd.training.loop import train

SIZES = (0.001, 0.01, 0.05)
"""Length of the noise over ‖w‖."""


@dataclass(frozen=True)
class Network:
    """One network that is measured.

    Attributes:
        title: For tables and the figure.
        make: Makes the problem from a seed.
        step_size: Δt of the clean training.
        stages: Steps after which it is measured, by name.
        pairs: Antithetic pairs of noise.
        cause_pairs: The same where the causes of what is left are told apart.
    """

    title: str
    make: Callable[[int], Problem]
    step_size: float
    stages: dict[str, int]
    pairs: int
    cause_pairs: int


def fully_connected(hidden: Sequence[int], seed: int) -> Problem:
    """A ReLU network on digits."""
    data = datasets.digits()
    network = mlp(64, hidden, 10, generator=generator_for(seed, "network"))
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def convolutional(seed: int) -> Problem:
    """Two convolutions with ReLU and max-pooling on digits of 8×8 pixels."""
    data = datasets.digits(flat=False, train_samples=800)
    generator = generator_for(seed, "network")
    network = small_cnn((1, 8, 8), (8, 16), pool="max", generator=generator)
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


_STAGES = {"initialization": 0, "half way": 300, "trained": 1800}

NETWORKS = {
    "24": Network("ReLU 64-24-10", partial(fully_connected, [24]), 0.2, _STAGES, 80, 100),
    "128-128": Network(
        "ReLU 64-128-128-10", partial(fully_connected, [128, 128]), 0.2, _STAGES, 40, 60
    ),
    "32x4": Network("ReLU 64-32×4-10", partial(fully_connected, [32] * 4), 0.2, _STAGES, 80, 120),
    "cnn": Network(
        "CNN 8-16, max-pooling",
        convolutional,
        0.3,
        {"initialization": 0, "half way": 150, "trained": 950},
        24,
        40,
    ),
}


def measure(name: str, run: Run) -> dict[str, Any]:
    """All rows of one network."""
    network = NETWORKS[name]
    problem = network.make(run.seed)
    stages = {"half way": network.stages["half way"]} if run.quick else network.stages
    last = max(stages.values())
    trained = train(
        problem,
        Chip(Backprop(), network.step_size),
        last,
        run.seed,
        snapshots=list(stages.values()),
    )
    rows = []
    for stage, step in stages.items():
        w = trained.snapshots[step]
        trace = float(exact_diagonal(problem, w).sum())
        for k, size in enumerate(SIZES[:2] if run.quick else SIZES):
            pairs = 6 if run.quick else network.pairs
            found = row(problem, w, trace, size, pairs, run.seed, len(SIZES) * step + k)
            rows.append({"stage": stage, "step": step, "loss": problem.loss(w), **found})
    return {"title": network.title, "num_parameters": problem.num_parameters, "rows": rows}


def row(
    problem: Problem, w: Tensor, trace: float, size: float, pairs: int, seed: int, place: int
) -> dict[str, Any]:
    """White noise of ``size`` times ‖w‖: Eq. 3, the kinks, and what is measured."""
    total_variance = (size * float(w.norm())) ** 2
    std = math.sqrt(total_variance / len(w))
    base, product = problem.per_sample_losses(w), problem.hessian_product(w)
    closed = has_closed_form_kinks(problem)
    kinks, rest, places = np.empty(pairs), np.empty(pairs), None
    for k in range(pairs):
        generator = generator_for(seed, "white", place, k, device=w.device)
        noise = std * torch.empty_like(w).normal_(generator=generator)
        both = problem.per_sample_losses(w + noise) + problem.per_sample_losses(w - noise)
        if closed:
            found, places = closed_form_kinks(problem, w, [RandomStep(noise), RandomStep(-noise)])
        else:
            found, places = kinks_of_steps(problem, w, [noise, -noise])
        kinks[k] = found.mean()
        rest[k] = float((0.5 * both - base).mean() - 0.5 * noise @ product(noise)) - kinks[k]
    if closed:
        white = RandomStep(torch.zeros_like(w), torch.full_like(w, std**2))
        by_kinks = Estimate.exact(float(closed_form_kinks(problem, w, [white])[0][0]))
    else:
        by_kinks = Estimate.mean_of(kinks)
    smooth = white_variance_term(total_variance, trace, len(w), 1.0)
    predicted = smooth + by_kinks.value
    left = Estimate.mean_of(rest)
    ratio = left.times(1.0 / predicted)
    low, high = ratio.ci
    assert places is not None
    return {
        "size": size,
        "method": "closed form" if closed else "draws",
        "hessian": smooth,
        "kinks": by_kinks.value,
        "kinks_ci": by_kinks.ci,
        "at_kink": places.at_kink,
        "predicted": predicted,
        "measured": predicted + left.value,
        "ratio_without": (predicted + left.value) / smooth,
        "ratio": 1.0 + ratio.value,
        "ratio_ci": (1.0 + low, 1.0 + high),
        "pairs": pairs,
    }


def tell_apart(name: str, run: Run, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Causes of what is left at initialization and, for the strongest noise, when trained.

    Args:
        name: The network.
        run: The run.
        rows: What ``measure`` found of it.
    """
    network = NETWORKS[name]
    problem = network.make(run.seed)
    last = max(network.stages.values())
    trained = train(problem, Chip(Backprop(), network.step_size), last, run.seed, snapshots=[0])
    found = []
    for step, size in ((0, SIZES[1]), (last, SIZES[2])):
        w = trained.snapshots[0] if step == 0 else trained.weights
        kept = next((r for r in rows if (r["step"], r["size"]) == (step, size)), None)
        if kept is None:  # the small form
            continue
        parts = causes(
            problem, w, std_of(size, w), kept["predicted"], network.cause_pairs, run.seed, step
        )
        head = {"title": network.title, "stage": kept["stage"], "step": step, "size": size}
        found.append(head | {"hessian": kept["hessian"], "kinks": kept["kinks"]} | parts)
    return {"rows": found}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("kinks", __doc__ or "", arguments, parts=("causes",))
    kept = {} if run.only is None else run.kept()
    found = kept.get("networks") or run.each(
        {name: name for name in NETWORKS}, lambda name: measure(name, run)
    )
    parts = kept.get("causes", [])
    if run.only != CLAIMS:
        apart = run.each(
            {f"causes-{name}": name for name in NETWORKS},
            lambda name: tell_apart(name, run, found[name]["rows"]),
            depends_on="causes",
        )
        parts = [row for result in apart.values() for row in result["rows"]]
    made = claims(found)
    if parts:
        made += [cause_claim(parts), initial_claim(parts)]
    run.write({"networks": found, "causes": parts}, draw(found), made)


if __name__ == "__main__":
    run_main(main)
