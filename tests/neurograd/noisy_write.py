"""A write of normal errors, for chips of tests."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from device_models import ElementMoments


@dataclass(frozen=True)
class NoisyWrite:
    """Realizes every increment with a normal error."""

    std: float
    deterministic: bool = False
    takes_stacks: bool = True

    def program(self, w):
        return w

    def write(self, w, increment, generator):
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype)
        return increment + self.std * noise

    def moments(self, w, increment):
        return ElementMoments(increment, torch.full_like(increment, self.std**2))
