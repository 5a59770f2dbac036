"""1/f noise of the reads of devices that were programmed long ago."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import ElementMoments

_SMALLEST = 1e-3
"""Smallest value of the power of the conductance that the noise is divided by."""


@dataclass(frozen=True)
class OneOverFNoise:
    """``G·(1 + Q·√(ln((t + t_r)/(2·t_r)))·ξ)``, not below 0; ξ standard normal, fresh at a read.

    The variance of 1/f noise grows with the logarithm of the time since programming over that of a
    read. ``Q = min(factor/x^power, most)``, x the programmed conductance over the largest one.

    Source: phase-change memory, S. R. Nandakumar et al., ICECS 2019, and V. Joshi et al., Nature
    Communications 11, 2473, 2020, in the form of IBM aihwkit's PCMLikeNoiseModel, whose constants
    are the defaults.

    Attributes:
        time: Seconds t since programming, at least that of a read.
        factor: Q at the largest conductance.
        power: How fast Q grows towards small conductances.
        most: Largest Q.
        read_time: Seconds t_r of a read.

    Raises:
        ValueError: If the time is shorter than a read.
    """

    time: float
    factor: float = 0.0088
    power: float = 0.65
    most: float = 0.2
    read_time: float = 250e-9

    def __post_init__(self) -> None:
        if not self.time >= self.read_time:
            raise ValueError(f"time is {self.time:g} s; allowed: {self.read_time:g} s or more")

    def part(self, programmed: Tensor) -> Tensor:
        """Standard deviation over the present conductance, shape as given.

        Args:
            programmed: Conductance as it was programmed over the largest one, 0 or more.
        """
        power = programmed.pow(self.power).clamp_min(_SMALLEST)
        grown = math.sqrt(math.log((self.time + self.read_time) / (2.0 * self.read_time)))
        return (self.factor / power).clamp_max(self.most) * grown

    def read(self, programmed: Tensor, now: Tensor, generator: torch.Generator) -> Tensor:
        """Conductances as one read finds them, in the units and shape of ``now``.

        Args:
            programmed: Conductances as they were programmed, over the largest one.
            now: Conductances as they are by the time.
            generator: Source of the noise.
        """
        noise = torch.randn(now.shape, generator=generator, dtype=now.dtype, device=now.device)
        return (now * (1.0 + self.part(programmed) * noise)).clamp_min(0.0)

    def moments(self, programmed: Tensor, now: Tensor) -> ElementMoments:
        """Mean and variance of a read: those of a normal number that is cut at 0."""
        std = self.part(programmed)
        # Of 1 + std·ξ, cut where it is negative (std is 0.84 at most after 20 s).
        place = 1.0 / std
        density = torch.exp(-0.5 * place.square()) / math.sqrt(2.0 * math.pi)
        above = torch.special.ndtr(place)
        mean = above + std * density
        square = (1.0 + std.square()) * above + std * density
        return ElementMoments(now * mean, now.square() * (square - mean.square()))


PUBLISHED_READ_NOISE = {"pcm_nandakumar_2019": OneOverFNoise}
"""Noise of reads of real devices that were programmed once, by name."""
