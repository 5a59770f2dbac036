"""Mean and variance of what a chip's writes realize, as a function of the expected gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models import Chip, ElementMoments

_LINEARITY_TOLERANCE = 0.02
"""Largest relative miss of half a mean increment at which the response counts as linear.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Larger takes curved
responses for lines, whose drift is then off by as much; smaller evaluates the closed forms at every
stage.
"""

_SMALLEST_INCREMENT = 1e-3
"""Smallest increment for which a response is measured, as a part of the mean increment.

A pure number. Not tuned: the slopes are differences over the increment, which must not drown in
rounding. Smaller lets rounding into the slopes; larger describes weights that
get little by a typical increment.
"""


@dataclass(frozen=True)
class LinearResponse:
    """A response that is linear on either side of 0, in weight units.

    Attributes:
        at_rest: What is realized where nothing is asked for, such as a leak.
        up_gain: Realized over requested for positive increments.
        down_gain: The same for negative ones.
        up_variance: Variance over requested for positive increments.
        down_variance: The same for negative ones.
    """

    at_rest: ElementMoments
    up_gain: Tensor
    down_gain: Tensor
    up_variance: Tensor
    down_variance: Tensor

    def moments(self, increment: Tensor) -> ElementMoments:
        """Moments of what is realized of an increment, shape ``(N,)``."""
        rising = increment > 0
        gain = torch.where(rising, self.up_gain, self.down_gain)
        variance = torch.where(rising, self.up_variance, self.down_variance)
        return ElementMoments(
            self.at_rest.mean + gain * increment,
            self.at_rest.variance + variance * increment.abs(),
        )


class WriteResponse:
    """Moments of a chip's write near one state.

    The closed forms are evaluated anew for every increment, unless the response turns out linear
    (stochastic rounding makes it so): then two evaluations serve all stages of a step.

    Args:
        chip: The chip.
    """

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._is_linear: bool | None = None
        self._linear: LinearResponse | None = None
        # Where nothing leaks, nothing ever happens without an increment.
        self._no_leak: ElementMoments | None = None

    def linearize(self, w: Tensor, estimate: Tensor) -> None:
        """Prepare for updates near ``w`` with expected gradients near ``estimate``.

        Args:
            w: Stored weights, shape ``(N,)``.
            estimate: Mean gradient estimate, shape ``(N,)``.
        """
        if not self._chip.writes:
            return
        size = self._chip.step_size * estimate.abs()
        # Weights that get next to nothing are described by a typical increment.
        least = _SMALLEST_INCREMENT * float(size.mean()) + torch.finfo(size.dtype).tiny
        size = size.clamp_min(least)
        if self._is_linear is False:
            return
        linear = self._measured(w, size)
        if self._is_linear is None:
            half, line = self._chip.write_moments(w, 0.5 * size), linear.moments(0.5 * size)
            miss = float((half.mean - line.mean).norm())
            self._is_linear = miss <= _LINEARITY_TOLERANCE * float(half.mean.norm())
        self._linear = linear if self._is_linear else None

    def _measured(self, w: Tensor, size: Tensor) -> LinearResponse:
        at_rest = self._no_leak
        if at_rest is None:
            at_rest = self._chip.write_moments(w, torch.zeros_like(size))
            if not bool(at_rest.mean.any()) and not bool(at_rest.variance.any()):
                self._no_leak = at_rest
        up, down = self._chip.write_moments(w, size), self._chip.write_moments(w, -size)
        return LinearResponse(
            at_rest=at_rest,
            up_gain=(up.mean - at_rest.mean) / size,
            down_gain=(at_rest.mean - down.mean) / size,
            up_variance=(up.variance - at_rest.variance).clamp_min(0.0) / size,
            down_variance=(down.variance - at_rest.variance).clamp_min(0.0) / size,
        )

    def moments(
        self, w: Tensor, estimate: Tensor, variance: Tensor | None = None
    ) -> ElementMoments:
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
        if self._linear is None:
            return self._chip.write_moments(w, increment, spread)
        if spread is None:
            return self._linear.moments(increment)
        std = spread.sqrt()
        above = self._linear.moments(increment + std)
        below = self._linear.moments(increment - std)
        half = 0.5 * (above.mean - below.mean)
        return ElementMoments(
            0.5 * (above.mean + below.mean),
            0.5 * (above.variance + below.variance) + half.square(),
        )
