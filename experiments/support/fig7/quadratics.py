"""Random quadratics that try every bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.support.fig7.grid import MOST_S, Effort
from experiments.support.quadratic import directions, loss_changes
from experiments.support.record import Run
from neurograd.seeding import generator_for
from neurograd.theory import (
    bias_ratio_threshold,
    noise_curvature_threshold,
    noise_descent_margin,
)

CROSSING = 2 * math.sqrt(3) - 2

MOST_WEIGHTS = 8


@dataclass(frozen=True)
class Quadratics:
    """Random quadratics in their eigenbases, padded with zeros to 8 weights.

    Attributes:
        lam: Eigenvalues, the largest one first and positive, shape ``(K, 8)``.
        g: Unit gradients, shape ``(K, 8)``.
        beta: Unit directions of the bias, shape ``(K, 8)``.
        step_size: Δt, shape ``(K,)``.
        s: λ_1·Δt, shape ``(K,)``.
    """

    lam: Tensor
    g: Tensor
    beta: Tensor
    step_size: Tensor
    s: Tensor


def random_quadratics(count: int, most_s: float, generator: torch.Generator) -> Quadratics:
    """Quadratics of 1 to 8 weights, also indefinite ones, half of them near the worst direction.

    Uniform are λ_1·Δt up to ``most_s``, N, and the other eigenvalues from −λ_1 to λ_1 (their size
    raised to a random power, so that one eigenvalue often dominates). In half of them the gradient
    is near the sharpest direction and the bias near ±g.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    size = torch.randint(1, MOST_WEIGHTS + 1, (count, 1), generator=generator)
    used = torch.arange(MOST_WEIGHTS) < size
    s = most_s * uniform(count)
    step_size = 10 ** (-3 + uniform(count))
    others = 2 * uniform(count, MOST_WEIGHTS) - 1
    others = others.sign() * others.abs() ** (1 + 5 * uniform(count, 1))
    others[:, 0] = 1.0
    lam = others * used * (s / step_size).unsqueeze(1)
    near = uniform(count, 1) < 0.5
    shape = (count, MOST_WEIGHTS)
    first = torch.zeros(shape, dtype=torch.float64)
    first[:, 0] = 1.0
    scatter = 0.3 * uniform(count, 1)
    g = torch.where(near, first, 0.0) + torch.where(near, scatter, 1.0) * directions(
        shape, generator
    )
    g = unit(g * used)
    sign = (uniform(count, 1) < 0.5).double() * 2 - 1
    around = torch.where(near, sign * g, 0.0)
    beta = around + torch.where(near, scatter, 1.0) * directions(shape, generator)
    return Quadratics(lam, g, unit(beta * used), step_size, s)


def unit(vectors: Tensor) -> Tensor:
    """Vectors scaled to length 1 along the last axis."""
    return vectors / vectors.norm(dim=-1, keepdim=True)


def thresholds(quadratics: Quadratics, form: str) -> Tensor:
    """The bound on r of every quadratic, shape ``(K,)``."""
    curvature = quadratics.lam[:, 0] if form == "safe" else quadratics.lam.norm(dim=1)
    pairs = zip(curvature.tolist(), quadratics.step_size.tolist(), strict=True)
    values = [bias_ratio_threshold(c, dt, form) for c, dt in pairs]
    return torch.tensor(values, dtype=torch.float64)


def ascends(quadratics: Quadratics, ratio: Tensor, beta: Tensor | None = None) -> Tensor:
    """Whether the biased step raises the loss, shape ``(K,)``."""
    beta = quadratics.beta if beta is None else beta
    update = -quadratics.g + ratio.unsqueeze(1) * beta
    q = quadratics
    return loss_changes(q.lam, q.g, update, q.step_size) > 0


def try_bounds(chunk: int, effort: Effort, run: Run) -> dict[str, Any]:
    """How often the loss ascends where a bound says that it descends, and the other way round."""
    generator = generator_for(run.seed, "quadratics", chunk)
    found = random_quadratics(effort.quadratics, MOST_S, generator)
    published, safe = thresholds(found, "published"), thresholds(found, "safe")
    below = 0.999 * torch.rand(effort.quadratics, generator=generator, dtype=torch.float64)
    psi_s = found.lam.norm(dim=1) * found.step_size
    high = psi_s > CROSSING
    allowed = ascends(found, below * published)
    guaranteed = found.s < 2
    between = (published < safe) & (found.s < CROSSING)
    mixed = published + below * (safe - published)
    # Tightness: one weight, the bias along g for s ≤ 1 and against it above, r just above it.
    worst = torch.zeros_like(found.g)
    worst[:, 0] = 1.0
    sharp = Quadratics(found.lam, worst, worst, found.step_size, found.s)
    sign = torch.where(found.s <= 1, 1.0, -1.0).unsqueeze(1)
    just_above = ascends(sharp, 1.001 * safe, sign * worst) & guaranteed
    return {
        "published_tried": effort.quadratics,
        "published_ascents": int(allowed.sum()),
        "published_tried_above": int(high.sum()),
        "published_ascents_above": int((allowed & high).sum()),
        "safe_tried": int(guaranteed.sum()),
        "safe_ascents": int((ascends(found, below * safe) & guaranteed).sum()),
        "between_tried": int(between.sum()),
        "between_ascents": int((ascends(found, mixed) & between).sum()),
        "just_above_tried": int(guaranteed.sum()),
        "just_above_ascents": int(just_above.sum()),
        **try_noise(effort.quadratics // 5, generator),
    }


def try_noise(count: int, generator: torch.Generator) -> dict[str, Any]:
    """Theorem 3.1 on random quadratics of 8 weights: in expectation, and one noisy step each.

    Uniform are λ_N/λ_1 and the eigenvalues between; λ_1·Δt and σ/‖g‖ are log-uniform from 0.1 to
    10. Only quadratics of which the theorem says something count.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    dt, sigma = 10 ** (-3 + uniform(count)), 10 ** (2 * uniform(count) - 1)
    flat = uniform(count, 1)
    lam = flat + (1 - flat) * uniform(count, MOST_WEIGHTS)
    lam = lam / lam.amax(1, keepdim=True) * (10 ** (2 * uniform(count) - 1) / dt).unsqueeze(1)
    g = directions((count, MOST_WEIGHTS), generator)
    normal = torch.randn(g.shape, generator=generator, dtype=g.dtype)
    update = -g + (sigma / math.sqrt(MOST_WEIGHTS)).unsqueeze(1) * normal
    changes = loss_changes(lam, g, update, dt).tolist()
    kappa = (lam * g.square()).sum(1).tolist()
    ends = zip(lam.amax(1).tolist(), lam.amin(1).tolist(), lam.sum(1).tolist(), strict=True)
    found = {
        f"noise_{side}_{what}": 0
        for side in ("descent", "ascent")
        for what in ("tried", "expectation_against", "steps_against")
    }
    for k, (largest, smallest, trace) in enumerate(ends):
        step, noise = float(dt[k]), float(sigma[k])
        limit = noise_curvature_threshold(step, noise**2, 1.0)
        if smallest < limit < largest:
            continue
        side, sign = ("descent", 1) if largest <= limit else ("ascent", -1)
        margin = noise_descent_margin(step, noise**2, 1.0, kappa[k], trace, MOST_WEIGHTS)
        found[f"noise_{side}_tried"] += 1
        found[f"noise_{side}_expectation_against"] += sign * margin > 0
        found[f"noise_{side}_steps_against"] += sign * changes[k] > 0
    return found
