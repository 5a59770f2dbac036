"""Largest decay rate of a drift, which sets the stage count of a step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.step_length import RATE_AGE, REFRESH_INTERVAL

_MAX_GROWTH = 2
"""Growth of the step's length before which the rate is measured again.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Off as ``RATE_AGE`` is.
"""

_PROBE_LENGTH = 1e-2
"""Length of a probe of the curvature, as a part of the weights' length.

Tuned with ``experiments.agreement`` on its 63 chips. Larger leaves the neighbourhood; much smaller
measures between the kinks of a ReLU network, which then average out no more.
"""

_FORGETTING = 0.85
"""Part of the old rate that a new measurement does not fall below.

A pure number from 0 to 1. Tuned with ``experiments.agreement`` on its 63 chips: one product finds a
rate from below. Smaller risks steps that are not stable, which are taken again; larger keeps more
stages than needed after the curvature fell.
"""

_FIRST_ITERATIONS = 3
"""Power iterations of the first measurement, which has no direction to start from.

A count of gradients. Tuned with ``experiments.agreement`` on its 63 chips. Fewer find too small a
rate first, and steps are taken again; more cost gradients.
"""


class LargestDecayRate:
    """Largest decay rate of the drift, by power iterations along the path.

    Args:
        modes: Is told of every pair that is measured.
        max_age: Part of a training after which the rate is measured again.

    Attributes:
        value: The rate, in units of the curvature.
    """

    def __init__(self, modes: StiffModes, max_age: float = RATE_AGE) -> None:
        self._modes, self._max_age = modes, max_age
        self._probe: Tensor | None = None
        self._measured = (0, 0)
        self.value = 0.0

    def is_stale(self, done: int, steps: int, length: int) -> bool:
        """Whether what is known does not serve a step of ``length`` updates after ``done`` ones."""
        if self._probe is None:
            return True
        at, served = self._measured
        older = length >= _MAX_GROWTH * served or done - at >= self._max_age * steps
        return length > REFRESH_INTERVAL and older

    def measure(
        self,
        drift: Callable[[Tensor], Tensor],
        start: Tensor,
        here: Tensor,
        direction: Tensor,
        done: int,
        length: int,
    ) -> None:
        """One more power iteration, several at the first time.

        Args:
            drift: The mean dynamics.
            start: Weights, shape ``(N,)``.
            here: ``drift(start)``.
            direction: Direction of the first probe, shape ``(N,)``.
            done: Updates taken.
            length: How many this has to serve.
        """
        reach = _PROBE_LENGTH * max(float(start.norm()), 1e-12)
        iterations = 1
        if self._probe is None:
            iterations = _FIRST_ITERATIONS
            self._probe = direction / direction.norm().clamp_min(1e-300)
        rate = 0.0
        for _ in range(iterations):
            change = drift(start + reach * self._probe) - here
            self._modes.observe(reach * self._probe, change)
            size = float(change.norm())
            rate = size / reach
            if size > 0:
                self._probe = -change / size
        self.value = max(rate, _FORGETTING * self.value)
        self._measured = (done, length)

    def observe(self, change: Tensor, drift_change: Tensor) -> None:
        """Learn from any pair of changes, shapes ``(N,)``.

        Args:
            change: Change of the weights.
            drift_change: Change of the drift by it.
        """
        size = float(change.norm())
        if size > 0:
            self.value = max(self.value, float(drift_change.norm()) / size)
