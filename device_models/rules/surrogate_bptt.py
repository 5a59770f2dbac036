"""Surrogate-gradient backpropagation through time, whole or truncated.

Source: Neftci, Mostafa and Zenke, IEEE Signal Processing Magazine 2019; truncation: Williams and
Peng, Neural Computation 1990.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.layer_hooks import LayerHook
from device_models.protocols import Problem
from device_models.spiking.network import carry, fire
from device_models.spiking.surrogate_gradient import Surrogate


class _TimeHook(LayerHook):
    """Cuts the gradient through time and hands the surrogate derivative its generator.

    Args:
        truncation: Time steps that the gradient flows back through at most; None for all.
        generator: Source of a stochastic surrogate's draws; None takes their mean.
    """

    def __init__(self, truncation: int | None, generator: torch.Generator | None) -> None:
        self._truncation, self._generator = truncation, generator

    def carry(self, potential: Tensor, step: int) -> Tensor:
        """The potential, cut from its graph where a window of the truncation ends."""
        cut = self._truncation is not None and step % self._truncation == 0
        return carry(potential.detach() if cut else potential, step)

    def fire(self, potential: Tensor, surrogate: Surrogate) -> Tensor:
        """The spikes, with a stochastic surrogate's derivative drawn by the generator."""
        if surrogate.stochastic:
            return surrogate(potential, self._generator)
        return fire(potential, surrogate)


@dataclass(frozen=True)
class SurrogateBptt:
    """Gradient of a spiking network through its surrogate derivatives.

    It is the gradient of no loss: the spiking network's own gradient is 0 almost everywhere. Its
    bias is against the gradient of the smoothed loss (``neurograd.measure.smoothed.loss``).

    A stochastic surrogate draws in every backward pass, so that with a ``chunk_size`` below the
    number of samples the draws, but not their distribution, are others than in one pass.

    Attributes:
        truncation: Length of the windows in which the gradient flows through time, 1 or more; None
            for all time steps. 1 keeps what happens within a time step.
        stochastic: Whether the network's surrogate is drawn anew in every backward pass.

    Raises:
        ValueError: If the truncation is below 1.
    """

    truncation: int | None = None
    stochastic: bool = False

    def __post_init__(self) -> None:
        if self.truncation is not None and self.truncation < 1:
            raise ValueError(f"truncation is {self.truncation}; allowed: 1 or more, or None")

    @property
    def deterministic(self) -> bool:
        """Whether two calls with the same weights give the same estimate."""
        return not self.stochastic

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        source = generator if self.stochastic else None
        if self.truncation is None and source is None:
            return problem.gradient(w, index)
        with _TimeHook(self.truncation, source).applied():
            return problem.gradient(w, index)

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate, shape ``(N,)``: that of the surrogate's mean derivatives.

        Exact: the gradient is linear in every drawn derivative, and these are independent.
        """
        return SurrogateBptt(self.truncation).gradient(problem, w, generator, index)
