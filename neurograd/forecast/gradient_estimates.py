"""Mean and variance of a chip's gradient estimates along its predicted path."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from device_models import Chip
from neurograd.problem import Problem

SAMPLES_KEPT = 6
"""Deviations of single estimates that are kept: the rank of the covariance that noise has.

A count. Tuned with ``experiments.agreement`` on its 63 chips. Fewer make the noise of random rules
lie in too few directions at a time and its size less certain; more cost memory and time in every
draw, not gradients.
"""

SAMPLES_RENEWED = 2
"""How many of the kept deviations a refresh replaces.

A count of gradients. Tuned with ``experiments.agreement`` on its 63 chips: it is most of what a
forecast costs for random rules. Fewer let the covariance lag behind the weights; more cost time.
Even, because random reads are taken in mirrored pairs.
"""

_READ_BIAS_WEIGHT = 0.3
"""Weight of the newest pairs of reads in the running mean of what reads do to the gradient.

A pure number from 0 to 1. Tuned with ``experiments.agreement`` on its 63 chips. Smaller lets the
mean lag behind the weights; larger lets the error of single pairs in, which acts like more noise.
"""


class GradientEstimates:
    """What is known of a chip's gradient estimates near its weights.

    The mean is the rule's own mean at the mean read, plus the bias that the spread of reads adds to
    it through the curvature of the gradient: ``½(g(w+r) + g(w−r)) − g(w)``, averaged over the reads
    r of all refreshes. Where only reads are random, the same mirrored pairs are the sample of the
    spread.

    Args:
        problem: Network, loss and data.
        chip: The chip.

    Attributes:
        gradients: Gradients that were computed.
        deviations: Estimates less their mean, each of shape ``(N,)``; none if nothing is random.
        variance: Variance of an estimate, shape ``(N,)``, by the last refresh; None if it is not
            random.
    """

    def __init__(self, problem: Problem, chip: Chip) -> None:
        self._problem, self._chip = problem, chip
        self._reads_random = any(not effect.deterministic for effect in chip.reads)
        passes = all(effect.deterministic for effect in chip.passes)
        self._rule_random = not (chip.rule.deterministic and passes)
        self._read_bias: Tensor | None = None
        self.gradients = 0
        self.deviations: deque[Tensor] = deque(maxlen=SAMPLES_KEPT)
        self.variance: Tensor | None = None

    def mean(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean estimate at stored weights, shape ``(N,)``.

        Args:
            w: Stored weights, shape ``(N,)``.
            generator: Drawn from only where a mean is not known in closed form.
            reads: Whether the passes see the weights as they are read.
        """
        self.gradients += 1
        found = self._chip.expected_estimate(self._problem, w, generator, reads=reads)
        return found if self._read_bias is None else found + self._read_bias

    def refresh_statistics(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Draw new deviations around ``w`` in place of the oldest; returns the mean estimate there.

        Args:
            w: Stored weights, shape ``(N,)``.
            generator: Source of reads and estimates.
        """
        mean = self.mean(w, generator)
        count = SAMPLES_RENEWED if self.deviations else SAMPLES_KEPT
        if self._reads_random:
            mean = self._refresh_read_bias(w, mean, count // 2, generator)
        if self._rule_random:
            for _ in range(count):
                self.deviations.append(self._chip.estimate(self._problem, w, generator) - mean)
            self.gradients += count
        if self.deviations:
            # Kept, because every drift until the next refresh asks for it.
            self.variance = torch.stack(list(self.deviations)).square().mean(0)
        return mean

    def _refresh_read_bias(
        self, w: Tensor, mean: Tensor, pairs: int, generator: torch.Generator
    ) -> Tensor:
        """Mirrored pairs of reads; returns the mean with the bias that they add to it."""
        center = self._chip.mean_read(w, generator)
        at_mean_read = mean if self._read_bias is None else mean - self._read_bias
        found: list[Tensor] = []
        for _ in range(pairs):
            offset = self._chip.read(w, generator) - center
            found += [
                self._chip.expected_at(self._problem, center + side * offset, generator)
                for side in (1.0, -1.0)
            ]
        self.gradients += len(found)
        newest = torch.stack(found).mean(0) - at_mean_read
        if self._read_bias is None:
            self._read_bias = newest
        else:
            self._read_bias = torch.lerp(self._read_bias, newest, _READ_BIAS_WEIGHT)
        mean = at_mean_read + self._read_bias
        if not self._rule_random:
            self.deviations.extend(each - mean for each in found)
        return mean
