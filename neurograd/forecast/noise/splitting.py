"""How the noise of many updates is put before and after the step that carries their drift.

n updates leave the part ``F(z) = (1 − e^{−2z})/(2z)``, ``z = nΔtλ``, of their summed variance in a
mode of curvature λ (Ghosh et al., ICLR 2023, Corollary A.2, in the limit of small Δtλ). A
Runge-Kutta-Legendre step multiplies what was there before by its stability polynomial P(z), so that
the variance L put after the step and 1 − L before it give that for ``(1 − L)·P² + L = F``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neurograd.forecast.runge_kutta_legendre import stability_polynomial

STIFF = 1.0
"""z from which a mode is stiff: all that is left of its noise comes after the step.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips; at 1, noise is held back within
one step. Larger throws networks off with noise that the drift damps again; smaller hides noise from
the drift that it still answers to.
"""

MAX_PART_AFTER = 0.5
"""L of a mode without curvature.

Derived: without curvature, half of the noise of n updates comes, on average over them, before
their drift. It is also the largest L, so that the drift sees at least half of the noise. Smaller
puts more of the noise where the drift meets it, larger hides it from the gradient.
"""


def remaining_variance(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """F(z), the part of the variance that is left; 1 where nothing holds the noise back.

    Args:
        z: Span times curvature, any shape.
    """
    z = np.maximum(z, 0.0)
    return np.where(z > 1e-6, -np.expm1(-2.0 * z) / np.maximum(2.0 * z, 1e-300), 1.0 - z)


def part_after_drift(z: NDArray[np.float64], stages: int) -> NDArray[np.float64]:
    """L(z), from 0 to ``MAX_PART_AFTER``, for noise of which 1 − L comes before the step.

    Args:
        z: Span times curvature, any shape.
        stages: Stage count of the step.
    """
    z = np.maximum(z, 0.0)
    kept = np.minimum(np.square(stability_polynomial(stages, z)), 1.0)
    needed = (remaining_variance(z) - kept) / np.maximum(1.0 - kept, 1e-12)
    return np.clip(np.where(z > 1e-4, needed, MAX_PART_AFTER), 0.0, MAX_PART_AFTER)


def split_variance(
    z: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances before and after the step in modes of known curvature, each like ``z``.

    Stiff modes get none before the step: it would be damped anyway, but may throw a network off.

    Args:
        z: Span times curvature, any shape.
        after: ``part_after_drift`` of it, like ``z``.
    """
    stiff = z > STIFF
    return np.where(stiff, 0.0, 1.0 - after), np.where(stiff, remaining_variance(z), after)


def curvature_along(noise: Tensor, drift_change: Tensor) -> float:
    """Curvature as the noise meets it, ``−⟨n, Δf⟩/‖n‖²``, 0 or more.

    Args:
        noise: Change n of the weights, shape ``(N,)``.
        drift_change: Change Δf of the drift by it, shape ``(N,)``.
    """
    found = -float(noise @ drift_change) / max(float(noise @ noise), 1e-300)
    return max(0.0, found) if math.isfinite(found) else 0.0
