"""The cost of one step with known mean and white noise on networks with kinks.

Losses are taken at antithetic pairs of noise, which removes the first order. Each pair's ½nᵀHn and
kinks are subtracted as control variates, and their means are put back: ½σ²·Tr H, and the kinks'
closed form, which is the exact mean of the pairs' tangent kinks. Where a network has no closed
form, the kinks' mean over the same pairs stands in prediction and measurement. What is left beside
Eq. 3 and the kinks then has a small error of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import (
    RandomStep,
    closed_form_kinks,
    has_closed_form_kinks,
    kinks_of_steps,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for


@dataclass(frozen=True)
class KinkedStep:
    """E[ΔL] of one step against the clean one; in units of the loss.

    Attributes:
        kinks: Kinks of the step less those of the clean one.
        rest: What is measured beyond Eq. 3 and the kinks; without error for a step without noise.
    """

    kinks: Estimate
    rest: Estimate


def kinked_step(
    problem: Problem,
    w: Tensor,
    mean: Tensor,
    clean: Tensor,
    variance: float,
    smooth: float,
    trace: float,
    pairs: int,
    seed: int,
    *,
    point: int = 0,
) -> KinkedStep:
    """Kinks of a step, and what it costs beyond them and Eq. 3.

    Args:
        problem: Network, loss and data.
        w: Weights before the step, shape ``(N,)``.
        mean: Mean step, in weight units, shape ``(N,)``.
        clean: Clean step, in weight units, shape ``(N,)``.
        variance: Total variance of the step's white noise, in weight units squared.
        smooth: Eq. 3's prediction of the change against the clean step.
        trace: Tr H at w.
        pairs: Antithetic pairs of noise, 2 or more where there is noise.
        seed: Seed of the noise.
        point: Which of several places with one seed this is.
    """
    base = problem.per_sample_losses(w + clean)
    if variance == 0:
        kinks = _kinks(problem, w, [mean, clean])
        step = Estimate.exact(float(kinks[0] - kinks[1]))
        change = float((problem.per_sample_losses(w + mean) - base).mean())
        return KinkedStep(step, Estimate.exact(change - smooth - step.value))
    std = (variance / len(w)) ** 0.5
    product = problem.hessian_product(w)
    changes, curved, steps = np.empty(pairs), np.empty(pairs), [clean]
    for k in range(pairs):
        noise = std * torch.empty_like(w).normal_(
            generator=generator_for(seed, "kinked step", point, k, device=w.device)
        )
        steps += [mean + noise, mean - noise]
        both = problem.per_sample_losses(w + steps[-2]) + problem.per_sample_losses(w + steps[-1])
        changes[k] = float((0.5 * both - base).mean())
        curved[k] = 0.5 * float(noise @ product(noise))
    found = _kinks(problem, w, steps)
    crossed = found[1:].reshape(-1, 2).mean(1) - found[0]
    expected = Estimate.mean_of(crossed)
    if has_closed_form_kinks(problem):
        white = RandomStep(mean, torch.full_like(w, std**2))
        exact = closed_form_kinks(problem, w, [white])[0][0] - found[0]
        expected = Estimate.exact(float(exact))
    left = Estimate.mean_of(changes - curved - crossed)
    # Eq. 3's terms of the mean step alone, without ½σ²·Tr H, stand in every pair's change.
    rest = left.value - (smooth - 0.5 * std**2 * trace)
    return KinkedStep(expected, Estimate(rest, left.error, left.degrees))


def _kinks(problem: Problem, w: Tensor, steps: list[Tensor]) -> np.ndarray:
    """Kinks of steps: along their tangents where there is a closed form, else as they are."""
    if has_closed_form_kinks(problem):
        return closed_form_kinks(problem, w, [RandomStep(step) for step in steps])[0]
    return kinks_of_steps(problem, w, steps)[0]
