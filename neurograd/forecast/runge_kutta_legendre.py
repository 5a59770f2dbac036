"""Long steps of a stiff drift by Runge-Kutta-Legendre stages.

Source: Meyer, Balsara and Aslam, J. Comput. Phys. 257 (2014), the first-order scheme RKL1. With s
stages it is stable, and damps every stiff mode, as long as the span times the largest decay rate is
at most s² + s; a plain step allows 2. So n steps of gradient descent cost about √(n·Δt·λ_1)
gradients instead of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import eval_legendre
from torch import Tensor


def stage_count(stiffness: float, *, overshoots: bool = True) -> int:
    """Fewest stages s with ``stiffness ≤ s² + s``, and two where one may not overshoot.

    A plain step beyond 1 turns the stiffest mode round, up to −1 times itself at 2, and sees no
    curvature that grows meanwhile. Two stages leave a third of it there, and tell what they meet.

    Args:
        stiffness: Span times largest decay rate, a pure number.
        overshoots: Whether one stage may.
    """
    least = 1 if overshoots or stiffness <= 1.0 else 2
    return max(least, math.ceil((math.sqrt(1.0 + 4.0 * max(0.0, stiffness)) - 1.0) / 2.0))


def legendre_step(
    drift: Callable[[Tensor], Tensor],
    start: Tensor,
    first: Tensor,
    span: float,
    stages: int,
    observe: Callable[[Tensor, Tensor], None],
) -> Tensor:
    """One step of ``y' = drift(y)`` over ``span``.

    On a linear decay of rate λ it multiplies by ``stability_polynomial(stages, span·λ)``.

    Args:
        drift: The mean dynamics.
        start: y at the beginning, shape ``(N,)``.
        first: ``drift(start)``.
        span: Length of the step.
        stages: Stage count s, 1 or more; as many drifts are used.
        observe: Told of every pair (change of y, change of the drift) between two stages.
    """
    unit = 2.0 * span / (stages * stages + stages)
    before, now = start, start + unit * first
    last, last_drift = start, first
    for j in range(2, stages + 1):
        here = drift(now)
        observe(now - last, here - last_drift)
        last, last_drift = now, here
        weight = (2.0 * j - 1.0) / j
        after = torch.mul(here, weight * unit)
        before, now = now, after.add_(now, alpha=weight).add_(before, alpha=(1.0 - j) / j)
    return now


def stability_polynomial(stages: int, z: NDArray[np.float64]) -> NDArray[np.float64]:
    """``P_s(1 − 2z/(s² + s))``: what a step of s stages leaves of a decaying mode.

    P_s is the Legendre polynomial.

    Args:
        stages: Stage count s, 1 or more.
        z: Span times decay rate, any shape.
    """
    found: NDArray[np.float64] = eval_legendre(stages, 1.0 - 2.0 * z / (stages * stages + stages))
    return found
