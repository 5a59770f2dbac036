"""Mean and variance of what a chip realizes, as a function of the expected gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models import Chip, ElementMoments

_LINEAR = 0.02
"""Largest relative miss of half a mean increment at which the response counts as linear."""


@dataclass(frozen=True)
class Lines:
    """A response that is linear on either side of 0, in weight units.

    Attributes:
        still: What is realized where nothing is asked for, such as a leak.
        up: Realized over requested for positive increments.
        down: The same for negative ones.
        up_variance: Variance over requested for positive increments.
        down_variance: The same for negative ones.
    """

    still: ElementMoments
    up: Tensor
    down: Tensor
    up_variance: Tensor
    down_variance: Tensor

    def at(self, increment: Tensor) -> ElementMoments:
        """Moments of the realized increment."""
        rising = increment > 0
        gain = torch.where(rising, self.up, self.down)
        spread = torch.where(rising, self.up_variance, self.down_variance)
        return ElementMoments(
            self.still.mean + gain * increment,
            self.still.variance + spread * increment.abs(),
        )


class Response:
    """Moments of a chip's write near one state.

    The closed forms are evaluated anew for every increment, unless the response turns out linear
    (stochastic rounding makes it so): then two evaluations serve all stages of a step.

    Args:
        chip: The chip.
    """

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._linear: bool | None = None
        self._lines: Lines | None = None
        # Where nothing leaks, nothing ever happens without an increment.
        self._nothing: ElementMoments | None = None

    def move(self, w: Tensor, estimate: Tensor) -> None:
        """Prepare for updates near ``w`` with expected gradients near ``estimate``, ``(N,)``."""
        if not self._chip.writes:
            return
        size = self._chip.step_size * estimate.abs()
        # Weights that get next to nothing are described by a typical increment.
        size = size.clamp_min(1e-3 * float(size.mean()) + torch.finfo(size.dtype).tiny)
        if self._linear is False:
            return
        lines = self._measured(w, size)
        if self._linear is None:
            half, line = self._chip.write_moments(w, 0.5 * size), lines.at(0.5 * size)
            miss = float((half.mean - line.mean).norm())
            self._linear = miss <= _LINEAR * float(half.mean.norm())
        self._lines = lines if self._linear else None

    def _measured(self, w: Tensor, size: Tensor) -> Lines:
        still = self._nothing
        if still is None:
            still = self._chip.write_moments(w, torch.zeros_like(size))
            if not bool(still.mean.any()) and not bool(still.variance.any()):
                self._nothing = still
        up, down = self._chip.write_moments(w, size), self._chip.write_moments(w, -size)
        return Lines(
            still=still,
            up=(up.mean - still.mean) / size,
            down=(still.mean - down.mean) / size,
            up_variance=(up.variance - still.variance).clamp_min(0.0) / size,
            down_variance=(down.variance - still.variance).clamp_min(0.0) / size,
        )

    def at(self, w: Tensor, estimate: Tensor, variance: Tensor | None = None) -> ElementMoments:
        """Moments of the realized increment in weight units, shape ``(N,)``.

        Args:
            w: Stored weights.
            estimate: Mean of the gradient estimate.
            variance: Its variance; None where it is not random.
        """
        step_size = self._chip.step_size
        increment = -step_size * estimate
        spread = None if variance is None else step_size**2 * variance
        if not self._chip.writes:
            return ElementMoments(increment, torch.zeros_like(w) if spread is None else spread)
        if self._lines is None:
            return self._chip.write_moments(w, increment, spread)
        if spread is None:
            return self._lines.at(increment)
        std = spread.sqrt()
        above, below = self._lines.at(increment + std), self._lines.at(increment - std)
        half = 0.5 * (above.mean - below.mean)
        return ElementMoments(
            0.5 * (above.mean + below.mean),
            0.5 * (above.variance + below.variance) + half.square(),
        )
