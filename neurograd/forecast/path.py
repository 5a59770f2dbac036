"""The predicted path of one chip: many-steps theory, linearized anew at every point of the path.

n updates at a time are taken together, as one step of a stochastic differential equation. Their
mean, the drift, is integrated in stabilized stages (bias, gain, dead zones, bounds and all that
depends on the state are in it); their noise, the diffusion, is one draw with the covariance of n
updates, reduced where the gradient holds it back. The lengths n grow along the path and shrink
again to single updates at its end, where the spread is then that of the last updates.

Where step sizes fall, the updates of a step have nearly the same one, and the step has their mean.
Where epochs are shuffled, a step is a part of an epoch or whole ones. In small batches it follows
the samples that it visits; else the noise of its batches is that of samples that do not come twice,
and what the epoch has shown so far shifts the mean of the rest (``noise.shuffled_epochs``).

This replaces the frozen theory around the clean trajectory: chips that learn at another speed, or
with another rule, leave that trajectory early, and their curvature with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from device_models import Chip, RelativeNoise, UnstableRuleError, WhiteNoise
from neurograd.forecast.decay_rate import LargestDecayRate
from neurograd.forecast.dynamics import Dynamics, WholeSetDynamics
from neurograd.forecast.held_range import HeldRange
from neurograd.forecast.noise.shuffled_epochs import EpochPart
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.regimes.path_losses import PATIENCE, PathLosses
from neurograd.forecast.runge_kutta_legendre import legendre_step, stage_count
from neurograd.forecast.step_length import (
    REFRESH_INTERVAL,
    Pace,
    min_step_length,
    next_step_length,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.training.course import with_step_size
from neurograd.training.schedules import ConstantStep, Schedule, mean_factor, steady_updates

SMALL_NOISE = 0.1
"""Noise of a step below which the loss is not evaluated for it, as a part of the weights' length.

Tuned with ``experiments.agreement`` on its 63 chips. Larger lets noise pile up that gradients would
have held back; smaller costs a loss for every step. It also is the least noise by which a chip can
be given up.
"""

MAX_NOISE_GROWTH = 1.25
"""Growth of the loss by noise alone above which a step takes fewer updates.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Larger lets noise pile up that
gradients would have held back meanwhile: losses come out too high; smaller costs steps.
"""

STABILITY_MARGIN = 1.15
"""Factor on the largest decay rate, which is known from a few products only, from below.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Smaller takes more steps twice;
larger costs stages, as its square root.
"""

MAX_ATTEMPTS = 3
"""Most times that a step is taken with ever more stages.

A count. Tuned with ``experiments.agreement`` on its 63 chips. Fewer leave steps that are not
stable; more cost gradients where curvature grows with every attempt.
"""

MAX_STAGES = 1000
"""Stage count above which a shorter step is taken: dynamics that diverge need ever more stages.

Tuned with ``experiments.agreement`` on its 63 chips: it bounds the cost of a step. Smaller shortens
steps that are sound, larger costs time on chips that diverge.
"""

STEADY_STEP_SIZE = 1.2
"""Largest step size of the updates of one step over the smallest.

A pure number above 1. Not tuned: the mean square of step sizes within it is 0.3 % above their
squared mean. Larger puts the noise off where step sizes fall; smaller costs steps.
"""

MAX_DRIFT_GROWTH = 1.5
"""Growth of the drift along a step above which a shorter step is taken.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Larger lets dynamics that turn,
as feedback that is not symmetric makes them, leave their path; smaller costs steps.
"""

NEGLIGIBLE_MOTION = 0.01
"""Way along a step that is never too long, as a part of the weights' length.

Tuned with ``experiments.agreement`` on its 63 chips: a few weights that chatter at the edge of a
dead zone make no difference. Smaller costs steps on such chips; larger misses drifts that turn.
"""

MAX_LOSS_GROWTH = 1.5
"""Growth of the loss along a step above which a shorter step is taken.

