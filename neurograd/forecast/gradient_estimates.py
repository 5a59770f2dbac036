"""Mean and variance of a chip's gradient estimates along its predicted path."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models import Chip, Minibatch, WhiteNoise
from neurograd.forecast.single_sample_updates import (
    mean_absolute_gradient,
    updates_one_sample_a_time,
)
from neurograd.problem import Problem
from neurograd.training.course import epoch_of

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


MOST_RENEWED = 16
"""Most deviations of minibatch estimates that a refresh replaces.

A count. Not tuned. Batches are cheap beside the gradient over the training set: as many are drawn
as cost a quarter of it, but not more than this, and three times as many are kept.
"""

MOST_NUMBERS = 2**23
"""Numbers that the kept deviations may hold beyond ``SAMPLES_KEPT``; bounds the memory."""


_RAREST = 1e-3
"""Least mean size of estimates as a part of their root mean square.

A pure number. Not tuned: an estimate that is 0 in all but one of a million samples has this.
"""


@dataclass(frozen=True)
class EstimateSpread:
    """How single gradient estimates vary about their mean.

    Attributes:
        deviations: A sample of estimates less their mean, shape ``(K, N)``.
        variance: Variance of an estimate, shape ``(N,)``.
        normal: Whether estimates are normally distributed about their mean.
        size: Mean size E|x| of an estimate, exact where it was computed, shape ``(N,)``; None where
            the sample has to tell.
        batches: The part of the deviations that comes from which samples a batch of a shuffled
            epoch has, shape ``(K, N)``; None where batches are drawn for themselves.
        shared: What several updates behind one read have together, beyond what each has for itself:
            a sample of what that adds to the noise of an update, shape ``(J, N)``; None where each
            has a read of its own.
    """

    deviations: Tensor
    variance: Tensor
    normal: bool = False
    size: Tensor | None = None
    batches: Tensor | None = None
    shared: Tensor | None = None

    def mean_absolute(self, mean: Tensor) -> Tensor:
        """E|x| of an estimate whose mean has moved to ``mean``, shape ``(N,)``.

        The exact one is kept while the mean moves. No mean size is below that of the mean.
        """
        if self.size is not None:
            size = self.size
        elif self.normal:
            size = _mean_absolute_normal(mean, self.variance.sqrt())
        else:
            size = (mean + self.deviations).abs().mean(0)
        return torch.maximum(size, mean.abs())

    def typical_size(self, mean: Tensor) -> Tensor:
        """Size ``E x²/E|x|`` of estimates, shape ``(N,)``.

        The variance of rounded pulses is p − p² for p pulses: its secant at this size has its mean.
        """
        square = mean.square() + self.variance
        # Samples of different age may leave a variance where the mean size is 0.
        absolute = torch.maximum(self.mean_absolute(mean), _RAREST * square.sqrt())
        return square / absolute.clamp_min(torch.finfo(square.dtype).tiny)


def _mean_absolute_normal(mean: Tensor, std: Tensor) -> Tensor:
    """E|x| of a normal x (the folded normal distribution), shape ``(N,)``."""
    place = mean / std.clamp_min(torch.finfo(std.dtype).tiny)
    density = math.sqrt(2.0 / math.pi) * torch.exp(-0.5 * place.square())
    folded: Tensor = std * density + mean * torch.special.erf(place / math.sqrt(2.0))
    return folded


class GradientEstimates:
    """What is known of a chip's gradient estimates near its weights.

    The mean is the rule's own mean at the mean read, plus the bias that the spread of reads adds to
    it through the curvature of the gradient: ``½(g(w+r) + g(w−r)) − g(w)``, averaged over the reads
    r of all refreshes. Where only reads are random, the same mirrored pairs are the sample of the
    spread.

    Of u updates behind one read r each has its own deviation, whose covariances add u times, and
    all have the change of the mean gradient by r, ``½(g(w+r) − g(w−r))``, whose covariance adds u²
    times. Each update has it once already: ``√(u − 1)`` times it is noise that is to be added.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        writes_a_read: Updates u behind one random read, 1 or more.

    Attributes:
        chip: The chip with the step size of the next updates.
        gradients: Gradients that were computed.
        deviations: Estimates less their mean, each of shape ``(N,)``; none if nothing is random.
        spread: How single estimates vary, by the last refresh; None if they do not.
    """

    def __init__(self, problem: Problem, chip: Chip, writes_a_read: float = 1.0) -> None:
        self._problem, self.chip, self._writes_a_read = problem, chip, writes_a_read
        self._reads_random = not chip.deterministic_reads
        self._rule_random = not (chip.rule.deterministic and chip.deterministic_passes)
        self._shuffled = epoch_of(chip, problem.num_samples) is not None
        self._read_bias: Tensor | None = None
        self.gradients = 0
        self._renewed, self._kept = _sample_sizes(problem, chip)
        self._has_exact_size = updates_one_sample_a_time(chip)
        self.deviations: deque[Tensor] = deque(maxlen=self._kept)
        self._batches: deque[Tensor] = deque(maxlen=self._kept)
        self._shared: deque[Tensor] = deque(maxlen=self._kept // 2)
        self.spread: EstimateSpread | None = None

    def mean(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean estimate at stored weights, shape ``(N,)``.

        Args:
            w: Stored weights, shape ``(N,)``.
            generator: Drawn from only where a mean is not known in closed form.
            reads: Whether the passes see the weights as they are read.
        """
        self.gradients += 1
        found = self.chip.expected_estimate(self._problem, w, generator, reads=reads)
        return found if self._read_bias is None else found + self._read_bias

    def refresh_statistics(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Draw new deviations around ``w`` in place of the oldest; returns the mean estimate there.

        Args:
            w: Stored weights, shape ``(N,)``.
            generator: Source of reads and estimates.
        """
        mean = self.mean(w, generator)
        count = self._renewed if self.deviations else self._kept
        if self._reads_random:
            mean = self._refresh_read_bias(w, mean, count // 2, generator)
        if self._rule_random:
            for _ in range(count):
                self._draw_deviation(w, mean, generator)
        if self.deviations:
            # Kept, because every drift until the next refresh asks for it.
            self.spread = self._spread(w, mean, generator)
        return mean

    def _draw_deviation(self, w: Tensor, mean: Tensor, generator: torch.Generator) -> None:
        """One estimate less the mean, and the part of it that a shuffled batch's samples are."""
        chip, rule, self.gradients = self.chip, self.chip.rule, self.gradients + 1
        if not self._shuffled:
            self.deviations.append(chip.estimate(self._problem, w, generator) - mean)
            return
        assert isinstance(rule, Minibatch)
        batch = rule.sample_batch(self._problem.num_samples, generator)
        assert batch is not None
        on_batch = replace(chip, rule=rule.on(batch))
        self.deviations.append(on_batch.estimate(self._problem, w, generator) - mean)
        if on_batch.deterministic_gradient:
            self._batches.append(self.deviations[-1])
            return
        self.gradients += 1
        over_draws = on_batch.expected_estimate(self._problem, w, generator)
        center = mean if self._read_bias is None else mean - self._read_bias
        self._batches.append(over_draws - center)

    def _spread(self, w: Tensor, mean: Tensor, generator: torch.Generator) -> EstimateSpread:
        deviations = torch.stack(list(self.deviations))
        rule = self.chip.rule
        if isinstance(rule, WhiteNoise) and rule.rule.deterministic and not self._reads_random:
            variance = torch.full_like(mean, rule.total_variance / mean.numel())
            return EstimateSpread(deviations, variance, normal=True)
        size = None
        if self._has_exact_size:
            self.gradients += 1
            seen = self.chip.mean_read(w, generator)
            size = mean_absolute_gradient(self.chip.see(self._problem), seen)
            self._has_exact_size = size is not None
        batches = torch.stack(list(self._batches)) if self._batches else None
        shared = torch.stack(list(self._shared)) if self._shared else None
        variance = deviations.square().mean(0)
        return EstimateSpread(deviations, variance, size=size, batches=batches, shared=shared)

    def _refresh_read_bias(
        self, w: Tensor, mean: Tensor, pairs: int, generator: torch.Generator
    ) -> Tensor:
        """Mirrored pairs of reads; returns the mean with the bias that they add to it."""
        center = self.chip.mean_read(w, generator)
        at_mean_read = mean if self._read_bias is None else mean - self._read_bias
        found: list[Tensor] = []
        for _ in range(pairs):
            offset = self.chip.read(w, generator) - center
            found += [
                self.chip.expected_at(self._problem, center + side * offset, generator)
                for side in (1.0, -1.0)
            ]
        self.gradients += len(found)
        if self._writes_a_read > 1.0:
            scale = 0.5 * math.sqrt(self._writes_a_read - 1.0)
            both = zip(found[::2], found[1::2], strict=True)
            self._shared.extend(scale * (ahead - behind) for ahead, behind in both)
        newest = torch.stack(found).mean(0) - at_mean_read
        if self._read_bias is None:
            self._read_bias = newest
        else:
            self._read_bias = torch.lerp(self._read_bias, newest, _READ_BIAS_WEIGHT)
        mean = at_mean_read + self._read_bias
        if not self._rule_random:
            self.deviations.extend(each - mean for each in found)
        return mean


def _sample_sizes(problem: Problem, chip: Chip) -> tuple[int, int]:
    """Deviations that a refresh renews, and how many are kept."""
    rule = chip.rule
    if not isinstance(rule, Minibatch) or not chip.deterministic_reads:
        return SAMPLES_RENEWED, SAMPLES_KEPT
    cheap = problem.num_samples // (4 * rule.batch_size)
    fits = MOST_NUMBERS // (3 * problem.num_parameters)
    renewed = max(SAMPLES_RENEWED, min(MOST_RENEWED, cheap, fits))
    return renewed, max(SAMPLES_KEPT, 3 * renewed)
