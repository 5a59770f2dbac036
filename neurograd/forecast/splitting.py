"""How the noise of many updates is put before and after the step that carries their mean.

n updates leave the part ``F(z) = (1 − e^{−2z})/(2z)``, ``z = nΔtλ``, of their summed variance in a
direction of curvature λ (Ghosh et al., ICLR 2023, Corollary A.2, in the limit of small Δtλ). A
Legendre step multiplies what was there before by P(z), so that the variance L put after the step
and 1 − L before it give that for ``(1 − L)·P² + L = F``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

STIFF = 1.0
"""z from which all that is left of the noise comes after the step."""

MOST_LATE = 0.5
"""L of a direction without curvature."""


def legendre(stages: int, z: Tensor) -> Tensor:
    """``P_s(1 − 2z/(s² + s))``: what a Legendre step of s stages leaves of a decaying mode.

    Args:
        stages: s, 1 or more.
        z: Span times decay rate, any shape.
    """
    x = 1.0 - 2.0 * z / (stages * stages + stages)
    before, now = torch.ones_like(x), x
    for j in range(2, stages + 1):
        before, now = now, ((2 * j - 1) * x * now - (j - 1) * before) / j
    return now


def left(z: Tensor) -> Tensor:
    """F(z), the part of the variance that is left; 1 where nothing holds the noise back."""
    z = z.clamp_min(0.0)
    return torch.where(z > 1e-6, -torch.expm1(-2.0 * z) / (2.0 * z).clamp_min(1e-300), 1.0 - z)


def late_part(z: Tensor, stages: int) -> Tensor:
    """L(z), between 0 and ``MOST_LATE``, for noise of which 1 − L comes before the step."""
    z = z.clamp_min(0.0)
    kept = legendre(stages, z).square().clamp_max(1.0)
    late = torch.where(z > 1e-4, (left(z) - kept) / (1.0 - kept).clamp_min(1e-12), MOST_LATE)
    return late.clamp(0.0, MOST_LATE)


def split_parts(z: Tensor, stages: int) -> tuple[Tensor, Tensor]:
    """Variances before and after the step along directions of known curvature, each like ``z``.

    Stiff ones get none before it: it would be damped anyway, but may throw a network off.
    """
    late = late_part(z, stages)
    stiff = z > STIFF
    return torch.where(stiff, 0.0, 1.0 - late), torch.where(stiff, left(z), late)


def mean_curvature(noise: Tensor, slope_change: Tensor) -> float:
    """Curvature as the noise meets it, ``−⟨n, Δf⟩/‖n‖²``, 0 or more.

    Args:
        noise: Change n of the weights, shape ``(N,)``.
        slope_change: Change Δf of the mean update by it, shape ``(N,)``.
    """
    found = -float(noise @ slope_change) / max(float(noise @ noise), 1e-300)
    return max(0.0, found) if math.isfinite(found) else 0.0
