"""Long steps of a stiff mean dynamics by Runge-Kutta-Legendre stages.

Source: Meyer, Balsara and Aslam, J. Comput. Phys. 257 (2014), the first-order scheme RKL1. With s
stages it is stable, and damps every stiff mode, as long as the span times the largest decay rate is
at most s² + s; a plain step allows 2. So n steps of gradient descent cost about √(n·Δt·λ_1)
gradients instead of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

T = TypeVar("T")


def stages_for(stiffness: float) -> int:
    """Fewest stages s with ``stiffness ≤ s² + s``.

    Args:
        stiffness: Span times largest decay rate, a pure number.
    """
    return max(1, math.ceil((math.sqrt(1.0 + 4.0 * max(0.0, stiffness)) - 1.0) / 2.0))


def legendre_step(
    slope: Callable[[Tensor], Tensor],
    start: Tensor,
    first: Tensor,
    span: float,
    stages: int,
    seen: Callable[[Tensor, Tensor], None],
) -> Tensor:
    """One step of ``y' = slope(y)`` over ``span``.

    On a linear decay of rate λ it multiplies by the Legendre polynomial
    ``P_s(1 − 2·span·λ/(s² + s))``.

    Args:
        slope: The mean dynamics.
        start: y at the beginning, shape ``(N,)``.
        first: ``slope(start)``.
        span: Length of the step.
        stages: Number s of stages, 1 or more; as many slopes are used.
        seen: Told of every pair (change of y, change of the slope) between two stages.
    """
    unit = 2.0 * span / (stages * stages + stages)
    before, now = start, start + unit * first
    last, last_slope = start, first
    for j in range(2, stages + 1):
        here = slope(now)
        seen(now - last, here - last_slope)
        last, last_slope = now, here
        weight = (2.0 * j - 1.0) / j
        after = weight * now + (1.0 - j) / j * before + weight * unit * here
        before, now = now, after
    return now
