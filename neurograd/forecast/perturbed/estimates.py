"""Estimates of rules that perturb over the whole training set, along a predicted path.

They are as random as they are long: of a total variance that goes with the gradient, by orders of
magnitude along a training, and that the rule knows in closed form. Deviations are those of the
weights where a step begins; along it they keep the size that they have in the mean, if their
variance goes on changing as it did last.
"""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

from device_models import Chip, Minibatch, WhiteNoise
from device_models.protocols import PerturbingRule, RuleAboutMean
from neurograd.forecast.gradient_estimates import (
    MOST_NUMBERS,
    SAMPLES_KEPT,
    SAMPLES_RENEWED,
    EstimateSpread,
    GradientEstimates,
)
from neurograd.forecast.step_length import REFRESH_INTERVAL
from neurograd.problem import Problem

_MOST_DRAWN = 64
"""Most deviations that are drawn about a mean, where that costs no gradient.

A count. Not tuned: so many independent directions leave the length of a sum to 10 %. Fewer make
noise lie in too few directions at a time; more cost memory and draws.
"""

_MOST_CHANGE = 1.5
"""Largest change of the logarithm of the variance along a step that is expected.

A pure number. Not tuned. Larger carries the error of single gradients into the noise of long steps;
smaller makes noise too large where losses fall fast.
"""


def perturbs_whole_set(chip: Chip) -> bool:
    """Whether a chip's rule perturbs over the whole set, and nothing else makes estimates random.

    Args:
        chip: The chip.
    """
    rule, wraps = chip.rule, isinstance(chip.rule, Minibatch | WhiteNoise)
    alone = chip.deterministic_reads and chip.deterministic_passes and not rule.deterministic
    return alone and not wraps and isinstance(rule, PerturbingRule)


class PerturbedEstimates(GradientEstimates):
    """As ``GradientEstimates``, with deviations as large as the rule's closed form has them.

    All of them act along the drift of a step, as those of batches do.

    Args:
        problem: Network, loss and data.
        chip: The chip, whose rule perturbs over the whole set.
    """

    def __init__(self, problem: Problem, chip: Chip) -> None:
        super().__init__(problem, chip)
        rule = chip.rule
        assert isinstance(rule, PerturbingRule)
        self._rule, self._drawn = rule, 0
        if isinstance(rule, RuleAboutMean):
            fits = MOST_NUMBERS // problem.num_parameters
            self._drawn = max(SAMPLES_KEPT, min(_MOST_DRAWN, fits))
        self._sizes: deque[float] = deque(maxlen=SAMPLES_KEPT)
        self._refreshed_at: int | None = None
        self._last: tuple[int, float] | None = None

    def begin(self, w: Tensor, done: int, length: int, generator: torch.Generator) -> Tensor:
        """Statistics of a step of ``length`` updates from ``w``; returns the mean estimate there.

        Args:
            w: Stored weights before the noise of the step, shape ``(N,)``.
            done: Updates taken.
            length: Updates of the step.
            generator: Source of estimates.
        """
        mean = self.mean(w, generator)
        rule, size = self._rule, float(mean.square().sum())
        if isinstance(rule, RuleAboutMean):
            deviations = rule.estimates_about(mean, self._drawn, generator) - mean
        else:
            size = self._renew(w, mean, done, generator)
            deviations = torch.stack(list(self.deviations))
        scale = math.sqrt(self._part_along(done, length, size))
        deviations *= scale
        variance = deviations.square().mean(0)
        self.spread = EstimateSpread(deviations, variance, batches=deviations)
        return mean

    def _renew(self, w: Tensor, mean: Tensor, done: int, generator: torch.Generator) -> float:
        """New deviations where the kept ones are old; all get the size at ``w``, which is returned.

        It is their total variance, or their squared mean where that has no closed form.
        """
        last = self._refreshed_at
        new = SAMPLES_KEPT if last is None else SAMPLES_RENEWED * (done - last > REFRESH_INTERVAL)
        for _ in range(new):
            self._draw_deviation(w, mean, generator)
        self._refreshed_at = done if new else last
        now = self._total_variance(w)
        if now is None:
            return float(mean.square().sum())
        self._sizes.extend([now] * new)
        for k, before in enumerate(self._sizes):
            self.deviations[k] = self.deviations[k] * (math.sqrt(now / before) if before else 1.0)
        self._sizes.extend([now] * len(self._sizes))
        return now

    def _total_variance(self, w: Tensor) -> float | None:
        """Closed-form total variance of an estimate at ``w``; None where there is none."""
        seen = self.chip.mean_read(w, torch.Generator(device=w.device))
        try:
            found = self._rule.total_variance(self.chip.see(self._problem), seen)
        except ValueError:
            return None
        self.gradients += 1
        return found

    def _part_along(self, done: int, length: int, size: float) -> float:
        """Mean variance along a step, over that where it begins, if it changes as it did last."""
        last, self._last = self._last, (done, size)
        if last is None or done <= last[0] or not 0.0 < size < math.inf or not last[1] > 0.0:
            return 1.0
        change = math.log(size / last[1]) * length / (done - last[0])
        change = max(-_MOST_CHANGE, min(change, _MOST_CHANGE))
        return math.expm1(change) / change if change else 1.0
