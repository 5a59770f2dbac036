"""The predicted path of one chip: many-steps theory, linearized anew at every point of the path.

n updates at a time are taken together. Their mean is carried by the mean update (bias, gain, dead
zones, bounds and all that depends on the state are in it), in stabilized stages; their noise is one
draw with the covariance of n updates, reduced where the gradient holds it back. The lengths n grow
along the path and shrink again to single updates at its end, where the spread is then that of the
last updates.

This replaces the frozen theory around the clean trajectory: chips that learn at another speed, or
with another rule, leave that trajectory early, and their curvature with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models import Chip, UnstableRuleError
from neurograd.forecast.estimates import Estimates
from neurograd.forecast.lengths import next_length, shortest
from neurograd.forecast.noise import UpdateNoise
from neurograd.forecast.response import Response
from neurograd.forecast.stabilized import legendre_step, stages_for
from neurograd.forecast.stiffness import FEW, LargestRate, StiffDirections
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for

SMALL_NOISE = 0.1
"""Noise, as a part of the weights' length, that needs no look at the loss."""

LOUD = 1.25
"""Growth of the loss by noise alone above which fewer updates are taken together."""

SAFETY = 1.15
"""On the largest curvature, which is known from a few products only."""

RETRIES = 3
"""Most times that a step is taken with ever more stages."""

MOST_STAGES = 1000
"""Stages above which a shorter step is taken: dynamics that diverge need ever more of them."""

CALM = 1.5
"""Growth of the slope along a step above which a shorter step is taken."""

STILL = 0.01
"""Way along a step, as a part of the weights' length, that is never too long: a few weights that
chatter at the edge of a dead zone make no difference."""

RISE = 1.5
"""Growth of the loss along a step above which a shorter step is taken."""

SLACK = 0.02
"""Part of the initial loss by which noise or a step may always raise the loss."""

LOST_AFTER, LOST_ABOVE = 0.15, 0.9
"""Part of a training after which a chip can be lost to its noise, and the part of the initial loss
that it then has never been below in the second half of its path."""


@dataclass(frozen=True)
class ForecastChip:
    """The predicted end of one chip's training.

    Attributes:
        weights: Stored weights after the last update, shape ``(N,)``.
        diverged: Whether they left all bounds on the way.
        gradients: Gradients that the prediction took.
    """

    weights: Tensor
    diverged: bool
    gradients: int


