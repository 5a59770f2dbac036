"""Mean and noise of a chip's updates, as its predicted path asks for them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from device_models import Chip
from neurograd.forecast.gradient_estimates import GradientEstimates
from neurograd.forecast.noise.diffusion import Diffusion
from neurograd.forecast.noise.shuffled_epochs import EpochPart, ShuffledEpochs, shuffled_epochs
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.step_length import REFRESH_INTERVAL
from neurograd.forecast.write_response import WriteResponse
from neurograd.problem import Problem


class Dynamics(Protocol):
    """What a path knows of the updates near its weights."""

    @property
    def gradients(self) -> int:
        """Gradients over the whole training set that were taken so far, or as many samples."""
        ...

    @property
    def diffusion(self) -> Diffusion:
        """Their noise."""
        ...

    @property
    def before_noise(self) -> Tensor | None:
        """The drift at or next to the weights before the noise of a step, shape ``(N,)``."""
        ...

    @property
    def epochs(self) -> ShuffledEpochs | None:
        """The epochs of its batches where these are shuffled."""
        ...

    def use(self, chip: Chip) -> None:
        """Go on with the step size of this chip."""
        ...

    def begin(self, w: Tensor, done: int, length: int, generator: torch.Generator) -> None:
        """Prepare a step of up to ``length`` updates from ``w``, after ``done`` ones."""
        ...

    def draw_noise(self, w: Tensor, generator: torch.Generator) -> float:
        """Draw the noise of updates at ``w``; returns that of one over the weights' length."""
        ...

    def first_drift(
        self, start: Tensor, done: int, length: int, generator: torch.Generator
    ) -> Tensor:
        """Mean update in gradient units where the drift of a step begins, shape ``(N,)``."""
        ...

    def shorten(self, length: int, before_noise: Tensor | None) -> Tensor | None:
        """Go on with a step of ``length`` updates, as many as were begun or fewer.

        Returns:
            ``before_noise`` of these, from that of the step as it was begun.
        """
        ...

    def drift(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean update in gradient units along a step, shape ``(N,)``."""
        ...

    def look(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean update beside the path; ``reads`` is whether passes see ``w`` as it is read."""
        ...

    def known(self, part: EpochPart | None, length: int) -> EpochPart | None:
        """What of the noise of ``length`` updates the drift does not have in itself already."""
        ...

    def loss(self, w: Tensor) -> float:
        """Training loss, by which steps that are too long are told."""
        ...


class WholeSetDynamics:
    """By gradients over the whole training set.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        modes: Stiff modes of the path.
        writes_a_read: Updates behind one random read.
        estimates: The chip's gradient estimates, ``GradientEstimates`` when None.
        noise: How their noise acts.
    """

    def __init__(
        self,
        problem: Problem,
        chip: Chip,
        modes: StiffModes,
        writes_a_read: float = 1.0,
        *,
        estimates: GradientEstimates | None = None,
        noise: type[Diffusion] = Diffusion,
    ) -> None:
        self._problem, self._chip = problem, chip
        self._estimates = estimates or GradientEstimates(problem, chip, writes_a_read)
        self._response = WriteResponse(chip)
        self.diffusion = noise(self._estimates, self._response, modes, chip.step_size)
        self.epochs = shuffled_epochs(problem, chip)
        self._estimate: Tensor | None = None
        self._linearized_at = self._refreshed_at = 0
        self.before_noise: Tensor | None = None

    @property
    def gradients(self) -> int:
        """Gradients over the whole training set that were taken so far."""
        return self._estimates.gradients

    def use(self, chip: Chip) -> None:
        """Go on with the step size of this chip."""
        self._chip = self._estimates.chip = self._response.chip = chip
        self.diffusion.step_size = chip.step_size

    def begin(self, w: Tensor, done: int, length: int, generator: torch.Generator) -> None:
        """New statistics at the first step, and a new line through the write's response."""
        if self._estimate is None:
            self._estimate = self._estimates.refresh_statistics(w, generator)
        self._linearize(w, done)

    def _linearize(self, w: Tensor, done: int) -> None:
        """A new line through the write's response where the last one is old."""
        assert self._estimate is not None
        if not done or done - self._linearized_at > REFRESH_INTERVAL:
            self._response.linearize(w, self._estimate, self._estimates.spread)
            self._linearized_at = done

    def draw_noise(self, w: Tensor, generator: torch.Generator) -> float:
        """Draw the noise of updates at ``w``; returns that of one over the weights' length."""
        assert self._estimate is not None
        return self.diffusion.draw_noise(w, self._estimate, generator)

    def first_drift(
        self, start: Tensor, done: int, length: int, generator: torch.Generator
    ) -> Tensor:
        """Drift at the beginning of a step, with statistics refreshed if they are old."""
        if done + length - self._refreshed_at <= REFRESH_INTERVAL:
            return self.drift(start, generator)
        self._estimate = self._estimates.refresh_statistics(start, generator)
        self._refreshed_at = done + length
        return self._drift_of(start, self._estimate)

    def shorten(self, length: int, before_noise: Tensor | None) -> Tensor | None:
        """The same drift: no part of the samples belongs to a step."""
        return before_noise

    def drift(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean update in gradient units, which is remembered."""
        self._estimate = self._estimates.mean(w, generator)
        self.before_noise = self._drift_of(w, self._estimate)
        return self.before_noise

    def look(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean update in gradient units beside the path."""
        return self._drift_of(w, self._estimates.mean(w, generator, reads=reads))

    def _drift_of(self, w: Tensor, estimate: Tensor) -> Tensor:
        """Mean update in gradient units for a mean estimate."""
        realized = self._response.mean(w, estimate, self._estimates.spread)
        return realized / self._chip.step_size

    def known(self, part: EpochPart | None, length: int) -> EpochPart | None:
        """The part itself: the drift has no noise."""
        return part

    def loss(self, w: Tensor) -> float:
        """Mean loss of the training set."""
        return self._problem.loss(w)
