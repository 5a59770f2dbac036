"""Surrogate-gradient backpropagation through time, whole or truncated.

Source: Neftci, Mostafa and Zenke, IEEE Signal Processing Magazine 2019; truncation: Williams and
Peng, Neural Computation 1990.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from device_models.protocols import Problem
from device_models.spiking.network import carry, fire


class TimeMode(TorchFunctionMode):
    """Cuts the gradient through time and hands the surrogate derivative its generator.

    Args:
        truncation: Time steps that the gradient flows back through at most; None for all.
        generator: Source of a stochastic surrogate's draws; None takes their mean.
    """

    def __init__(self, truncation: int | None, generator: torch.Generator | None) -> None:
        super().__init__()
        self._truncation, self._generator = truncation, generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is carry and self._truncation is not None:
            potential, step = args
            return potential.detach() if step % self._truncation == 0 else potential
        if func is fire and args[1].stochastic:
            return args[1](args[0], self._generator)
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class SurrogateBptt:
    """Gradient of a spiking network through its surrogate derivatives.

    It is the gradient of no loss: the spiking network's own gradient is 0 almost everywhere. Its
    bias is against the gradient of the smoothed loss (``neurograd.measure.smoothed_loss``).

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
        with TimeMode(self.truncation, source):
            return problem.gradient(w, index)
