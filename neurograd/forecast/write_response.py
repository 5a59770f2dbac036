"""Mean and noise of what a chip's writes realize, as a function of its gradient estimates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models import Chip, ElementMoments
from neurograd.forecast.gradient_estimates import EstimateSpread
from neurograd.forecast.held_range import HeldRange
from neurograd.forecast.noise.realized import RealizedNoise

_LINEARITY_TOLERANCE = 0.02
"""Largest relative miss of half an increment at which the response counts as linear.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Larger takes curved
responses for lines, whose drift is then off by as much; smaller evaluates the closed forms at every
stage.
"""

_RANDOM_LINEARITY_TOLERANCE = 0.05
"""The same for half and double of a typical random increment.

The average over a sample, which is the other way, has an error of its own.

A pure number. Not tuned. Larger takes trains of pulses that saturate for lines; smaller leaves
nearly linear responses to samples.
"""

_SMALLEST_INCREMENT = 1e-3
"""Smallest increment for which a response is measured, as a part of the mean increment.

A pure number. Not tuned: the slopes are differences over the increment, which must not drown in
rounding. Smaller lets rounding into the slopes; larger describes weights that
get little by a typical increment.
"""

_OTHER_SIZE = 1.5
"""Factor on the mean increment, up or down, from which a response is looked at again.

A pure number above 1. Not tuned. Increments get smaller along a training, into dead zones of their
rounding. Larger follows lines further than they were looked at; smaller costs closed forms.
"""

SMALL_PART = 0.1
"""Small increments, as a part of typical ones, of which lines are held against what is realized."""

LEAST_OF_LINE = 0.9
"""Least part of its line that a small increment realizes where the response counts as linear.

A pure number. Not tuned. Trains of pulses that saturate realize more of small ones than their line,
rounding with a dead zone less: single increments of a weight are mostly far smaller than a typical
one. Larger leaves nearly linear responses to samples, smaller takes dead zones for lines.
"""

SINGLE_UPDATES = 32
"""Single updates over which a response that is not linear is averaged.

A count. Not tuned: every drift costs as many closed forms of a write, in few calls where these take
stacks. Their sampling error acts as the noise of about ``1/SINGLE_UPDATES`` of an update more in
every update of a step, less what the control variate takes away.
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

    def gain_of(self, increments: Tensor) -> Tensor:
        """Realized over requested of a small change of all of some increments, shape ``(N,)``.

        Args:
            increments: Single ones, shape ``(K, N)``.
        """
        up = (increments > 0).to(increments.dtype).mean(0)
        return torch.lerp(self.down_gain, self.up_gain, up)

    def moments(self, increment: Tensor, size: Tensor | None = None) -> ElementMoments:
        """Moments of what is realized of an increment, shape ``(N,)``.

        With the gains q₊ and q₋, F = (q₊ + q₋)/2 and G = (q₋ − q₊)/2, the mean is F·E x − G·E|x|
        (Wu et al., arXiv:2406.12774).

        Args:
            increment: Increment, or the mean of a random one.
            size: E|x| of a random one; None for a constant. The variance is then the mean of the
                write's own variance: the spread that the increment has is not in it.
        """
        size = increment.abs() if size is None else size
        up, down = 0.5 * (size + increment), 0.5 * (size - increment)
        return ElementMoments(
            self.at_rest.mean + self.up_gain * up - self.down_gain * down,
            self.at_rest.variance + self.up_variance * up + self.down_variance * down,
        )

    def change(self, increment: Tensor, size: Tensor) -> Tensor:
        """``F·x − G·|x|`` for a sum x of increments and one of their sizes, shape ``(N,)``."""
        up, down = 0.5 * (size + increment), 0.5 * (size - increment)
        return self.up_gain * up - self.down_gain * down