def forecast_chip(
    problem: Problem,
    chip: Chip,
    steps: int,
    seed: int,
    *,
    index: int = 0,
    progress: Progress | None = None,
) -> ForecastChip:
    """Predict the weights after a training through a chip, without training through it.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        steps: Number T of updates, 1 or more.
        seed: Seed of the noise.
        index: Which of several chips with one seed this is.
        progress: Called with the number of updates done since the last call.

    Raises:
        ValueError: If there is no update to take.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; allowed: 1 or more")
    path = _Path(problem, chip, seed, index)
    done = length = 0
    while done < steps:
        try:
            length = path.advance(done, steps, length)
        except UnstableRuleError:
            return ForecastChip(torch.full_like(path.w, torch.nan), True, path.gradients)
        done += length
        if progress is not None:
            progress(length)
        if not bool(torch.isfinite(path.w).all()):
            return ForecastChip(path.w, True, path.gradients)
        if path.is_lost(done, steps):
            break
    return ForecastChip(path.w, False, path.gradients)


class _Path:
    """Where a chip stands, and what is known of the dynamics there."""

    def __init__(self, problem: Problem, chip: Chip, seed: int, index: int) -> None:
        self._problem, self._chip, self._seed, self._index = problem, chip, seed, index
        self._generator: torch.Generator
        self.w = chip.program(problem.initial_weights).clone()
        far = torch.full_like(self.w, 1e12)
        self._low, self._high = chip.program(-far), chip.program(far)
        self._estimates, self._response = Estimates(problem, chip), Response(chip)
        self._stiff = StiffDirections()
        self._rate = LargestRate(self._stiff)
        self._noise = UpdateNoise(self._estimates, self._response, self._stiff, chip.step_size)
        # Rounded reads make steps of the slope that are no curvature.
        self._rounded = any(effect.deterministic for effect in chip.reads)
        self._estimate: Tensor | None = None
        self._last_slope: Tensor | None = None
        self._moved = self._looked = 0
        self._levels = [(0, problem.loss(self.w))]
        self._loud = False

    @property
    def gradients(self) -> int:
        """Gradients that the path took so far."""
        return self._estimates.gradients

    def is_lost(self, done: int, steps: int) -> bool:
        """Whether noise holds the chip at its initial loss: the rest would not change that."""
        if not self._loud or done < LOST_AFTER * steps:
            return False
        late = [level for at, level in self._levels if at > done // 2]
        return bool(late) and min(late) > LOST_ABOVE * self._levels[0][1]

    def advance(self, done: int, steps: int, before: int) -> int:
        """Take some updates together after ``done`` ones; returns how many."""
        self._generator = generator_for(
            self._seed, "forecast", self._index, done, device=self.w.device
        )
        estimate = self._estimate
        if estimate is None:
            estimate = self._estimates.look(self.w, self._generator)
        if not done or done - self._moved > FEW:
            self._response.move(self.w, estimate)
            self._moved = done
        ratio = self._noise.draw(self.w, estimate, self._generator)
        length, least = next_length(done, steps, before, ratio), shortest(done, steps)
        self._loud = ratio * math.sqrt(length) > SMALL_NOISE
        slope_here = self._last_slope
        while True:
            start, length = self._shaken(length, least)
            first = self._first_slope(start, done, length)
            if slope_here is not None and length > 1:
                self._noise.feel(start - self.w, first - slope_here)
            if self._rate.is_stale(done, steps, length):
                self._measure_rate(start, first, done, length)
            end, calm = self._carried(start, first, length)
            if length <= FEW:
                break
            level = self._problem.loss(end)
            if (calm and level <= self._above(RISE)) or length <= least:
                self._levels.append((done + length, level))
                break
            length = max(least, length // 2)
        self.w = self._inside(self._noise.late(end, length, self._stages(length)))
        return length

    def _slope(self, w: Tensor) -> Tensor:
        """Mean update in gradient units."""
        self._estimate = self._estimates.mean(w, self._generator)
        self._last_slope = self._realized(w, self._estimate)
        return self._last_slope

    def _first_slope(self, start: Tensor, done: int, length: int) -> Tensor:
        """Slope at the beginning of a step, with a new look at the noise if that is old."""
        if done + length - self._looked <= FEW:
            return self._slope(start)
        self._estimate = self._estimates.look(start, self._generator)
        self._looked = done + length
        return self._realized(start, self._estimate)

    def _realized(self, w: Tensor, estimate: Tensor) -> Tensor:
        """Mean update in gradient units for a mean estimate."""
        return self._response.at(w, estimate, self._estimates.spread).mean / self._chip.step_size

    def _measure_rate(self, start: Tensor, first: Tensor, done: int, length: int) -> None:
        def slope(w: Tensor) -> Tensor:
            there = self._estimates.mean(w, self._generator, reads=not self._rounded)
            return self._realized(w, there)

        here = slope(start) if self._rounded else first
        self._rate.measure(slope, start, here, first, done, length)

    def _above(self, growth: float) -> float:
        """Loss from which a step counts as too long."""
        return growth * self._levels[-1][1] + SLACK * self._levels[0][1]

    def _shaken(self, length: int, least: int) -> tuple[Tensor, int]:
        """Weights with the early noise of ``length`` updates, or of fewer if that is too loud.

        Noise that the gradient would have held back meanwhile must not pile up.
        """
        while True:
            start = self._inside(self._noise.early(self.w, length, self._stages(length)))
            if not self._loud or length <= least:
                return start, length
            if self._problem.loss(start) <= self._above(LOUD):
                return start, length
            length = max(least, length // 2)

    def _stages(self, length: int) -> int:
        """Stages of a step of ``length`` updates, by the curvature that is known."""
        span = length * self._chip.step_size
        return stages_for(SAFETY * span * self._rate.value) if length > 1 else 1

    def _carried(self, start: Tensor, first: Tensor, length: int) -> tuple[Tensor, bool]:
        """Weights after ``length`` mean updates, and whether the slope stayed calm on the way.

        A slope that grows along a step that follows it means that the step is too long for the
        dynamics: feedback that is not symmetric makes it turn, which no number of stages damps.
        """
        span = length * self._chip.step_size
        size = float(first.norm())
        calm, last = True, size

        def watched(w: Tensor) -> Tensor:
            nonlocal last
            here = self._slope(w)
            last = float(here.norm())
            return here

        stages = self._stages(length)
        for _ in range(RETRIES):
            if stages >= length:
                return self._followed(start, first, length), True
            if stages > MOST_STAGES:
                return start, False
            end = legendre_step(watched, start, first, span, stages, self._see)
            calm = last <= max(CALM * size, STILL * float(start.norm()) / span)
            if length == 1 or stages_for(span * self._rate.value) <= stages:
                break
            # The stages themselves met more curvature than was known before.
            stages = self._stages(length)
        return self._inside(end), calm

    def _followed(self, start: Tensor, first: Tensor, length: int) -> Tensor:
        """Weights after mean updates that are taken one by one, as the chip does."""
        w, here = start, first
        for k in range(length):
            w = self._inside(w + self._chip.step_size * here)
            if k < length - 1:
                here = self._slope(w)
        return w

    def _inside(self, w: Tensor) -> Tensor:
        """Cut to what the chip can hold; its grid is left out, as many updates move along it."""
        return torch.minimum(torch.maximum(w, self._low), self._high)

    def _see(self, change: Tensor, slope_change: Tensor) -> None:
        self._stiff.add(change, slope_change)
        if not self._rounded:
            self._rate.see(change, slope_change)
