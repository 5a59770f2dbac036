"""What a prediction to second order leaves out of a step, found by taking shorter ones.

Without noise there is no interval to hide in: prediction and measurement differ by the terms beyond
the second order, however right both are. These terms are known to shrink with the third power of
the step; an error of the prediction itself shrinks with the second or the first. So the remainder
is taken at the whole step and at a quarter of it (Richardson, Phil. Trans. R. Soc. A 1911).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograd.measure.kinks import kinks_of_steps
from neurograd.measure.moments import Moments
from neurograd.problem import Problem

PART = 0.25
"""The shorter step over the whole one."""

MOST = 0.5 * (PART**2 + PART**3)
"""Largest ratio of the two remainders at which no more than half of the whole one is of the second
order: with R(s) = c₂s² + c₃s³ it is |c₂| = |c₃|."""

_ROUNDING = 64
"""Rounding errors of a mean of losses and of its differences, in units of the precision."""


@dataclass(frozen=True)
class Truncation:
    """Measured minus predicted change of the loss by the mean step, without any noise.

    Attributes:
        value: At the whole step, in units of the loss.
        shorter: At the step times ``PART``.
        rounding: Size of what rounding alone makes of it.
    """

    value: float
    shorter: float
    rounding: float

    @property
    def beyond_second_order(self) -> bool:
        """Whether it is what the prediction leaves out: of the third order, or rounding."""
        if abs(self.value) <= self.rounding:
            return True
        return abs(self.shorter) <= max(MOST * abs(self.value), self.rounding)


def measure_truncation(
    problem: Problem,
    w: Tensor,
    moments: Moments,
    product: Callable[[Tensor], Tensor],
    step_size: float,
    gradient: Tensor | None = None,
) -> Truncation:
    """Take the mean step and a quarter of it, each beside the clean one.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        moments: Measured there.
        product: The map v → Hv there.
        step_size: Δt.
        gradient: Gradient of the loss, shape ``(N,)``, where the moments' reference is another
            update; the reference when None.
    """
    u, mean = moments.gradient, moments.mean
    slope = float((u if gradient is None else gradient) @ (mean + u))
    curvature = float(mean @ product(mean)) - float(u @ product(u))
    sizes = [step_size, PART * step_size]
    kinks, _ = kinks_of_steps(problem, w, [s * d for s in sizes for d in (mean, -u)])
    left, scale = [], 0.0
    for k, size in enumerate(sizes):
        chip, clean = (problem.per_sample_losses(w + size * d) for d in (mean, -u))
        predicted = (
            size * slope + 0.5 * size**2 * curvature + float(kinks[2 * k] - kinks[2 * k + 1])
        )
        left.append(float((chip - clean).mean()) - predicted)
        scale = max(scale, float(chip.abs().mean()), float(clean.abs().mean()))
    return Truncation(left[0], left[1], _ROUNDING * torch.finfo(w.dtype).eps * scale)