A pure number. Tuned with ``experiments.agreement`` on its 63 chips. Larger lets steps through that
are too long for the dynamics; smaller costs steps on chips whose loss does rise.
"""


DIVERGENCES = (UnstableRuleError, OverflowError, torch.linalg.LinAlgError)
"""What a path that leaves all bounds ends in: numbers too large for a count of stages or for
eigenvalues among them."""


class PredictedPath:
    """Where a chip stands, and what is known of the dynamics there.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        seed: Seed of the noise.
        index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training; 1 when None.
        dynamics: Makes mean and noise of the updates, by gradients over the whole set when None.
        pace: How the path goes on.
        writes_a_read: Updates behind one random read, where ``dynamics`` is None.

    Attributes:
        w: Stored weights, shape ``(N,)``.
        losses: Its losses so far.
    """

    def __init__(
        self,
        problem: Problem,
        chip: Chip,
        seed: int,
        index: int,
        schedule: Schedule | None,
        dynamics: Callable[[StiffModes], Dynamics] | None = None,
        pace: Pace = Pace(),  # noqa: B008
        writes_a_read: float = 1.0,
    ) -> None:
        self._problem, self._chip, self._seed, self._index = problem, chip, seed, index
        self._schedule = None if isinstance(schedule, ConstantStep) else schedule
        self._full = chip
        self._before, self._pace = pace.before, pace
        self._generator: torch.Generator
        self.w = chip.program(problem.initial_weights).clone()
        self._clip = HeldRange.of(chip, self.w).clip
        self._modes = StiffModes()
        self._rate = LargestDecayRate(self._modes, pace.rate_age)
        self._dynamics: Dynamics = (
            WholeSetDynamics(problem, chip, self._modes, writes_a_read)
            if dynamics is None
            else dynamics(self._modes)
        )
        self._diffusion, self._epochs = self._dynamics.diffusion, self._dynamics.epochs
        # Rounded reads make steps of the drift that are no curvature.
        self._reads_rounded = any(effect.deterministic for effect in chip.reads)
        self.losses = PathLosses(self._dynamics.loss, self.w)
        self._noise_is_large = self._is_forced = False
        self._learning_time: float | None = None

    @property
    def gradients(self) -> int:
        """Gradients that the path took so far."""
        return self._dynamics.gradients

    def is_held_by_noise(self, done: int, steps: int) -> bool:
        """Whether noise holds the chip at an untrained loss: the rest would not change that."""
        # Smaller steps have less noise.
        may_last = self._noise_is_large and self._schedule is None
        if not (may_last and self.losses.stay_untrained(done, steps)):
            return False
        if self._learning_time is None:
            self._learning_time = self._time_without_noise(math.ceil(steps / PATIENCE))
        return done >= PATIENCE * self._learning_time

    def _time_without_noise(self, within: int) -> float:
        """Updates in which the chip without its noise learns something; infinite if in no few."""
        rule = self._chip.rule
        if isinstance(rule, WhiteNoise | RelativeNoise):
            rule = rule.rule
        exact = replace(self._chip, rule=rule, reads=(), writes=())
        path, done = PredictedPath(self._problem, exact, self._seed, self._index, None), 0
        while done < within and not path.losses.has_left_untrained():
            try:
                done += path.advance(done, within)
            except DIVERGENCES:
                return math.inf
            if not bool(torch.isfinite(path.w).all()):
                return math.inf
        return done if path.losses.has_left_untrained() else math.inf

    def advance(self, done: int, steps: int) -> int:
        """Take some updates together after ``done`` ones; returns how many."""
        self._generator = generator_for(
            self._seed, "forecast", self._index, done, device=self.w.device
        )
        length = planned = self._planned_length(done, steps)
        least = min_step_length(done, steps)
        before_noise = self._dynamics.before_noise
        while True:
            start, length = self._apply_noise(done, length, least)
            before_noise = self._dynamics.shorten(length, before_noise)
            first = self._dynamics.first_drift(start, done, length, self._generator)
            self._observe_noise(start, first, before_noise, length)
            if self._rate.is_stale(done, steps, length):
                self._measure_decay_rate(start, first, done, length)
            shift_of = partial(self._shift, done, length)
            end, sound = self._integrate_drift(start, first, length, shift_of)
            after = self._with_last_noise(end, done, length)
            if length <= REFRESH_INTERVAL:
                break
            loss = self._dynamics.loss(end)
            sound = sound and loss <= self.losses.bound(MAX_LOSS_GROWTH)
            if length <= least or (sound and not self._is_thrown(after)):
                self.losses.add(done + length, loss)
                break
            length = self._cut(done, max(least, length // 2))
        self.w = after
        self._take_epoch(done, length)
        if length < planned:
            self._before = length
        self.losses.forced += length if self._is_forced else 0
        return length

    def _planned_length(self, done: int, steps: int) -> int:
        """How many updates to take together, with their noise drawn.

        They have nearly one step size, and whole epochs or a part of one.
        """
        planned = self._cut(done, next_step_length(done, steps, self._before, 0.0, self._pace))
        if self._schedule is not None:
            self._use_step_size(done, planned)
        self._dynamics.begin(self.w, done, planned, self._generator)
        ratio = self._dynamics.draw_noise(self.w, self._generator)
        self._before = next_step_length(done, steps, self._before, ratio, self._pace)
        length = self._cut(done, self._before)
        self._noise_is_large = ratio * math.sqrt(length) > SMALL_NOISE
        return length

    def _cut(self, done: int, length: int) -> int:
        """A length, or a smaller one that ends where step size or epoch do."""
        if self._schedule is not None:
            length = steady_updates(self._schedule, done, length, STEADY_STEP_SIZE)
        return length if self._epochs is None else self._epochs.align(done, length)

    def _use_step_size(self, done: int, length: int) -> None:
        """Go on with the mean step size of ``length`` updates after ``done`` ones."""
        if self._schedule is None:
            return
        factor = mean_factor(self._schedule, done, length)
        self._chip = with_step_size(self._full, factor * self._full.step_size)
        self._dynamics.use(self._chip)

    def _epoch_part(self, done: int, length: int) -> EpochPart | None:
        part = None if self._epochs is None else self._epochs.part(done, length)
        return self._dynamics.known(part, length)

    def _shift(self, done: int, length: int, stages: int) -> Tensor | float:
        """What the running epoch and the noise add to the mean of the updates of a step."""
        noise = self._diffusion.along_drift(length, stages, self._epoch_part(done, length))
        return noise if self._epochs is None else noise + self._epochs.shift(done)

    def _observe_noise(
        self, start: Tensor, first: Tensor, before_noise: Tensor | None, length: int
    ) -> None:
        """Learn the curvature that the noise meets."""
        if length == 1:
            return
        probe = None if self._epochs is None else self._diffusion.probe(self._epochs.length)
        if probe is not None:
            there = self._dynamics.look(start + probe, self._generator)
            self._diffusion.observe_curvature(probe, there - first)
        elif before_noise is not None:
            self._diffusion.observe_curvature(start - self.w, first - before_noise)

    def _take_epoch(self, done: int, length: int) -> None:
        """Tell a running epoch what the noise of a step has shown of it."""
        part = self._epoch_part(done, length)
        if self._epochs is not None and part is not None:
            self._epochs.take(done, length, self._diffusion.to_pay_back(length, part))

    def _with_last_noise(self, end: Tensor, done: int, length: int) -> Tensor:
        """The end of a step with the noise that comes after its drift."""
        stages, part = self._stages(length), self._epoch_part(done, length)
        return self._clip(self._diffusion.apply_noise_after_drift(end, length, stages, part))

    def _is_thrown(self, after: Tensor) -> bool:
        """Whether the noise after a drift raises the loss too far, as ``_apply_noise`` has it."""
        if not self._noise_is_large:
            return False
        return not self._dynamics.loss(after) <= self.losses.bound(MAX_NOISE_GROWTH)

    def _measure_decay_rate(self, start: Tensor, first: Tensor, done: int, length: int) -> None:
        def drift(w: Tensor) -> Tensor:
            return self._dynamics.look(w, self._generator, reads=not self._reads_rounded)

        here = drift(start) if self._reads_rounded else first
        self._rate.measure(drift, start, here, first, done, length)

    def _apply_noise(self, done: int, length: int, least: int) -> tuple[Tensor, int]:
        """Weights with the noise that comes before the drift of ``length`` updates.

        It is that of fewer updates where the loss would rise too far: noise that the gradient would
        have held back meanwhile must not pile up.
        """
        while True:
            stages = self._stages(length)
            part = self._epoch_part(done, length)
            start = self._diffusion.apply_noise_before_drift(self.w, length, stages, part)
            self._is_forced = False
            if start is self.w:
                return start, length
            start = self._clip(start)
            if not self._noise_is_large or length == 1:
                return start, length
            sound = self._dynamics.loss(start) <= self.losses.bound(MAX_NOISE_GROWTH)
            self._is_forced = not sound and length <= least
            if sound or self._is_forced:
                return start, length
            length = self._cut(done, max(least, length // 2))

    def _stages(self, length: int) -> int:
        """Stage count of a step of ``length`` updates, by the decay rate that is known."""
        span = length * self._chip.step_size
        stiffness = STABILITY_MARGIN * span * self._rate.value
        return stage_count(stiffness, overshoots=self._pace.overshoots) if length > 1 else 1

    def _integrate_drift(
        self, start: Tensor, first: Tensor, length: int, shift_of: Callable[[int], Tensor | float]
    ) -> tuple[Tensor, bool]:
        """Weights after the drift of ``length`` updates, and whether it did not grow on the way.

        ``shift_of`` gives what the running epoch and the noise add to the mean of its updates, by
        the stages that the step is taken in.

        A drift that grows along a step that follows it means that the step is too long for the
        dynamics: feedback that is not symmetric makes it turn, which no number of stages damps.
        """
        span = length * self._chip.step_size
        sound, last = True, 0.0

        def watched(w: Tensor) -> Tensor:
            nonlocal last
            here = self._dynamics.drift(w, self._generator) + shift
            last = float(here.norm())
            return here

        stages = self._stages(length)
        for _ in range(MAX_ATTEMPTS):
            shift = shift_of(stages)
            begun = first + shift
            if stages >= length:
                return self._take_single_updates(start, begun, length, shift), True
            if stages > MAX_STAGES:
                return start, False
            size = last = float(begun.norm())
            end = legendre_step(watched, start, begun, span, stages, self._observe)
            negligible = NEGLIGIBLE_MOTION * float(start.norm()) / span
            sound = last <= max(MAX_DRIFT_GROWTH * size, negligible)
            if length == 1 or stage_count(span * self._rate.value) <= stages:
                break
            # The stages themselves met more curvature than was known before.
            stages = self._stages(length)
        return self._clip(end), sound

    def _take_single_updates(
        self, start: Tensor, first: Tensor, length: int, shift: Tensor | float
    ) -> Tensor:
        """Weights after mean updates that are taken one by one, as the chip does."""
        w, here = start, first
        for k in range(length):
            w = self._clip(w + self._chip.step_size * here)
            if k < length - 1:
                here = self._dynamics.drift(w, self._generator) + shift
        return w

    def _observe(self, change: Tensor, drift_change: Tensor) -> None:
        self._modes.observe(change, drift_change)
        if not self._reads_rounded:
            self._rate.observe(change, drift_change)
