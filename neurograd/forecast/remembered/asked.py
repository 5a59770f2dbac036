"""What a digital recipe asks for along many updates: its mean, its spread, and its noise.

An optimizer's memory is short beside a leap of many updates, so it asks for

    u = gain·x,    x the weighted mean of the last gradients,

with a gain of ``1/(1 − μ)``, or Adam's ``1/(√v̂ + ε)``, that a leap does not change much. The single
u that a write meets varies as x does: with ``(1 − μ)/(1 + μ)`` of the variance of single gradients.
The sum of n of them varies as that of n gradients does, for n well above 1/(1 − μ): deviations of
x are as long as those of gradients once their correlation, ``μᵏ`` over k updates, is summed. What
a write adds of its own does not pass the memory: its noise is that of n writes.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from device_models import Chip
from device_models.updates.recipe import Recipe
from neurograd.forecast.gradient_estimates import EstimateSpread, GradientEstimates
from neurograd.forecast.single_sample_updates import batch_variance, is_batch_gradient
from neurograd.forecast.write_response import RealizedNoise, WriteResponse
from neurograd.problem import Problem


def averaged_deviation(decay: float) -> float:
    """Deviation of a running average over that of what is averaged, ``√((1 − μ)/(1 + μ))``.

    Args:
        decay: μ, what an update leaves of the average.
    """
    return math.sqrt((1.0 - decay) / (1.0 + decay))


class AskedUpdates:
    """What is asked for near the weights, in gradient units.

    The recipe's decay takes the weights as they are read in the mean.

    Args:
        problem: Network, loss and data.
        chip: The chip with its recipe.
        recipe: That recipe.
    """

    def __init__(self, problem: Problem, chip: Chip, recipe: Recipe) -> None:
        self._problem, self._chip, self._recipe = problem, chip, recipe
        self._squares = 0
        self._raw = GradientEstimates(problem, replace(chip, recipe=None, state=None))
        self._shorter = averaged_deviation(recipe.optimizer.decay)
        self._gain: Tensor | float = 1.0
        self.spread: EstimateSpread | None = None

    @property
    def gradients(self) -> int:
        """Gradients that were computed."""
        return self._raw.gradients + self._squares

    def turn_to(self, gain: Tensor | float) -> None:
        """Take another gain of the optimizer."""
        rates = self._recipe.rates
        self._gain = gain if rates is None else rates * gain
        self.spread = self._scaled(self._raw.spread)

    def gradient(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean of what the optimizer is given at ``w``, shape ``(N,)``."""
        estimate = self._raw.mean(w, generator, reads=reads)
        return self._given(w, estimate, generator, reads=reads)

    def _given(
        self, w: Tensor, estimate: Tensor, generator: torch.Generator, *, reads: bool = True
    ) -> Tensor:
        seen = self._chip.mean_read(w, generator) if reads else w
        return self._recipe.gradient(estimate, seen)

    def mean(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean of what is asked for at ``w``, shape ``(N,)``."""
        return self._gain * self.gradient(w, generator, reads=reads)

    def asked(self, gradient: Tensor) -> Tensor:
        """What is asked for with a running average of gradients, shape ``(N,)``."""
        return self._gain * gradient

    def refresh(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """New statistics at ``w``; returns the mean of what the optimizer is given there."""
        estimate = self._raw.refresh_statistics(w, generator)
        self.spread = self._scaled(self._raw.spread)
        return self._given(w, estimate, generator)

    def _scaled(self, spread: EstimateSpread | None) -> EstimateSpread | None:
        """The spread of single u where single gradients have this one."""
        if spread is None:
            return None
        scale = self._shorter * self._gain
        return replace(
            spread,
            deviations=scale * spread.deviations,
            variance=scale * scale * spread.variance,
            size=None,
        )

    def mean_square(self, w: Tensor, gradient: Tensor, generator: torch.Generator) -> Tensor:
        """Mean square of what the optimizer is given at ``w``, shape ``(N,)``.

        Exact for batches of exact gradients, where few would miss the heavy tails that their
        squares have; elsewhere by the sample of estimates that is kept.

        Args:
            w: Stored weights, shape ``(N,)``.
            gradient: The mean of what it is given there, shape ``(N,)``.
            generator: Drawn from only where the mean of a read is not known.
        """
        exact = self._batch_variance(w, gradient, generator)
        if exact is not None:
            return gradient.square() + exact
        spread = self._raw.spread
        return gradient.square() + (0.0 if spread is None else spread.variance)

    def _batch_variance(
        self, w: Tensor, gradient: Tensor, generator: torch.Generator
    ) -> Tensor | None:
        if not is_batch_gradient(self._chip):
            return None
        self._squares += 1
        seen = self._chip.mean_read(w, generator)
        alone = gradient - self._recipe.weight_decay * seen
        return batch_variance(self._chip, self._chip.see(self._problem), seen, alone)

    def draw_average(self, gradient: Tensor, generator: torch.Generator) -> Tensor:
        """A running average of gradients with a mean, as it is at any one time, shape ``(N,)``."""
        deviations = self._raw.deviations
        if not deviations:
            return gradient
        count = len(deviations)
        normal = torch.randn(
            count, generator=generator, dtype=gradient.dtype, device=gradient.device
        )
        noise = normal @ torch.stack(list(deviations)) / math.sqrt(count)
        return gradient + self._shorter * noise


class SummedResponse(WriteResponse):
    """What writes make of single u; the noise is that of the sum of many, an update.

    Args:
        chip: The chip.
        decay: μ, what an update leaves of the running average.
    """

    def __init__(self, chip: Chip, decay: float) -> None:
        super().__init__(chip)
        self._longer = 1.0 / averaged_deviation(decay)

    def noise(
        self, w: Tensor, estimate: Tensor, spread: EstimateSpread | None = None
    ) -> RealizedNoise:
        """As of ``WriteResponse``, with deviations that follow each other summed up."""
        found = super().noise(w, estimate, spread)
        if found.deviations is None:
            return found
        return replace(found, deviations=self._longer * found.deviations)
