"""The predicted path of a chip with a recipe: weights and what its optimizer remembers.

The path goes by turns of two kinds.

* *Single updates*, drawn as the chip draws them, with the optimizer's own memory: at the beginning,
  where networks learn fastest and the memory fills; at the end, whose spread is then that of the
  chip; and wherever a leap would be no cheaper.
* *Leaps* of many updates. With ``w̄ = w + what the memory still holds for w``, the sum of the
  increments that it will ask for without any further gradient, momentum is exactly ``w̄ ← w̄ −
  Δt/(1 − μ)·ĝ + (noise of the write)``: gradient descent, with steps that no oscillation of w
  bounds. w̄ is carried as ``forecast.path`` carries w: mean in stabilized stages, noise before and
  after them. Gradients are taken at w̄, which leaves out how far w lags behind it: so oscillations
  of stiff modes are not followed, whose decay is √μ an update whatever their curvature. Adam's v
  goes with a leap to the mean square of its gradients, the variance of the estimates included.

Back from a leap, the memory is drawn with the mean and the spread that it has there, and w is w̄
less what it holds.

Source: w̄ is the usual change of variables of the heavy ball method (Ghadimi, Feyzmahdavian and
Johansson, ECC 2015); the rest ours.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from device_models import Chip
from device_models.updates.adam import Adam
from device_models.updates.optimizer import OptimizerState
from device_models.updates.recipe import Recipe
from neurograd.forecast.decay_rate import LargestDecayRate
from neurograd.forecast.held_range import HeldRange
from neurograd.forecast.noise.diffusion import Diffusion
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.path import DIVERGENCES, STEADY_STEP_SIZE
from neurograd.forecast.regimes.path_losses import PathLosses
from neurograd.forecast.remembered.asked import AskedUpdates, SummedResponse
from neurograd.forecast.runge_kutta_legendre import legendre_step, stage_count
from neurograd.forecast.step_length import MAX_FRACTION, MAX_GROWTH, MAX_NOISE_RATIO
from neurograd.problem import Problem
from neurograd.progress import Progress
from neurograd.seeding import generator_for
from neurograd.training.course import chip_at, with_step_size
from neurograd.training.schedules import ConstantStep, Schedule, mean_factor, steady_updates

_SETTLING = 4.0
"""Updates of one turn of single ones, in units of 1/(1 − μ): the memory keeps e⁻⁴ of a start.

A pure number. Not tuned. Larger takes more updates one by one; smaller leaves oscillations that
began before a leap to it.
"""

_GAIN_CHANGE = 0.5
"""Longest leap in units of 1/(1 − β₂), over which Adam's gain counts as fixed.

