"""Conductance drift between programming and reading, ``g(t) = g·(t/t₀)^(−ν)``."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from device_models.protocols import ElementMoments
from device_models.write.weight_cells import WeightCells

_SMALLEST = 1e-6
"""Fraction of the largest conductance below which the exponent's logarithm is cut."""


def pcm_exponent(fraction: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of ν of phase-change memory (Nandakumar et al., ICECS 2019).

    Args:
        fraction: Programmed conductance over the largest, 0 to 1, any shape.
    """
    log = fraction.clamp_min(_SMALLEST).log()
    mean = (-0.0155 * log + 0.0244).clamp(0.049, 0.1)
    return mean, (-0.0125 * log - 0.0059).clamp(0.008, 0.045)


@dataclass(frozen=True)
class ConductanceDrift:
    """Read path: passes see the conductances a time t after they were programmed.

    Every device drifts with ``ν = |mean + std·ξ|``, ξ its own and fixed for a chip: none gains
    conductance, and ν is larger than ``mean`` on average where std is not small beside it. A
    weight is what the difference of its cells is then taken for. Both devices of a pair drift, the
    one at G_min too. A reference does not: it was programmed long before, and drift goes with the
    logarithm of the time since. Every read happens the same time after the last programming.

    Attributes:
        time_ratio: t/t₀, 1 or more.
        deviate: ξ of every device: shape ``(2, N)`` for the positive and the negative devices of
            pairs, shape ``(N,)`` for single devices beside a reference, or for pairs that share it.
        cells: The conductances that hold the weights.
        exponent: Mean and standard deviation of the normal number whose magnitude is ν; None for
            phase-change memory's, which depend on the conductance.

    Raises:
        ValueError: If an argument is out of range.
    """

    time_ratio: float
    deviate: Tensor
    cells: WeightCells = field(default_factory=WeightCells)
    exponent: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.time_ratio >= 1:
            raise ValueError(f"time over t0 is {self.time_ratio:g}; allowed: 1 or more")

    @property
    def deterministic(self) -> bool:
        """Always True: a chip's exponents are fixed."""
        return True

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Drifted weights, shape ``(N,)``."""
        now = self.drifted(*self.cells.conductances(w))
        return self.cells.weights(*now) + self.cells.beyond(w)

    def drifted(self, plus: Tensor, minus: Tensor) -> tuple[Tensor, Tensor]:
        """What drift leaves of the cells of all weights, in units of G_max, shape ``(N,)`` each."""
        first, second = self.deviate if self.deviate.ndim > 1 else (self.deviate, self.deviate)
        plus = self._drifted(plus, first)
        return plus, minus if self.cells.reference is not None else self._drifted(minus, second)

    def _drifted(self, conductance: Tensor, deviate: Tensor) -> Tensor:
        if self.exponent is None:
            mean, std = pcm_exponent(conductance.clamp_max(1.0))
        else:
            mean, std = (torch.full_like(conductance, value) for value in self.exponent)
        return conductance * self.time_ratio ** -(mean + std * deviate).abs()

    def moments(self, w: Tensor) -> ElementMoments:
        """The drifted weights; a given chip's drift has no variance."""
        unused = torch.Generator(device=w.device)
        return ElementMoments.constant(self.read(w, unused))


def draw_deviates(
    size: int, generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> Tensor:
    """ξ of every device, shape ``(size,)``; drawn once for a chip."""
    return torch.randn(size, generator=generator, dtype=dtype, device=generator.device)