class WriteResponse:
    """Moments of a chip's write near one state.

    Estimates are random in batches, for random rules and with read noise. The write is then
    averaged over their distribution: by their mean and mean size where the response is linear on
    either side of 0 (stochastic rounding makes it so, where pulses are few), which takes two
    evaluations for all stages of a step; over a normal distribution where estimates have one; else
    over single estimates of a sample, with their own mean as a control variate.

    Args:
        chip: The chip.

    Attributes:
        chip: The chip with the step size of the next updates.
    """

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._is_linear: bool | None = None
        self._tested = 0.0
        self._slopes: LinearResponse | None = None
        # Where nothing leaks, nothing ever happens without an increment.
        self._no_leak: ElementMoments | None = None
        self._states: bool | None = None

    def linearize(self, w: Tensor, estimate: Tensor, spread: EstimateSpread | None = None) -> None:
        """Prepare for updates near ``w`` with expected gradients near ``estimate``.

        Args:
            w: Stored weights, shape ``(N,)``.
            estimate: Mean gradient estimate, shape ``(N,)``.
            spread: How single estimates vary about it; None where they do not.
        """
        if not self.chip.writes:
            return
        size = self.chip.step_size * estimate.abs()
        if spread is not None:
            size = self.chip.step_size * spread.typical_size(estimate)
        self.prepare(w, size, random=spread is not None)

    def prepare(self, w: Tensor, size: Tensor, *, random: bool) -> None:
        """Prepare for updates near ``w`` of some size.

        Args:
            w: Stored weights, shape ``(N,)``.
            size: Size of increments, ``E x²/E|x|`` of random ones, shape ``(N,)``.
            random: Whether they are.
        """
        if not self.chip.writes or self._is_linear is False:
            return
        self._slopes = self.measured(w, size)
        typical = float(size.mean())
        if not self._tested / _OTHER_SIZE < typical < self._tested * _OTHER_SIZE:
            self._tested = typical
            self._is_linear = self._is_line(w, _not_tiny(size), random=random)

    def _is_line(self, w: Tensor, size: Tensor, *, random: bool) -> bool:
        """Whether increments of other sizes are on the line of the last ``measured``."""
        if not random:
            return self._keeps_line(w, 0.5 * size, _LINEARITY_TOLERANCE)
        tolerance = _RANDOM_LINEARITY_TOLERANCE
        near = all(self._keeps_line(w, k * size, tolerance) for k in (0.5, 2.0))
        return near and self._realizes_small(w, SMALL_PART * size)

    def _realizes_small(self, w: Tensor, size: Tensor) -> bool:
        """Whether there is no dead zone that swallows small increments."""
        assert self._slopes is not None
        exact, line = self._moments(w, size).mean, self._slopes.moments(size).mean
        return float(exact.norm()) >= LEAST_OF_LINE * float(line.norm())

    @property
    def line(self) -> LinearResponse | None:
        """The response where it is linear on either side of 0, by the last ``prepare``."""
        return self._slopes if self._is_linear else None

    def _keeps_line(self, w: Tensor, size: Tensor, tolerance: float) -> bool:
        assert self._slopes is not None
        exact, line = self._moments(w, size), self._slopes.moments(size)
        miss = float((exact.mean - line.mean).norm())
        return miss <= tolerance * float(exact.mean.norm())

    def measured(self, w: Tensor, size: Tensor) -> LinearResponse:
        """Slopes of the response on either side of 0 at ``w``.

        Args:
            w: Stored weights, shape ``(N,)``.
            size: Increments from which they are taken, shape ``(N,)``.
        """
        size = _not_tiny(size)
        at_rest = self._no_leak
        if at_rest is None:
            at_rest = self._moments(w, torch.zeros_like(size))
            if not bool(at_rest.mean.any()) and not bool(at_rest.variance.any()):
                self._no_leak = at_rest
        both = self.stack(w, torch.stack([size, -size]))
        variances = (both.variance - at_rest.variance).clamp_min(0.0) / size
        return LinearResponse(
            at_rest=at_rest,
            up_gain=(both.mean[0] - at_rest.mean) / size,
            down_gain=(at_rest.mean - both.mean[1]) / size,
            up_variance=variances[0],
            down_variance=variances[1],
        )

    def stack(self, w: Tensor, increments: Tensor) -> ElementMoments:
        """Moments of what writes from near ``w`` realize of each of some increments.

        Args:
            w: Weights of a path, shape ``(N,)``.
            increments: Increments, shape ``(K, N)``.
        """
        return self._from_states(w, lambda at: self.chip.write_stack(at, increments))

    def _moments(
        self, w: Tensor, increment: Tensor, variance: Tensor | None = None
    ) -> ElementMoments:
        """The same of one increment, shape ``(N,)``; normal about it where it has a variance."""
        return self._from_states(w, lambda at: self.chip.write_moments(at, increment, variance))

    def _from_states(
        self, w: Tensor, moments: Callable[[Tensor], ElementMoments]
    ) -> ElementMoments:
        """Moments as they are where devices stand.

        A path goes between the states that devices can stand at, and chips never do: a write from
        there lands on either side, whatever it is asked for. Where it lands by chance its mean is
        that of the path's own weights all the same, up to the ends of the window; where it lands on
        the nearest state it is that of the state.
        """
        if not self._has_states(w):
            return moments(w)
        stood = moments(self.chip.program(w))
        if self.chip.deterministic_writes:
            return stood
        return ElementMoments(moments(w).mean, stood.variance)

    def _has_states(self, w: Tensor) -> bool:
        """Whether devices cannot stand everywhere within their window."""
        if self._states is None:
            inside = HeldRange.of(self.chip, w).clip(0.9 * self.chip.program(w))
            self._states = not torch.equal(self.chip.program(inside), inside)
        return self._states

    def mean(self, w: Tensor, estimate: Tensor, spread: EstimateSpread | None = None) -> Tensor:
        """Mean of the realized increment in weight units, shape ``(N,)``.

        Args:
            w: Stored weights, shape ``(N,)``.
            estimate: Mean of the gradient estimate, shape ``(N,)``.
            spread: How single estimates vary about it; None where they do not.
        """
        step_size = self.chip.step_size
        increment = -step_size * estimate
        if not self.chip.writes:
            return increment
        if self._is_linear and self._slopes is not None:
            size = None if spread is None else step_size * spread.mean_absolute(estimate)
            return self._slopes.moments(increment, size).mean
        if spread is None:
            return self._moments(w, increment).mean
        if spread.normal:
            return self._moments(w, increment, step_size**2 * spread.variance).mean
        single = -step_size * spread.deviations[-SINGLE_UPDATES:]
        realized = self.stack(w, increment + single).mean
        return realized.mean(0) - slope(single, realized) * single.mean(0)

    def noise(
        self, w: Tensor, estimate: Tensor, spread: EstimateSpread | None = None
    ) -> RealizedNoise:
        """Noise of the realized increment in weight units.

        Args:
            w: Stored weights, shape ``(N,)``.
            estimate: Mean of the gradient estimate, shape ``(N,)``.
            spread: How single estimates vary about it; None where they do not.
        """
        found = self._noise(w, estimate, spread)
        if spread is None:
            return found
        if spread.batches is not None:
            found = self._with_batches(w, estimate, spread.batches, found, spread.deviations)
        if spread.shared is None:
            return found
        gain = self._gain(w, estimate, spread)
        return found.beside(-self.chip.step_size * gain * spread.shared)

    def _with_batches(
        self,
        w: Tensor,
        estimate: Tensor,
        batches: Tensor,
        found: RealizedNoise,
        deviations: Tensor,
    ) -> RealizedNoise:
        """The noise with the part of it that the samples of shuffled batches are."""
        assert found.deviations is not None
        if batches.equal(deviations):
            return replace(found, batches=found.deviations)
        rows = len(found.deviations)
        each = self._realized(w, -self.chip.step_size * (estimate + batches[-rows:]))
        # The mean over a sample takes a part of its variance away.
        kept = rows / max(1, rows - 1)
        return replace(found, batches=math.sqrt(kept) * (each - each.mean(0)))

    def _gain(self, w: Tensor, estimate: Tensor, spread: EstimateSpread) -> Tensor | float:
        """Realized over requested of a small change of all of some random increments."""
        if not self.chip.writes:
            return 1.0
        if self._is_linear and self._slopes is not None:
            return self._slopes.gain_of(-(estimate + spread.deviations))
        single = -self.chip.step_size * (estimate + spread.deviations[-SINGLE_UPDATES:])
        return slope(single, self.stack(w, single).mean)

    def _realized(self, w: Tensor, increments: Tensor) -> Tensor:
        """Mean of what is realized of each of some increments, shape ``(K, N)``."""
        if not self.chip.writes:
            return increments
        if self._is_linear and self._slopes is not None:
            return self._slopes.moments(increments).mean
        return self.stack(w, increments).mean

    def _noise(self, w: Tensor, estimate: Tensor, spread: EstimateSpread | None) -> RealizedNoise:
        step_size = self.chip.step_size
        if spread is None:
            own = self._constant(w, -step_size * estimate).variance
            return RealizedNoise(own, None)
        mean = self.mean(w, estimate, spread)
        if self._is_linear and self._slopes is not None:
            size = step_size * spread.mean_absolute(estimate)
            own = self._slopes.moments(-step_size * estimate, size).variance
            single = self._slopes.moments(-step_size * (estimate + spread.deviations)).mean
            return RealizedNoise(own, single - mean)
        single = -step_size * (estimate + spread.deviations[-SINGLE_UPDATES:])
        if not self.chip.writes:
            return RealizedNoise(torch.zeros_like(w), single - mean)
        realized = self.stack(w, single)
        return RealizedNoise(realized.variance.mean(0), realized.mean - mean)

    def _constant(self, w: Tensor, increment: Tensor) -> ElementMoments:
        """Moments of what is realized of an increment that is not random."""
        if not self.chip.writes:
            return ElementMoments.constant(increment)
        if self._is_linear and self._slopes is not None:
            return self._slopes.moments(increment)
        return self._moments(w, increment)


def _not_tiny(size: Tensor) -> Tensor:
    """Weights that get next to nothing are described by a typical increment."""
    least = _SMALLEST_INCREMENT * float(size.mean()) + torch.finfo(size.dtype).tiny
    return size.clamp_min(least)


def slope(asked: Tensor, realized: Tensor) -> Tensor:
    """Slope of the line through a sample of writes, by least squares, shape ``(N,)``.

    The mean of what is asked for is known: what the sample's is off by goes through this line, as a
    control variate. Its own error biases the mean by a part of about 1/K of K updates' spread.

    Args:
        asked: Single increments, shape ``(K, N)``.
        realized: Mean of what is realized of each, shape ``(K, N)``.
    """
    x, y = asked - asked.mean(0), realized - realized.mean(0)
    square = x.square().sum(0)
    return (x * y).sum(0) / square.clamp_min(torch.finfo(square.dtype).tiny)