A pure number. Not tuned. Larger lets v lag behind the gradients; smaller costs leaps.
"""

_MARGIN = 1.15
"""Factor on the largest decay rate, known from a few products from below, as of the plain path."""

_MAX_LOSS_GROWTH = 1.5
"""Growth of the loss along a leap above which it is not taken, as of the plain path."""

_OWN_GRADIENTS = 3
"""Gradients that a leap takes beside those of its stages."""


class _Drift(Protocol):
    """Mean update at weights; ``reads`` is whether passes see them as they are read."""

    def __call__(self, at: Tensor, *, reads: bool = True) -> Tensor:
        """In gradient units, shape ``(N,)``."""
        ...


class RememberedPath:
    """Where a chip with a recipe stands.

    Args:
        problem: Network, loss and data.
        chip: The chip; the mean of its estimates is known, and where estimates are random its
            recipe does not clip.
        recipe: Its recipe.
        seed: Seed of the noise.
        index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training.

    Attributes:
        w: Stored weights, shape ``(N,)``.
        losses: Its losses at either end of its leaps.
    """

    def __init__(
        self,
        problem: Problem,
        chip: Chip,
        recipe: Recipe,
        seed: int,
        index: int,
        schedule: Schedule,
    ) -> None:
        self._problem, self._chip, self._seed, self._index = problem, chip, seed, index
        self._full, self._schedule = chip, schedule
        self._optimizer = recipe.optimizer
        self.w = chip.program(problem.initial_weights).clone()
        self._clip = HeldRange.of(chip, self.w).clip
        self._state: OptimizerState = recipe.start(self.w)
        self._asked = AskedUpdates(problem, chip, recipe)
        self._response = SummedResponse(chip, recipe.optimizer.decay)
        self._modes = StiffModes()
        self._rate = LargestDecayRate(self._modes)
        # Rounded reads make steps of the drift that are no curvature.
        self._reads_rounded = any(effect.deterministic for effect in chip.reads)
        self._diffusion = Diffusion(self._asked, self._response, self._modes, chip.step_size)
        self._turn = math.ceil(_SETTLING / (1.0 - recipe.optimizer.decay))
        self._left = self._longest = self._turn
        self._leaping, self._leapt_with = False, chip.step_size
        self._singles = 0
        self.losses = PathLosses(problem.loss, self.w)

    @property
    def gradients(self) -> int:
        """Gradients that the path took so far."""
        return self._asked.gradients + self._singles

    def advance(self, done: int, steps: int) -> int:
        """Take some updates after ``done`` ones; returns how many."""
        rest = steps - done - self._turn
        length = min(rest, self._longest, done // 2, max(1, round(MAX_FRACTION * steps)))
        if isinstance(self._optimizer, Adam):
            length = min(length, math.floor(_GAIN_CHANGE / (1.0 - self._optimizer.beta2)))
        if self._left == 0 and length > 1:
            length = steady_updates(self._schedule, done, length, STEADY_STEP_SIZE)
            factor = mean_factor(self._schedule, done, length)
            self._use_step_size(factor * self._full.step_size)
            taken = self._leap(done, steps, length)
            if taken:
                return taken
            self._left = self._turn
        self._take_single(done)
        self._left = max(0, self._left - 1)
        return 1

    def _generator(self, done: int) -> torch.Generator:
        return generator_for(self._seed, "forecast", self._index, done, device=self.w.device)

    def _use_step_size(self, step_size: float) -> None:
        self._chip = with_step_size(self._full, step_size)
        self._response.chip = self._chip
        self._diffusion.step_size = self._chip.step_size

    # -- single updates ---------------------------------------------------------------------

    def _take_single(self, done: int) -> None:
        """One update as the chip draws it."""
        generator = self._generator(done)
        if self._leaping:
            self._land(generator)
        chip = chip_at(self._full, self._schedule, done)
        update, state = chip.sample_step(self._problem, self.w, self._state, generator)
        assert state is not None
        self.w, self._state = self.w + chip.step_size * update, state
        self._singles += 1

    def _land(self, generator: torch.Generator) -> None:
        """From a leap back to weights and a memory, which is drawn."""
        self._use_step_size(self._leapt_with)
        gradient = self._asked.refresh(self.w, generator)
        self._asked.turn_to(self._optimizer.gain(self._state))
        average = self._asked.draw_average(gradient, generator)
        # After no updates more, nothing goes to the mean square.
        self._state = self._optimizer.after_many(self._state, 0, average, average)
        self.w, self._leaping = self._clip(self.w - self._held(self.w, average)), False

    def _held(self, w: Tensor, average: Tensor) -> Tensor:
        """What a running average of gradients still adds to the weights, shape ``(N,)``."""
        decay = self._optimizer.decay
        if not decay:
            return torch.zeros_like(w)
        return decay / (1.0 - decay) * self._response.mean(w, self._asked.asked(average))

    # -- leaps ------------------------------------------------------------------------------

    def _leap(self, done: int, steps: int, length: int) -> int:
        """Take up to ``length`` updates together; returns how many, 0 where single ones cost less.

        Nothing is changed where none are taken.
        """
        generator = self._generator(done)
        self._asked.turn_to(self._optimizer.gain(self._state))
        w = self.w
        if not self._leaping and self._optimizer.decay:
            w = w + self._held(w, self._optimizer.average(self._state))
        gradient = self._asked.refresh(w, generator)
        square = self._mean_square(w, gradient, generator)
        # Halfway through: a gain that has not met rare large gradients yet would take them whole.
        halfway = self._optimizer.after_many(self._state, (length + 1) // 2, gradient, square)
        self._asked.turn_to(self._optimizer.gain(halfway))
        if self._leaping and self._leapt_with != self._chip.step_size:
            # What the memory holds is asked for with the new step size.
            more = 1.0 - self._leapt_with / self._chip.step_size
            w = self._clip(w + more * self._held(w, gradient))
        asked = self._asked.asked(gradient)
        self._response.linearize(w, asked, self._asked.spread)
        ratio = self._diffusion.draw_noise(w, asked, generator)
        if ratio > 0:
            length = min(length, int((MAX_NOISE_RATIO / ratio) ** 2))

        def drift(at: Tensor, *, reads: bool = True) -> Tensor:
            return self._realized(at, self._asked.mean(at, generator, reads=reads))

        here = self._realized(w, asked)
        if self._rate.is_stale(done, steps, length):
            self._measure_rate(drift, w, here, done, length)
        stages = self._stages(length)
        if stages + _OWN_GRADIENTS >= length:
            self._longest *= 2
            return 0
        start = self._clip(self._diffusion.apply_noise_before_drift(w, length, stages))
        span, first = length * self._chip.step_size, drift(start)
        self._diffusion.observe_curvature(start - w, first - here)
        end = legendre_step(drift, start, first, span, stages, self._observe)
        end = self._clip(self._diffusion.apply_noise_after_drift(end, length, stages))
        self.losses.add(done, self._problem.loss(w))
        loss = self._problem.loss(end)
        if not loss <= self.losses.bound(_MAX_LOSS_GROWTH) or self._stages(length) > stages:
            self._longest = max(2, length // 2)
            return 0
        self.losses.add(done + length, loss)
        there = self._asked.gradient(end, generator)
        square = 0.5 * (square + self._mean_square(end, there, generator))
        self._state = self._optimizer.after_many(self._state, length, there, square)
        self.w, self._leaping, self._leapt_with = end, True, self._chip.step_size
        self._longest = max(2, math.ceil(MAX_GROWTH * length))
        return length

    def _mean_square(self, w: Tensor, gradient: Tensor, generator: torch.Generator) -> Tensor:
        """Mean square of single gradients, shape ``(N,)``, which Adam alone remembers."""
        if not isinstance(self._optimizer, Adam):
            return gradient.square()
        return self._asked.mean_square(w, gradient, generator)

    def _measure_rate(self, drift: _Drift, w: Tensor, here: Tensor, done: int, length: int) -> None:
        if not self._reads_rounded:
            self._rate.measure(drift, w, here, here, done, length)
            return

        def unrounded(at: Tensor) -> Tensor:
            return drift(at, reads=False)

        self._rate.measure(unrounded, w, unrounded(w), here, done, length)

    def _realized(self, w: Tensor, asked: Tensor) -> Tensor:
        """Mean update in gradient units, shape ``(N,)``."""
        return self._response.mean(w, asked, self._asked.spread) / self._chip.step_size

    def _stages(self, length: int) -> int:
        return stage_count(_MARGIN * length * self._chip.step_size * self._rate.value)

    def _observe(self, change: Tensor, drift_change: Tensor) -> None:
        self._modes.observe(change, drift_change)
        if not self._reads_rounded:
            self._rate.observe(change, drift_change)


def follow_recipe(
    problem: Problem,
    chip: Chip,
    steps: int,
    seed: int,
    index: int,
    schedule: Schedule | None = None,
    progress: Progress | None = None,
    *,
    guarded: bool = False,
) -> tuple[Tensor, bool, int, bool]:
    """The end of the training of a chip with a recipe.

    Args:
        problem: Network, loss and data.
        chip: The chip (see ``RememberedPath``).
        steps: Number of updates.
        seed: Seed of the noise.
        index: Which of several chips with one seed this is.
        schedule: Factors on the chip's step size along the training; 1 when None.
        progress: Called with the number of updates done since the last call.
        guarded: Whether the path is left where its losses say that it was thrown off.

    Returns:
        Weights of shape ``(N,)``, whether they left all bounds, gradients that it took, and whether
        it was left.
    """
    assert chip.recipe is not None
    factors = ConstantStep() if schedule is None else schedule
    path, done = RememberedPath(problem, chip, chip.recipe, seed, index, factors), 0
    while done < steps:
        try:
            length = path.advance(done, steps)
        except DIVERGENCES:
            return torch.full_like(path.w, torch.nan), True, path.gradients, False
        done += length
        if progress is not None:
            progress(length)
        if not bool(torch.isfinite(path.w).all()):
            return path.w, True, path.gradients, False
        if guarded and path.losses.lost(steps):
            return path.w, False, path.gradients, True
    return path.w, False, path.gradients, False
