"""Mean and spread of a chip's gradient estimates along its predicted path."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from device_models import Chip
from neurograd.problem import Problem

KEPT, RENEWED = 6, 2
"""Deviations of single estimates that are kept, and how many of them a look renews."""

_NEWS = 0.3
"""Weight of the last look in the mean of what reads do to the gradient."""


class Estimates:
    """What is known of a chip's gradient estimates near its weights.

    The mean is the rule's own mean at the mean read, plus what the spread of reads adds to it
    through the curvature of the gradient: ``½(g(w+r) + g(w−r)) − g(w)``, averaged over the reads r
    of all looks. Where only reads are random, the same mirrored pairs are the sample of the spread.

    Args:
        problem: Network, loss and data.
        chip: The chip.

    Attributes:
        gradients: Gradients that were computed.
        deviations: Estimates less their mean, each of shape ``(N,)``; none if nothing is random.
        spread: Variance of an estimate, shape ``(N,)``, by the last look; None if it is not random.
    """

    def __init__(self, problem: Problem, chip: Chip) -> None:
        self._problem, self._chip = problem, chip
        self._read = any(not effect.deterministic for effect in chip.reads)
        passes = all(effect.deterministic for effect in chip.passes)
        self._drawn = not (chip.rule.deterministic and passes)
        self._bend: Tensor | None = None
        self.gradients = 0
        self.deviations: deque[Tensor] = deque(maxlen=KEPT)
        self.spread: Tensor | None = None

    def mean(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean estimate at stored weights, shape ``(N,)``.

        Args:
            w: Stored weights, shape ``(N,)``.
            generator: Drawn from only where a mean is not known in closed form.
            reads: Whether the passes see the weights as they are read.
        """
        self.gradients += 1
        found = self._chip.expected_estimate(self._problem, w, generator, reads=reads)
        return found if self._bend is None else found + self._bend

    def look(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Renew what is known of the spread around ``w``; returns the mean estimate there."""
        mean = self.mean(w, generator)
        count = RENEWED if self.deviations else KEPT
        if self._read:
            mean = self._look_at_reads(w, mean, count // 2, generator)
        if self._drawn:
            for _ in range(count):
                self.deviations.append(self._chip.estimate(self._problem, w, generator) - mean)
            self.gradients += count
        if self.deviations:
            # Kept, because every slope until the next look asks for it.
            self.spread = torch.stack(list(self.deviations)).square().mean(0)
        return mean

    def _look_at_reads(
        self, w: Tensor, mean: Tensor, pairs: int, generator: torch.Generator
    ) -> Tensor:
        """Mirrored pairs of reads; returns the mean with what they add to it."""
        center = self._chip.mean_read(w, generator)
        still = mean if self._bend is None else mean - self._bend
        found: list[Tensor] = []
        for _ in range(pairs):
            offset = self._chip.read(w, generator) - center
            found += [
                self._chip.expected_at(self._problem, center + side * offset, generator)
                for side in (1.0, -1.0)
            ]
        self.gradients += len(found)
        seen = torch.stack(found).mean(0) - still
        self._bend = seen if self._bend is None else torch.lerp(self._bend, seen, _NEWS)
        mean = still + self._bend
        if not self._drawn:
            self.deviations.extend(each - mean for each in found)
        return mean
