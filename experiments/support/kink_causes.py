"""Where the cost of noise leaves Eq. 3 with kinks: network or loss.

With Δo what noise n does to the network's outputs, p the softmax at w, y the labels, the change of
the cross-entropy of a sample is ``⟨p − y, Δo⟩ + ½ΔoᵀSΔo + rest``, S = diag(p) − ppᵀ. In the mean
over white noise Eq. 3 with kinks says that the first is the kinks, the second ½s²·Tr H and the rest
0. So what is left over has four parts, which are told apart here:

- *crossing*: units cross other kinks, or by another amount, than by their tangent (because others
  did): kinks of the moved network less those of the tangent, 0 where the prediction moves it;
- *mean*: the outputs' mean moves by other than these kinks at the slopes of the loss at w (what the
  rest of the network makes of them beyond first order);
- *spread*: the outputs spread by other than their tangent ``∂o/∂w·n`` does;
- *loss*: third and higher orders of the cross-entropy in Δo; *loss_tangent* is the same for outputs
  on their tangent, which is the softmax alone, without anything of the network's kinks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from experiments.support.record import Claim, Held
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import (
    RandomStep,
    closed_form_kinks,
    has_closed_form_kinks,
    kinks_of_steps,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for

PARTS = ("crossing", "mean", "spread", "loss", "loss_tangent")

SMALL = 0.05
"""Part of the prediction that counts as little: the limits of a claim on fully connected nets."""


def causes(
    problem: Problem,
    w: Tensor,
    std: float,
    predicted: float,
    pairs: int,
    seed: int,
    place: int,
) -> dict[str, Any]:
    """The parts over antithetic pairs of white noise, in units of the prediction.

    What noise of two layers makes of the outputs together has mean 0 (so that Tr H is that of the
    Gauss-Newton matrix) and is taken out of every pair: ``½nᵀHn`` less its Gauss-Newton part.

    Args:
        problem: A classifier under cross-entropy, with whole data in one chunk.
        w: Weights, shape ``(N,)``.
        std: s in weight units.
        predicted: ½s²·Tr H and kinks.
        pairs: Antithetic pairs, 2 or more.
        seed: Seed of the noise.
        place: Which of several places with one seed this is.
    """
    x, y = problem.batch()
    outputs = problem.outputs(problem.parameters_of(w), x)
    chances = outputs.softmax(1)
    labels = functional.one_hot(y, chances.shape[1]).to(chances.dtype)
    start = outputs.logsumexp(1)

    def orders(moved: Tensor) -> tuple[float, float, float]:
        """First, second and all higher orders of the loss in what the outputs moved by."""
        first = ((chances - labels) * moved).sum(1)
        second = 0.5 * ((chances * moved.square()).sum(1) - (chances * moved).sum(1).square())
        whole = (outputs + moved).logsumexp(1) - start - (labels * moved).sum(1)
        return float(first.mean()), float(second.mean()), float((whole - first - second).mean())

    closed, product = has_closed_form_kinks(problem), problem.hessian_product(w)
    rows = np.empty((pairs, len(PARTS)))
    for k in range(pairs):
        generator = generator_for(seed, "causes", place, k, device=w.device)
        noise = std * torch.empty_like(w).normal_(generator=generator)
        with torch.no_grad():
            sides = [
                orders(problem.outputs(problem.parameters_of(w + sign * noise), x) - outputs)
                for sign in (1.0, -1.0)
            ]
        _, along = torch.func.jvp(
            lambda v: problem.outputs(problem.parameters_of(v), x), (w,), (noise,)
        )
        first, second, higher = np.mean(sides, axis=0)
        moved = kinks = float(kinks_of_steps(problem, w, [noise, -noise])[0].mean())
        if closed:
            steps = [RandomStep(noise), RandomStep(-noise)]
            kinks = float(closed_form_kinks(problem, w, steps)[0].mean())
        tangent, other = orders(along.detach()), orders(-along.detach())
        layers = 0.5 * float(noise @ product(noise)) - tangent[1]
        rows[k] = (
            moved - kinks,
            first - moved - layers,
            second - tangent[1],
            higher,
            0.5 * (tangent[2] + other[2]),
        )
    found: dict[str, Any] = {"predicted": predicted, "pairs": pairs}
    for name, values in zip(PARTS, rows.T, strict=True):
        part = Estimate.mean_of(values).times(1.0 / predicted)
        found |= {name: part.value, f"{name}_ci": part.ci}
    return found


def std_of(size: float, w: Tensor) -> float:
    """Standard deviation of noise whose length is ``size`` times ‖w‖."""
    return size * float(w.norm()) / math.sqrt(len(w))


def cause_claim(rows: list[dict[str, Any]]) -> Claim:
    """What is left of 0.05 ‖w‖ in trained networks is the loss, not the network or its kinks."""
    return Claim(
        "What Eq. 3 with kinks leaves out for noise of 0.05 ‖w‖ in trained networks is the "
        "cross-entropy's third and higher orders in the outputs: the outputs themselves move as "
        f"their tangent and the kinks say, within {SMALL:g} of the prediction each.",
        "Lemma 2.1 (Eq. 3) with kinks (ours)",
        "digits, trained; antithetic pairs of white noise, parts of the prediction, 99 % intervals",
        "; ".join(f"{row['title']}: {numbers(row)}" for row in rows if row["step"] > 0),
        _held([row for row in rows if row["step"] > 0]),
    )


def initial_claim(rows: list[dict[str, Any]]) -> Claim:
    """At initialization the parts are small, in parts of a sum that is small itself."""
    mine = [row for row in rows if row["step"] == 0]
    return Claim(
        "At initialization, where kinks are of the size of the Hessian's term and of either sign, "
        "what is left for noise of 0.01 ‖w‖ is that units cross by another amount than their "
        f"tangent says, because others did: each part lies within {SMALL:g} of the prediction.",
        "Lemma 2.1 (Eq. 3) with kinks (ours)",
        "digits, initialization, noise of 0.01 ‖w‖; parts of the prediction, 99 % intervals",
        "; ".join(
            f"{row['title']}: ½s²·Tr H {row['hessian'] / row['predicted']:+.2f} and kinks "
            f"{row['kinks'] / row['predicted']:+.2f}, {numbers(row)}"
            for row in mine
        ),
        _held(mine),
    )


def _held(rows: list[dict[str, Any]]) -> Held:
    """Whether the intervals of the outputs' two parts are small everywhere."""
    ends = [row[f"{part}_ci"] for row in rows for part in ("crossing", "mean", "spread")]
    if all(low >= -SMALL and high <= SMALL for low, high in ends):
        return "held"
    return "not held" if any(low > SMALL or high < -SMALL for low, high in ends) else "inconclusive"


def numbers(row: dict[str, Any]) -> str:
    """The parts of one row."""
    names = {
        "crossing": "crossings beyond the tangent's",
        "mean": "mean of the outputs",
        "spread": "their spread",
        "loss": "higher orders of the loss",
        "loss_tangent": "of outputs on their tangent",
    }
    return ", ".join(
        f"{text} {row[key]:+.3f} ({row[f'{key}_ci'][0]:+.3f} to {row[f'{key}_ci'][1]:+.3f})"
        for key, text in names.items()
    )
