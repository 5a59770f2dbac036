"""Mean and variance of a device's state after a train of pulses.

A single pulse takes a state h to ``clip(h + μ(h) + s(h)·ξ)``, ξ standard normal. Along a train the
distribution of the state is carried by its mean and variance: each pulse is averaged over the three
nodes of Gauss and Hermite (0 and ±√3 standard deviations, weights 2/3 and 1/6), and clipped exactly
at each node. That is exact for pulses without noise, and away from bounds for steps that are linear
in the state; near a bound the distribution is not normal, and what it is cut by is approximate.

After ``MOST_SINGLE_TRACED`` pulses the rest is taken in blocks, as in ``many_pulses``, until what
is left of the train could not change the distribution any more.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from device_models.moments import clipped_normal
from device_models.protocols import ElementMoments
from device_models.write.many_pulses import (
    MOST_BLOCKS,
    Kick,
    block_length,
    decayed,
    slope_of_step,
)

MOST_SINGLE_TRACED = 100
"""Pulses of one request whose effect on mean and variance is followed one by one."""

MOST_PULSES = 1e15
"""More pulses are not told apart, so that infinitely many are a number, too."""

SETTLED = 1e-9
"""Change of mean and deviation, as a part of the window, below which nothing follows.

That is the change by all that is left of a train: what the last pulse or block changed, times the
pulses that are left. What one pulse alone changes says that only where changes fade as well, as its
step may be as small beside the window as a train is long."""

FADING = 0.9
"""Changes of mean and variance fade where each is at most this part of the one before, which is
below ``SETTLED`` already. Then all that follow are ten times the last one at most."""

_NODES = ((0.0, 2.0 / 3.0), (math.sqrt(3.0), 1.0 / 6.0), (-math.sqrt(3.0), 1.0 / 6.0))

MOST_AT_ALL_NODES = 2**16
"""Devices up to which all nodes are averaged in one call; more, which take no notice of calls, are
taken node by node, in a third of the memory."""


def after_train(
    kick: Kick, start: Tensor, low: Tensor, high: Tensor, pulses: Tensor, part: Tensor
) -> tuple[ElementMoments, ElementMoments]:
    """Moments of the states after a number of pulses each, and after a part of one more.

    Args:
        kick: What one pulse does.
        start: States before, shape ``(n,)``.
        low: Lower bounds, shape ``(n,)``.
        high: Upper bounds, shape ``(n,)``.
        pulses: Whole number of pulses, 0 or more, shape ``(n,)``.
        part: Part of the last pulse that is taken: f of it has f times its mean and f times its
            variance; 1 for a whole one, shape ``(n,)``.
    """
    mean, variance = start.clone(), torch.zeros_like(start)
    left = pulses.clamp_max(MOST_PULSES)
    taken = 0.0
    active = torch.nonzero(left > 0).squeeze(1)
    many = torch.zeros_like(start)
    watch = _Watch(start)
    for _ in range(MOST_SINGLE_TRACED + MOST_BLOCKS):
        if active.numel() == 0:
            break
        where = _Where(kick, active, low[active], high[active])
        state = ElementMoments(mean[active], variance[active])
        block = None
        if taken < MOST_SINGLE_TRACED:
            taken += 1.0
            many[active] = taken
        else:
            block = where.block(state.mean, many[active]).minimum(left[active] - many[active])
            many[active] += block
        moved = where.moved(state, block, None)
        mean[active], variance[active] = moved.mean, moved.variance
        step = torch.ones_like(moved.mean) if block is None else block
        rest = left[active] - many[active]
        settled = watch.settled(active, state, moved, rest / step, where.high - where.low)
        active = active[(rest > 0) & ~settled]
    everywhere = torch.arange(len(start), device=start.device)
    end = ElementMoments(mean, variance)
    return end, _Where(kick, everywhere, low, high).moved(end, None, part)


class _Watch:
    """Tells the trains of which what is left changes nothing."""

    def __init__(self, start: Tensor) -> None:
        self._mean, self._variance = torch.zeros_like(start), torch.zeros_like(start)
        self._small = torch.zeros_like(start, dtype=torch.bool)

    def settled(
        self,
        which: Tensor,
        before: ElementMoments,
        after: ElementMoments,
        steps: Tensor,
        width: Tensor,
    ) -> Tensor:
        """Which of these trains are settled, after one more pulse or block each.

        Args:
            which: Numbers of the trains, shape ``(n,)``.
            before: Moments before it.
            after: Moments behind it.
            steps: How often the pulses that are left have those of this step, 0 or more.
            width: Windows.
        """
        mean, variance = (after.mean - before.mean).abs(), (after.variance - before.variance).abs()
        change = mean + (after.variance.sqrt() - before.variance.sqrt()).abs()
        least = SETTLED * width
        small = change <= least
        fading = (mean <= FADING * self._mean[which]) & (variance <= FADING * self._variance[which])
        settled = small & ((change * steps <= least) | (fading & self._small[which]))
        self._mean[which], self._variance[which], self._small[which] = mean, variance, small
        return settled


class _Where:
    """The devices that a step of the recursion is about."""

    def __init__(self, kick: Kick, which: Tensor, low: Tensor, high: Tensor) -> None:
        self._kick, self._which, self.low, self.high = kick, which, low, high

    def block(self, h: Tensor, taken: Tensor) -> Tensor:
        """Pulses that may be taken together, 1 or more."""
        mean, std = self._kick(h, self._which)
        return block_length(mean, std, self._decay(h), self.high - self.low, taken)

    def moved(
        self, state: ElementMoments, block: Tensor | None, part: Tensor | None
    ) -> ElementMoments:
        """Moments after a block of pulses, after a part of one, or after one."""
        if not bool(state.variance.any()):
            return self._from(state.mean, block, part)
        std = state.variance.sqrt()
        mean, square = torch.zeros_like(std), torch.zeros_like(std)
        nodes = std.new_tensor(_NODES).unsqueeze(-1)
        for some in nodes.split(len(nodes) if std.numel() <= MOST_AT_ALL_NODES else 1):
            place, weight = some.unbind(1)
            h = torch.minimum(torch.maximum(state.mean + place * std, self.low), self.high)
            there = self._from(h, block, part)
            # Relative to the mean before, so that a small noise on a large state loses no digits.
            shift = there.mean - state.mean
            mean += (weight * shift).sum(0)
            square += (weight * (there.variance + shift.square())).sum(0)
        return ElementMoments(state.mean + mean, (square - mean.square()).clamp_min(0.0))

    def _from(self, h: Tensor, block: Tensor | None, part: Tensor | None) -> ElementMoments:
        mean, std = self._kick(h, self._which)
        if part is not None:
            mean, std = part * mean, part.sqrt() * std
        if block is not None:
            decay = self._decay(h)
            mean = mean * decayed(decay, block)
            std = std * decayed(decay * (2.0 - decay), block).sqrt()
        return clipped_normal(h + mean, std, self.low, self.high)

    def _decay(self, h: Tensor) -> Tensor:
        return -slope_of_step(self._kick, h, self._which, self.low, self.high)
