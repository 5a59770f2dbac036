"""Layers that are read in different ways: another array for each, or none."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import ElementMoments, ReadPath, mean_read
from device_models.weight_parts import WeightPart, check_parts, part_generators


@dataclass(frozen=True)
class PartReads(WeightPart):
    """Some of the weights, with the read effects that they go through, in order.

    Attributes:
        reads: The read effects of as many weights; none where reads are exact.
    """

    reads: tuple[ReadPath, ...] = ()


@dataclass(frozen=True)
class LayerReads:
    """Read path: every part of the weights goes through effects of its own.

    The noise of a part comes from a stream of its own, which the other parts do not change.

    Attributes:
        parts: The parts, which fill the vector of weights.

    Raises:
        ValueError: If a weight is in no part, or in two.
    """

    parts: tuple[PartReads, ...]

    def __post_init__(self) -> None:
        check_parts(self.parts)

    @property
    def deterministic(self) -> bool:
        """Whether all parts are."""
        return all(effect.deterministic for part in self.parts for effect in part.reads)

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Effective weights of one read, shape ``(N,)``."""
        seen = w.clone()
        for part, own in part_generators(self.parts, generator):
            now = part.take(w)
            for effect in part.reads:
                now = effect.read(now, own)
            part.put(seen, now)
        return seen

    def moments(self, w: Tensor) -> ElementMoments | None:
        """Mean and variance of a read; None where a part has an effect behind a random one."""
        mean, variance = w.clone(), torch.zeros_like(w)
        unused = torch.Generator(device=w.device)
        for part in self.parts:
            if not part.reads:
                continue
            if not all(effect.deterministic for effect in part.reads[:-1]):
                return None
            now = part.take(w)
            for effect in part.reads[:-1]:
                now = effect.read(now, unused)
            found = part.reads[-1].moments(now)
            if found is None:
                return None
            part.put(mean, found.mean)
            part.put(variance, found.variance)
        return ElementMoments(mean, variance)

    def mean_read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean of a read, each effect at the mean of the one before it, shape ``(N,)``."""
        seen = w.clone()
        for part, own in part_generators(self.parts, generator):
            part.put(seen, mean_read(part.reads, part.take(w), own))
        return seen
